"""Published weights: RoBERTa."""

from tljax.weights.published import Published, hugging_face

PUBLISHED: tuple[Published, ...] = (
    *hugging_face(
        "MIT",
        "BookCorpus, Wikipedia, CC-News, OpenWebText, Stories",
        {
            "roberta_base": "FacebookAI/roberta-base",
            "roberta_large": "FacebookAI/roberta-large",
        },
    ),
)
