"""ImageNet MobileNetV2 -> street scenes, a class for each pixel (CamVid: Brostow et al. 2009), 11 classes.

  python -m experiments.compare --config=experiments/configs/camvid.py:CAMVID --config.weights=MOBILENET_V2 --workdir=runs/camvid

CAMVID is a folder with ``{train,val,test}``, their masks in ``{train,val,test}annot``, and ``classes.txt``; here 184, 51 and 117 frames of
320x240. Pixels of the twelfth class, Unlabelled, do not count. MOBILENET_V2 is torchvision's file.

Hardware and time: 2 CPU cores shared with much other work; a run of 120 steps took 1 to 3 minutes, the comparison of 12 runs 33.
Protocol: two rates on seed 0, the better one by validation for three seeds, the best of four validations; the test measured once for each
seed. Mean IoU over the 11 classes at the model's 96x128 pixels; mean +- standard deviation over 3 seeds:

  strategy       rate   validation       test             pixel accuracy   trained
  scratch        3e-3   .281 +- .038     .257 +- .011     .701 +- .010     2,353,483
  linear_probe   3e-3   .389 +- .005     .342 +- .005     .787 +- .003       129,611
  full           1e-3   .404 +- .007     .355 +- .005     .804 +- .005     2,353,483

`full` was measured with stored BatchNorm statistics (``--config.bn=stored --config.strategy=full``), then the default. Today's default at
the full rate is the statistics of the batch (docs/batchnorm.md); it has not been measured here.

Over scratch, in pairs of seeds: linear_probe +.085 (95 % interval +.047 to +.123), full +.098 (+.071 to +.126). Each rate lies at the
border of the two that were tried. After 120 steps (10 passes) the large classes carry the mean (full, seed 2: Sky .86, Road .81, Building
.70, Car .60, Tree .57, Pavement .40); Pole, SignSymbol, Fence, Pedestrian and Bicyclist are below .02. Masks predicted in the images' own
size measure the same (full, seed 2: .358 at 96x128 and at 320x240). No long or high-resolution training was tried.
"""

import pathlib

from experiments.config import Compare, Config, Data, Train
from tljax.train.optimizer import Optim

UNLABELED = 11
AUGMENT = ("random_resized_crop(scale=(0.5, 1.0))", "flip")


def get_config(folder: str = "camvid") -> Config:
    """The recipe; the argument is the folder of the data set."""
    root = pathlib.Path(folder).expanduser()
    train, val, test = (
        f"masks({str(root / name)!r}, {str(root / f'{name}annot')!r}, {str(root / 'classes.txt')!r}, ignore={UNLABELED})"
        for name in ("train", "val", "test")
    )
    return Config(
        title="ImageNet MobileNetV2 to CamVid",
        input_size=(96, 128),
        data=Data(train, val=val, test=test, augment=AUGMENT, batch_size=16, eval_batch_size=32),
        strategy="full",
        optim=Optim(name="adamw", lr=1e-3),
        train=Train(steps=120, eval_every=40, save_every=120),
        compare=Compare(strategies=("scratch", "linear_probe", "full"), rates=(1e-3, 3e-3), seeds=(0, 1, 2)),
    )
