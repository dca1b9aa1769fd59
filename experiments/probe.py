"""How much does each stage of a frozen backbone know of a task? A classifier on the features of every stage.

  python -m experiments.probe --weights=checkpoint.pth --train="folder('photos/train')" --test="folder('photos/test')" --workdir=runs/probe

The classifier's setting (the C of logistic regression) is chosen by stratified cross-validation on the training data; the test data is
measured once for each row of the table. The workdir keeps the features, so that another learner, or the same command after a stop, does
not run the model again (delete `features/` if files changed under the same names); it also gets `probe.json`, `table.md` and
`figures/probe.png`, of the last call.
"""

import dataclasses
import functools
import hashlib
import json
import os
import pathlib
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
import tqdm
from absl import flags

from experiments import start, workdir
from tljax import data, weights
from tljax.data.source import class_ids
from tljax.evaluate import features, probing
from tljax.report import probe as picture
from tljax.report import table


def run(
    path: str,
    train: str,
    test: str,
    root: str | pathlib.Path,
    stages: str = "all",
    learner: str = "logistic",
    seeds: Sequence[int] = (0,),
    pixels: int = 0,
    batch_size: int = 256,
    workers: int = 0,
) -> dict[str, Any]:
    """``{weights, sha256, model, train, test, learner, setting, seeds, majority, rows}``; written to ``probe.json`` in `root`.

    Args:
      path: weights.
      train: source to learn from, one class per example.
      test: source to measure on; its classes are matched by name.
      root: the workdir.
      stages: names, or ``all``.
      learner: one of `probing.LEARNERS`.
      seeds: of the folds.
      pixels: side to which images are resized for a first row on raw pixels; 0: no such row.
      batch_size: examples per batch.
      workers: processes that read; 0: threads.

    Raises:
      ValueError, FileNotFoundError: weights or data that cannot be read, an unknown stage, labels that are no classes, test classes that
        the training data lacks, examples that both sources hold, a workdir of another program.
    """
    folder = pathlib.Path(root)
    if (folder / "config.json").exists():
        raise ValueError(f"{folder} holds a run of another program (config.json); take another workdir")
    opened = weights.open(path)
    wanted = features.stages_of(opened.model, stages)
    if pixels and len(opened.config.input_size) == 1:
        raise ValueError(f"--pixels={pixels}: {path} is a model of texts, which have none")
    said = {"train": train, "test": test}
    sources = {name: data.create(expression) for name, expression in said.items()}
    labels = _labels(sources, said)
    _check_apart(sources, said)
    (folder / "features").mkdir(parents=True, exist_ok=True)
    found = {}
    for name, source in sources.items():
        kept = functools.partial(_kept, folder / "features", source)
        asked = [json.dumps(dataclasses.asdict(opened.config)), said[name]]
        of_stages = functools.partial(features.pretrained, opened, source, wanted, batch_size, workers, title=name)
        of_pixels = functools.partial(features.pixels, opened.config, source, pixels, batch_size, workers)
        raw = kept([*asked, "pixels", pixels], of_pixels) if pixels else {}
        found[name] = raw | kept([*asked, *wanted], of_stages)
    rows = []
    for stage, x in tqdm.tqdm(found["train"].items(), desc=learner, unit="stage", leave=False, disable=jax.process_index() > 0):
        probed = probing.probe(x, labels["train"], found["test"][stage], labels["test"], learner, seeds)
        rows.append({"stage": stage, "D": x.shape[1], "n": len(labels["test"])} | dataclasses.asdict(probed))
    result = {
        "weights": path,
        "sha256": opened.config.sha256,
        "model": opened.config.model,
        "train": f"{train} ({len(labels['train'])} examples)",
        "test": f"{test} ({len(labels['test'])} examples)",
        "learner": learner,
        "setting": probing.LEARNERS[learner].setting,
        "seeds": list(seeds),
        "majority": float(np.mean(labels["test"] == np.bincount(labels["train"]).argmax())),
        "rows": rows,
    }
    if jax.process_index() == 0:
        workdir.write_json(folder / "probe.json", result)
    return result


def _labels(sources: Mapping[str, data.Source], said: Mapping[str, str]) -> dict[str, np.ndarray]:
    """The class ids of the sources ``train`` and ``test``, both numbered as in the first."""
    ids = {}
    for name, source in sources.items():
        try:
            ids[name] = class_ids(source)
        except ValueError as e:
            raise ValueError(f"--{name}={said[name]}: {e}") from None
    known, names = list(sources["train"].classes), list(sources["test"].classes)
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"--test={said['test']}: its classes {unknown[:5]} are not among those of --train, {known[:10]}")
    return ids | {"test": np.array([known.index(name) for name in names])[ids["test"]]}


