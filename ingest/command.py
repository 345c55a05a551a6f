"""What `kefu ingest` does, once its arguments are parsed and its parts put together."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.index import Indexer
from ingest.report import print_report

if TYPE_CHECKING:
    from rich.console import Console

_STAGES = {
    "read": "reading",
    "encode": "encoding",
    "words": "indexing words",
    "index": "indexing vectors",
    "verify": "verifying",
    "calibration": "calibrating",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestOptions:
    """The arguments of `kefu ingest`."""

    paths: Sequence[Path]
    kb: str = "default"
    workspace: str = "default"
    dry_run: bool = False
    allow_rejects: bool = False
    json: str = ""  # file for the report, "-" for standard output
    niceness: int = 10  # added to the process's: an ingest gives way to a process that answers on the same machine


def run_ingest(indexer: Indexer, options: IngestOptions, console: "Console") -> int:
    """Ingest, show the progress and the report.

    Args:
        indexer: put together for the installation.
        options: the arguments.
        console: for people; on standard error if the JSON goes to standard output.

    Returns:
        The exit code: 1 if anything was rejected and that is not allowed.

    Raises:
        KnowledgeError, ModelError: nothing was changed.
    """
    os.nice(options.niceness)
    with _progress_bar(console) as progress:
        report = indexer.ingest(
            options.paths, kb=options.kb, workspace=options.workspace, dry_run=options.dry_run, progress=progress
        )
    print_report(report, console)
    if options.json:
        text = json.dumps(report.to_dict(), ensure_ascii=False, indent=2) + "\n"
        if options.json == "-":
            sys.stdout.write(text)
        else:
            Path(options.json).write_text(text, encoding="utf-8")
    return report.exit_code(allow_rejects=options.allow_rejects)


@contextmanager
def _progress_bar(console: "Console") -> Iterator[Callable[[str, int, int], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("reading", total=1)

        def show(stage: str, done: int, total: int) -> None:
            bar.update(task, description=_STAGES.get(stage, stage), completed=done, total=max(total, 1))

        yield show
