"""What `kefu ingest` does, once its arguments are parsed and its parts put together."""

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.errors import IngestError
from ingest.index import Indexer, Rules
from ingest.progress import Show, shown_on
from ingest.report_terminal import print_report

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestOptions:
    """The arguments of `kefu ingest`."""

    paths: Sequence[Path]
    kb: str = "default"
    workspace: str = "default"
    dry_run: bool = False
    allow_rejects: bool = False
    rules: Rules = field(default_factory=Rules)
    json: str = ""  # file for the report, "-" for standard output
    niceness: int = 10  # added to the process's: an ingest gives way to a process that answers on the same machine


def run_ingest(indexer: Indexer, options: IngestOptions, console: "Console") -> int:
    """Ingest, show the progress and the report.

    Args:
        indexer: put together for the installation.
        options: the arguments.
        console: for people; on standard error if the JSON goes to standard output.

    Returns:
        The exit code: 1 if anything was rejected and that is not allowed, or if publishing was refused.

    Raises:
        KnowledgeError, ModelError, IngestError: nothing was changed.
    """
    _check_target(options.json)
    os.nice(options.niceness)
    with shown_on(console) as show, interruptible(show) as progress:
        report = indexer.ingest(
            options.paths,
            kb=options.kb,
            workspace=options.workspace,
            dry_run=options.dry_run,
            rules=options.rules,
            progress=progress,
        )
    print_report(report, console)
    if options.json:
        write_json(options.json, report.to_dict())
    return report.exit_code(allow_rejects=options.allow_rejects)


@contextmanager
def interruptible(show: Show) -> Iterator[Show]:
    """Let Ctrl-C stop the work until the switch begins; from there on it is done in milliseconds, and is done.

    Were the switch interrupted right after its transaction, "interrupted" would be said of a version that is live.
    """
    if threading.current_thread() is not threading.main_thread():
        yield show
        return
    before = signal.getsignal(signal.SIGINT)

    def progress(stage: str, done: int, total: int) -> None:
        if stage == "switch":
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        show(stage, done, total)

    try:
        yield progress
    except KeyboardInterrupt:
        raise KeyboardInterrupt("everything is as it was") from None
    finally:
        signal.signal(signal.SIGINT, before)


def columns_of(given: Sequence[str]) -> Mapping[str, str]:
    """Read `--map FIELD=COLUMN`, given any number of times.

    Raises:
        IngestError: one is not of that form, or names no field.
    """
    from ingest.sources.names import FIELDS, canonical

    columns: dict[str, str] = {}
    for text in given:
        name, equals, column = (part.strip() for part in text.partition("="))
        known = name if name in FIELDS else canonical(name)
        if known is None or not equals or not column:
            raise IngestError(f"--map {text}: write FIELD=COLUMN, with FIELD one of {', '.join(FIELDS)}")
        columns[known] = column
    return columns


def _check_target(target: str) -> None:
    """See before anything is published that its report has somewhere to go.

    Raises:
        IngestError: it has not.
    """
    if target in ("", "-"):
        return
    path = Path(target)
    if path.is_dir():
        raise IngestError(f"{target} is a folder; name a file for the report")
    if not path.parent.is_dir():
        raise IngestError(f"{target} cannot be written (there is no folder {path.parent}); name another file")


def write_json(target: str, values: object) -> None:
    """Write values for programs, to a file or, for "-", to standard output.

    Raises:
        IngestError: the file cannot be written.
    """
    text = json.dumps(values, ensure_ascii=False, indent=2) + "\n"
    if target == "-":
        sys.stdout.write(text)
        return
    try:
        Path(target).write_text(text, encoding="utf-8")
    except OSError as error:
        raise IngestError(f"{target} cannot be written ({error.strerror or error}); name another file") from error
