"""Binds metrics to cases: which part of a case a metric reads, for the whole run and for each group."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from evals.metrics.estimate import Estimate
from evals.metrics.metric import Metric, Row
from evals.types import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A metric under the name that the results give it, and the row that a case adds to it."""

    name: str
    metric: Metric
    pick: Callable[[Case], Row | None]  # None: the metric does not score this case

    def estimate(self, cases: Iterable[Case]) -> Estimate:
        """The metric over the cases that it scores."""
        return self.metric.estimate([row for case in cases if (row := self.pick(case)) is not None])


def measure(metric: Metric, pick: Callable[[Case], Row | None]) -> Measure:
    """A measure under the metric's own name."""
    return Measure(name=metric.name, metric=metric, pick=pick)


def with_groups(measures: Sequence[Measure], cases: Iterable[Case]) -> list[Measure]:
    """The measures over all cases, then each over each group, as `name/group`."""
    groups = sorted({case.group for case in cases if case.group})
    return [*measures, *(_narrowed(m, group) for group in groups for m in measures)]


def estimates(measures: Iterable[Measure], cases: Sequence[Case]) -> dict[str, Estimate]:
    """Every measure's value; of a group only what the group has cases for."""
    found = {m.name: m.estimate(cases) for m in measures}
    return {name: e for name, e in found.items() if e.n or "/" not in name}


def _narrowed(whole: Measure, group: str) -> Measure:
    def pick(case: Case) -> Row | None:
        return whole.pick(case) if case.group == group else None

    return Measure(name=f"{whole.name}/{group}", metric=whole.metric, pick=pick)
