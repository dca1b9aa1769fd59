"""Folders with a tiny CLIP or SigLIP as transformers saves it: drawn weights of both towers, a config, a tokenizer of a few words."""

import json
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from tests.parity import case
from tests.parity.renamed import scaled
from tests.parity.towers import END, IMAGE, TEXT
from tests.weights.foreign import shapes
from tljax import models as ours

WORDS = ("<pad>", "<start>", "a", "photo", "of", "picture", "the", "köln", "猫", "cat", "dog", "red", "fox", ".")


def arrays(kind: str) -> dict[str, np.ndarray]:
    """The arrays of ``"clip"`` or ``"siglip"``, by transformers' names."""
    names: dict[str, tuple[int, ...]] = {"logit_scale": () if kind == "clip" else (1,)}
    names |= {} if kind == "clip" else {"logit_bias": (1,)}
    for tower in ("image", "text"):
        one = case.every()[f"{kind}_{tower}_hf"]
        names |= shapes(one.family, ours.create(one.model, 1, in_channels=one.in_channels, input_size=one.input_size), head=False)
    return {name: scaled(name, shape) for name, shape in names.items()}


def write(folder: Path, kind: str) -> Path:
    """Write such a folder."""
    folder.mkdir()
    np.savez(folder / "model.npz", **arrays(kind))
    text = TEXT if kind == "clip" else TEXT | {"hidden_size": 128, "num_attention_heads": 2}
    (folder / "config.json").write_text(json.dumps({"model_type": kind, "vision_config": IMAGE, "text_config": text}))
    ids = {word: i for i, word in enumerate(WORDS)} | {"<end>": END}
    made = Tokenizer(models.WordLevel(ids, "<pad>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing("<start> $A <end>", special_tokens=[("<start>", 1), ("<end>", END)])
    made.save(str(folder / "tokenizer.json"))
    return folder
