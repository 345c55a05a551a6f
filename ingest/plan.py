"""From records to what changes in the catalog: duplicates joined, conflicts named, ids derived. Pure."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from ingest.records import Note, Record, Rejection
from ingest.sources.document import Item
from knowledge.catalog import Changes
from knowledge.entry_codec import content_hash
from knowledge.types import Entry, Source
from models.text import normalise


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Two places that answer the same question, or use the same id, differently; the first one counts."""

    question: str
    kept: Source
    ignored: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an ingest does to a knowledge base."""

    entries: tuple[Entry, ...]  # all of the base afterwards, by id
    changes: Changes
    added: int
    changed: int
    removed: int
    unchanged: int
    duplicates: int  # records that joined another one
    conflicts: tuple[Conflict, ...]
    rejections: tuple[Rejection, ...]
    notes: tuple[Note, ...] = ()


def derived_id(question: str) -> str:
    """Name an entry whose file gives no id: the same question, however typed, gives the same id."""
    return _derived_from(normalise(question))


def _derived_from(key: str) -> str:
    return "q-" + hashlib.sha256(key.encode()).hexdigest()[:16]


def make_plan(
    read: Iterable[Item],
    existing: Sequence[Entry],
    *,
    language_of: Callable[[str], str],
    require_answers: bool = True,
) -> Plan:
    """Decide what becomes of the records.

    Args:
        read: what the readers gave.
        existing: the catalog's entries.
        language_of: tells the language of a question whose file does not.
        require_answers: reject records without an answer.

    Returns:
        The plan. Entries that no record names stay as they are.
    """
    records: list[Record] = []
    rejections: list[Rejection] = []
    notes: list[Note] = []
    for item in read:
        if isinstance(item, Rejection):
            rejections.append(item)
        elif isinstance(item, Note):
            notes.append(item)
        elif require_answers and not item.answer:
            reason = f"the question {item.question[:60]!r} has no answer; write one or remove it"
            rejections.append(Rejection(source=item.source, reason=reason))
        else:
            records.append(item)
    merging = _Merging(existing)
    # Records with an id first: one without an id then joins the one with the same question and answer that has one.
    for record in sorted(records, key=lambda record: not record.id):
        merging.take(record)
    return replace(merging.finish(language_of, rejections), notes=tuple(notes))


@dataclass(slots=True)
class _Draft:
    """An entry in the making."""

    id: str
    key: str  # the question, normalised
    first: Record
    similar: dict[str, None]
    tags: dict[str, None]
    sources: dict[Source, None]

    def join(self, record: Record) -> None:
        """Take over another record with the same answer; a question that is worded otherwise is a similar one."""
        wordings = (record.question, *record.similar_questions)
        self.similar.update((text, None) for text in wordings if text != self.first.question)
        self.tags.update(dict.fromkeys(record.tags))
        self.sources[record.source] = None


@dataclass(slots=True)
class _Merging:
    """Joins records among themselves and with the entries that are known."""

    existing: Sequence[Entry]
    drafts: dict[str, _Draft] = field(default_factory=dict)  # by entry id
    by_question: dict[str, list[str]] = field(default_factory=dict)  # normalised question -> ids of drafts
    known: dict[str, Entry] = field(default_factory=dict)
    known_key: dict[str, str] = field(default_factory=dict)  # id -> question, normalised
    known_by_question: dict[str, list[str]] = field(default_factory=dict)
    duplicates: int = 0
    conflicts: list[Conflict] = field(default_factory=list)
    replaced: set[str] = field(default_factory=set)  # derived ids that give way to one that a file gives

    def __post_init__(self) -> None:
        self.known = {entry.id: entry for entry in self.existing}
        for entry in self.existing:
            key = self.known_key[entry.id] = normalise(entry.question)
            self.known_by_question.setdefault(key, []).append(entry.id)

    def take(self, record: Record) -> None:
        key = normalise(record.question)
        rival = self._rival(record, key)
        if rival is None:
            self._start(record, key)
        elif rival.first.answer == record.answer:
            rival.join(record)
            self.duplicates += 1
        else:
            conflict = Conflict(question=record.question, kept=rival.first.source, ignored=record.source)
            self.conflicts.append(conflict)

    def _rival(self, record: Record, key: str) -> _Draft | None:
        """Give the draft of this run that the record belongs to, or is at odds with.

        Files that give ids may have one question twice with two answers; without ids that is a conflict.
        """
        if record.id:
            return self.drafts.get(record.id)
        same = [self.drafts[entry_id] for entry_id in self.by_question.get(key, ())]
        equal = [draft for draft in same if draft.first.answer == record.answer]
        return next(iter(equal or same), None)

    def _start(self, record: Record, key: str) -> None:
        entry_id = record.id or self._id_of(record, key)
        if record.id:
            self._replace_derived(record, key)
        draft = _Draft(entry_id, key, record, {}, dict.fromkeys(record.tags), {record.source: None})
        draft.similar.update(dict.fromkeys(record.similar_questions))
        self.drafts[entry_id] = draft
        self.by_question.setdefault(key, []).append(entry_id)

    def _id_of(self, record: Record, key: str) -> str:
        """Find the known entry that says the same under an id of its own, else derive one from the question."""
        for entry_id in self.known_by_question.get(key, ()):
            if self.known[entry_id].answer == record.answer:
                return entry_id
        return _derived_from(key)

    def _replace_derived(self, record: Record, key: str) -> None:
        for entry_id in self.known_by_question.get(key, ()):
            same = self.known[entry_id].answer == record.answer
            if same and entry_id != record.id and entry_id == _derived_from(key):
                self.replaced.add(entry_id)

    def finish(self, language_of: Callable[[str], str], rejections: Sequence[Rejection]) -> Plan:
        files = {source.file for draft in self.drafts.values() for source in draft.sources}
        upserts: list[Entry] = []
        added = changed = unchanged = 0
        for draft in self.drafts.values():
            old = self.known.get(draft.id)
            entry = self._with_what_was_known(_entry_of(draft, language_of), draft, files)
            if old is None:
                added += 1
            elif entry == old or content_hash(old) == content_hash(entry):
                unchanged += 1
            else:
                changed += 1
            if entry != old:
                upserts.append(entry)
        removals = sorted(self.replaced - self.drafts.keys())
        after = {**self.known, **{entry.id: entry for entry in upserts}}
        for entry_id in removals:
            del after[entry_id]
        return Plan(
            entries=tuple(after[entry_id] for entry_id in sorted(after)),
            changes=Changes(upserts=tuple(upserts), removals=tuple(removals)),
            added=added,
            changed=changed,
            removed=len(removals),
            unchanged=unchanged,
            duplicates=self.duplicates,
            conflicts=tuple(self.conflicts),
            rejections=tuple(rejections),
        )

    def _known_as(self, draft: _Draft) -> Entry | None:
        """Give the entry as it was, also where it had a derived id that now gives way to one from a file."""
        if draft.id in self.known or not self.replaced:
            return self.known.get(draft.id)
        derived = _derived_from(draft.key)
        return self.known[derived] if derived in self.replaced else None

    def _with_what_was_known(self, entry: Entry, draft: _Draft, files: set[str]) -> Entry:
        """Keep what other files, which are not read this time, gave to an entry that still says the same."""
        old = self._known_as(draft)
        if old is None or old.answer != entry.answer or self.known_key[old.id] != draft.key:
            return entry
        others = [source for source in old.sources if source.file not in files]
        if not others:
            return entry
        similar = dict.fromkeys((*entry.similar_questions, *old.similar_questions))
        return replace(
            entry,
            similar_questions=tuple(text for text in similar if text != entry.question),
            tags=tuple(dict.fromkeys((*entry.tags, *old.tags))),
            sources=_ordered((*entry.sources, *others)),
        )


def _entry_of(draft: _Draft, language_of: Callable[[str], str]) -> Entry:
    record = draft.first
    return Entry(
        id=draft.id,
        question=record.question,
        answer=record.answer,
        similar_questions=tuple(draft.similar),
        category=record.category,
        language=record.language or language_of(record.question),
        tags=tuple(draft.tags),
        valid_from=record.valid_from,
        valid_until=record.valid_until,
        sources=_ordered(draft.sources),
    )


def _ordered(sources: Iterable[Source]) -> tuple[Source, ...]:
    """Order by file, then by place as a person counts: row 9 before row 10."""
    return tuple(sorted(set(sources), key=lambda source: (source.file, len(source.place), source.place)))
