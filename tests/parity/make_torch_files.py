"""Writes the small PyTorch files beside this script: ``python tests/parity/make_torch_files.py`` (needs requirements-parity.txt).

``expected.npz`` holds what `weights.read` must give for each, as ``<file>|<name>``; bfloat16 is stored there as float32.
"""

import collections
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).parent


def tensors() -> dict[str, torch.Tensor]:
    """Awkward tensors: strided, sharing a storage, of every common type, empty, scalar, with a Unicode name."""
    r = torch.Generator().manual_seed(0)
    base = torch.randn(4, 6, generator=r)
    return collections.OrderedDict(
        {
            "plain.weight": torch.randn(3, 5, generator=r),
            "transposed": base.t(),
            "every_other": base[::2, 1::2],
            "shared.row": base[1],
            "half": torch.randn(2, 3, generator=r).half(),
            "bfloat": torch.randn(2, 3, generator=r).bfloat16(),
            "double": torch.randn(2, generator=r).double(),
            "long": torch.tensor([1, -(2**40)]),
            "int8": torch.tensor([[-128, 127]], dtype=torch.int8),
            "bool": torch.tensor([True, False]),
            "empty": torch.zeros(0, 3),
            "scalar": torch.tensor(2.5),
            "naïve.größe": torch.randn(2, generator=r),
            "parameter": torch.nn.Parameter(torch.randn(2, 2, generator=r)),
        }
    )


def training() -> dict[str, object]:
    """A whole training checkpoint of a model wrapped in DataParallel, with what such files carry along."""
    torch.manual_seed(1)
    net = torch.nn.DataParallel(torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2)))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    net(torch.randn(2, 1, 5, 5)).sum().backward()
    optimizer.step()
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 5])
    return {
        "epoch": 3,
        "arch": "resnet18",
        "best": np.float64(0.5),
        "device": torch.device("cpu"),
        "seen": {1, 2},
        "blob": b"\x00\xff",
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        "state_dict": net.state_dict(),
    }


def mlp() -> dict[str, object]:
    """A checkpoint of the project's own layout, for `mlp(widths=(4,))` on vectors of length 3 with 2 classes."""
    r = torch.Generator().manual_seed(2)
    shapes = {"backbone/layer0/dense/kernel": (3, 4), "backbone/layer0/dense/bias": (4,), "head/kernel": (4, 2), "head/bias": (2,)}
    return {"state_dict": {f"params/{k}": torch.randn(*shape, generator=r) for k, shape in shapes.items()}, "epoch": 1}


def main() -> None:
    """Write every file in every format."""
    expected: dict[str, np.ndarray] = {}
    for name, content, state in (
        ("tensors", tensors(), tensors()),
        ("mlp", (own := mlp()), own["state_dict"]),
        ("training", (whole := training()), {k.removeprefix("module."): v for k, v in whole["state_dict"].items()}),
    ):
        for suffix, arguments in (
            ("zip.pt", {}),
            ("legacy.pth", {"_use_new_zipfile_serialization": False}),
            ("protocol4.bin", {"_use_new_zipfile_serialization": False, "pickle_protocol": 4}),
        ):
            torch.save(content, HERE / f"{name}_{suffix}", **arguments)
        for key, value in state.items():
            value = value.detach()
            expected[f"{name}|{key}"] = (value.float() if value.dtype == torch.bfloat16 else value).numpy()
    torch.save({"unsigned": torch.tensor([1, 2**31], dtype=torch.uint32)}, HERE / "untyped_zip.pt")
    expected["untyped|unsigned"] = np.array([1, 2**31], np.uint32)
    np.savez_compressed(HERE / "expected.npz", **expected)


if __name__ == "__main__":
    main()
