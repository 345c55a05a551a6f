"""queries.jsonl: what is asked, with what is expected, read as each suite needs it."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from evals.datasets.jsonl import Line, read_lines
from evals.errors import DatasetError
from evals.metrics.decision_recall import MET_BY


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A query for the knowledge base."""

    id: str
    text: str
    relevant_ids: tuple[str, ...]  # empty: nothing answers it
    kind: str = ""  # plain, colloquial, ...
    expect: str = ""  # a key of MET_BY


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A text with its class."""

    id: str
    text: str
    label: str
    bot: str = ""  # where one file holds several, each is trained and scored apart
    group: str = ""  # what metrics are also given for: the bot, or the set
    split: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Misspelling:
    """A text and how it should be spelled; the same for a clean text."""

    id: str
    text: str
    target: str
    lang: str
    group: str = ""


def queries_file(data: Path) -> Path:
    """The file with the queries: `data` itself, or queries.jsonl in that folder."""
    return data if data.is_file() else data / "queries.jsonl"


def read_questions(path: Path) -> list[Question]:
    """Queries of the suites `retrieval` and `answers`.

    A line holds "query" and "relevant_ids", and may hold "kind" and "expect"; without "expect" a query with relevant
    ids expects an answer, one without expects `clarify_or_unknown`.

    Raises:
        DatasetError: a field is missing, of the wrong type, or an expectation is unknown.
    """
    lines = read_lines(path)
    return [
        Question(
            id=key,
            text=line.text("query"),
            relevant_ids=line.texts("relevant_ids"),
            kind=line.text("kind", default=""),
            expect=expectation(line),
        )
        for key, line in zip(_keys(lines), lines, strict=True)
    ]


def expectation(line: Line) -> str:
    """What the visitor should get, given or derived from the relevant ids."""
    derived = "answer" if line.texts("relevant_ids", optional=True) else "clarify_or_unknown"
    expect = line.text("expect", default=derived)
    if expect not in MET_BY:
        problem = f"{expect!r} is none of {', '.join(MET_BY)}"
        raise DatasetError(line.path, problem, line=line.number, field="expect")
    return expect


def read_intents(path: Path) -> list[Example]:
    """Examples of the suite `intent`: "query", "intent", and "bot" where a file holds several."""
    return _examples(path, label=lambda line: line.label("intent"), group="")


def read_sentiments(path: Path) -> list[Example]:
    """Examples of the suite `sentiment`: "query", "label", and "set" where a file joins several."""
    return _examples(path, label=_sentiment, group="set")


def read_handoffs(path: Path) -> list[Example]:
    """Examples of the suite `handoff`: "query" and the boolean "handoff" as labels `true` and `false`; and "domain"."""
    return _examples(path, label=lambda line: "true" if line.flag("handoff") else "false", group="domain")


def read_misspellings(path: Path) -> list[Misspelling]:
    """Texts of the suite `spelling`: "query", "target", "lang", and "set" where a file joins several."""
    lines = read_lines(path)
    return [
        Misspelling(
            id=key,
            text=line.text("query"),
            target=line.text("target"),
            lang=line.text("lang", default=""),
            group=line.text("set", default=""),
        )
        for key, line in zip(_keys(lines), lines, strict=True)
    ]


def _examples(path: Path, *, label: Callable[[Line], str], group: str) -> list[Example]:
    lines = read_lines(path)
    return [
        Example(
            id=key,
            text=line.text("query"),
            label=label(line),
            bot=line.text("bot", default=""),
            group=line.text("bot", default="") or (line.text(group, default="") if group else ""),
            split=line.text("split", default=""),
        )
        for key, line in zip(_keys(lines), lines, strict=True)
    ]


def _sentiment(line: Line) -> str:
    value = line.text("label")
    if value not in ("negative", "neutral", "positive"):
        problem = f"{value!r} is none of negative, neutral, positive"
        raise DatasetError(line.path, problem, line=line.number, field="label")
    return value


def _keys(lines: Sequence[Line]) -> list[str]:
    """An id for each line: its own where every line has one and no two share it, else its number."""
    own = [line.fields.get("id") for line in lines]
    if all(isinstance(x, str) and x for x in own) and max(Counter(own).values(), default=0) == 1:
        return [str(x) for x in own]
    return [f"line {line.number}" for line in lines]
