"""Knowledge: read and edit entries, publish, roll back. Every edit publishes a version; it answers within seconds."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from msgspec import Meta

from ingest.edit import EDITABLE, add_entry, edit_entry, named, remove_entry
from knowledge.catalog import Base, Version
from knowledge.publish import PublishedVersion
from knowledge.types import Entry
from server.access.keys import Scope
from server.api.operation import Call, Handler, Operation, Reply, Request
from server.api.paging import Slice, links
from server.api.problems import Kind, Refusal
from server.parts import BASES

_MAX_CHARS = 100_000  # of one field; a base takes less where it is configured so
Line = Annotated[str, Meta(min_length=1, max_length=2_000, pattern=r"\S")]
Moment = Annotated[datetime, Meta(tz=True)]


class EntryFields(Request, frozen=True):
    """What an entry says. A field that is left out is empty."""

    question: Line
    answer: Annotated[str, Meta(min_length=1, max_length=_MAX_CHARS, pattern=r"\S", description="Markdown")]
    similar_questions: Annotated[tuple[Line, ...], Meta(max_length=200, description="other wordings")] = ()
    category: Annotated[str, Meta(max_length=200)] = ""
    language: Annotated[str, Meta(max_length=20, description="told from the question if left out")] = ""
    tags: Annotated[tuple[Line, ...], Meta(max_length=100)] = ()
    valid_from: Moment | None = None  # inclusive
    valid_until: Moment | None = None  # exclusive


class NewEntry(EntryFields, frozen=True):
    """An entry to be added."""

    id: Annotated[
        str,
        Meta(
            max_length=200,
            pattern=r"^[^\u0000-\u0020\u007f/\\]*$",
            description="made from the question if left out; no spaces or slashes",
        ),
    ] = ""


class NewBase(Request, frozen=True):
    """A base to be made: it cannot be empty."""

    kb: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=64,
            pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9_-])?$",
            description="its name: letters, digits, '-', '_' and '.'",
        ),
    ]
    entries: Annotated[tuple[NewEntry, ...], Meta(min_length=1, max_length=500)]


class Rollback(Request, frozen=True):
    """Which version is to answer again."""

    version: Annotated[str, Meta(max_length=100, description="one that is kept; default: the one before")] = ""


class EntryFilter(Slice, frozen=True):
    """Which entries."""

    q: Annotated[str, Meta(max_length=200, description="only entries that contain this, in any letter case")] = ""


class ReadFrom(msgspec.Struct, frozen=True, kw_only=True):
    """Where an entry was read from."""

    file: str
    place: str


class EntryFacts(msgspec.Struct, frozen=True, kw_only=True):
    """An entry."""

    id: str
    question: str
    answer: str
    similar_questions: tuple[str, ...]
    category: str
    language: str
    tags: tuple[str, ...]
    valid_from: datetime | None
    valid_until: datetime | None
    sources: tuple[ReadFrom, ...]
    edited: bool  # by hand: reading its document again does not overwrite it


class EntryList(msgspec.Struct, frozen=True, kw_only=True):
    """Entries by id."""

    items: tuple[EntryFacts, ...]
    total: int
    limit: int
    offset: int


class BaseFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A knowledge base."""

    kb: str
    created: datetime
    version: str  # that answers; "" while there is none
    entries: int


class BaseList(msgspec.Struct, frozen=True, kw_only=True):
    """Knowledge bases by name."""

    items: tuple[BaseFacts, ...]
    total: int
    limit: int
    offset: int


class VersionFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A version that is kept."""

    version: str
    state: str  # "live" or "kept"
    published: datetime
    entries: int


class VersionList(msgspec.Struct, frozen=True, kw_only=True):
    """Versions, newest first."""

    items: tuple[VersionFacts, ...]
    total: int
    limit: int
    offset: int


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """A base that is gone, with all its versions."""

    kb: str


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """The version that is live now; running servers answer from it within seconds."""

    version: str
    entries: int
    entry_id: str = ""  # of the entry that was added or changed


async def show_bases(call: Call) -> Reply:
    """List the workspace's bases."""
    wanted = call.query(Slice)
    found = [_base(base, live) for base, live in await call.app[BASES].all(call.workspace)]
    body = BaseList(items=_cut(found, wanted), total=len(found), limit=wanted.limit, offset=wanted.offset)
    return Reply(body=body, headers=links(call.request, wanted, len(found)))


