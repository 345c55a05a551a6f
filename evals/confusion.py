"""Which class is taken for which."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from evals.types import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """Cases of one class that were given another."""

    expected: str
    got: str
    n: int
    of: int  # cases of the expected class
    examples: tuple[str, ...]  # up to three queries


def confusions(cases: Iterable[Case]) -> list[Confusion]:
    """The pairs, most frequent first; cases whose expectation is no single label have none."""
    labelled = [c for c in cases if isinstance(c.expected, str) and isinstance(c.got, str)]
    totals = Counter(str(c.expected) for c in labelled)
    wrong: dict[tuple[str, str], list[str]] = {}
    for case in labelled:
        if case.correct is False and case.expected != case.got:
            wrong.setdefault((str(case.expected), str(case.got)), []).append(case.query)
    found = [
        Confusion(expected=e, got=g, n=len(queries), of=totals[e], examples=tuple(queries[:3]))
        for (e, g), queries in wrong.items()
    ]
    return sorted(found, key=lambda c: (-c.n, c.expected, c.got))


def worst(cases: Iterable[Case]) -> list[Case]:
    """Wrong cases, those that the system was surest of first."""
    wrong = [c for c in cases if c.correct is False]
    return sorted(wrong, key=lambda c: (-(c.confidence if c.confidence is not None else -1.0), c.id))


def slowest(cases: Iterable[Case]) -> list[Case]:
    """Cases with a time, the slowest first."""
    return sorted((c for c in cases if c.ms is not None), key=lambda c: (-(c.ms or 0.0), c.id))
