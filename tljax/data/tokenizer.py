"""Texts as the token ids that a checkpoint was trained with, by the tokenizer's own files."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

Example = dict[str, Any]

PADS = ("[PAD]", "<pad>", "<|endoftext|>")
"""Names of the token that fills up a text, in BERT's, in RoBERTa's and in CLIP's vocabularies; the tokenizer's own files win."""

SPECIAL = ("[UNK]", "[CLS]", "[SEP]")

SMILES = r"\[[^\]]+\]|Br|Cl|@@|>>|%\([0-9]{3}\)|%[0-9]{2}|[BCNOPSFIbcnops0-9().=#\-+\\/:~@?>*$|]"
"""One token of a molecule's SMILES string: a bracketed atom, an atom, a bond, a ring closure, ... (Schwaller et al. 2018, section 2.1)."""


def read(path: str) -> Tokenizer:
    """The tokenizer that a file describes.

    Args:
      path: ``tokenizer.json`` of the library `tokenizers`; BERT's ``vocab.txt``, one token a line; or RoBERTa's ``vocab.json``, with
        ``merges.txt`` beside it. A ``tokenizer_config.json`` beside ``vocab.txt`` may say do_lower_case, strip_accents and
        tokenize_chinese_chars; where it does not say the first, texts are lower-cased unless the vocabulary has capital letters. A
        ``vocab.txt`` of SMILES tokens (no piece begins with ``##``, and there is ``Cl``) cuts molecules by the regex `SMILES`.

    Raises:
      FileNotFoundError: no such file. ValueError: a damaged file, or one of another kind; names the file.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"{path}: there is no such tokenizer file")
    readers: dict[str, Callable[[Path], Tokenizer]] = {"vocab.txt": _vocabulary, "vocab.json": _byte_pairs}
    try:
        return readers.get(file.name, lambda f: Tokenizer.from_file(str(f)))(file)
    except Exception as e:  # the library raises bare Exceptions
        text = str(e) if type(e) is ValueError else f"cannot be read as a tokenizer: {e}"
        raise ValueError(text if str(file) in text else f"{file}: {text}") from None


def _vocabulary(file: Path) -> Tokenizer:
    tokens = file.read_text(encoding="utf-8").splitlines()
    ids = {token: i for i, token in enumerate(tokens)}
    if missing := [token for token in SPECIAL if token not in ids]:
        raise ValueError(f"the vocabulary lacks {', '.join(missing)}")
    pieces = any(token.startswith("##") for token in tokens)
    if not pieces and "Cl" not in ids:
        raise ValueError(
            "the vocabulary has no pieces of words (##...), so how its texts are cut is unknown: put a tokenizer.json beside it"
        )
    made = Tokenizer(models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=100) if pieces else models.WordLevel(ids, "[UNK]"))
    if pieces:
        made.normalizer, made.pre_tokenizer = _words(file.with_name("tokenizer_config.json"), tokens), pre_tokenizers.BertPreTokenizer()
        made.decoder = decoders.WordPiece()
    else:
        made.pre_tokenizer = pre_tokenizers.Split(Regex(SMILES), "removed", invert=True)
    made.post_processor = processors.BertProcessing(("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"]))
    made.add_special_tokens([AddedToken(t, special=True) for t in (*SPECIAL, "[PAD]", "[MASK]") if t in ids])
    return made


def _words(config: Path, tokens: list[str]) -> normalizers.Normalizer:
    said = json.loads(config.read_text(encoding="utf-8")) if config.is_file() else {}
    capitals = any(t != t.lower() for t in tokens if not re.fullmatch(r"\[.*\]", t))
    return normalizers.BertNormalizer(
        lowercase=said.get("do_lower_case", not capitals),
        strip_accents=said.get("strip_accents"),
        handle_chinese_chars=said.get("tokenize_chinese_chars", True),
    )


def _byte_pairs(file: Path) -> Tokenizer:
    merges = file.with_name("merges.txt")
    if not merges.is_file():
        raise ValueError(f"there is no {merges.name} beside it")
    made = Tokenizer(models.BPE.from_file(str(file), str(merges), unk_token="<unk>"))
    ids = made.get_vocab()
    if missing := [token for token in ("<s>", "</s>") if token not in ids]:
        raise ValueError(f"the vocabulary lacks {', '.join(missing)}, so it is not RoBERTa's")
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    made.post_processor = processors.RobertaProcessing(("</s>", ids["</s>"]), ("<s>", ids["<s>"]), add_prefix_space=False)
    made.add_special_tokens([AddedToken(t, special=True) for t in ("<s>", "<pad>", "</s>", "<unk>") if t in ids])
    if "<mask>" in ids:
        made.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    return made


def fitted(path: str, length: int, vocabulary: int) -> Tokenizer:
    """`read`, and every text cut or filled up to `length` tokens, on the right; of a pair the longer one is cut first.

    Raises:
      FileNotFoundError, ValueError: as `read`; a tokenizer with more tokens than `vocabulary`, or without one that fills up; a length that
        the special tokens use up.
    """
    made = read(path)
    if (size := made.get_vocab_size()) > vocabulary:
        raise ValueError(f"{path}: it has {size} tokens, but the model's vocabulary {vocabulary}")
    stated = [(made.padding or {}).get("pad_token"), _stated_pad(Path(path).with_name("tokenizer_config.json"))]
    pad = next((token for token in (*stated, *PADS) if token and made.token_to_id(token) is not None), None)
    if pad is None:
        raise ValueError(f"{path}: no token fills up short texts; looked for {', '.join(PADS)}")
    if length <= made.num_special_tokens_to_add(True):
        raise ValueError(f"{path}: a length of {length} tokens leaves no room beside the special ones")
    made.enable_truncation(length, strategy="longest_first")
    made.enable_padding(length=length, pad_id=made.token_to_id(pad), pad_token=pad, direction="right")
    return made


def _stated_pad(config: Path) -> str | None:
    """The ``pad_token`` of a ``tokenizer_config.json``: its text, or an object with that as ``content``."""
    if not config.is_file():
        return None
    try:
        said = json.loads(config.read_text(encoding="utf-8")).get("pad_token")
    except (ValueError, AttributeError) as e:
        raise ValueError(f"{config}: cannot be read: {e}") from None
    said = said.get("content") if isinstance(said, dict) else said
    return said if isinstance(said, str) else None


def on_host(path: str, length: int, vocabulary: int) -> Callable[[Example], Example]:
    """The half of preprocessing that runs in the loader: a text ``x``, or the two texts ``x`` and ``pair``, become ids.

    Gives ``x``, ``mask`` (1 for real tokens) and ``segment`` (1 for the second text), int32 `[length]` each. A batch that holds ids
    already, ``x`` and ``mask`` of integers, passes; it is all that passes where `path` is empty.

    Raises:
      FileNotFoundError, ValueError: as `fitted`; on use, an ``x`` of another kind, a text without a tokenizer.
    """
    tokenizer = fitted(path, length, vocabulary) if path else None

    def prepare(example: Example) -> Example:
        text, rest = example["x"], {name: value for name, value in example.items() if name not in ("x", "pair")}
        if not isinstance(text, str):
            if np.asarray(text).dtype.kind in "iu" and "mask" in example:
                return example
            raise ValueError(f"x is {type(text).__name__}; wanted is a text, or ids of tokens with a mask")
        if tokenizer is None:
            raise ValueError("x is a text, but the weights came without a tokenizer: put tokenizer.json or vocab.txt beside them")
        coded = tokenizer.encode(text, example.get("pair"))
        return rest | {
            "x": np.array(coded.ids, np.int32),
            "mask": np.array(coded.attention_mask, np.int32),
            "segment": np.array(coded.type_ids, np.int32),
        }

    return prepare
