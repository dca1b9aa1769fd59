"""Exports text encoders: tied weights stored twice, and the ``config.json`` that Hugging Face's transformers reads."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tljax import registry
from tljax.weights import activations
from tljax.weights.calls import call_arguments
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import Shapes
from tljax.weights.metadata import hf_config

Arrays = dict[str, np.ndarray]

KINDS = {"linear": "ForSequenceClassification", "mlp": "ForSequenceClassification", "tokens": "ForTokenClassification"}
KINDS |= {"span": "ForQuestionAnswering", "masked_lm": "ForMaskedLM", "features": "Model"}
"""Our head -> how transformers calls the model with it."""


def complete_state_dict(prefix: str, bias: str, ties: Mapping[str, str], pair: str) -> Callable[[PretrainedConfig, Arrays], Arrays]:
    """Builds `Keymap.complete_state_dict` of an encoder.

    Args:
      prefix: what the encoder's names begin with where there is a head; without one they do not.
      bias: what a masked-language head calls its bias, which a classifier's rule names first.
      ties: a masked-language head's names that repeat another array -> that array's name.
      pair: the linear layer that tells pairs of sentences, on a pooler beside a masked-language head; it is not ours, and zero here. Empty:
        the family has none.
    """

    def complete(config: PretrainedConfig, arrays: Arrays) -> Arrays:
        head = registry.parse(config.head)[0]
        if head == "features":
            return {name.removeprefix(prefix): a for name, a in arrays.items()}
        if head != "masked_lm":
            return arrays
        arrays = {bias if name == "classifier.bias" else name: a for name, a in arrays.items()}
        more = {name: arrays[source] for name, source in ties.items()}
        if pair and call_arguments(config.model)["pool"] == "pooler":
            more |= {
                f"{pair}.weight": np.zeros((2, call_arguments(config.model)["width"]), np.float32),
                f"{pair}.bias": np.zeros(2, np.float32),
            }
        return arrays | more

    return complete


def to_hf_config(kind: str, family: str, **more: Any) -> Callable[[PretrainedConfig, Shapes], dict[str, dict[str, Any]]]:
    """Builds `Keymap.to_hf_config` of an encoder.

    Args:
      kind: what its classes' names begin with, such as ``"Bert"``.
      family: its ``model_type``.
      **more: further keys; a text ``"=width"`` stands for that argument of our model, or for what another key says.
    """

    def files(config: PretrainedConfig, shapes: Shapes) -> dict[str, dict[str, Any]]:
        arguments, head = call_arguments(config.model), registry.parse(config.head)[0]
        names = {ours: theirs for theirs, ours in reversed(activations.TEXT_ENCODERS.items())}
        content = {
            "architectures": [
                kind + ("ForPreTraining" if (head, arguments["pool"]) == ("masked_lm", "pooler") else KINDS.get(head, "Model"))
            ],
            "model_type": family,
            "vocab_size": config.in_channels,
            "hidden_size": arguments["width"],
            "num_hidden_layers": arguments["depth"],
            "num_attention_heads": arguments["heads"],
            "intermediate_size": arguments["mlp_dim"] or 4 * arguments["width"],
            "hidden_act": names[arguments["activation"]],
            "layer_norm_eps": arguments["epsilon"],
            "max_position_embeddings": arguments["positions"],
            "type_vocab_size": arguments["segments"],
            "hidden_dropout_prob": arguments["dropout"],
            "attention_probs_dropout_prob": arguments["dropout"],
        }
        content |= {
            key: (arguments | content)[value[1:]] if isinstance(value, str) and value[:1] == "=" else value for key, value in more.items()
        }
        return {"config.json": content | (hf_config.label_fields(config) if head in ("linear", "mlp", "tokens") else {})}

    return files
