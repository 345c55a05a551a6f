"""The page of a comparison: each metric old and new, and the cases that changed."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from evals.comparison.compare import CaseChange, Change, Comparison, MetricChange
from evals.metrics.estimate import Estimate
from evals.report.page import number, page, receipt, said, section, table

ROWS = 300  # of each table of cases


def render(comparison: Comparison) -> str:
    """The whole page."""
    suite, n = comparison.new.suite, comparison.new.n
    head = (
        f"<header><h1>{escape(suite)}: old and new</h1><p>{n:,} cases · "
        f"<code>{escape(str(comparison.new.data.get('path')))}</code></p></header>"
    )
    lists = [
        section(f"{change.value.capitalize()} ({len(found)})", _cases(found))
        for change in (Change.BROKEN, Change.FIXED, Change.CHANGED)
        if (found := comparison.having(change))
    ]
    slower = comparison.slower
    grouped = [m for m in comparison.metrics if "/" in m.name]
    return page(
        f"kefu eval compare {suite}",
        [
            head,
            _verdict(comparison),
            section("Metrics", _metrics([m for m in comparison.metrics if "/" not in m.name])),
            *lists,
            section(f"Slower ({len(slower)})", _cases(slower, times=True)) if slower else "",
            section("By group", _metrics(grouped), note="p corrected for the number of groups (Holm)"),
        ],
    )


def write(comparison: Comparison, path: Path) -> None:
    """Write the page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(comparison), encoding="utf-8")


def _verdict(comparison: Comparison) -> str:
    counts = ", ".join(f"{len(comparison.having(c))} {c.value}" for c in Change if c is not Change.SAME)
    if comparison.regressed:
        names = ", ".join(escape(m.name) for m in comparison.metrics if m.regression)
        return f'<p class="verdict bad">Regression beyond noise: {names}. {counts}.</p>'
    return f'<p class="verdict good">No regression beyond noise. {counts}.</p>'


def _metrics(metrics: Sequence[MetricChange]) -> str:
    rows = [
        [
            escape(m.name),
            _estimate(m.old),
            _estimate(m.new),
            f'<span class="{_tone(m)}">{number(m.delta, "+.4f")}</span>',
            f"{m.p:.3f}",
            f"<small>{escape(m.test)}</small>",
            f'<span class="{_tone(m)}">{_word(m)}</span>',
        ]
        for m in metrics
    ]
    return table(["metric", "#old", "#new", "#change", "#p", "test", ""], rows)


def _estimate(e: Estimate) -> str:
    if e.value is None:
        return "–"
    return f"{number(e.value)}<br><small>{number(e.low, '.3f')}–{number(e.high, '.3f')}</small>"


def _tone(metric: MetricChange) -> str:
    if not metric.delta or not metric.significant:
        return "soft"
    return "bad" if metric.worse else "good"


def _word(metric: MetricChange) -> str:
    if not metric.delta:
        return ""
    if not metric.significant:
        return "within noise"
    return "worse" if metric.worse else "better"


def _cases(changes: Sequence[CaseChange], *, times: bool = False) -> str:
    return table(["query", "expected", "old", "new", ""], [_row(change, times=times) for change in changes[:ROWS]])


def _row(change: CaseChange, *, times: bool) -> list[str]:
    old, new = change.old, change.new
    group = f' <span class="tag">{escape(new.group)}</span>' if new.group else ""
    before, after = (
        (f"{number(old.ms, '.1f')} ms", f"{number(new.ms, '.1f')} ms")
        if times
        else (said(old.got) + _from(old.top_ids, old.got), said(new.got) + _from(new.top_ids, new.got))
    )
    return [escape(new.query) + group, said(new.expected), before, after, receipt(new)]


def _from(ids: tuple[str, ...], got: str | tuple[str, ...]) -> str:
    return "<br>" + said(ids, limit=1) if ids and isinstance(got, str) else ""
