"""Zero-shot classification: class names, read by a text tower, become the head of the image tower (Radford et al. 2021, section 3.1)."""

import dataclasses
import math
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from tljax import models, weights
from tljax.data.sources.text import Texts
from tljax.evaluate import features as embed

TOWERS = {"clip_image": "clip_text", "clip_image_hf": "clip_text_hf", "siglip_image_hf": "siglip_text_hf"}
"""The families of files that hold two towers: that of the image tower -> that of the text tower."""

TEMPLATES = ("a photo of a {}.",)


@dataclasses.dataclass(frozen=True)
class Towers:
    """An image tower and a text tower whose features `[N, E]` are comparable, and the factor on the cosine of their angle."""

    image: weights.Pretrained
    text: weights.Pretrained
    scale: float


def towers(path: str) -> Towers:
    """Both towers of a file or folder.

    Raises:
      FileNotFoundError, ValueError: as `weights.open`; a file of one tower or without ``logit_scale``, no tokenizer beside it.
    """
    image = weights.open(path)
    if image.report.family not in TOWERS:
        raise ValueError(
            f"{path}: an image and a text tower are wanted ({', '.join(TOWERS)}), but this is of the family {image.report.family}"
        )
    try:
        text = weights.open(path, family=TOWERS[image.report.family])
    except ValueError as e:
        raise ValueError(f"{e} (wanted: the text tower, {TOWERS[image.report.family]}, beside the image tower)") from None
    if not text.config.tokenizer:
        raise ValueError(f"{path}: there is no tokenizer.json beside it, so class names cannot be read")
    scale = weights.read(path).get("logit_scale", np.zeros(0))
    if np.size(scale) != 1 or not math.isfinite(exponent := float(np.reshape(scale, ())[()])):
        raise ValueError(f"{path}: logit_scale is {'absent' if not np.size(scale) else scale}, wanted one finite number")
    return Towers(image, text, math.exp(exponent))


def prototypes(text: weights.Pretrained, classes: Sequence[str], templates: Sequence[str] = TEMPLATES) -> np.ndarray:
    """One unit vector per class, `[E, C]` float32: the normalized mean of the normalized features of its name in every template.

    Args:
      text: a text tower.
      classes: C names; ``_`` is read as a space.
      templates: texts with one ``{}`` each, where the name goes.

    Raises:
      ValueError: no or repeated classes, no template, one without ``{}``.
    """
    if not classes or len(set(classes)) != len(classes):
        raise ValueError(f"wanted are different class names, at least one, not {list(classes)[:10]}")
    if not templates or (bad := [t for t in templates if t.count("{}") != 1]):
        raise ValueError(f"a template has one {{}} for the class name; {bad[0]!r} has not" if templates else "there is no template")
    sentences = tuple(template.replace("{}", name.replace("_", " ")) for name in classes for template in templates)
    source = Texts(sentences, (), None, (), "class names", tuple(range(1, len(sentences) + 1)))
    last = text.model.stages[-1]
    features = unit(embed.pretrained(text, source, (last,), batch_size=64, title="class names")[last])
    return unit(features.reshape(len(classes), len(templates), -1).mean(axis=1)).T


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows `[..., E]` divided by their lengths."""
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)


def classifier(of: Towers, classes: Sequence[str], templates: Sequence[str] = TEMPLATES) -> weights.Pretrained:
    """The image tower with class names for a head: ``logits_c = scale * cos(features, prototype_c)``, a model like any other.

    SigLIP adds one number to all logits, which changes neither their order nor a softmax; it is left out.

    Args:
      of: both towers.
      classes: the names, in the order of the logits.
      templates: as for `prototypes`.

    Raises:
      ValueError: as `prototypes`; towers of features that cannot be compared.
    """
    kernel, config = prototypes(of.text, classes, templates), of.image.config
    if len(kernel) != config.num_classes:
        raise ValueError(f"the text tower gives {len(kernel)} features, the image tower {config.num_classes}: they cannot be compared")
    config = dataclasses.replace(
        config,
        num_classes=len(classes),
        head="cosine",
        task="classification",
        labels=tuple(classes),
        source=f"{config.source}; head: its text tower on the class names in {', '.join(map(repr, templates))}",
        sha256="",
    )
    model = models.create(config.model, config.num_classes, config.head, config.in_channels, config.input_size)
    head = {"kernel": jnp.asarray(kernel, jnp.float32), "scale": jnp.asarray(of.scale, jnp.float32)}
    variables = of.image.variables | {"params": of.image.variables["params"] | {"head": head}}
    return weights.Pretrained(model, variables, config, of.image.report)
