"""Results and comparisons as a terminal shows them."""

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from evals.comparison.compare import CaseChange, Change, Comparison, MetricChange
from evals.confusion import confusions, slowest, worst
from evals.junit import first, shown
from evals.metrics.estimate import Estimate
from evals.types import Case, Results

ROWS = 8  # of each list that is shown; the files hold all


def show(results: Results, console: Console) -> None:
    """The metrics with their intervals, confusion pairs, worst and slowest cases."""
    path = escape(str(results.data.get("path")))
    console.print(f"[bold]{results.suite}[/] · {results.n} cases · {path}", highlight=False)
    table = Table()
    for name in ("metric", "value", "95 % interval", "n"):
        table.add_column(name, justify="left" if name == "metric" else "right", no_wrap=True)
    for name, estimate in results.metrics.items():
        if "/" not in name:
            table.add_row(escape(name), number(estimate.value), span(estimate), str(estimate.n))
    console.print(table)
    _groups(results, console)
    _confusions(results, console)
    _cases("Worst: wrong with the highest confidence", worst(results.cases)[:ROWS], console)
    _cases("Slowest", slowest(results.cases)[: ROWS // 2], console)


def _groups(results: Results, console: Console) -> None:
    """A column for each group; the intervals are in the files."""
    grouped = [name.split("/", 1) for name in results.metrics if "/" in name]
    if not grouped:
        return
    groups = list(dict.fromkeys(group for _, group in grouped))
    held = {name for name, _ in grouped}
    names = [name for name in results.metrics if name in held]
    for part in _fitting(groups, console.width - max(map(len, names)) - 2):
        table = Table(
            title="By group" if part[0] == groups[0] else None, title_justify="left", box=None, header_style="dim"
        )
        table.add_column("metric", no_wrap=True)
        for group in part:
            table.add_column(escape(group), justify="right", no_wrap=True)
        for name in names:
            found = [results.metrics.get(f"{name}/{group}") for group in part]
            table.add_row(escape(name), *("–" if e is None or e.value is None else f"{e.value:.3f}" for e in found))
        console.print(table)


def _fitting(groups: Sequence[str], width: int) -> list[list[str]]:
    """The groups in as many lines of columns as the terminal's width asks for."""
    parts: list[list[str]] = [[]]
    left = width
    for group in groups:
        needed = max(cell_len(group), 5) + 2
        if needed > left and parts[-1]:
            parts.append([])
            left = width
        parts[-1].append(group)
        left -= needed
    return parts


def show_comparison(comparison: Comparison, console: Console) -> None:
    """Each metric old and new, then the cases that changed."""
    console.print(f"[bold]{comparison.new.suite}[/]: old and new · {comparison.new.n} cases", highlight=False)
    table = Table()
    for name in ("metric", "old", "new", "change", "p", "test", ""):
        table.add_column(name, justify="left" if name in ("metric", "test", "") else "right", no_wrap=True)
    shown_metrics = [m for m in comparison.metrics if "/" not in m.name or m.significant]
    for metric in shown_metrics:
        delta = "" if metric.delta is None else f"{metric.delta:+.4f}"
        old, new = number(metric.old.value), number(metric.new.value)
        table.add_row(escape(metric.name), old, new, delta, f"{metric.p:.3f}", metric.test, verdict(metric))
    console.print(table)
    left = len(comparison.metrics) - len(shown_metrics)
    if left:
        console.print(f"[dim]{left} metrics of single groups did not change beyond noise.[/]")
    for change, style in ((Change.BROKEN, "red"), (Change.FIXED, "green"), (Change.CHANGED, "yellow")):
        _changes(change.value, style, comparison.having(change), console)
    _changes("slower", "yellow", comparison.slower, console, times=True)
    if comparison.regressed:
        names = ", ".join(escape(m.name) for m in comparison.metrics if m.regression)
        console.print(f"[bold red]Regression beyond noise:[/] {names}")
    else:
        console.print("[green]No regression beyond noise.[/]")


def number(value: float | None) -> str:
    """A metric's value; an unscored one is a dash, not a zero."""
    return "–" if value is None else f"{value:.4f}"


def span(estimate: Estimate) -> str:
    """An interval."""
    if estimate.low is None or estimate.high is None:
        return "–"
    return f"{estimate.low:.4f} – {estimate.high:.4f}"


def verdict(metric: MetricChange) -> str:
    """One word on a metric's change."""
    if not metric.delta:
        return ""
    if not metric.significant:
        return "noise"
    return "[red]worse[/]" if metric.worse else "[green]better[/]"


def _confusions(results: Results, console: Console) -> None:
    found = confusions(results.cases)[:ROWS] if results.suite != "spelling" else []
    if not found:
        return
    table = Table(title="Confusions", title_justify="left", box=None, header_style="dim", expand=True)
    for name in ("expected", "got", "cases"):
        table.add_column(name, no_wrap=True)
    table.add_column("for example", no_wrap=True, overflow="ellipsis", ratio=1)
    for pair in found:
        table.add_row(escape(pair.expected), escape(pair.got), f"{pair.n} of {pair.of}", _text(pair.examples[0]))
    console.print(table)


def _cases(title: str, cases: Sequence[Case], console: Console) -> None:
    if not cases:
        return
    table = Table(title=title, title_justify="left", box=None, header_style="dim", expand=True)
    table.add_column("query", no_wrap=True, overflow="ellipsis", ratio=1)
    for name in ("expected", "got", "confidence", "ms"):
        table.add_column(name, no_wrap=True, justify="right" if name in ("confidence", "ms") else "left")
    for case in cases:
        sure, ms = (
            "" if case.confidence is None else f"{case.confidence:.3f}",
            "" if case.ms is None else f"{case.ms:.1f}",
        )
        table.add_row(_text(case.query, 90), _text(_expected(case), 24), _text(_answer(case), 24), sure, ms)
    console.print(table)


def _changes(title: str, style: str, changes: Sequence[CaseChange], console: Console, *, times: bool = False) -> None:
    console.print(f"[bold {style}]{len(changes)} {title}[/]")
    for item in changes[:ROWS]:
        before, after = _answer(item.old), _answer(item.new)
        if times:
            before, after = f"{item.old.ms:.1f} ms", f"{item.new.ms:.1f} ms"
        console.print(f"  {_text(item.new.query)}  [dim]{_text(before)} → {_text(after)}[/]", highlight=False)
    if len(changes) > ROWS:
        console.print(f"  [dim]and {len(changes) - ROWS} more[/]")


def _expected(case: Case) -> str:
    """What should have come, with the first entry that answers."""
    if isinstance(case.expected, tuple):
        return shown(first(case.expected))
    return f"{case.expected} {case.relevant_ids[0]}" if case.relevant_ids else case.expected


def _answer(case: Case) -> str:
    """What came, with the entry where one was answered from."""
    entry = f" {case.top_ids[0]}" if case.got == "answer" and case.top_ids else ""
    return shown(first(case.got)) + entry


def _text(text: str, cells: int = 60) -> str:
    """One line of a text, cut to so many columns of the terminal; a Chinese character takes two."""
    flat = " ".join(text.split())
    if cell_len(flat) <= cells:
        return escape(flat)
    return escape(set_cell_size(flat, cells - 1).rstrip() + "…")
