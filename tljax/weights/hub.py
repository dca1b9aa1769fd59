"""``hf://owner/name``: a repository of the Hugging Face hub as a local folder."""

import functools
import os
import re
from pathlib import Path

FORM = "hf://OWNER/NAME[/FILE][@REVISION]"
_PATH = re.compile(r"hf:/{0,2}([\w.-]+/[\w.-]+)((?:/[\w.-]+)*)(?:@([\w./-]+))?")

WEIGHTS = (
    ("model.safetensors", "model.safetensors.index.json", "model-*.safetensors"),
    ("pytorch_model.bin", "pytorch_model.bin.index.json", "pytorch_model-*.bin"),
)
"""What a repository calls its weights; the second kind is fetched where there is none of the first."""

BESIDE = (
    *("config.json", "preprocessor_config.json", "processor_config.json"),
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt", "vocab.json", "merges.txt", "spiece.model"),
    *("modules.json", "sentence_bert_config.json", "1_Pooling/config.json"),
)
"""What says how weights are used: architecture, preprocessing, tokens, pooling."""


def is_remote(path: str | os.PathLike[str]) -> bool:
    """Returns True for a path that means a repository of the hub."""
    return os.fspath(path).startswith("hf:")


@functools.cache
def fetch(path: str) -> Path:
    """The folder (or the file that `path` names) in huggingface_hub's cache, where a second process finds it without a download.

    Only the files of `WEIGHTS` and `BESIDE` are fetched, or the named one and those of `BESIDE`. Without a network what is in the cache
    already is taken. In one process a path means one folder, whatever the repository becomes meanwhile.

    Args:
      path: of the form `FORM`; the revision is a branch, a tag or a commit (default: the main branch).

    Raises:
      ValueError: another form; the package huggingface_hub is missing; the download failed (no network and not in the cache, no such
        repository or revision, a closed one).
      FileNotFoundError: the repository holds none of these files.
    """
    match = _PATH.fullmatch(path)
    if match is None:
        raise ValueError(f"{path}: not of the form {FORM}")
    repository, file, revision = match[1], match[2].strip("/"), match[3]
    for wanted in ((file,),) if file else WEIGHTS:
        folder = _snapshot(path, repository, revision, (*wanted, *BESIDE))
        if any(found.is_file() for pattern in wanted for found in folder.glob(pattern)):
            return folder / file
    names = file or "none of " + ", ".join(pattern for wanted in WEIGHTS for pattern in wanted if "*" not in pattern)
    raise FileNotFoundError(f"{path}: the repository has {'no ' if file else ''}{names}; another file is named as hf://{repository}/FILE")


def _snapshot(path: str, repository: str, revision: str | None, patterns: tuple[str, ...]) -> Path:
    try:
        import huggingface_hub
    except ImportError as e:
        raise ValueError(
            f"{path}: fetching it needs the package huggingface_hub (pip install huggingface_hub); or download {repository} "
            "elsewhere and give the folder's path"
        ) from e
    try:
        return Path(huggingface_hub.snapshot_download(repository, revision=revision, allow_patterns=list(patterns)))
    except Exception as e:  # of whichever HTTP library the package uses, of the cache, of the hub: to a user all of them mean the same
        said = " ".join(str(e).split())[:300]
        raise ValueError(f"{path}: could not be downloaded and is not in the cache ({type(e).__name__}: {said})") from e
