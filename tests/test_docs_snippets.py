"""The Python of README and docs runs as it stands, on small data: each page's blocks in order, in one namespace."""

import csv
import dataclasses
import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tljax
from experiments import recipe
from tests.test_docs_examples import NAMED, ROOT, named_files
from tests.weights import foreign
from tljax import models, objectives, trees
from tljax.runs import setup

BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
SMALL = {"mobilenet.h5": "checkpoint", "checkpoint.pth": "checkpoint", " steps=300": " steps=4", "seeds=(0, 1)": "seeds=(0,)"}
PAGES = (
    "guides/images", "guides/checkpoints", "guides/text", "guides/strategies", "guides/tasks", "guides/data", "guides/features",
    "guides/sweeps", "guides/certificate", "guides/own_loop",
    "extending/strategy", "extending/backbone", "extending/objective", "extending/data_source",
)  # fmt: skip
WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film", "plot", "the", "##s")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the data and checkpoints that the pages name."""
    root, random = tmp_path_factory.mktemp("pages"), np.random.default_rng(0)
    for color, name in enumerate(("daisy", "rose", "tulip")):
        (root / "flowers" / name).mkdir(parents=True)
        for i in range(10):
            image = random.integers(0, 60, (12, 12, 3)).astype(np.uint8)
            image[..., color] += 150
            Image.fromarray(image).save(root / "flowers" / name / f"{i}.png")
    Image.fromarray(image).save(root / "photo.jpg")
    tljax.create("cnn(widths=(4, 8))", f"folder({str(root / 'flowers')!r})", input_size=(8, 8)).save(root / "checkpoint")
    x = random.normal(size=(60, 5)).astype(np.float32) * 100
    np.savez(root / "houses.npz", x=x / 100, y=250_000 + 400 * x[:, 0])
    np.savez(root / "measurements.npz", x=x, y=(x[:, 0] > 0).astype(np.int32))
    np.savez(root / "new_measurements.npz", x=x[:3])
    with open(root / "reviews.csv", "w", newline="") as file:
        rows = [(text, label) for _ in range(10) for text, label in (("good film", "pos"), ("bad plot", "neg"))]
        csv.writer(file).writerows([("text", "label"), *rows])
    for i in range(20):
        (root / "recordings" / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        np.save(root / "recordings" / "ab"[i % 2] / f"{i}.npy", x[i])
    (root / "minilm").mkdir()
    encoder = models.create("bert(width=8, depth=1, heads=2, positions=24)", 2, in_channels=len(WORDS), input_size=(8,))
    np.savez(root / "minilm" / "model.npz", **{n: a for n, a in foreign.drawn("bert", encoder).items() if not n.startswith("classifier")})
    (root / "minilm" / "config.json").write_text(json.dumps({"model_type": "bert", "num_attention_heads": 2}))
    (root / "minilm" / "vocab.txt").write_text("\n".join(WORDS))
    return root


def snippets(path: Path) -> list[str]:
    """A page's Python blocks that are no named file, shortened to small data."""
    page = NAMED.sub("", path.read_text(encoding="utf-8"))
    return [re.sub("|".join(map(re.escape, SMALL)), lambda match: SMALL[match[0]], block) for block in BLOCK.findall(page)]


def register_objectives(page: str) -> None:
    """Run the files of objectives that a page shows."""
    for name, code in named_files(page).items():
        if name.startswith("tljax/objectives/"):
            exec(compile(code, name, "exec"), {})


@pytest.mark.parametrize("page", PAGES)
def test_a_page_s_python_runs(page, place, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setattr(objectives.objectives, "_factories", dict(objectives.objectives._factories))
    register_objectives(page)
    blocks, values = snippets(ROOT / "docs" / f"{page}.md"), {}
    assert blocks
    for block in blocks:
        exec(compile(block, page, "exec"), values)


def test_the_objectives_of_the_page_compose(place, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setattr(objectives.objectives, "_factories", dict(objectives.objectives._factories))
    register_objectives("extending/objective")
    start = tljax.open("checkpoint", labels="folder('flowers')")
    run = tljax.Run(start, tljax.data.create("folder('flowers')"), objective="flooding('cross_entropy') + 0.1 * mean_color", steps=2)
    result = tljax.fit(run, "runs/composed", quiet=True)
    decoder = models.feature_size(start.model) * 3 + 3
    assert result.certificates[0]["trainable"] == trees.size(start.variables["params"]) + decoder


def test_the_recipe_of_the_page_makes_a_run(place, monkeypatch):
    monkeypatch.chdir(place)
    ((name, code),) = named_files("guides/config").items()
    Path(name).write_text(code)
    spec = importlib.util.spec_from_file_location("mine", name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.raises(ValueError, match=r"expected FOLDER,LABELS_A_CLASS"):
        module.get_config("flowers")
    config = dataclasses.replace(module.get_config("flowers,2"), weights="checkpoint")
    ready = setup.prepare(recipe.run_of(config))
    assert len(ready.train[""]) == 6 and ready.run.strategy == "lp_ft"


def test_the_readme(place, monkeypatch):
    monkeypatch.chdir(place)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    first, second = snippets(ROOT / "README.md")
    assert first == snippets(ROOT / "docs" / "index.md")[0]  # tests/test_notebook.py runs it
    exec(second, {"x": np.zeros((1, 8, 8, 3), np.float32)})
    for target in re.findall(r"\]\(([^)#]+)", readme):
        assert target.startswith("https://") or (ROOT / target).exists(), target
    assert 100 <= len(readme.splitlines()) <= 150