async def make_base(call: Call) -> Reply:
    """Make a base and publish it."""
    wanted = call.body(NewBase)
    entries = [replace(named(Entry(id=each.id, **_editable(each))), edited=True) for each in wanted.entries]
    if len({entry.id for entry in entries}) < len(entries):
        raise Refusal(Kind.INVALID, "two entries have the same id, or the same question.", field="entries")
    version = await call.app[BASES].make(call.workspace, wanted.kb, entries)
    return Reply(body=_published(version), headers={"Location": f"/v1/kbs/{quote(wanted.kb, safe='')}/entries"})


async def remove_base(call: Call) -> Reply:
    """Remove a base; conversations that were about it go to people."""
    await call.app[BASES].remove(call.workspace, call.path("kb"))
    return Reply(body=Removed(kb=call.path("kb")))


async def show_entries(call: Call) -> Reply:
    """List a base's entries."""
    wanted = call.query(EntryFilter)
    found = await call.app[BASES].entries(call.workspace, call.path("kb"), containing=wanted.q)
    items = tuple(map(_facts, _cut(found, wanted)))
    body = EntryList(items=items, total=len(found), limit=wanted.limit, offset=wanted.offset)
    return Reply(body=body, headers=links(call.request, wanted, len(found)))


async def show_entry(call: Call) -> Reply:
    """Show one entry."""
    return Reply(body=_facts(await call.app[BASES].entry(call.workspace, call.path("kb"), call.path("entry"))))


async def add(call: Call) -> Reply:
    """Add an entry and publish."""
    wanted, workspace, kb = call.body(NewEntry), call.workspace, call.path("kb")
    entry = named(Entry(id=wanted.id, **_editable(wanted)))
    version = await call.app[BASES].write(
        workspace, kb, lambda indexer, show: add_entry(indexer, kb, entry, workspace=workspace, progress=show)
    )
    place = f"/v1/kbs/{quote(kb, safe='')}/entries/{quote(entry.id, safe='')}"
    return Reply(body=_published(version, entry.id), headers={"Location": place})


async def replace_entry(call: Call) -> Reply:
    """Give an entry other content and publish."""
    wanted, workspace, kb, entry_id = call.body(EntryFields), call.workspace, call.path("kb"), call.path("entry")
    old = await call.app[BASES].entry(workspace, kb, entry_id)
    fields = _editable(wanted)
    fields["language"] = wanted.language or old.language
    version = await call.app[BASES].write(
        workspace,
        kb,
        lambda indexer, show: edit_entry(indexer, kb, entry_id, fields, workspace=workspace, progress=show),
    )
    return Reply(body=_published(version, entry_id))


async def remove(call: Call) -> Reply:
    """Take an entry out and publish."""
    workspace, kb, entry_id = call.workspace, call.path("kb"), call.path("entry")
    version = await call.app[BASES].write(
        workspace, kb, lambda indexer, show: remove_entry(indexer, kb, entry_id, workspace=workspace, progress=show)
    )
    return Reply(body=_published(version))


async def publish(call: Call) -> Reply:
    """Build and publish again."""
    workspace, kb = call.workspace, call.path("kb")
    version = await call.app[BASES].write(
        workspace, kb, lambda indexer, show: indexer.publish(kb, workspace=workspace, progress=show)
    )
    return Reply(body=_published(version))


async def roll_back(call: Call) -> Reply:
    """Let an earlier version answer again."""
    wanted = call.body(Rollback)
    version = await call.app[BASES].roll_back(call.workspace, call.path("kb"), wanted.version or None)
    return Reply(body=_published(version))


