"""The notebook at the top of the README, as it stands there, and its siblings for other kinds of labels; each is under 12 lines."""

import csv
import json
import pathlib
import re

import numpy as np
import pytest
from PIL import Image

import tljax
from tests.weights import foreign
from tljax import data, models

README = pathlib.Path(__file__).parents[1] / "README.md"
WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "fine", "bad", "awful", "film", "plot", "the", "##s")
COLORS = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200)}


def picture(color, seed, size=(12, 12)):
    noise = np.random.default_rng(seed).integers(-30, 30, (*size, 3))
    return np.clip(np.array(color) + noise, 0, 255).astype(np.uint8)


def street(seed):
    """An image of a bright square on a dark ground, and its mask."""
    top, left = np.random.default_rng(seed).integers(0, 8, 2)
    mask = np.zeros((16, 16), np.uint8)
    mask[top : top + 8, left : left + 8] = 1
    return np.where(mask[..., None] > 0, picture((220, 220, 60), seed, (16, 16)), picture((30, 60, 90), seed, (16, 16))), mask


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with everything that the notebooks open."""
    root = tmp_path_factory.mktemp("notebook")
    for name, color in COLORS.items():
        (root / "flowers" / name).mkdir(parents=True)
        for i in range(10):
            Image.fromarray(picture(color, i)).save(root / "flowers" / name / f"{i}.png")
    Image.fromarray(picture(COLORS["green"], 99)).save(root / "photo.jpg", quality=95)
    flowers = data.create(f"folder({str(root / 'flowers')!r})")
    start = tljax.create("cnn(widths=(8, 16))", flowers)
    optim = tljax.train.optimizer.Optim(lr=1e-2)
    source = tljax.Run(start, flowers, strategy="scratch", steps=60, batch_size=10, select="last", optim=optim)
    tljax.fit(source, root / "pretrained", quiet=True).pretrained.save(root / "checkpoint")
    (root / "minilm").mkdir()
    encoder = models.create("bert(width=16, depth=1, heads=2, positions=24)", 2, in_channels=len(WORDS), input_size=(8,))
    np.savez(root / "minilm" / "model.npz", **{n: a for n, a in foreign.drawn("bert", encoder).items() if not n.startswith("classifier")})
    (root / "minilm" / "config.json").write_text(json.dumps({"model_type": "bert", "num_attention_heads": 2}))
    (root / "minilm" / "vocab.txt").write_text("\n".join(WORDS))
    with open(root / "reviews.csv", "w", newline="") as file:
        sentences = {"pos": ("the film good", "fine plot", "good good the plot"), "neg": ("bad film", "the plot awful", "awful bad")}
        csv.writer(file).writerows([["text", "label"], *([s, name] for _ in range(6) for name, group in sentences.items() for s in group)])
    x = np.random.default_rng(0).normal(size=(90, 5)).astype(np.float32)
    np.savez(root / "genes.npz", x=x, y=(x[:, :3] > 0).astype(np.int32))
    np.savez(root / "houses.npz", x=x, y=250_000 + 40_000 * x[:, 0])
    for part in ("images", "masks"):
        (root / part).mkdir()
    for i in range(24):
        image, mask = street(i)
        Image.fromarray(image).save(root / "images" / f"{i}.png")
        Image.fromarray(mask).save(root / "masks" / f"{i}.png")
    return root


def test_the_readme_s_notebook(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    code = re.search(r"```python\n(import tljax\n.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)[1]
    assert len(code.strip().splitlines()) < 12 and "mobilenet.h5" in code and "steps=300" in code
    values = {}
    exec(code.replace("mobilenet.h5", "checkpoint").replace("steps=300", "steps=60"), values)
    assert values["result"].score == 1.0 and values["start"].new_head is False  # the checkpoint was made for the same classes
    assert values["result"].pretrained.predict("photo.jpg")[0]["class"] == "green"
    assert "'accuracy': 1.0" in capsys.readouterr().out


def test_texts(place, monkeypatch):
    monkeypatch.chdir(place)
    train, val, test = data.split(data.create("text('reviews.csv')"), [0.6, 0.2, None], seed=0)
    start = tljax.open("minilm", labels=train, input_size=(8,))
    optim = tljax.train.optimizer.Optim(lr=1e-2)
    result = tljax.fit(tljax.Run(start, train, val, steps=40, batch_size=8, optim=optim), "runs/reviews", quiet=True)
    assert result.pretrained.measure(test)["accuracy"] > 0.9
    assert result.pretrained.predict(test)[0]["class"] in ("pos", "neg")


def test_several_labels(place, monkeypatch):
    monkeypatch.chdir(place)
    train, val, test = data.split(data.create("npz('genes.npz')"), [0.6, 0.2, None], seed=0)
    start = tljax.create("mlp(widths=(16,))", train)
    optim = tljax.train.optimizer.Optim(lr=3e-2)
    result = tljax.fit(tljax.Run(start, train, val, strategy="scratch", steps=60, optim=optim), "runs/genes", quiet=True)
    assert result.pretrained.measure(test)["mean_average_precision"] > 0.85
    assert set(result.pretrained.predict(test)[0]) == {"file", "classes", "predictions"}


def test_numbers(place, monkeypatch):
    monkeypatch.chdir(place)
    train, val, test = data.split(data.create("npz('houses.npz')"), [0.6, 0.2, None], seed=0)
    start = tljax.create("mlp(widths=(16,))", train)
    optim = tljax.train.optimizer.Optim(lr=3e-2)
    result = tljax.fit(tljax.Run(start, train, val, strategy="scratch", steps=80, optim=optim), "runs/houses", quiet=True)
    assert result.pretrained.measure(test)["r2"] > 0.7
    assert 50_000 < result.pretrained.predict(test)[0]["value"] < 450_000


def test_masks(place, monkeypatch):
    monkeypatch.chdir(place)
    train, val, test = data.split(data.create("masks('images', 'masks', classes=('road', 'sign'))"), [0.6, 0.2, None], seed=0)
    start = tljax.create("cnn(widths=(8, 16))", train)
    optim = tljax.train.optimizer.Optim(lr=1e-2)
    result = tljax.fit(tljax.Run(start, train, val, strategy="scratch", steps=40, batch_size=8, optim=optim), "runs/masks", quiet=True)
    assert result.pretrained.measure(test)["mean_iou"] > 0.7
    assert result.pretrained.predict("images/0.png")[0]["mask"].shape == (16, 16)


def test_tljax_is_typed_and_imports_lazily():
    import subprocess
    import sys

    check = "import sys, tljax; assert not {'jax', 'flax', 'sklearn'} & set(sys.modules), sorted(sys.modules); assert 'fit' in dir(tljax)"
    subprocess.run([sys.executable, "-c", check], check=True, cwd=README.parent)
    assert (README.parent / "tljax" / "py.typed").is_file()
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        _ = tljax.fitt
