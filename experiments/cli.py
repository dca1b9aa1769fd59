"""The main function of every program: flags, connection to the other processes, one line for bad input."""

import ast
import difflib
import logging
import os
import re
import sys
from collections.abc import Callable
from typing import Any

import jax
from absl import app, flags
from ml_collections import config_flags

from experiments.config import Config
from tljax.runs import overrides
from tljax.train.checkpoint import CheckpointError
from tljax.train.logger import NonFinite

EXPECTED = (ValueError, KeyError, OSError, CheckpointError, NonFinite)
_TRACEBACK = flags.DEFINE_bool("traceback", False, "Show where in the code an error was raised.")
PROFILE = "START:STOP: write a profiler trace of these steps (the first has number 0) into WORKDIR/profile."
"""Help of the flag ``--profile``."""


class _Dict(flags.ArgumentParser):
    """A field that is a dict takes a Python literal."""

    def parse(self, argument: Any) -> Any:
        try:
            return ast.literal_eval(argument) if isinstance(argument, str) else argument
        except (ValueError, SyntaxError):
            raise ValueError(f"expected a dict of Python literals, got {argument!r}") from None


def recipe(main: Callable[..., None], **texts: str) -> None:
    """`run` a program that takes a recipe: `main` is called with the values of ``--config`` and ``--workdir``.

    Args:
      main: ``(config, workdir, **texts) -> None``.
      texts: more flags that hold a text, empty by default: name -> help.
    """
    text_flags = {name: flags.DEFINE_string(name, "", text) for name, text in texts.items()}
    config_flags.register_flag_parser_for_type(dict, _Dict())
    config = config_flags.DEFINE_config_file("config", help_string="A recipe, such as experiments/configs/digits.py[:argument].")
    workdir = flags.DEFINE_string("workdir", None, "Folder of the run; the same command resumes it.")
    flags.mark_flags_as_required(["config", "workdir"])
    run(lambda: main(config.value, str(workdir.value), **{name: flag.value for name, flag in text_flags.items()}))


def run(main: Callable[[], None]) -> None:
    """Parse the flags, connect to the other processes, call `main`. An expected error ends in one line on stderr and exit status 1."""

    def started(argv: list[str]) -> None:
        if argv[1:]:
            raise app.UsageError(f"unexpected arguments: {' '.join(argv[1:])}")
        logging.getLogger("absl").setLevel(logging.CRITICAL)  # Orbax logs every file that it writes, and every error twice
        logging.getLogger().setLevel(logging.WARNING)  # libraries log their progress as information
        _join()
        main()

    try:
        app.run(started, flags_parser=_parsed)
    except EXPECTED as e:
        if flags.FLAGS.is_parsed() and _TRACEBACK.value:
            raise
        sys.exit(f"error: {_text(e)}")


def _parsed(argv: list[str]) -> list[str]:
    """Parse the flags; an error becomes one line. absl would print the traceback of a recipe that refuses its argument."""
    for path in (arg.partition("=")[2].partition(":")[0] for arg in argv if arg.startswith("--config=")):
        if not os.path.exists(path):
            raise ValueError(f"{path}: no such recipe (--config=FILE.py[:ARGUMENT])")
    try:
        return flags.FLAGS(argv)
    except flags.Error as e:
        lines = [line.strip() for line in str(e).splitlines() if line.strip()]
        raise ValueError(re.sub(r"^\w+Error: ", "", lines[-1])) from e
    except LookupError as e:
        raise ValueError(_unknown(argv) or _text(e)) from e


def _unknown(argv: list[str]) -> str:
    """One line on the first ``--config.FIELD`` that does not exist, with the fields that may be meant; empty if all exist."""
    fields = list(overrides.field_types(Config))
    for field in (match[1] for arg in argv if (match := re.match(r"--?(?:no)?config\.([\w.]+)", arg))):
        if field not in fields:
            siblings = [name for name in fields if name.rpartition(".")[0] == field.rpartition(".")[0]]
            near = difflib.get_close_matches(field.rpartition(".")[2], [name.rpartition(".")[2] for name in siblings], n=1)
            meant = [name for name in siblings if name.rpartition(".")[2] in near] or difflib.get_close_matches(field, fields, n=1)
            hint = f"did you mean {meant[0]}?" if meant and (near or not siblings) else f"there are {', '.join(siblings or fields)}"
            return f"--config.{field}: a config has no such field; {hint}"
    return ""


def _join() -> None:
    """Connect to the run's other processes, if the environment names them.

    TLJAX_COORDINATOR, TLJAX_NUM_PROCESSES and TLJAX_PROCESS_ID give them by hand; TLJAX_DISTRIBUTED=1 asks the cluster (Slurm, GKE, TPU).
    """
    if "TLJAX_COORDINATOR" in os.environ:
        count, index = int(os.environ["TLJAX_NUM_PROCESSES"]), int(os.environ["TLJAX_PROCESS_ID"])
        jax.distributed.initialize(os.environ["TLJAX_COORDINATOR"], count, index)
    elif os.environ.get("TLJAX_DISTRIBUTED") == "1":
        jax.distributed.initialize()


def _text(e: BaseException) -> str:
    if isinstance(e, OSError) and e.filename:
        return f"{e.filename}: {e.strerror}"
    return str(e.args[0]) if isinstance(e, KeyError) and e.args else str(e)
