"""What every program does first and last: join the other processes, and end bad input with one line."""

import logging
import os
import re
import sys
from collections.abc import Callable

import jax
from absl import app, flags
from ml_collections import config_flags

from experiments.config import Config
from tljax.train.checkpoint import Damaged
from tljax.train.logger import NonFinite

EXPECTED = (ValueError, KeyError, OSError, Damaged, NonFinite)
_TRACEBACK = flags.DEFINE_bool("traceback", False, "Show where in the code an error was raised.")


def recipe(main: Callable[[Config, str], None]) -> None:
    """`run` for the programs that take a recipe: `main` gets the values of ``--config`` and ``--workdir``."""
    config = config_flags.DEFINE_config_file("config", help_string="A recipe, such as experiments/configs/digits.py[:argument].")
    workdir = flags.DEFINE_string("workdir", None, "Folder of the run; the same command goes on where it stopped.")
    flags.mark_flags_as_required(["config", "workdir"])
    run(lambda: main(config.value, str(workdir.value)))


def run(main: Callable[[], None]) -> None:
    """Parse the flags, join the other processes, call `main`. An expected error becomes one line on stderr and exit status 1."""

    def started(argv: list[str]) -> None:
        if argv[1:]:
            raise app.UsageError(f"unexpected arguments: {' '.join(argv[1:])}")
        logging.getLogger("absl").setLevel(logging.CRITICAL)  # Orbax tells every file that it writes, and every error twice
        _join()
        main()

    try:
        app.run(started, flags_parser=_parsed)
    except EXPECTED as e:
        if flags.FLAGS.is_parsed() and _TRACEBACK.value:
            raise
        sys.exit(f"error: {_text(e)}")


def _parsed(argv: list[str]) -> list[str]:
    """The flags, or one line on what is wrong with them: absl would print the traceback of a recipe that refuses its argument."""
    for path in (arg.partition("=")[2].partition(":")[0] for arg in argv if arg.startswith("--config=")):
        if not os.path.exists(path):
            raise ValueError(f"{path}: no such recipe (--config=FILE.py[:ARGUMENT])")
    try:
        return flags.FLAGS(argv)
    except flags.Error as e:
        lines = [line.strip() for line in str(e).splitlines() if line.strip()]
        raise ValueError(re.sub(r"^\w+Error: ", "", lines[-1])) from e


def _join() -> None:
    """Connect to the run's other processes: by TLJAX_COORDINATOR and its fellows, or TLJAX_DISTRIBUTED=1 where the cluster tells them."""
    if "TLJAX_COORDINATOR" in os.environ:
        count, index = int(os.environ["TLJAX_NUM_PROCESSES"]), int(os.environ["TLJAX_PROCESS_ID"])
        jax.distributed.initialize(os.environ["TLJAX_COORDINATOR"], count, index)
    elif os.environ.get("TLJAX_DISTRIBUTED") == "1":
        jax.distributed.initialize()


def _text(e: BaseException) -> str:
    if isinstance(e, OSError) and e.filename:
        return f"{e.filename}: {e.strerror}"
    return str(e.args[0]) if isinstance(e, KeyError) and e.args else str(e)
