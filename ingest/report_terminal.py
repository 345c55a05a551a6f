"""The report of an ingest as people read it on a terminal."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ingest.plan import KeptByHand
from ingest.report import IngestReport
from knowledge.types import Entry, Source

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

_SHOWN = 20  # lines of one kind; the JSON has all
_CUT = 60  # characters of a question


def print_report(report: IngestReport, console: "Console") -> None:
    """Show a report: what a person should look at first, the counts last."""
    for kind, style, lines in _sections(report):
        shown = lines[:_SHOWN]
        for line in shown:
            console.print(_labelled(kind, style, line), soft_wrap=True)
        if len(lines) > len(shown):
            more = f"… and {len(lines) - len(shown)} more {_plural(kind)}; --json lists them all"
            console.print(more, highlight=False, style="dim")
    console.print(_counts(report))
    for line in _outcome(report):
        console.print(line, highlight=False)


def _sections(report: IngestReport) -> Iterator[tuple[str, str, Sequence[str]]]:
    yield "rejected", "red", [f"{shown(each.source)}: {each.reason}" for each in report.rejections]
    yield (
        "conflict",
        "yellow",
        [
            f"{cut(each.question)}: {shown(each.kept)} counts, {shown(each.ignored)} says otherwise"
            for each in report.conflicts
        ],
    )
    yield "kept", "magenta", [_kept(each) for each in report.kept]
    yield "removed", "magenta", [f"{cut(each.question)}: {origin(each)} no longer has it" for each in report.gone]
    yield (
        "similar",
        "cyan",
        [
            f"{cut(pair.entry.question)} ({origin(pair.entry)}) and {cut(pair.other.question)} ({origin(pair.other)}), "
            f"{pair.similarity:.2f}: answers differ, merge them or tell them apart"
            for pair in report.near.pairs
        ],
    )
    yield (
        "warning",
        "yellow",
        [f"{lost.entry_id} is not found first by its own question, {lost.found} is" for lost in report.lost],
    )
    yield "note", "dim", [f"{shown(each.source)}: {each.text}" for each in report.notes]
    yield (
        "gate",
        "red",
        [
            f"{case.query}: expected {case.expected}, got {case.got}"
            + (f", before {case.before}" if case.before else "")
            for case in (report.gate.broken if report.gate else ())
        ],
    )


def _kept(kept: KeptByHand) -> str:
    said = "was removed by hand and stays out" if kept.ours is None else "was edited by hand and stays so"
    where = origin(kept.theirs)
    if kept.ours is None:
        return f"{cut(kept.question)} {said}; {where} has it; --overwrite-edited takes it in again"
    fields = ", ".join(name.replace("_", " ") for name in kept.differing)
    return f"{cut(kept.question)} {said}; {where} says otherwise ({fields}); --overwrite-edited takes the document's"


def _labelled(kind: str, style: str, line: str) -> "Text":
    from rich.text import Text

    return Text.assemble((f"{kind:<9}", style), line)


def _plural(kind: str) -> str:
    return {
        "rejected": "rejections",
        "kept": "kept entries",
        "removed": "removed entries",
        "similar": "similar pairs",
        "gate": "cases",
    }.get(kind, f"{kind}s")


def _counts(report: IngestReport) -> "RenderableType":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    counts = {
        "added": (report.added, "green"),
        "changed": (report.changed, "cyan"),
        "removed": (report.removed, "magenta"),
        "unchanged": (report.unchanged, ""),
        "duplicate": (report.duplicates, ""),
        "conflicting": (len(report.conflicts), "yellow"),
        "rejected": (report.rejected, "red"),
        **({"kept": (len(report.kept), "magenta")} if report.kept else {}),
    }
    title = f"知识库 / knowledge base: {report.kb}"
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for name in counts:
        table.add_column(name, justify="right")
    table.add_row(*(Text(f"{count:,}", style=style if count else "dim") for count, style in counts.values()))
    return table


def _outcome(report: IngestReport) -> Iterator[str]:
    if report.near.examined < report.near.of:
        few = f"{report.near.examined:,} of {report.near.of:,}"
        yield f"near-duplicates were looked for among {few} new or changed entries"
    if report.gate is not None:
        yield f"gate: {report.gate.right} of {report.gate.cases} cases right, {len(report.gate.broken)} broken"
    if report.refused:
        still = f"version {report.version} goes on answering" if report.version else "nothing was published before"
        yield f"[red]not published[/]: {_escaped(report.refused)}; {still}"
    elif report.dry_run:
        yield "dry run: nothing was written"
    elif report.version:
        rate = f" ({report.texts_per_s:,.0f}/s)" if report.embedded else ""
        done = f"{report.embedded} texts encoded{rate}, {report.reused} vectors reused"
        what = f"{report.entries} entries, {report.passages} passages"
        if not (report.embedded or report.reused):
            done = "nothing had to be encoded"
        yield f"{report.kb}: version [bold]{report.version}[/] is live, {what}; {done}, {report.seconds:.1f} s"


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def cut(text: str) -> str:
    """Shorten a text for one line."""
    return text if len(text) <= _CUT else f"{text[:_CUT]}…"


def origin(entry: Entry) -> str:
    """Say where an entry was read."""
    return "; ".join(map(shown, entry.sources[:2])) or "by hand"


def shown(source: Source) -> str:
    """Write a source on one line."""
    return f"{source.file}, {source.place}" if source.place else source.file
