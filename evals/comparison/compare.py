"""Compares two results of the same suite over the same data, case by case and metric by metric."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from evals.comparison.significance import ROUNDING, holm, mcnemar, paired_randomisation, unpaired
from evals.errors import ResultsMismatch
from evals.measures import Measure
from evals.metrics.estimate import Estimate
from evals.metrics.metric import Better, Interval
from evals.tasks.registry import measures_of
from evals.types import SUITES, Case, Results

ALPHA = 0.05
SLOWER_RATIO = 2.0  # a case is slower if it takes twice as long ...
SLOWER_MS = 5.0  # ... and so many milliseconds more: less is the machine's own unrest


class Change(StrEnum):
    """What became of a case."""

    FIXED = "fixed"
    BROKEN = "broken"
    CHANGED = "changed answer"  # another answer, as right or as wrong as before
    SAME = "same"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseChange:
    """One case in both runs."""

    old: Case
    new: Case
    change: Change
    slower: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricChange:
    """One metric in both runs."""

    name: str
    old: Estimate
    new: Estimate
    better: Better
    p: float  # corrected for their number (Holm) where it is of one group among several
    test: str

    @property
    def delta(self) -> float | None:
        """New less old; None where one of them is unscored."""
        return None if self.old.value is None or self.new.value is None else self.new.value - self.old.value

    @property
    def worse(self) -> bool:
        """Whether the new value is on the wrong side of the old one, by however little."""
        delta = self.delta or 0.0
        return (-delta if self.better is Better.HIGHER else delta) > ROUNDING

    @property
    def significant(self) -> bool:
        """Whether the change is more than noise."""
        return self.p < ALPHA

    @property
    def regression(self) -> bool:
        """Worse beyond noise."""
        return self.worse and self.significant


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs, side by side."""

    old: Results
    new: Results
    cases: Sequence[CaseChange]
    metrics: Sequence[MetricChange]

    @property
    def regressed(self) -> bool:
        """Whether any metric is worse beyond noise."""
        return any(metric.regression for metric in self.metrics)

    def having(self, change: Change) -> list[CaseChange]:
        """The cases with that change."""
        return [case for case in self.cases if case.change is change]

    @property
    def slower(self) -> list[CaseChange]:
        """The cases that became slower, the most so first."""
        slow = [case for case in self.cases if case.slower]
        return sorted(slow, key=lambda c: -((c.new.ms or 0.0) - (c.old.ms or 0.0)))


def compare(old: Results, new: Results) -> Comparison:
    """Compare two runs.

    Raises:
        ResultsMismatch: they are of different suites, data or cases.
    """
    _require_same(old, new)
    theirs = {case.id: case for case in new.cases}
    pairs = [(case, theirs[case.id]) for case in old.cases]
    return Comparison(
        old=old,
        new=new,
        cases=[CaseChange(old=a, new=b, change=_change(a, b), slower=_slower(a, b)) for a, b in pairs],
        metrics=_metrics(old, new, pairs),
    )


def _require_same(old: Results, new: Results) -> None:
    if old.suite != new.suite:
        msg = f"the first result is of suite {old.suite!r}, the second of {new.suite!r}; compare runs of one suite"
        raise ResultsMismatch(msg)
    if old.suite not in SUITES:
        msg = f"no suite {old.suite!r} is known here; known are {', '.join(SUITES)}"
        raise ResultsMismatch(msg)
    if old.data.get("sha256") != new.data.get("sha256"):
        files = _differing(old.data.get("files"), new.data.get("files"))
        msg = (
            f"the results are of different data ({old.data.get('path')} and {new.data.get('path')}"
            f"{f'; {files} differ' if files else ''}); run both on the same files"
        )
        raise ResultsMismatch(msg)
    if {c.id for c in old.cases} != {c.id for c in new.cases} or len(old.cases) != len(new.cases):
        msg = (
            f"the results do not hold the same cases ({len(old.cases)} and {len(new.cases)}); "
            "run both with the same choice of rows to learn from and to score"
        )
        raise ResultsMismatch(msg)


def _differing(old: object, new: object) -> str:
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return ""
    return ", ".join(sorted(str(name) for name in {*old, *new} if old.get(name) != new.get(name)))


def _change(old: Case, new: Case) -> Change:
    if old.correct is not new.correct and new.correct is not None and old.correct is not None:
        return Change.FIXED if new.correct else Change.BROKEN
    return Change.SAME if _said(old) == _said(new) else Change.CHANGED


def _said(case: Case) -> tuple[str, ...]:
    """What the visitor would notice: the first entry of a ranking, a decision and the entry answered from."""
    if isinstance(case.got, tuple):
        return case.got[:1]
    return (case.got, *case.top_ids[:1]) if case.got == "answer" else (case.got,)


def _slower(old: Case, new: Case) -> bool:
    if old.ms is None or new.ms is None:
        return False
    return new.ms >= SLOWER_RATIO * old.ms and new.ms - old.ms >= SLOWER_MS


def _metrics(old: Results, new: Results, pairs: Sequence[tuple[Case, Case]]) -> list[MetricChange]:
    measures = {m.name: m for m in measures_of(old.suite, old.cases)}
    names = [name for name in old.metrics if name in new.metrics]
    changes = [_metric(name, old.metrics[name], new.metrics[name], measures.get(name), pairs) for name in names]
    grouped = [i for i, change in enumerate(changes) if "/" in change.name]
    # The whole is held to p < 0.05; of the many groups some would fall below that by chance alone.
    corrected = dict(zip(grouped, holm([changes[i].p for i in grouped]), strict=True))
    return [_with_p(change, corrected.get(i, change.p)) for i, change in enumerate(changes)]


def _metric(
    name: str, old: Estimate, new: Estimate, measure: Measure | None, pairs: Sequence[tuple[Case, Case]]
) -> MetricChange:
    better = measure.metric.better if measure else Better.HIGHER
    if measure is None:
        return MetricChange(name=name, old=old, new=new, better=better, p=unpaired(old, new), test="unpaired normal")
    rows = [(measure.pick(a), measure.pick(b)) for a, b in pairs]
    rows = [(a, b) for a, b in rows if a is not None or b is not None]
    both = [(a, b) for a, b in rows if a is not None and b is not None]
    if measure.metric.interval is Interval.WILSON and len(both) == len(rows):
        up = sum(b > a for a, b in both)
        down = sum(b < a for a, b in both)
        p, test = mcnemar(fixed=up, broken=down), "McNemar exact"
    elif rows:
        first, second = [a for a, _ in rows], [b for _, b in rows]
        p, test = paired_randomisation(first, second, measure.metric.statistic), "paired randomisation"
    else:
        p, test = 1.0, "nothing scored"
    return MetricChange(name=name, old=old, new=new, better=better, p=p, test=test)


def _with_p(change: MetricChange, p: float) -> MetricChange:
    return MetricChange(name=change.name, old=change.old, new=change.new, better=change.better, p=p, test=change.test)
