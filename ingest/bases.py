"""What `kefu kb` does with versions: list, show, compare, switch back, export, publish again."""

import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.settings import Settings
from ingest.assemble import open_indexer, open_publisher
from ingest.command import interruptible, write_json
from ingest.compare import ChangedEntry, Difference, compare, resolve_version
from ingest.errors import EntryNotFound
from ingest.export import export_file, export_lines, exported
from ingest.progress import shown_on
from ingest.report_terminal import cut, origin
from knowledge.building import lost_of
from knowledge.catalog import Version, VersionState
from knowledge.publish import Publisher
from knowledge.snapshot import Snapshot
from knowledge.types import Entry

_WORKSPACE = "default"
_SHOWN = 20  # rows of one kind on a terminal; the JSON has all


def show_bases(settings: Settings, console: Console, *, json: str = "") -> int:
    """List the knowledge bases with their live versions."""
    table = Table("knowledge base", "workspace", "live version", "entries", "published")
    rows = []
    with open_publisher(settings) as publisher:
        for base in publisher.catalog.bases():
            versions = publisher.catalog.versions(base.workspace, base.name)
            live = next((each for each in versions if each.state is VersionState.LIVE), None)
            table.add_row(base.name, base.workspace, *(_cells(live) if live else ("nothing published", "", "")))
            rows.append({"kb": base.name, "workspace": base.workspace, "live": live and _version(live)})
    if json:
        write_json(json, rows)
    if json != "-":
        console.print(table if table.rows else "no knowledge base yet; `kefu ingest FILE --kb NAME` makes one")
    return 0


def show_history(settings: Settings, kb: str, console: Console, *, json: str = "") -> int:
    """List the versions of a base, newest first.

    Raises:
        KnowledgeBaseNotFound: there is no such base.
    """
    table = Table("version", "entries", "published", "state", "encoder")
    with open_publisher(settings) as publisher:
        publisher.catalog.live_version(_WORKSPACE, kb)
        versions = publisher.catalog.versions(_WORKSPACE, kb)
    for version in versions:
        table.add_row(*_cells(version), version.state.value, _encoder(version))
    if json:
        write_json(json, [_version(version) for version in versions])
    if json != "-":
        console.print(table)
    return 0


def roll_back(settings: Settings, kb: str, version: str | None, console: Console) -> int:
    """Let an earlier version answer again; running processes follow within a second.

    Raises:
        KnowledgeBaseNotFound: there is no such base.
        VersionNotFound, VersionCorrupt: it is not kept, or its files were changed; nothing is switched.
    """
    with open_publisher(settings) as publisher:
        publisher.catalog.live_version(_WORKSPACE, kb)  # a mistyped name must not make a base
        wanted = resolve_version(publisher, _WORKSPACE, kb, version) if version else None
        live = publisher.rollback(_WORKSPACE, kb, wanted)
    console.print(f"{kb}: version [bold]{live.id}[/] answers now, with {live.entries} entries")
    return 0


def publish(settings: Settings, kb: str, console: Console, *, gate: str | None = None) -> int:
    """Publish a base again, with the encoder, store and settings as they are configured now.

    Raises:
        KnowledgeBaseNotFound: there is no such base.
        GateFailed: the version breaks the gate's suite; the old one goes on answering.
    """
    with open_publisher(settings) as publisher:
        publisher.catalog.live_version(_WORKSPACE, kb)  # before models are loaded
    with open_indexer(settings, kb, gate=gate) as indexer, shown_on(console) as show, interruptible(show) as progress:
        version = indexer.publish(kb, progress=progress)
    how = "is live" if version.built else "is live, nothing had to be built"
    console.print(f"{kb}: version [bold]{version.id}[/] {how}, {version.entries} entries, {version.passages} passages")
    return 0


def export(settings: Settings, kb: str, out: Path | None, console: Console) -> int:
    """Write every live entry as a line of JSON, to a file or, for None and "-", to standard output.

    Raises:
        KnowledgeBaseNotFound, NothingPublished: there is nothing to write.
    """
    with open_publisher(settings) as publisher:
        version = resolve_version(publisher, _WORKSPACE, kb, "live")
        entries = publisher.entries_of(_WORKSPACE, kb, version).values()
        if out is None or str(out) == "-":
            sys.stdout.flush()
            sys.stdout.buffer.writelines(export_lines(entries))
            sys.stdout.buffer.flush()
            return 0
        count = export_file(entries, out)
    console.print(f"{kb}: {count} entries of version {version} are in {out}", highlight=False, soft_wrap=True)
    return 0


def diff(settings: Settings, kb: str, before: str, after: str, console: Console, *, json: str = "") -> int:
    """Show what leads from one version to another.

    Raises:
        KnowledgeBaseNotFound, NothingPublished, VersionNotFound, VersionCorrupt: there is nothing to compare.
    """
    with open_publisher(settings) as publisher:
        ids = [resolve_version(publisher, _WORKSPACE, kb, name) for name in (before, after)]
        one, other = (publisher.entries_of(_WORKSPACE, kb, version) for version in ids)
        found = compare(dict(one), dict(other))
    if json:
        write_json(json, {"kb": kb, "before": ids[0], "after": ids[1], **_difference(found)})
    if json != "-":
        _print_difference(found, ids[0], ids[1], console)
    return 0


