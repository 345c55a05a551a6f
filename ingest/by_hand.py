"""What `kefu kb edit` and `kefu kb remove` do."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console

from engine.settings import Settings
from ingest.assemble import open_indexer, open_publisher
from ingest.clean import clean_answer
from ingest.command import interruptible
from ingest.edit import edit_entry, remove_entry
from ingest.errors import EntryNotFound, IngestError
from ingest.index import Indexer, Progress
from ingest.progress import shown_on
from knowledge.publish import PublishedVersion

_WORKSPACE = "default"


def edit(
    settings: Settings, kb: str, entry_id: str, fields: Mapping[str, str], answer: Path | None, console: Console
) -> int:
    """Change an entry and publish.

    Args:
        settings: of the installation.
        kb: the knowledge base.
        entry_id: of the entry.
        fields: what changes.
        answer: file with the new answer, "-" for standard input.
        console: for progress and outcome.

    Raises:
        EntryNotFound, EntryRefused: nothing was changed.
        GateFailed: the version breaks the gate's suite; nothing was changed.
    """
    changed = dict(fields) if answer is None else {**fields, "answer": _text_of(answer)}
    if not changed:
        raise IngestError("nothing to change; give --question, --answer FILE or --category")
    code = _run(
        settings, kb, entry_id, console, lambda indexer, show: edit_entry(indexer, kb, entry_id, changed, progress=show)
    )
    if removed := clean_answer(changed.get("answer", ""))[1]:
        console.print(f"taken out of the answer: {', '.join(removed)}", highlight=False, markup=False)
    return code


def remove(settings: Settings, kb: str, entry_id: str, console: Console) -> int:
    """Take an entry out and publish.

    Raises:
        As `edit`.
    """
    return _run(
        settings, kb, entry_id, console, lambda indexer, show: remove_entry(indexer, kb, entry_id, progress=show)
    )


def _run(
    settings: Settings,
    kb: str,
    entry_id: str,
    console: Console,
    change: Callable[[Indexer, Progress], PublishedVersion],
) -> int:
    with open_publisher(settings) as publisher:  # before models are loaded
        publisher.catalog.live_version(_WORKSPACE, kb)
        if publisher.catalog.entry(_WORKSPACE, kb, entry_id) is None:
            raise EntryNotFound(f"{kb!r} has no entry {entry_id!r}; `kefu kb export --kb {kb}` lists all")
    with open_indexer(settings, kb) as indexer, shown_on(console) as show, interruptible(show) as progress:
        version = change(indexer, progress)
    console.print(f"{kb}: version [bold]{version.id}[/] is live, {version.entries} entries")
    return 0


def _text_of(path: Path) -> str:
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise IngestError(f"{path} cannot be read ({error}); give a text file in UTF-8") from error
