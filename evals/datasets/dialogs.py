"""dialogs.jsonl: conversations of several turns, each turn with what is expected of it."""

from dataclasses import dataclass
from pathlib import Path

from evals.datasets.jsonl import Line, read_lines
from evals.datasets.queries import expectation
from evals.errors import DatasetError


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogTurn:
    """What the visitor says, and what they should get."""

    text: str
    relevant_ids: tuple[str, ...]
    expect: str  # a key of MET_BY


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialog:
    """One conversation."""

    id: str
    lang: str
    turns: tuple[DialogTurn, ...]


def read_dialogs(path: Path) -> list[Dialog]:
    """Lines {"id", "lang", "turns": [{"text", "relevant_ids", "expect"}]}.

    Raises:
        DatasetError: a field is missing or of the wrong type, an id occurs twice, or a dialog has no turns.
    """
    dialogs: dict[str, Dialog] = {}
    for line in read_lines(path):
        key = line.label("id")
        turns = tuple(_turn(child) for child in line.children("turns"))
        if key in dialogs:
            raise DatasetError(path, f"{key!r} occurs a second time", line=line.number, field="id")
        if not turns:
            raise DatasetError(path, "is empty", line=line.number, field="turns")
        dialogs[key] = Dialog(id=key, lang=line.text("lang", default=""), turns=turns)
    return list(dialogs.values())


def _turn(line: Line) -> DialogTurn:
    return DialogTurn(
        text=line.text("text"), relevant_ids=line.texts("relevant_ids", optional=True), expect=expectation(line)
    )