def show(settings: Settings, kb: str, entry_id: str, console: Console, *, json: str = "") -> int:
    """Show one entry, or with an empty id the facts about the base.

    Raises:
        KnowledgeBaseNotFound, NothingPublished: there is nothing to show.
        EntryNotFound: there is no such entry.
    """
    with open_publisher(settings) as publisher:
        names = {base.name for base in publisher.catalog.bases(_WORKSPACE)}
        entry = publisher.catalog.entry(_WORKSPACE, kb, entry_id) if entry_id else None
        if entry is None and entry_id in names:
            kb, entry_id = entry_id, ""
        version = resolve_version(publisher, _WORKSPACE, kb, "live")
        if entry_id and entry is None:
            raise EntryNotFound(f"{kb!r} has no entry {entry_id!r}; `kefu kb export --kb {kb}` lists all")
        snapshot = publisher.open(_WORKSPACE, kb, version)
        facts = _entry_facts(entry, snapshot) if entry else _base_facts(publisher, kb, snapshot)
        snapshot.close()
    if json:
        write_json(json, facts)
    if json != "-":
        _print_facts(facts, entry_id or kb, console)
    return 0


def _base_facts(publisher: Publisher, kb: str, snapshot: Snapshot) -> dict[str, object]:
    entries = list(snapshot.entries.values())
    manifest = snapshot.manifest
    files = Counter(source.file for entry in entries for source in entry.sources[:1])
    files["by hand"] += sum(not entry.sources for entry in entries)
    return {
        "kb": kb,
        "version": manifest.version,
        "created": manifest.created.isoformat(timespec="seconds"),
        "encoder": f"{manifest.encoder.name} {manifest.encoder.version}",
        "store": manifest.store,
        "entries": len(entries),
        "passages": manifest.passages,
        "edited_by_hand": sum(entry.edited for entry in entries),
        "removed_by_hand": len(publisher.catalog.removed_by_hand(_WORKSPACE, kb)),
        "languages": _ranked(Counter(entry.language or "unknown" for entry in entries)),
        "categories": _ranked(Counter(entry.category or "none" for entry in entries)),
        "sources": _ranked(+files),
        "not_first": [{"id": lost.entry_id, "found": lost.found} for lost in lost_of(snapshot)],
    }


def _ranked(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _entry_facts(entry: Entry, snapshot: Snapshot) -> dict[str, object]:
    number = snapshot.entry_ids.index(entry.id)
    passages = (snapshot.passages[int(row)] for row in (snapshot.entry_of == number).nonzero()[0])
    return {
        **exported(entry),
        "sources": [{"file": source.file, "place": source.place} for source in entry.sources],
        "edited_by_hand": entry.edited,
        "passages": [{"kind": passage.kind.value, "text": passage.text} for passage in passages],
    }


def _print_facts(facts: Mapping[str, object], title: str, console: Console) -> None:
    table = Table("", "", title=Text(title), title_justify="left", title_style="bold", show_header=False, box=None)
    for name, value in facts.items():
        table.add_row(name.replace("_", " "), Text(_fact(value)))
    console.print(table)


def _fact(value: object) -> str:
    match value:
        case dict():
            shown = [f"{name} {count}" for name, count in value.items()]
            more = [f"… and {len(shown) - _SHOWN} more"] if len(shown) > _SHOWN else []
            return ", ".join(shown[:_SHOWN] + more)
        case list():
            lines = [" · ".join(map(str, item.values())) if isinstance(item, dict) else str(item) for item in value]
            more = [f"… and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
            return "\n".join(lines[:_SHOWN] + more) or "-"
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value) if value != "" else "-"


def _difference(found: Difference) -> dict[str, object]:
    return {
        "added": [exported(entry) for entry in found.added],
        "removed": [exported(entry) for entry in found.removed],
        "changed": [
            {"id": pair.after.id, "question": pair.after.question, "fields": _fields(pair)} for pair in found.changed
        ],
    }


def _fields(pair: ChangedEntry) -> dict[str, object]:
    return {
        name: {"before": _plain(getattr(pair.before, name)), "after": _plain(getattr(pair.after, name))}
        for name in pair.fields
    }


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return value if value is None or isinstance(value, str) else str(value)


def _print_difference(found: Difference, before: str, after: str, console: Console) -> None:
    for sign, style, entries in (("+", "green", found.added), ("-", "red", found.removed)):
        for entry in entries[:_SHOWN]:
            line = f"{sign} {entry.id}  {cut(entry.question)}  ({origin(entry)})"
            console.print(Text(line, style=style), soft_wrap=True)
        if len(entries) > _SHOWN:
            console.print(Text(f"{sign} … and {len(entries) - _SHOWN} more; --json lists them all", style="dim"))
    for pair in found.changed[:_SHOWN]:
        console.print(Text(f"~ {pair.after.id}  {cut(pair.after.question)}", style="cyan"), soft_wrap=True)
        for name in pair.fields:
            old, new = (cut(_fact(_plain(getattr(each, name)))) for each in (pair.before, pair.after))
            console.print(Text(f"    {name.replace('_', ' ')}: {old} → {new}"), soft_wrap=True)
    if len(found.changed) > _SHOWN:
        console.print(Text(f"~ … and {len(found.changed) - _SHOWN} more; --json lists them all", style="dim"))
    counts = f"{len(found.added)} added, {len(found.removed)} removed, {len(found.changed)} changed"
    console.print(f"{before} → {after}: {counts}", highlight=False)


def _cells(version: Version) -> tuple[str, str, str]:
    return version.id, str(version.manifest.get("entries", "")), version.created.strftime("%Y-%m-%d %H:%M")


def _encoder(version: Version) -> str:
    encoder = version.manifest.get("encoder")
    return str(encoder.get("name", "")) if isinstance(encoder, dict) else ""


def _version(version: Version) -> dict[str, object]:
    return {
        "version": version.id,
        "state": version.state.value,
        "published": version.created.isoformat(timespec="seconds"),
        "entries": version.manifest.get("entries"),
        "passages": version.manifest.get("passages"),
        "encoder": _encoder(version),
    }
