"""The task of a checkpoint as a call expression, by the kind of its head or by Hugging Face's ``config.json``."""

import re
from collections.abc import Iterable

from tljax import registry
from tljax.weights.config import PretrainedConfig
from tljax.weights.json_values import Values

CLASSIFIERS = ("linear", "mlp", "cosine")
"""Heads with one number per output; whether these are classes or quantities, the head does not tell."""

OF_HEAD = {"features": "features", "span": "spans", "tokens": "tagging"}
"""Heads that serve one task alone -> that task."""

PROBLEMS = {
    "single_label_classification": "classification",
    "multi_label_classification": "multilabel",
    "regression": "regression",
}
"""Hugging Face's ``problem_type`` -> our task."""

ONE_PER_CLASS = re.compile(r".*For(?:Image|Sequence|Token|Audio)Classification(?:WithTeacher)?")
"""Hugging Face's architectures whose head has one output per entry of ``id2label``."""

OTHER_PURPOSE = re.compile(r".*For(?!(?:Image|Sequence|Token|Audio)Classification)[A-Z].*")
"""Architectures with a head for something else, such as ``BertForMultipleChoice``."""


def task_of_head(head: str) -> str:
    """Returns the task of a head yet to be trained: the only one that its kind serves, "" if it can serve several."""
    return OF_HEAD.get(registry.parse(head)[0], "")


def task_of_file(config: PretrainedConfig) -> str:
    """Returns the task assumed for a published file that states none.

    A classifier of several outputs is one of exclusive classes, as nearly all are; with a single output "", for it may be a quantity or a
    yes and no.
    """
    classes = registry.parse(config.head)[0] in CLASSIFIERS and config.num_classes > 1
    return "classification" if classes else task_of_head(config.head)


def stated_task(content: Values, config: PretrainedConfig) -> str:
    """Reads the task off Hugging Face's ``config.json``; that of `config` where it states none.

    A classifier without a ``problem_type`` and with a single output is a regression, as transformers takes it.

    Raises:
      ValueError: an unknown ``problem_type``; a ``num_labels`` without names that is not the number of outputs of such an architecture.
    """
    architectures, problem = names(content), content.get("problem_type", str)
    if problem not in (None, *PROBLEMS):
        raise ValueError(f"problem_type is {problem!r}, expected {' or '.join(PROBLEMS)}")
    count = content.get("num_labels", int) if content.get("id2label", dict) is None else None
    if count not in (None, config.num_classes) and any(ONE_PER_CLASS.fullmatch(name) for name in architectures):
        raise ValueError(f"num_labels is {count}, but the weights have {config.num_classes} outputs")
    if registry.parse(config.head)[0] not in CLASSIFIERS:
        return config.task
    if any(OTHER_PURPOSE.fullmatch(name) for name in architectures):
        return ""
    if problem is not None:
        return PROBLEMS[problem]
    return "regression" if config.num_classes == 1 else config.task


def names(content: Values) -> list[str]:
    """The texts among ``architectures``."""
    listed: Iterable[object] = content.get("architectures", list) or ()
    return [name for name in listed if isinstance(name, str)]


def problem_type(config: PretrainedConfig) -> dict[str, str]:
    """``{"problem_type": ...}`` of a ``config.json`` for the task of `config`; {} where Hugging Face has no word for it."""
    task = registry.parse(config.task)[0] if config.task else ""
    word = next((theirs for theirs, ours in PROBLEMS.items() if ours == task), "")
    return {"problem_type": word} if word else {}
