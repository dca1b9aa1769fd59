"""Builds the JSON files that Hugging Face's transformers reads beside weights from our config; `hub_metadata` reads them back."""

from typing import Any

from tljax.weights.calls import call_arguments
from tljax.weights.config import PretrainedConfig
from tljax.weights.metadata import task
from tljax.weights.metadata.hub_metadata import RESAMPLE

Files = dict[str, dict[str, Any]]
"""A file's name -> its content."""


def label_fields(config: PretrainedConfig) -> dict[str, Any]:
    """``id2label``, ``label2id`` and ``problem_type`` of a ``config.json``; a class without a name is ``LABEL_3``, as there."""
    names = config.labels or tuple(f"LABEL_{i}" for i in range(config.num_classes))
    numbers = {name: i for i, name in enumerate(names)}
    return {"id2label": {str(i): name for i, name in enumerate(names)}, "label2id": numbers} | task.problem_type(config)


def preprocessor_fields(config: PretrainedConfig) -> dict[str, Any]:
    """Builds a ``preprocessor_config.json``: resize of the shorter side, central crop, mean and deviation; {} for other inputs.

    It is in the form of the ``CLIPImageProcessor``, the one that knows exactly these steps; the resized side is a whole number there.
    """
    if len(config.input_size) != 2 or config.in_channels != 3 or config.channel_order != "RGB" or config.interpolation not in RESAMPLE:
        return {}
    height, width = config.input_size
    return {
        "image_processor_type": "CLIPImageProcessor",
        "do_resize": True,
        "size": {"shortest_edge": round(min(height, width) / config.crop_fraction)},
        "resample": RESAMPLE.index(config.interpolation),
        "do_center_crop": True,
        "crop_size": {"height": height, "width": width},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list((config.mean or (0.0,)) * (3 // len(config.mean or (0.0,)))),
        "image_std": list((config.std or (1.0,)) * (3 // len(config.std or (1.0,)))),
        "do_convert_rgb": True,
    }


def classifier_files(config: PretrainedConfig, kind: str, content: dict[str, Any], suffix: str = "ForImageClassification") -> Files:
    """Builds the files of an image classifier of transformers, or of its backbone alone.

    Args:
      config: ours.
      kind: what its classes' names begin with, such as ``"ViT"``.
      content: of its ``config.json``, besides what every one holds.
      suffix: what the classifier's name ends with.
    """
    whole = config.head != "features"
    shared = {"architectures": [kind + (suffix if whole else "Model")], "num_channels": config.in_channels}
    inputs = preprocessor_fields(config)
    files = {"config.json": shared | content | (label_fields(config) if whole else {})}
    return files | ({"preprocessor_config.json": inputs} if inputs else {})


def vit_fields(config: PretrainedConfig) -> dict[str, Any]:
    """Builds the fields that the ``config.json`` of every Vision Transformer of transformers has."""
    arguments = call_arguments(config.model)
    return {
        "hidden_size": arguments["width"],
        "num_hidden_layers": arguments["depth"],
        "num_attention_heads": arguments["heads"],
        "intermediate_size": arguments["mlp_dim"] or 4 * arguments["width"],
        "hidden_act": {"gelu_tanh": "gelu_pytorch_tanh"}.get(arguments["activation"], arguments["activation"]),
        "layer_norm_eps": arguments["epsilon"],
        "image_size": config.input_size[0] if len(set(config.input_size)) == 1 else list(config.input_size),
        "patch_size": arguments["patch"],
    }
