"""Our weights written in the names of others, loaded there: ``python -m tests.parity.roundtrip [LABEL ...]``.

No label: the small cases of torch, and `FULL`.

Each model is filled with drawn weights and written by `weights.save_foreign`; the reference takes that file with
``load_state_dict(strict=True)`` and must give the same outputs, and `weights.open` the same class names. Where the folder is one that
transformers' ``from_pretrained`` reads, that is done as well. Needs requirements-parity.txt.
"""

import dataclasses
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import jax
import tqdm

from tests.parity import ours, reference
from tests.parity.case import Case, every
from tljax import models, weights
from tljax.report import table
from tljax.weights.config import json_object

FULL = ("resnet50_full", "vit_base_full", "bert_base")
"""The cases of full size that are run unless labels say otherwise."""

TOWERS = (("image", "text"), ("text", "vision"))
BESIDE = {f"{kind}_{one}_hf": rf"{other}_model\.|\w+_projection\.|logit_" for kind in ("clip", "siglip") for one, other in TOWERS}
"""Family of one tower -> what the reference, which has two, holds besides."""

OTHERS = ("bit", "clip_image", "clip_text", "convnext_original", "vit_npz")
"""Families whose own code is none of the references: their cases rename another's weights."""


def described(case: Case) -> weights.PretrainedConfig:
    """The config of a case's model: class names that tell the classes apart; without a head where the case has none."""
    fields: dict[str, Any] = {"in_channels": case.in_channels, "input_size": case.input_size}
    if case.num_classes:
        labels = tuple(f"class {i}" for i in range(case.num_classes)) if case.head == "linear" else ()
        return weights.PretrainedConfig(case.model, case.num_classes, head=case.head, labels=labels, **fields)
    model = models.create(case.model, 1, **fields)
    batch = {name: jax.ShapeDtypeStruct((1, *spec.shape), spec.dtype) for name, spec in model.input_spec.items()}
    features = jax.eval_shape(lambda v, b: model.apply(v, b, stop="head").features, models.shapes(model), batch)
    return weights.PretrainedConfig(case.model, features.shape[-1], head="features", **fields)


def run(case: Case) -> dict[str, str]:
    """The case's line of the table; what went wrong stands in it."""
    try:
        return _run(case)
    except Exception as e:  # the other cases are still to be told of
        return {"case": case.label, "table": case.family, "reference": case.reference, "verdict": f"{type(e).__name__}: {str(e)[:300]}"}


def _run(case: Case) -> dict[str, str]:
    case, config = dataclasses.replace(case, training=False), described(case)
    variables = ours.variables(case)
    kept = variables if case.num_classes else {tree: {"backbone": of["backbone"]} for tree, of in variables.items() if of}
    with tempfile.TemporaryDirectory() as folder:
        weights.save_foreign(folder, kept, config, case.family)
        assert weights.open(folder).config.labels == config.labels
        published = json_object(Path(folder) / "config.json").get("architectures", [])
        net = _from_pretrained(folder, config, *published) if published else _strict(folder, case)
        want = reference.outputs(case, net)
    return ours.row(case, ours.distances(ours.outputs(case, ours.model(case), variables), want))


def _strict(folder: str, case: Case) -> Any:
    """The reference with the folder's weights; none is missing and none is left, but for what a tower's family does not hold."""
    import safetensors.torch

    net, arrays = case.build(), safetensors.torch.load_file(f"{folder}/model.safetensors")
    others = BESIDE.get(case.family)
    missing, unexpected = net.load_state_dict(arrays, strict=others is None)
    assert not unexpected and all(re.match(others or "", name) for name in missing), (missing, unexpected)
    return net


def _from_pretrained(folder: str, config: weights.PretrainedConfig, name: str) -> Any:
    """The class of transformers that config.json names, from the folder: no weight is new and none left; it knows the classes' names."""
    import transformers

    transformers.utils.logging.disable_progress_bar()
    net, report = getattr(transformers, name).from_pretrained(folder, output_loading_info=True)
    assert not any(report.values()), report
    assert not config.labels or tuple(net.config.id2label[i] for i in range(config.num_classes)) == config.labels
    if name.startswith("Bert"):  # its modules are named as its files, which is not so of all
        import safetensors.torch

        net.load_state_dict(safetensors.torch.load_file(f"{folder}/model.safetensors"), strict=True)
    return net


def main(labels: list[str]) -> int:
    """Print the table; 1 where something differs by more than 1e-4 of the largest value."""
    cases = {label: case for label, case in every().items() if case.framework == "torch" and case.family not in OTHERS}
    chosen = labels or [label for label, case in cases.items() if not case.live or label in FULL]
    rows = [run(cases[label]) for label in tqdm.tqdm(chosen, unit="model", disable=None)]
    shown = ["case", "table", "reference", "logits, max abs", "evaluation", "verdict"]
    print(table.markdown(rows, shown))
    return int(any(row["verdict"] != "agrees" for row in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
