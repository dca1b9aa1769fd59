"""DistilBERT, named as in Hugging Face transformers."""

from collections.abc import Mapping
from typing import Any

from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import IDENTITY, Keymap, Shapes, keymaps
from tljax.weights.metadata import hf_text_config
from tljax.weights.rules import encoders
from tljax.weights.rules.layers import Rules, linear, numbered

NAMES = ("distilbert", "bert")
_IGNORED = (r"(distilbert\.)?embeddings\.position_ids",)


def _block(name: str, path: str) -> Rules:
    return {
        **linear(rf"{name}attention\.q_lin", f"{path}attention/query"),
        **linear(rf"{name}attention\.k_lin", f"{path}attention/key"),
        **linear(rf"{name}attention\.v_lin", f"{path}attention/value"),
        **linear(rf"{name}attention\.out_lin", f"{path}attention/out"),
        **encoders.norm(rf"{name}sa_layer_norm", f"{path}norm1"),
        **linear(rf"{name}ffn\.lin1", f"{path}fc1"),
        **linear(rf"{name}ffn\.lin2", f"{path}fc2"),
        **encoders.norm(rf"{name}output_layer_norm", f"{path}norm2"),
    }


def _backbone(prefix: str) -> Rules:
    return encoders.embeddings(prefix) | numbered(rf"{prefix}transformer\.layer", _block)


def _rules(whole: bool) -> Rules:
    """With `whole`, ``classifier`` is the second layer of a classifier of texts; else a classifier of tokens."""
    classifier = linear("pre_classifier", "head/hidden") | linear("classifier", "head/out") if whole else linear("classifier", "head")
    return {
        **_backbone(r"distilbert\."),
        **_backbone(""),
        **classifier,
        **linear("qa_outputs", "head/span"),
        **linear("vocab_transform", "head/dense"),
        **encoders.norm("vocab_layer_norm", "head/norm"),
        r"vocab_projector\.bias": ("params/head/token_bias", IDENTITY),
        r"vocab_projector\.weight": ("params/backbone/embed/word", IDENTITY),
    }


def _infer(shapes: Shapes, whole: bool) -> dict[str, Any]:
    prefix = "distilbert." if "distilbert.embeddings.word_embeddings.weight" in shapes else ""
    facts = encoders.facts(shapes, prefix, r"transformer\.layer\.(\d+)\.", "transformer.layer.0.ffn.lin1.weight")
    first = "pre_classifier.weight" in shapes
    if whole != ("classifier.weight" not in shapes or first):
        raise ValueError(f"it has {'a' if first else 'no'} pre_classifier, so its classifier is one of {'texts' if first else 'tokens'}")
    head = f"mlp(mlp_dim={facts['width']})" if first else encoders.head(shapes, False)
    return encoders.fields(shapes, NAMES, arguments=facts, head=head, pool="cls" if first else "mean")


def _apply_hf_config(fields: dict[str, Any], hf_config: Mapping[str, Any]) -> dict[str, Any]:
    return encoders.apply_hf_config(fields, hf_config, NAMES, ("distilbert",))


def _config(fields: dict[str, Any]) -> PretrainedConfig:
    return PretrainedConfig(**fields, source="names of Hugging Face's DistilBERT" + encoders.ASSUMED)


_COMPLETE_STATE_DICT = hf_text_config.complete_state_dict(
    "distilbert.", "vocab_projector.bias", {"vocab_projector.weight": "distilbert.embeddings.word_embeddings.weight"}, ""
)
_NAMES = {"dim": "=width", "n_layers": "=depth", "n_heads": "=heads", "hidden_dim": "=intermediate_size", "activation": "=hidden_act"}
_TO_HF_CONFIG = hf_text_config.to_hf_config("DistilBert", "distilbert", pad_token_id=0, **_NAMES)


@keymaps.register
def distilbert() -> Keymap:
    """Sanh et al. 2019, with a classifier of texts, answer spans, or the masked-language head."""
    return Keymap(
        "distilbert",
        _rules(True),
        lambda shapes: _infer(shapes, True),
        _config,
        ignored=_IGNORED,
        apply_hf_config=_apply_hf_config,
        complete_state_dict=_COMPLETE_STATE_DICT,
        to_hf_config=_TO_HF_CONFIG,
    )


@keymaps.register
def distilbert_tokens() -> Keymap:
    """The same with a classifier of tokens, whose name is that of the second layer of a classifier of texts."""
    return Keymap(
        "distilbert_tokens",
        _rules(False),
        lambda shapes: _infer(shapes, False),
        _config,
        ignored=_IGNORED,
        apply_hf_config=_apply_hf_config,
        complete_state_dict=_COMPLETE_STATE_DICT,
        to_hf_config=_TO_HF_CONFIG,
    )
