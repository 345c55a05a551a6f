"""Which entries go because the documents that they were read from no longer have them.

Passages of running text go when their document was read again without them: a paragraph that was rewritten must not
stay beside its new wording. Everything else goes only where that was asked for (`--sync`), and never on the word of a
document that could not be read as a whole: what is missing there may be what was rejected.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ingest.identity import is_prose
from ingest.records import Note, Rejection
from knowledge.types import Entry, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What may be removed."""

    sync: bool = False  # also entries with a question of their own, and those of documents that vanished
    force: bool = False  # also on the word of documents of which something was rejected
    vanished: frozenset[str] = frozenset()  # names of documents that are not there any more
    ambiguous: frozenset[str] = frozenset()  # names that several documents have: they remove nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was read."""

    entry_ids: frozenset[str]  # of entries that a record names
    unanswered: frozenset[str]  # of entries that a record without an answer may name
    documents: frozenset[str]  # names of those that gave a record
    rejections: tuple[Rejection, ...]  # of the readers


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What goes."""

    entries: tuple[Entry, ...]
    updates: tuple[Entry, ...]  # entries that stay, without the sources that are gone
    notes: tuple[Note, ...]


def find_removed(existing: Sequence[Entry], seen: Seen, scope: Scope) -> Removed:
    """Find the entries that go; entries that a person wrote or edited never do."""
    judge = _Judge(seen, scope)
    entries: list[Entry] = []
    updates: list[Entry] = []
    for entry in existing:
        if entry.id in seen.entry_ids or entry.id in seen.unanswered or entry.edited or not entry.sources:
            continue
        if not scope.sync and not entry.id.startswith("p-"):
            continue
        left = tuple(source for source in entry.sources if not judge.is_gone(entry, source))
        if not left:
            entries.append(entry)
        elif len(left) < len(entry.sources):
            updates.append(replace(entry, sources=left))
    notes = tuple(_note_of(file) for file in sorted(judge.spared))
    return Removed(entries=tuple(entries), updates=tuple(updates), notes=notes)


class _Judge:
    """Tells whether a document still says what an entry has from it."""

    def __init__(self, seen: Seen, scope: Scope) -> None:
        self._seen = seen
        self._scope = scope
        self._whole = {each.source.file for each in seen.rejections if not each.source.place}
        self._places = {(each.source.file, each.source.place) for each in seen.rejections}
        self._damaged = {each.source.file for each in seen.rejections}
        self.spared: set[str] = set()  # documents of which something was rejected, so that nothing of them goes

    def is_gone(self, entry: Entry, source: Source) -> bool:
        file = source.file
        if file in self._scope.vanished:
            return self._scope.sync
        if file not in self._seen.documents or file in self._whole or file in self._scope.ambiguous:
            return False
        if is_prose(entry):
            return (file, source.place) not in self._places or self._scope.force
        if not self._scope.sync:
            return False
        if file in self._damaged and not self._scope.force:
            self.spared.add(file)
            return False
        return True


def _note_of(file: str) -> Note:
    text = "something of it was rejected, so that nothing it no longer has was removed; mend it, or add --force"
    return Note(source=Source(file=file, place=""), text=text)
