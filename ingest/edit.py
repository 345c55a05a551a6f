"""Editing entries by hand: each edit publishes a version, in which only the texts that changed are encoded anew.

What a person wrote, changed or took out is marked, so that reading the documents again does not undo it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ingest.clean import clean_answer, clean_block, clean_line
from ingest.errors import EntryNotFound, EntryRefused
from ingest.identity import derived_id
from ingest.index import Indexer, Progress
from ingest.limits import Limits
from ingest.records import RejectedField
from knowledge.catalog import Changes
from knowledge.publish import PublishedVersion
from knowledge.types import Entry
from models.language import detect

EDITABLE = ("question", "answer", "similar_questions", "category", "language", "tags", "valid_from", "valid_until")
_LINES = ("question", "category", "language")


def _silent(stage: str, done: int, total: int) -> None:
    """Show nothing."""


def add_entry(
    indexer: Indexer, kb: str, entry: Entry, *, workspace: str = "default", progress: Progress = _silent
) -> PublishedVersion:
    """Add an entry, `named` if it is not yet.

    Raises:
        EntryRefused: it has no question or no answer, a text is too long, or there is an entry of that id.
        As `Indexer.revise`.
    """

    def revision(entries: Mapping[str, Entry]) -> Changes:
        new = named(entry)
        if new.id in entries:
            raise EntryRefused(f"there is an entry {new.id!r} already; edit that one, or give another id")
        return Changes(upserts=[replace(new, edited=True)])

    return indexer.revise(kb, revision, workspace=workspace, progress=progress)


def named(entry: Entry) -> Entry:
    """Clean an entry; without an id it is named after its question, without a language that is told from its question.

    Raises:
        EntryRefused: it has no question or no answer, or a text is too long.
    """
    clean = _cleaned(entry)
    return replace(clean, id=clean.id or derived_id(clean.question), language=clean.language or _language(clean))


def edit_entry(
    indexer: Indexer,
    kb: str,
    entry_id: str,
    fields: Mapping[str, Any],
    *,
    workspace: str = "default",
    progress: Progress = _silent,
) -> PublishedVersion:
    """Change fields of an entry, by their names in `Entry`; the id stays, also if the question becomes another one.

    Raises:
        EntryNotFound: there is no such entry.
        EntryRefused: a field cannot be edited, is empty or too long.
        As `Indexer.revise`.
    """
    for name in fields:
        if name not in EDITABLE:
            raise EntryRefused(f"{name} cannot be edited; what can: {', '.join(EDITABLE)}")

    def revision(entries: Mapping[str, Entry]) -> Changes:
        old = _existing(entries, entry_id, kb)
        new = _cleaned(replace(old, **fields))
        return Changes(upserts=[replace(new, edited=True)] if new != old else ())

    return indexer.revise(kb, revision, workspace=workspace, progress=progress)


def remove_entry(
    indexer: Indexer, kb: str, entry_id: str, *, workspace: str = "default", progress: Progress = _silent
) -> PublishedVersion:
    """Take an entry out; a document that still has it does not bring it back unasked.

    Raises:
        EntryNotFound: there is no such entry.
        EntryRefused: it is the last one.
        As `Indexer.revise`.
    """

    def revision(entries: Mapping[str, Entry]) -> Changes:
        _existing(entries, entry_id, kb)
        if len(entries) == 1:
            raise EntryRefused(f"{entry_id!r} is the last entry of {kb!r}; a knowledge base cannot be empty")
        return Changes(removals=[entry_id], removals_by_hand=[entry_id])

    return indexer.revise(kb, revision, workspace=workspace, progress=progress)


def _existing(entries: Mapping[str, Entry], entry_id: str, kb: str) -> Entry:
    if entry_id not in entries:
        raise EntryNotFound(f"{kb!r} has no entry {entry_id!r}; `kefu kb export --kb {kb}` lists all")
    return entries[entry_id]


def _language(entry: Entry) -> str:
    return detect(entry.question).value


def _cleaned(entry: Entry) -> Entry:
    """Clean what a person typed as what a document holds is cleaned."""
    most = Limits().max_field_bytes

    def line(name: str) -> str:
        return clean_line(getattr(entry, name), field=name, max_bytes=most)

    def several(name: str) -> tuple[str, ...]:
        clean = (clean_line(text, field=name, max_bytes=most) for text in getattr(entry, name))
        return tuple(dict.fromkeys(filter(None, clean)))

    try:
        clean = replace(
            entry,
            question=line("question"),
            answer=clean_answer(clean_block(entry.answer, field="answer", max_bytes=most))[0],
            similar_questions=several("similar_questions"),
            category=line("category"),
            language=line("language"),
            tags=several("tags"),
        )
    except RejectedField as error:
        raise EntryRefused(str(error)) from error
    if not clean.question or not clean.answer:
        raise EntryRefused("an entry needs a question and an answer")
    return clean
