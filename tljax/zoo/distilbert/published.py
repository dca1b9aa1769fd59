"""Published weights: DistilBERT."""

from tljax.weights.published import Published, hugging_face

PUBLISHED: tuple[Published, ...] = (
    *hugging_face("Apache-2.0", "BookCorpus, Wikipedia", {"distilbert": "distilbert/distilbert-base-uncased"}),
)
