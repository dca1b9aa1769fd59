"""Runs references of full size beside our models: ``python -m tests.parity.live [LABEL ...]``; no label: `FIRST`; ``all``: all.

The reference is filled with drawn weights and saves its file; `weights.open` reads that file alone; all outputs are compared, unsampled.
Needs requirements-parity.txt.
"""

import sys
import tempfile

import tqdm

from tests.parity import case, ours, reference
from tljax import weights
from tljax.report import table

FIRST = (
    *("alexnet_full", "vgg16_full", "squeezenet1_1_full", "googlenet_full", "inception_v3_full", "xception_keras_full"),
    *("nasnet_mobile_full", "resnet50_full", "resnext50_32x4d_full", "resnetv2_50x1_full", "resnet8_full", "densenet121_full"),
    *("mobilenet_v1_keras_full", "mobilenet_v2_full", "mobilenet_v3_large_full", "efficientnet_b0_full", "convnext_tiny_full"),
    *("vit_base_full", "deit_base_full", "dinov2_small_full", "clip_image_b32", "clip_text_b32", "siglip_image_b16"),
    *("bert_base", "roberta_base", "distilbert_base", "albert_base"),
)
"""One of every kind."""


def run(one: case.Case) -> dict[str, str]:
    """The case's line of the table."""
    with tempfile.TemporaryDirectory() as folder:
        net = reference.filled(one)
        opened = weights.open(reference.save(one, net, f"{folder}/{one.label}"), input_size=one.input_size, **_classes(one))
        want = reference.outputs(one, net)
    wanted = ours.model(one)
    if opened.report.family != one.family or opened.model != wanted:
        raise ValueError(f"{one.label}: opened as {opened.report.family}, {opened.config.model}; wanted {one.family}, {one.model}")
    return ours.row(one, ours.distances(ours.outputs(one, opened.model, opened.variables), want))


def _classes(one: case.Case) -> dict[str, int]:
    return {} if one.num_classes else {"num_classes": 1}


def main(labels: list[str]) -> int:
    """Print the table; 1 where something differs."""
    live = {label: one for label, one in case.every().items() if one.live}
    chosen = list(live) if labels == ["all"] else labels or FIRST
    rows = [run(live[label]) for label in tqdm.tqdm(chosen, unit="model", disable=None)]
    print(table.markdown(rows, list(rows[0])))
    return int(any(row["verdict"] != "agrees" for row in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