async def show_versions(call: Call) -> Reply:
    """List a base's versions."""
    wanted = call.query(Slice)
    found = await call.app[BASES].versions(call.workspace, call.path("kb"))
    items = tuple(map(_version, _cut(found, wanted)))
    body = VersionList(items=items, total=len(found), limit=wanted.limit, offset=wanted.offset)
    return Reply(body=body, headers=links(call.request, wanted, len(found)))


def _cut(found: list[Any], wanted: Slice) -> tuple[Any, ...]:
    return tuple(found[wanted.offset : wanted.offset + wanted.limit])


def _editable(wanted: EntryFields) -> dict[str, Any]:
    return {name: getattr(wanted, name) for name in EDITABLE}


def _facts(entry: Entry) -> EntryFacts:
    return EntryFacts(
        id=entry.id,
        question=entry.question,
        answer=entry.answer,
        similar_questions=entry.similar_questions,
        category=entry.category,
        language=entry.language,
        tags=entry.tags,
        valid_from=entry.valid_from,
        valid_until=entry.valid_until,
        sources=tuple(ReadFrom(file=source.file, place=source.place) for source in entry.sources),
        edited=entry.edited,
    )


def _base(base: Base, live: Version | None) -> BaseFacts:
    entries = _count(live.manifest) if live is not None else 0
    return BaseFacts(kb=base.name, created=base.created, version=base.live_version or "", entries=entries)


def _version(version: Version) -> VersionFacts:
    return VersionFacts(
        version=version.id,
        state=version.state.value,
        published=version.created,
        entries=_count(version.manifest),
    )


def _count(manifest: Mapping[str, object]) -> int:
    count = manifest.get("entries", 0)
    return count if isinstance(count, int) else 0


def _published(version: PublishedVersion, entry_id: str = "") -> Published:
    return Published(version=version.id, entries=version.entries, entry_id=entry_id)


_KB = "/v1/kbs/{kb}"
_ENTRY = f"{_KB}/entries/{{entry}}"


def _operation(
    method: str, path: str, name: str, handler: Handler, reply: type[msgspec.Struct], summary: str, **more: Any
) -> Operation:
    return Operation(
        method=method, path=path, name=name, tag="Knowledge", scope=Scope.KNOWLEDGE, handler=handler, reply=reply,
        summary=summary, problems=(Kind.CONFLICT, Kind.BASE_BUSY) if reply in (Published, Removed) else (), **more,
    )  # fmt: skip


OPERATIONS = (
    _operation(
        "GET", "/v1/kbs", "listBases", show_bases, BaseList, "List the knowledge bases.", query=Slice, pages=True
    ),
    _operation(
        "POST", "/v1/kbs", "makeBase", make_base, Published, "Make a knowledge base of entries, and publish it.",
        body=NewBase, status=201,
    ),
    _operation(
        "GET", f"{_KB}/entries", "listEntries", show_entries, EntryList, "List entries by id.",
        query=EntryFilter, pages=True,
    ),
    _operation(
        "POST", f"{_KB}/entries", "addEntry", add, Published, "Add an entry, and publish.", body=NewEntry, status=201
    ),
    _operation("GET", _ENTRY, "getEntry", show_entry, EntryFacts, "Show one entry."),
    _operation(
        "PUT", _ENTRY, "replaceEntry", replace_entry, Published, "Replace what an entry says, and publish.",
        body=EntryFields,
    ),
    _operation("DELETE", _ENTRY, "removeEntry", remove, Published, "Take an entry out, and publish."),
    _operation(
        "POST", f"{_KB}/publish", "publish", publish, Published,
        "Build and publish again, as after a change of the encoder.",
    ),
    _operation(
        "POST", f"{_KB}/rollback", "rollBack", roll_back, Published, "Let an earlier version answer again.",
        body=Rollback,
    ),
    _operation(
        "GET", f"{_KB}/versions", "listVersions", show_versions, VersionList, "List versions, newest first.",
        query=Slice, pages=True,
    ),
    _operation("DELETE", _KB, "removeBase", remove_base, Removed, "Remove a knowledge base with all its versions."),
)  # fmt: skip
