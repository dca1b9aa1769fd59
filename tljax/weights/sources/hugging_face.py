"""Weights that their authors keep on the Hugging Face hub, with the licences that the model cards state."""

from tljax.weights.sources.entry import BOTH, IN1K, Known

_APACHE, _MIT = "Apache-2.0", "MIT"
_BOOKS, _ROBERTA = "BookCorpus, Wikipedia", "BookCorpus, Wikipedia, CC-News, OpenWebText, Stories"
_PAIRS = "1.17 billion pairs of sentences"

_ROWS: tuple[tuple[str, str, str, str], ...] = (
    ("vit_base", "google/vit-base-patch16-224", _APACHE, BOTH),
    *((f"deit_{size}", f"facebook/deit-{size}-distilled-patch16-224", _APACHE, IN1K) for size in ("tiny", "small", "base")),
    *((f"convnext_{size}", f"facebook/convnext-{size}-224", _APACHE, IN1K) for size in ("tiny", "small", "base", "large")),
    *((f"dinov2_{size}", f"facebook/dinov2-{size}", _APACHE, "LVD-142M") for size in ("small", "base", "large")),
    *(
        (f"clip_{tower}_{model}", f"openai/clip-vit-{name}", "not stated (code: MIT)", "WIT-400M")
        for model, name in (("base", "base-patch32"), ("large", "large-patch14"))
        for tower in ("image", "text")
    ),
    *(
        (f"siglip_{tower}_{model}", f"google/siglip-{name}", _APACHE, "WebLI")
        for model, name in (("base", "base-patch16-224"), ("large", "large-patch16-256"), ("so400m", "so400m-patch14-224"))
        for tower in ("image", "text")
    ),
    ("bert_base", "google-bert/bert-base-uncased", _APACHE, _BOOKS),
    ("bert_large", "google-bert/bert-large-uncased", _APACHE, _BOOKS),
    *(
        (f"bert_{size}", f"google/bert_uncased_{name}", _APACHE, _BOOKS)
        for size, name in (("tiny", "L-2_H-128_A-2"), ("mini", "L-4_H-256_A-4"), ("small", "L-4_H-512_A-8"), ("medium", "L-8_H-512_A-8"))
    ),
    ("distilbert", "distilbert/distilbert-base-uncased", _APACHE, _BOOKS),
    ("roberta_base", "FacebookAI/roberta-base", _MIT, _ROBERTA),
    ("roberta_large", "FacebookAI/roberta-large", _MIT, _ROBERTA),
    *((f"albert_{size}", f"albert/albert-{size}-v2", _APACHE, _BOOKS) for size in ("base", "large", "xlarge", "xxlarge")),
    ("minilm_l12", "microsoft/MiniLM-L12-H384-uncased", _MIT, _BOOKS),
    ("minilm_l6", "sentence-transformers/all-MiniLM-L6-v2", _APACHE, _PAIRS),
    ("minilm_l12", "sentence-transformers/all-MiniLM-L12-v2", _APACHE, _PAIRS),
)
"""Our model, repository, licence, training data."""

SOURCES = tuple(Known(model, name.replace("/", " "), f"hf://{name}", licence, data) for model, name, licence, data in _ROWS)
