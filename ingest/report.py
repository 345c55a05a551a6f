"""What an ingest did, for people and for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.plan import Conflict
from ingest.records import Rejection
from knowledge.publish import Lost
from knowledge.types import Source

if TYPE_CHECKING:
    from rich.console import Console

_SHOWN = 20  # rejections and conflicts listed on the terminal; the JSON has all


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestReport:
    """The outcome of one ingest."""

    workspace: str
    kb: str
    dry_run: bool
    added: int
    changed: int
    removed: int
    unchanged: int
    duplicates: int
    conflicts: Sequence[Conflict]
    rejections: Sequence[Rejection]
    entries: int  # in the base afterwards
    passages: int  # 0 for a dry run
    embedded: int  # texts that the encoder was given
    reused: int  # passages whose vectors were taken from an earlier version
    lost: Sequence[Lost]
    version: str  # live afterwards; "" if none
    seconds: float
    embedding_seconds: float

    @property
    def rejected(self) -> int:
        """Records and files that were not taken."""
        return len(self.rejections)

    def exit_code(self, *, allow_rejects: bool) -> int:
        """Give 1 if anything was rejected, unless that is allowed."""
        return 1 if self.rejections and not allow_rejects else 0

    def to_dict(self) -> dict[str, object]:
        """Give plain values for JSON."""
        return {
            "workspace": self.workspace,
            "kb": self.kb,
            "dry_run": self.dry_run,
            "added": self.added,
            "changed": self.changed,
            "removed": self.removed,
            "unchanged": self.unchanged,
            "duplicate": self.duplicates,
            "conflicting": len(self.conflicts),
            "rejected": self.rejected,
            "entries": self.entries,
            "passages": self.passages,
            "embedded": self.embedded,
            "reused": self.reused,
            "version": self.version,
            "seconds": round(self.seconds, 3),
            "embedding_seconds": round(self.embedding_seconds, 3),
            "conflicts": [
                {"question": c.question, "kept": _place(c.kept), "ignored": _place(c.ignored)} for c in self.conflicts
            ],
            "rejections": [{**_place(r.source), "reason": r.reason} for r in self.rejections],
            "not_first": [{"id": lost.entry_id, "found": lost.found} for lost in self.lost],
        }


def print_report(report: IngestReport, console: "Console") -> None:
    """Show a report on the terminal."""
    from rich.markup import escape

    for rejection in report.rejections[:_SHOWN]:
        console.print(
            f"[red]rejected[/] {escape(_shown(rejection.source))}: {escape(rejection.reason)}", highlight=False
        )
    for conflict in report.conflicts[:_SHOWN]:
        places = f"{_shown(conflict.kept)} counts, {_shown(conflict.ignored)} says otherwise"
        console.print(f"[yellow]conflict[/] {escape(conflict.question[:60])}: {escape(places)}", highlight=False)
    for lost in report.lost[:_SHOWN]:
        text = f"{lost.entry_id} is not found first by its own question, {lost.found} is"
        console.print(f"[yellow]warning[/] {escape(text)}", highlight=False)
    for kind, count in (
        ("rejections", len(report.rejections)),
        ("conflicts", len(report.conflicts)),
        ("warnings", len(report.lost)),
    ):
        if count > _SHOWN:
            console.print(f"… and {count - _SHOWN} more {kind}; --json lists them all", highlight=False)
    _print_table(report, console)


def _print_table(report: IngestReport, console: "Console") -> None:
    from rich.table import Table

    counts = {
        "added": report.added,
        "changed": report.changed,
        "removed": report.removed,
        "unchanged": report.unchanged,
        "duplicate": report.duplicates,
        "conflicting": len(report.conflicts),
        "rejected": report.rejected,
    }
    table = Table(*counts)
    table.add_row(*(str(count) for count in counts.values()))
    console.print(table)
    if report.dry_run:
        console.print("dry run: nothing was written", highlight=False)
    elif report.version:
        console.print(
            f"{report.kb}: version {report.version} is live, {report.entries} entries, {report.passages} passages; "
            f"{report.embedded} texts encoded, {report.reused} vectors reused, {report.seconds:.1f} s",
            highlight=False,
        )


def _place(source: Source) -> Mapping[str, str]:
    return {"file": source.file, "place": source.place}


def _shown(source: Source) -> str:
    return f"{source.file}, {source.place}" if source.place else source.file
