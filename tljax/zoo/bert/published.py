"""Published weights: BERT and MiniLM."""

from tljax.weights.published import Published, hugging_face

PUBLISHED: tuple[Published, ...] = (
    *hugging_face(
        "Apache-2.0",
        "BookCorpus, Wikipedia",
        {
            "bert_base": "google-bert/bert-base-uncased",
            "bert_large": "google-bert/bert-large-uncased",
            "bert_tiny": "google/bert_uncased_L-2_H-128_A-2",
            "bert_mini": "google/bert_uncased_L-4_H-256_A-4",
            "bert_small": "google/bert_uncased_L-4_H-512_A-8",
            "bert_medium": "google/bert_uncased_L-8_H-512_A-8",
        },
    ),
    *hugging_face("MIT", "BookCorpus, Wikipedia", {"minilm_l12": "microsoft/MiniLM-L12-H384-uncased"}),
    *hugging_face(
        "Apache-2.0",
        "1.17 billion pairs of sentences",
        {
            "minilm_l6": "sentence-transformers/all-MiniLM-L6-v2",
            "minilm_l12": "sentence-transformers/all-MiniLM-L12-v2",
        },
    ),
)
