"""pairs.jsonl: two questions, and whether they ask the same."""

from dataclasses import dataclass
from pathlib import Path

from evals.datasets.jsonl import read_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two texts that mean the same, or do not."""

    left: str
    right: str
    same: bool


def read_pairs(path: Path) -> list[Pair]:
    """Lines with "q1", "q2" and "label" 0 or 1.

    Raises:
        DatasetError: a field is missing or of the wrong type.
    """
    return [Pair(left=line.text("q1"), right=line.text("q2"), same=line.binary("label")) for line in read_lines(path)]
