import pytest
from PIL import Image

from experiments import pretrain
from experiments.config import Config, Data, Train
from tljax.train.optimizer import Optim


def tiny(**changes) -> Config:
    """A recipe of seconds on the embedded digits."""
    config = Config(
        task="tiny",
        model="cnn(widths=(4, 6), dropout=0.1)",
        strategy="scratch",
        data=Data(source="digits", per_class=4, val_per_class=4, test_size=60, batch_size=8, eval_batch_size=64),
        optim=Optim(lr=1e-2),
        train=Train(steps=12, eval_every=4, save_every=3, log_every=1),
    )
    for name, value in changes.items():
        part, _, field = name.partition("__")
        setattr(getattr(config, part) if field else config, field or part, value)
    return config


@pytest.fixture(scope="session")
def source_model(tmp_path_factory):
    """A folder with pretrained weights of the tiny recipe."""
    root = tmp_path_factory.mktemp("source")
    pretrain.run(tiny(), root, quiet=True)
    return root


@pytest.fixture
def photos(tmp_path):
    """A folder of images, two classes with unicode names, grey and coloured files."""
    root = tmp_path / "photos"
    for c, name in enumerate(("köln", "猫")):
        (root / name).mkdir(parents=True)
        for i in range(12):
            colour = (40 * c + 5 * i, 200 - 90 * c, 30 + 80 * c)
            image = Image.new("RGB", (10 + i % 3, 9), colour)
            (image if i % 4 else image.convert("L")).save(root / name / f"{i}.png")
    return root
