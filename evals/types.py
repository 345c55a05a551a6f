"""The values of an evaluation: what was asked, what came back, and how it was judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from evals.metrics.estimate import Estimate

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"
Fact: TypeAlias = str | float | bool | None

SUITES = ("retrieval", "intent", "sentiment", "spelling", "handoff", "answers", "dialogs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One query with what was expected and what came; enough to compute every metric of its suite again."""

    id: str  # unique in a run and the same for every run over the same data
    query: str
    expected: str | tuple[str, ...]  # a label, a decision, a text, or entry ids
    got: str | tuple[str, ...]
    correct: bool | None  # None: there was nothing to hold it against
    confidence: float | None = None  # in [0, 1], of the system in `got`
    ms: float | None = None  # wall time; a share of its batch where queries were run in batches
    group: str = ""  # bot, kind or set: metrics are given for each group besides the whole
    relevant_ids: tuple[str, ...] = ()
    top_ids: tuple[str, ...] = ()
    facts: Mapping[str, Fact] = field(default_factory=dict)  # what the suite's metrics read
    receipt: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRun:
    """What running a task gave."""

    cases: list[Case]
    extra: Mapping[str, Estimate] = field(default_factory=dict)  # metrics that are not over the cases
    config: Mapping[str, Json] = field(default_factory=dict)  # what the task did: split, versions
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """One run of one suite, as `--json` writes it."""

    suite: str
    data: Mapping[str, Json]  # "path", "sha256" and "files" with the checksum of each
    config: Mapping[str, Json]
    metrics: Mapping[str, Estimate]
    cases: Sequence[Case]

    @property
    def n(self) -> int:
        """Cases in the run."""
        return len(self.cases)