def _check_apart(sources: Mapping[str, data.Source], said: Mapping[str, str]) -> None:
    """Raises ValueError where train and test share examples, as far as names tell: one expression for both, or the same files."""
    train, test = ({data.name_of(source, i) for i in range(len(source))} for source in sources.values())
    # a name that is no file may tell too little: two arrays of one .npz have the same names
    if both := [name for name in train & test if said["train"] == said["test"] or os.path.isfile(name)]:
        raise ValueError(f"--test={said['test']}: --train={said['train']} holds {len(both)} of its examples, such as {min(both)}")


def _kept(
    folder: pathlib.Path, source: data.Source, asked: Sequence[Any], compute: Callable[[], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """Features from a file of `folder`, or computed and written there; its name tells all that they depend on but the images' content."""
    names = [data.name_of(source, i) for i in range(len(source))]
    key = hashlib.sha256(json.dumps([*asked, names, np.asarray(source.labels).tolist()]).encode()).hexdigest()
    path = folder / f"{key[:24]}.npz"
    if path.exists():
        try:
            with np.load(path, allow_pickle=False) as file:
                return {name: file[name] for name in file.files if name not in features.RESERVED}
        except (ValueError, EOFError, zipfile.BadZipFile):
            print(f"{path} is damaged: its features are computed again")
    found = compute()
    if jax.process_index() == 0:
        features.write(path, found, source, json.dumps(asked, ensure_ascii=False))
    return found


def report(result: Mapping[str, Any], root: str | pathlib.Path) -> str:
    """Write `table.md` and `figures/probe.png`; gives the table and what it says as text."""
    folder, rows, setting = pathlib.Path(root), result["rows"], result["setting"]
    shown = [
        {
            "stage": row["stage"],
            "D": row["D"],
            setting: f"{row['setting']:.3g}{' (edge)' if row['at_edge'] else ''}",
            "cross-validation": "" if row["cv"] is None else f"{row['cv']:.3f} ± {row['cv_spread']:.3f}",
            "test ± se": f"{row['test']:.3f} ± {row['test_error']:.3f}",
            "n": row["n"],
        }
        for row in rows
    ]
    caption = (
        f"{result['learner']} on frozen features of {result['model']}. {_how(result)} Measured on test: {result['test']}; "
        f"always the most frequent class of train: {result['majority']:.3f}."
    )
    folder.joinpath("table.md").write_text(f"{caption}\n\n{table.markdown(shown, list(shown[0]))}\n", encoding="utf-8")
    stages = [row for row in rows if not row["stage"].startswith("pixels ")]
    baselines = {row["stage"]: row["test"] for row in rows if row not in stages} | {"most frequent class": result["majority"]}
    (folder / "figures").mkdir(exist_ok=True)
    picture.stage_accuracy(
        stages, folder / "figures" / "probe.png", baselines, f"{result['model']}: {result['learner']} on frozen features"
    )
    return f"{caption}\n\n{table.text(shown, list(shown[0]))}"


def _how(result: Mapping[str, Any]) -> str:
    folds, setting, n = result["rows"][0]["folds"], result["setting"], len(result["seeds"])
    if not folds:
        return f"{setting} is a fixed value: a class has one training example in {result['train']}, so nothing can be cross-validated."
    return f"{setting} chosen by {folds}-fold cross-validation ({n} seed{'s' * (n > 1)}) on train: {result['train']}."


if __name__ == "__main__":
    WEIGHTS = flags.DEFINE_string("weights", None, "Weight file or folder.", required=True)
    TRAIN = flags.DEFINE_string("train", None, "Source to learn from, such as folder('photos', split='train').", required=True)
    TEST = flags.DEFINE_string("test", None, "Source to measure on.", required=True)
    WORKDIR = flags.DEFINE_string("workdir", None, "Folder for features, table and picture.", required=True)
    STAGES = flags.DEFINE_string("stages", "all", "Stages, such as stem,stage4; or all.")
    LEARNER = flags.DEFINE_enum("learner", "logistic", sorted(probing.LEARNERS), "The classifier.")
    SEEDS = flags.DEFINE_list("seeds", ["0"], "Seeds of the folds, such as 0,1,2.")
    PIXELS = flags.DEFINE_integer("pixels", 0, "Also probe raw pixels, images resized to this side; 0: do not.", lower_bound=0)
    flags.register_validator("seeds", lambda v: v and all(s.strip().isdigit() for s in v), "whole numbers are wanted, such as 0,1,2")
    BATCH_SIZE = flags.DEFINE_integer("batch_size", 256, "Examples per batch.", lower_bound=1)
    WORKERS = flags.DEFINE_integer("workers", 0, "Processes that read and decode; 0: threads.", lower_bound=0)

    def _main() -> None:
        seeds = tuple(int(seed) for seed in SEEDS.value)
        sources = (TRAIN.value, TEST.value, WORKDIR.value)
        result = run(WEIGHTS.value, *sources, STAGES.value, LEARNER.value, seeds, PIXELS.value, BATCH_SIZE.value, WORKERS.value)
        if jax.process_index() == 0:
            print(report(result, WORKDIR.value))
            print(f"{WORKDIR.value}: probe.json, table.md, figures/probe.png, features/")

    start.run(_main)
