"""The source ``squad``: questions whose answer is a span of a given text."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tljax.data.source import Source, digest, sources


@dataclass(frozen=True, eq=False)
class Squad:
    """Questions in memory; build it with `squad`.

    ``source[i]`` is ``{"x": question, "pair": context, "label": int32 [2]}``, without ``"label"`` where `labels` is None.
    """

    questions: tuple[str, ...]
    contexts: tuple[str, ...]
    labels: np.ndarray | None
    ids: tuple[str, ...]
    path: str

    @property
    def fields(self) -> Mapping[str, str]:
        """Question and context, with the span of the answer unless there are no answers."""
        texts = {"x": "text", "pair": "text"}
        return texts if self.labels is None else {**texts, "label": "span"}

    @property
    def classes(self) -> tuple[str, ...]:
        """Empty: an answer is no class."""
        return ()

    def __len__(self) -> int:
        return len(self.questions)

    def __getitem__(self, index: int) -> dict[str, Any]:
        label = {} if self.labels is None else {"label": self.labels[index]}
        return {"x": self.questions[index], "pair": self.contexts[index], **label}

    def name(self, index: int) -> str:
        """The file and the id of a question."""
        return f"{self.path}, question {self.ids[index]}"

    def fingerprint(self) -> str:
        """A hash of questions, contexts and answers."""
        return digest("squad", self.questions, self.contexts, self.labels)


@sources.register
def squad(file: str, articles: Sequence[int] = ()) -> Source:
    """Questions on paragraphs, in SQuAD's JSON form (P. Rajpurkar et al., "SQuAD: 100,000+ questions ...", EMNLP 2016).

    ``x`` is the question, ``pair`` the paragraph, ``label`` the characters [begin, end) of the first answer in it. A file in which no
    question has an answer gives no labels. If some questions have none, they are left out and counted.

    Args:
      file: the JSON file.
      articles: ``(start, stop)``: the articles to read, by their place in the file; (): all. Questions on one article should not be in two
        splits.

    Raises:
      FileNotFoundError: no such file. ValueError: no JSON of that form, articles that the file does not hold, an answer that is not in its
        paragraph at the stated place (names the question's id).
    """
    path = Path(file).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"{file}: there is no such file")
    try:
        stored = json.loads(path.read_text(encoding="utf-8-sig"))["data"]
        rows = list(_questions(_chosen(stored, articles, file), file))
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError, UnicodeDecodeError) as e:
        raise ValueError(f"{file}: expected JSON in SQuAD's form (data, paragraphs, qas, answers): {type(e).__name__}: {e}") from None
    answered = [row for row in rows if row[3] is not None]
    if answered and len(answered) < len(rows):
        print(f"{file}: {len(rows) - len(answered)} of {len(rows)} questions have no answer and are left out", flush=True)
    rows = answered or rows
    if not rows:
        raise ValueError(f"{file}: holds no question")
    ids, questions, contexts, spans = zip(*rows, strict=True)
    labels = np.array(spans, np.int32) if answered else None
    return Squad(questions, contexts, labels=labels, ids=ids, path=file)


def _chosen(stored: list[Any], articles: Sequence[int], file: str) -> list[Any]:
    if not articles:
        return stored
    if len(articles) != 2 or not 0 <= articles[0] < articles[1] <= len(stored):
        raise ValueError(
            f"{file}: articles={articles!r} must be (start, stop) with 0 <= start < stop <= {len(stored)}, its number of articles"
        )
    return stored[articles[0] : articles[1]]


def _questions(articles: list[Any], file: str) -> Iterator[tuple[str, str, str, tuple[int, int] | None]]:
    for article in articles:
        for paragraph in article["paragraphs"]:
            for question in paragraph["qas"]:
                where = f"{file}, question {question['id']}"
                span = _span(question.get("answers") or [], paragraph["context"], where)
                yield str(question["id"]), question["question"], paragraph["context"], span


def _span(answers: list[Any], context: str, where: str) -> tuple[int, int] | None:
    if not answers:
        return None
    begin, text = int(answers[0]["answer_start"]), answers[0]["text"]
    if begin < 0 or not text or context[begin : begin + len(text)] != text:
        raise ValueError(
            f"{where}: expected the answer {text[:60]!r} at character {begin} of its paragraph, found "
            f"{context[max(begin, 0) :][:60]!r}; correct answer_start"
        )
    return begin, begin + len(text)
