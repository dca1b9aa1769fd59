"""A classifier on the features of every stage of a frozen backbone shows how much each stage knows of a task.

The classifier's setting (the C of logistic regression) is chosen by stratified cross-validation on the training data. The test data is
measured once for each row of the table. The workdir keeps the features, so that another learner, or the same call after a stop, does not
run the model again; delete `features/` if files changed under the same names. The last call also writes `probe.json`, `table.md` and
`figures/probe.png`.
"""

import dataclasses
import functools
import json
import os
import pathlib
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
import tqdm

from tljax import data
from tljax.evaluate import features, probing
from tljax.report import stage_accuracy, table
from tljax.runs import opening, workdirs


def probe(
    path: str,
    train: str,
    test: str,
    root: str | pathlib.Path,
    *,
    stages: str = "all",
    learner: str = "logistic",
    seeds: Sequence[int] = (0,),
    pixels: int = 0,
    batch_size: int = 256,
    workers: int = 0,
) -> dict[str, Any]:
    """Fit a classifier to the features of each stage and measure it.

    Args:
      path: a weight file, a folder or a workdir.
      train: source to learn from, one class per example.
      test: source to measure on; its classes are matched by name.
      root: the workdir.
      stages: names, or ``all``.
      learner: one of `probing.LEARNERS`.
      seeds: of the folds.
      pixels: side to which images are resized for a first row on raw pixels; 0: no such row.
      batch_size: examples per batch.
      workers: processes that read; 0: threads.

    Returns:
      ``{weights, sha256, model, train, test, learner, setting, seeds, majority, rows}``, which is also written to ``probe.json``.

    Raises:
      ValueError, FileNotFoundError: weights or data that cannot be read, an unknown stage, labels other than classes, test classes that
        the training data lacks, examples that both sources hold, a workdir of another program.
    """
    folder = pathlib.Path(root)
    if (folder / workdirs.RUN).exists():
        raise ValueError(f"{folder} holds a run of another program ({workdirs.RUN}); take another workdir")
    opened = opening.open(path)
    chosen = features.stages_of(opened.model, stages)
    if pixels and len(opened.config.input_size) == 1:
        raise ValueError(f"--pixels={pixels}: {path} is a model of texts, which have none")
    expressions = {"train": train, "test": test}
    sources = {name: opened.task.view(data.create(expression)) for name, expression in expressions.items()}
    labels = _labels(sources, expressions)
    _check_apart(sources, expressions)
    (folder / "features").mkdir(parents=True, exist_ok=True)
    values: dict[str, dict[str, np.ndarray]] = {}
    for name, source in sources.items():
        stored = functools.partial(_stored, folder / "features", source)
        key = [json.dumps(dataclasses.asdict(opened.config)), expressions[name]]
        options = {"batch_size": batch_size, "workers": workers}
        of_stages = functools.partial(features.pretrained, opened, source, chosen, title=name, **options)
        of_pixels = functools.partial(features.pixels, opened.config, source, pixels, **options)
        raw = stored([*key, "pixels", pixels], of_pixels) if pixels else {}
        values[name] = raw | stored([*key, *chosen], of_stages)
    rows = []
    for stage, x in tqdm.tqdm(values["train"].items(), desc=learner, unit="stage", leave=False, disable=jax.process_index() > 0):
        probed = probing.probe(x, labels["train"], values["test"][stage], labels["test"], learner=learner, seeds=seeds)
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
        workdirs.write_json(folder / "probe.json", result)
    return result


def _labels(sources: Mapping[str, data.Source], expressions: Mapping[str, str]) -> dict[str, np.ndarray]:
    """The class ids of the sources ``train`` and ``test``, both numbered as in the first."""
    ids = {}
    for name, source in sources.items():
        try:
            numbered = source if name == "train" else data.relabel(source, tuple(sources["train"].classes))
            ids[name] = data.class_ids(numbered)
        except ValueError as e:
            raise ValueError(f"--{name}={expressions[name]}: {e}") from None
    return ids


def _check_apart(sources: Mapping[str, data.Source], expressions: Mapping[str, str]) -> None:
    """Raise ValueError if train and test share examples by name: the same expression, or the same files."""
    train, test = ({data.name_of(source, i) for i in range(len(source))} for source in sources.values())
    # only files have names that identify an example: two arrays of one .npz have the same names
    if both := [name for name in train & test if expressions["train"] == expressions["test"] or os.path.isfile(name)]:
        raise ValueError(
            f"--test={expressions['test']}: --train={expressions['train']} holds {len(both)} of its examples, such as {min(both)}"
        )


def _stored(
    folder: pathlib.Path, source: data.Source, key: Sequence[Any], compute: Callable[[], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """Read features from a file in `folder`, or compute and write them. Its name hashes all that they depend on except file contents."""
    path = folder / f"{data.digest(json.dumps(list(key)), data.fingerprint(source))}.npz"
    if path.exists():
        try:
            with np.load(path, allow_pickle=False) as file:
                return {name: file[name] for name in file.files if name not in features.RESERVED}
        except (ValueError, EOFError, zipfile.BadZipFile):
            print(f"{path} is damaged: its features are computed again")
    computed = compute()
    if jax.process_index() == 0:
        features.write(path, computed, source, json.dumps(list(key), ensure_ascii=False))
    return computed


def report(result: Mapping[str, Any], root: str | pathlib.Path) -> str:
    """Write `table.md` and `figures/probe.png`; returns caption and table as text."""
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
    stage_accuracy.draw(stages, folder / "figures" / "probe.png", baselines, f"{result['model']}: {result['learner']} on frozen features")
    return f"{caption}\n\n{table.text(shown, list(shown[0]))}"


def _how(result: Mapping[str, Any]) -> str:
    folds, setting, n = result["rows"][0]["folds"], result["setting"], len(result["seeds"])
    if not folds:
        return f"{setting} is a fixed value: a class has one training example in {result['train']}, so nothing can be cross-validated."
    return f"{setting} chosen by {folds}-fold cross-validation ({n} seed{'s' * (n > 1)}) on train: {result['train']}."
