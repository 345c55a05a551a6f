"""What `kefu kb` does: list knowledge bases and their versions, and let an earlier version answer again."""

from rich.console import Console
from rich.table import Table

from engine.settings import Settings
from ingest.assemble import open_publisher
from knowledge.catalog import Version, VersionState


def show_bases(settings: Settings, console: Console) -> int:
    """List the knowledge bases with their live versions."""
    table = Table("knowledge base", "workspace", "live version", "entries", "published")
    with open_publisher(settings) as publisher:
        for base in publisher.catalog.bases():
            versions = publisher.catalog.versions(base.workspace, base.name)
            live = next((each for each in versions if each.state is VersionState.LIVE), None)
            table.add_row(base.name, base.workspace, *(_cells(live) if live else ("nothing published", "", "")))
    console.print(table if table.rows else "no knowledge base yet; `kefu ingest FILE --kb NAME` makes one")
    return 0


def show_history(settings: Settings, kb: str, console: Console) -> int:
    """List the versions of a base, newest first.

    Raises:
        KnowledgeBaseNotFound: there is no such base.
    """
    table = Table("version", "entries", "published", "state")
    with open_publisher(settings) as publisher:
        publisher.catalog.live_version("default", kb)
        for version in publisher.catalog.versions("default", kb):
            table.add_row(*_cells(version), version.state.value)
    console.print(table)
    return 0


def roll_back(settings: Settings, kb: str, version: str | None, console: Console) -> int:
    """Let an earlier version answer again; running processes follow within a second.

    Raises:
        KnowledgeBaseNotFound: there is no such base.
        VersionNotFound, VersionCorrupt: it is not kept, or its files were changed; nothing is switched.
    """
    with open_publisher(settings) as publisher:
        publisher.catalog.live_version("default", kb)  # a mistyped name must not make a base
        live = publisher.rollback("default", kb, version)
    console.print(f"{kb}: version [bold]{live.id}[/] answers now, with {live.entries} entries")
    return 0


def _cells(version: Version) -> tuple[str, str, str]:
    return version.id, str(version.manifest.get("entries", "")), version.created.strftime("%Y-%m-%d %H:%M")
