"""Texts as the token ids that a checkpoint was trained with, by the tokenizer's own files."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from tokenizers import AddedToken, Encoding, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

Example = dict[str, Any]
_TEXTS = MappingProxyType({"x": "text", "label": "class"})

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
    model = models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=100) if pieces else models.WordLevel(ids, "[UNK]")
    tokenizer = Tokenizer(model)
    if pieces:
        tokenizer.normalizer = _bert_normalizer(file.with_name("tokenizer_config.json"), tokens)
        tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.BertPreTokenizer(), decoders.WordPiece()
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(SMILES), "removed", invert=True)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"]))
    tokenizer.add_special_tokens([AddedToken(t, special=True) for t in (*SPECIAL, "[PAD]", "[MASK]") if t in ids])
    return tokenizer


def _bert_normalizer(config: Path, tokens: list[str]) -> normalizers.Normalizer:
    stated = json.loads(config.read_text(encoding="utf-8")) if config.is_file() else {}
    capitals = any(t != t.lower() for t in tokens if not re.fullmatch(r"\[.*\]", t))
    return normalizers.BertNormalizer(
        lowercase=stated.get("do_lower_case", not capitals),
        strip_accents=stated.get("strip_accents"),
        handle_chinese_chars=stated.get("tokenize_chinese_chars", True),
    )


def _byte_pairs(file: Path) -> Tokenizer:
    merges = file.with_name("merges.txt")
    if not merges.is_file():
        raise ValueError(f"there is no {merges.name} beside it")
    tokenizer = Tokenizer(models.BPE.from_file(str(file), str(merges), unk_token="<unk>"))
    ids = tokenizer.get_vocab()
    if missing := [token for token in ("<s>", "</s>") if token not in ids]:
        raise ValueError(f"the vocabulary lacks {', '.join(missing)}, so it is not RoBERTa's")
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", ids["</s>"]), ("<s>", ids["<s>"]), add_prefix_space=False)
    tokenizer.add_special_tokens([AddedToken(t, special=True) for t in ("<s>", "<pad>", "</s>", "<unk>") if t in ids])
    if "<mask>" in ids:
        tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    return tokenizer


def fitted(path: str, length: int, vocabulary: int) -> Tokenizer:
    """The tokenizer of `read`, set to cut or pad every text to `length` tokens on the right; of a pair it cuts the longer text first.

    Raises:
      FileNotFoundError, ValueError: as `read`; a tokenizer with more tokens than `vocabulary`, or without a padding token; a length that
      the
        special tokens use up.
    """
    tokenizer = read(path)
    if (size := tokenizer.get_vocab_size()) > vocabulary:
        raise ValueError(f"{path}: it has {size} tokens, but the model's vocabulary {vocabulary}")
    stated = [(tokenizer.padding or {}).get("pad_token"), _stated_pad(Path(path).with_name("tokenizer_config.json"))]
    pad = next((token for token in (*stated, *PADS) if token and tokenizer.token_to_id(token) is not None), None)
    if pad is None:
        raise ValueError(f"{path}: it has no padding token; looked for {', '.join(PADS)}")
    if length <= tokenizer.num_special_tokens_to_add(True):
        raise ValueError(f"{path}: a length of {length} tokens leaves no room beside the special ones")
    tokenizer.enable_truncation(length, strategy="longest_first")
    tokenizer.enable_padding(length=length, pad_id=tokenizer.token_to_id(pad), pad_token=pad, direction="right")
    return tokenizer


def _stated_pad(config: Path) -> str | None:
    """The ``pad_token`` of a ``tokenizer_config.json``: its text, or an object with that as ``content``."""
    if not config.is_file():
        return None
    try:
        pad = json.loads(config.read_text(encoding="utf-8")).get("pad_token")
    except (ValueError, AttributeError) as e:
        raise ValueError(f"{config}: cannot be read: {e}") from None
    pad = pad.get("content") if isinstance(pad, dict) else pad
    return pad if isinstance(pad, str) else None


def on_host(path: str, length: int, vocabulary: int, kinds: Mapping[str, str] = _TEXTS) -> Callable[[Example], Example]:
    """The half of preprocessing that runs in the loader: a text ``x``, the two texts ``x`` and ``pair``, or the words ``x`` become ids.

    Gives ``x``, ``mask`` (1 for real tokens) and ``segment`` (1 for the second text), int32 `[length]` each. A label that points into the
    text becomes one over tokens, and fields for decoding are added:

    - ``kinds["label"] == "tags"``: ``label`` int32 `[length]`: the first token of a word has its tag; further tokens of the word, special
      and padding tokens have -1. ``words`` int32 `[length]` is the number of the word at its first token, -1 elsewhere.
    - ``kinds["label"] == "span"``: ``label`` int32 [2] is the first and the last token of the answer in ``pair``; -1 -1 where the answer,
      or a part of it, was cut off. ``offsets`` int32 `[length, 2]` are the characters [begin, end) of ``pair`` that a token covers, -1 -1
      for tokens outside of it.

    An example with ids already, ``x`` and ``mask`` of integers, passes. With an empty `path` no other example does.

    Args:
      path: the tokenizer's file (see `read`), or ``""``.
      length: tokens per example, T.
      vocabulary: the number of tokens that the model knows.
      kinds: field -> kind. ``x`` is ``text`` or ``tokens`` (a tuple of words, cut into tokens one by one; for byte-level tokenizers each
        begins with a space); a ``label`` of another kind than ``tags`` and ``span`` is left alone.

    Raises:
      FileNotFoundError, ValueError: as `fitted`; ``tags`` without ``tokens``, or ``span`` for ``tokens``; on use, an ``x`` of another kind,
        a text without a tokenizer, tags for another number of words, a span without its ``pair`` or outside of it.
    """
    input_kind, label_kind = kinds.get("x", "text"), kinds.get("label")
    if input_kind not in ("text", "tokens") or (input_kind, label_kind) in (("text", "tags"), ("tokens", "span")):
        raise ValueError(f"{dict(kinds)}: a tokenizer takes x of kind text (its label may be a span) or tokens (its label may be tags)")
    of_words = input_kind == "tokens"
    tokenizer = fitted(path, length, vocabulary) if path else None
    if tokenizer is not None and of_words:
        tokenizer = _spaced(tokenizer)

    def prepare(example: Example) -> Example:
        x, rest = example["x"], {name: value for name, value in example.items() if name not in ("x", "pair")}
        if not isinstance(x, str) and np.asarray(x).dtype.kind in "iu" and "mask" in example:
            return example
        _check_input(x, of_words)
        if tokenizer is None:
            raise ValueError("x is a text, but the weights came without a tokenizer: put tokenizer.json or vocab.txt beside them")
        if of_words:
            coded = tokenizer.encode(list(x), is_pretokenized=True)
            rest |= _word_fields(coded, len(x), rest.get("label") if label_kind == "tags" else None)
        else:
            coded = tokenizer.encode(x, example.get("pair"))
            rest |= _span_fields(coded, example.get("pair"), rest.get("label")) if label_kind == "span" else {}
        return rest | {
            "x": np.array(coded.ids, np.int32),
            "mask": np.array(coded.attention_mask, np.int32),
            "segment": np.array(coded.type_ids, np.int32),
        }

    return prepare


def _check_input(x: Any, of_words: bool) -> None:
    words = isinstance(x, tuple | list) and all(isinstance(word, str) for word in x)
    if not (words if of_words else isinstance(x, str)):
        expected = "a tuple of words" if of_words else "a text"
        raise ValueError(f"x is {type(x).__name__}; expected {expected}, or ids of tokens with a mask")


def _spaced(tokenizer: Tokenizer) -> Tokenizer:
    """A byte-level tokenizer that puts a space before each word, as in the texts that its model was trained with."""
    stated = json.loads(tokenizer.to_str())
    outer = stated["pre_tokenizer"] or {}
    byte_levels = [step for step in outer.get("pretokenizers", [outer]) if step.get("type") == "ByteLevel"]
    if not byte_levels or stated["model"].get("end_of_word_suffix"):  # CLIP marks the ends of words instead
        return tokenizer
    for step in byte_levels:
        step["add_prefix_space"] = True
    return Tokenizer.from_str(json.dumps(stated))


def _word_fields(coded: Encoding, num_words: int, tags: Any) -> Example:
    """``words`` [T], and the tags [num_words] moved to the first token of each word."""
    words = np.full(len(coded.ids), -1, np.int32)
    previous = None
    for token, word in enumerate(coded.word_ids):
        if word is not None and word != previous:
            words[token] = word
        previous = word
    if tags is None:
        return {"words": words}
    tags = np.asarray(tags, np.int32)
    if tags.shape != (num_words,):
        raise ValueError(f"label is {list(tags.shape)}, but there are {num_words} words; each word needs one tag")
    return {"words": words, "label": np.where(words >= 0, np.append(tags, -1)[words], -1).astype(np.int32)}


def _span_fields(coded: Encoding, pair: str | None, span: Any) -> Example:
    """``offsets`` [T, 2], and the characters [begin, end) of `pair` as their first and last token."""
    if pair is None:
        raise ValueError("a label of kind span points into the field pair, which the example lacks")
    offsets = _offsets(coded)
    if span is None:
        return {"offsets": offsets}
    begin, end = (int(place) for place in span)
    if begin < 0:
        return {"offsets": offsets, "label": np.full(2, -1, np.int32)}
    if not begin < end <= len(pair):
        raise ValueError(f"the span [{begin}, {end}) is empty or ends outside of the pair, which has {len(pair)} characters")
    tokens = _overlapping(offsets, begin, end)
    label = [-1, -1] if not tokens.size or _is_cut(coded, offsets[:, 1].max(), end) else [tokens[0], tokens[-1]]
    return {"offsets": offsets, "label": np.array(label, np.int32)}


def _offsets(coded: Encoding) -> np.ndarray:
    inside = np.array([sequence == 1 for sequence in coded.sequence_ids])[:, None]
    return np.where(inside, np.array(coded.offsets, np.int32), -1).astype(np.int32)


def _is_cut(coded: Encoding, last: int, end: int) -> bool:
    """True if truncation dropped a token between the characters `last`, where the text was cut, and `end`; some characters have none."""
    return end > last and any(_overlapping(_offsets(beyond), last, end).size for beyond in coded.overflowing)


def _overlapping(offsets: np.ndarray, begin: int, end: int) -> np.ndarray:
    return np.flatnonzero((offsets[:, 0] < end) & (offsets[:, 1] > begin))
