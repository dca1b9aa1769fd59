"""The files beside a checkpoint that say how texts become tokens."""

from pathlib import Path

FILES: dict[str, tuple[str, ...]] = {
    "tokenizer.json": ("tokenizer_config.json",),
    "vocab.txt": ("tokenizer_config.json",),
    "vocab.json": ("merges.txt", "tokenizer_config.json"),
}
"""A tokenizer's main file -> those that it is read together with, as far as they are there; the best one first."""


def find(folder: Path) -> str:
    """The path of the tokenizer's main file in a folder; empty: there is none."""
    return next((str(folder / name) for name in FILES if (folder / name).is_file()), "")


def contents(path: str) -> dict[str, bytes]:
    """A tokenizer's files by name, the main one, at `path`, first; {} where `path` is empty. Raises OSError."""
    if not path:
        return {}
    main = Path(path)
    others = [main.with_name(name) for name in FILES.get(main.name, ())]
    return {file.name: file.read_bytes() for file in (main, *(other for other in others if other.is_file()))}
