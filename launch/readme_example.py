"""Runs the README's example in an empty folder, with the installed tljax alone (launch/wheel.sh).

    python -I readme_example.py README.md

The example's flowers are small images of three colors, its checkpoint is a small network trained on them; fewer steps are enough.
"""

import importlib.util
import pathlib
import re
import site
import sys

import numpy as np
from PIL import Image

import tljax

COLORS = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200)}


def write_image(path: pathlib.Path, color: tuple[int, int, int], seed: int) -> None:
    """Write 12 x 12 noisy pixels of one color."""
    noise = np.random.default_rng(seed).integers(-30, 30, (12, 12, 3))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(np.array(color) + noise, 0, 255).astype(np.uint8)).save(path)


def main(readme: str) -> None:
    """Make data and checkpoint, run the example, check what it says."""
    location = pathlib.Path(tljax.__file__).resolve()
    installed = [pathlib.Path(folder).resolve() for folder in site.getsitepackages()]
    assert location.parents[1] in installed, f"tljax was imported from {location}, not from the environment's packages {installed}"
    for name in ("experiments", "tests", "benchmarks"):
        assert importlib.util.find_spec(name) is None, f"a top-level package {name} is installed"

    for name, color in COLORS.items():
        for i in range(10):
            write_image(pathlib.Path("flowers", name, f"{i}.png"), color, seed=i)
    write_image(pathlib.Path("photo.jpg"), COLORS["green"], seed=99)
    flowers = tljax.data.create("folder('flowers')")
    start = tljax.create("cnn(widths=(8, 16))", flowers)
    optim = tljax.train.optimizer.Optim(lr=1e-2)
    run = tljax.Run(start, flowers, strategy="scratch", steps=60, batch_size=10, select="last", optim=optim)
    tljax.fit(run, "pretrained", quiet=True).pretrained.save("checkpoint")

    text = pathlib.Path(readme).read_text(encoding="utf-8")
    block = re.search(r"```python\n(import tljax\n.*?)```", text, re.DOTALL)
    assert block, f"{readme}: no Python block that begins with 'import tljax'"
    code = block[1]
    for old, new in {"mobilenet.h5": "checkpoint", "steps=300": "steps=60"}.items():
        assert old in code, f"{readme}: the example does not say {old}"
        code = code.replace(old, new)
    values: dict = {}
    exec(code, values)
    assert values["result"].score == 1.0, values["result"]
    assert values["result"].pretrained.predict("photo.jpg")[0]["class"] == "green"
    assert not {"torch", "tensorflow"} & set(sys.modules)
    print(f"the README's example ran with tljax {tljax.__version__} of {location.parent}")


if __name__ == "__main__":
    main(sys.argv[1])
