"""From records to what changes in the catalog: duplicates joined, conflicts named, ids derived. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace

from ingest.identity import derived_id, id_of_key, prose_id
from ingest.records import Note, Record, Rejection
from ingest.removal import Scope, Seen, find_removed
from ingest.sources.document import Item
from knowledge.catalog import Changes
from knowledge.entry_codec import content_hash
from knowledge.types import Entry, Source
from models.text import normalise

__all__ = ["Conflict", "KeptByHand", "Plan", "Scope", "derived_id", "make_plan"]

_COMPARED = tuple(each.name for each in fields(Entry) if each.name not in ("id", "sources", "edited"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Two places that answer the same question, or use the same id, differently; the first one counts."""

    question: str
    kept: Source
    ignored: Source
    kept_answer: str = ""
    ignored_answer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptByHand:
    """An entry that a person edited or removed, and that a document has otherwise; what the person did counts."""

    entry_id: str
    question: str
    ours: Entry | None  # as edited; None if it was removed
    theirs: Entry  # as the document has it

    @property
    def differing(self) -> tuple[str, ...]:
        """The fields in which the two differ; none for an entry that was removed."""
        return differing(self.ours, self.theirs) if self.ours is not None else ()


def differing(one: Entry, other: Entry) -> tuple[str, ...]:
    """Name the fields in which two entries say something else."""
    return tuple(name for name in _COMPARED if getattr(one, name) != getattr(other, name))


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
    records: int  # with an answer; those that are duplicates or in conflict included
    conflicts: tuple[Conflict, ...]
    rejections: tuple[Rejection, ...]
    notes: tuple[Note, ...] = ()
    kept: tuple[KeptByHand, ...] = ()
    news: frozenset[str] = frozenset()  # ids of what was added or changed
    gone: tuple[Entry, ...] = ()  # what was removed


def make_plan(
    read: Iterable[Item],
    existing: Sequence[Entry],
    *,
    language_of: Callable[[str], str],
    require_answers: bool = True,
    scope: Scope | None = None,
    removed_by_hand: frozenset[str] = frozenset(),
    overwrite_edited: bool = False,
) -> Plan:
    """Decide what becomes of the records.

    Args:
        read: what the readers gave.
        existing: the catalog's entries.
        language_of: tells the language of a question whose file does not.
        require_answers: reject records without an answer.
        scope: what may be removed; by default only passages of running text that their document no longer has.
        removed_by_hand: ids of entries that are not to come back.
        overwrite_edited: take the documents' word also where a person edited or removed an entry.

    Returns:
        The plan. Entries that no record names stay as they are, but for those that the scope gives free.
    """
    records: list[Record] = []
    unanswered: list[Record] = []
    rejections: list[Rejection] = []
    notes: list[Note] = []
    for item in read:
        if isinstance(item, Rejection):
            rejections.append(item)
        elif isinstance(item, Note):
            notes.append(item)
        elif require_answers and not item.answer:
            unanswered.append(item)
        else:
            records.append(item)
    scope = scope or Scope()
    merging = _Merging(existing, vanished=scope.vanished if scope.sync else frozenset())
    # Records with an id first: one without an id then joins the one with the same question and answer that has one.
    for record in sorted(records, key=lambda record: not record.id):
        merging.take(record)
    outcome = merging.finish(language_of, frozenset() if overwrite_edited else removed_by_hand, overwrite_edited)
    seen = Seen(
        entry_ids=frozenset(merging.drafts),
        unanswered=frozenset(merging.ids_of(unanswered)),
        documents=frozenset(record.source.file for record in records),
        rejections=tuple(rejections),
    )
    replaced = frozenset(outcome.changes.removals)  # these go already, whoever else has them
    removed = find_removed([entry for entry in existing if entry.id not in replaced], seen, scope)
    rejections += [_unanswered(record) for record in unanswered]
    plan = replace(
        outcome,
        records=len(records),
        rejections=tuple(rejections),
        notes=(*notes, *merging.notes, *removed.notes),
    )
    return _without(plan, removed.entries, removed.updates)


def _unanswered(record: Record) -> Rejection:
    reason = f"the question {record.question[:60]!r} has no answer; write one or remove it"
    return Rejection(source=record.source, reason=reason)


def _without(plan: Plan, gone: Sequence[Entry], updates: Sequence[Entry]) -> Plan:
    """Take entries out of a plan, and let others lose the sources that vanished."""
    if not gone and not updates:
        return plan
    removals = sorted({*plan.changes.removals, *(entry.id for entry in gone)})
    changed = {entry.id: entry for entry in updates}
    left = (changed.get(entry.id, entry) for entry in plan.entries)
    absent = frozenset(removals)
    return replace(
        plan,
        entries=tuple(entry for entry in left if entry.id not in absent),
        changes=replace(plan.changes, upserts=(*plan.changes.upserts, *updates), removals=tuple(removals)),
        removed=len(removals),
        gone=(*plan.gone, *gone),
    )


class _Draft:
    """An entry in the making: the record that began it, and those that joined."""

    __slots__ = ("first", "id", "joined", "key")

    def __init__(self, entry_id: str, key: str, first: Record) -> None:
        self.id = entry_id
        self.key = key  # the question, normalised
        self.first = first
        self.joined: list[Record] | None = None  # most drafts are of one record, and there may be a million

    def join(self, record: Record) -> None:
        """Take over another record with the same answer; a question that is worded otherwise is a similar one."""
        if self.joined is None:
            self.joined = []
        self.joined.append(record)

    @property
    def similar(self) -> tuple[str, ...]:
        if self.joined is None:
            return self.first.similar_questions
        wordings = (text for each in self.joined for text in (each.question, *each.similar_questions))
        found = dict.fromkeys((*self.first.similar_questions, *wordings))
        return tuple(text for text in found if text != self.first.question)

    @property
    def tags(self) -> tuple[str, ...]:
        if self.joined is None:
            return self.first.tags
        return tuple(dict.fromkeys((*self.first.tags, *(tag for each in self.joined for tag in each.tags))))

    @property
    def sources(self) -> tuple[Source, ...]:
        if self.joined is None:
            return (self.first.source,)
        return _ordered((self.first.source, *(each.source for each in self.joined)))


@dataclass(slots=True)
class _Merging:
    """Joins records among themselves and with the entries that are known."""

    existing: Sequence[Entry]
    vanished: frozenset[str] = frozenset()  # names of documents whose word counts no longer
    drafts: dict[str, _Draft] = field(default_factory=dict)  # by entry id
    by_question: dict[str, list[str]] = field(default_factory=dict)  # normalised question -> ids of drafts
    known: dict[str, Entry] = field(default_factory=dict)
    known_by_question: dict[str, list[str]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)  # question -> the same, normalised
    duplicates: int = 0
    conflicts: list[Conflict] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    replaced: set[str] = field(default_factory=set)  # derived ids that give way to one that a file gives

    def __post_init__(self) -> None:
        self.known = {entry.id: entry for entry in self.existing}
        for entry in self.existing:
            self.known_by_question.setdefault(self.key(entry.question), []).append(entry.id)

    def key(self, question: str) -> str:
        """Normalise a question; most are met twice, in a record and in the entry that it made last time."""
        known = self.keys.get(question)
        if known is None:
            known = self.keys[question] = normalise(question)
        return known

    def take(self, record: Record) -> None:
        key = self.key(record.question)
        rival = self._rival(record, key)
        if rival is None:
            self._start(record, key)
        elif rival.first.answer == record.answer:
            rival.join(record)
            self.duplicates += 1
        else:
            conflict = Conflict(
                question=record.question,
                kept=rival.first.source,
                ignored=record.source,
                kept_answer=rival.first.answer,
                ignored_answer=record.answer,
            )
            self.conflicts.append(conflict)

    def ids_of(self, records: Sequence[Record]) -> set[str]:
        """Give the ids of all entries that records without an answer might have named."""
        found: set[str] = set()
        for record in records:
            key = self.key(record.question)
            found.update((record.id or id_of_key(key), *self.known_by_question.get(key, ())))
        return found

    def _rival(self, record: Record, key: str) -> _Draft | None:
        """Give the draft of this run that the record belongs to, or is at odds with.

        Files that give ids may have one question twice with two answers; without ids that is a conflict. Passages of
        running text are never at odds: they share their headings.
        """
        if record.id:
            return self.drafts.get(record.id)
        if record.prose:
            return self.drafts.get(prose_id(record.source.file, record.question, record.answer))
        same = [self.drafts[entry_id] for entry_id in self.by_question.get(key, ())]
        equal = [draft for draft in same if draft.first.answer == record.answer]
        return next(iter(equal or same), None)

    def _start(self, record: Record, key: str) -> None:
        entry_id = record.id or self._id_of(record, key)
        if record.id:
            self._replace_derived(record, key)
        self.drafts[entry_id] = _Draft(entry_id, key, record)
        if not record.prose:
            self.by_question.setdefault(key, []).append(entry_id)

    def _id_of(self, record: Record, key: str) -> str:
        """Find the known entry that says the same under an id of its own, else derive one from the question."""
        if record.prose:
            return prose_id(record.source.file, record.question, record.answer)
        for entry_id in self.known_by_question.get(key, ()):
            if self.known[entry_id].answer == record.answer:
                return entry_id
        return id_of_key(key)

    def _replace_derived(self, record: Record, key: str) -> None:
        for entry_id in self.known_by_question.get(key, ()):
            same = self.known[entry_id].answer == record.answer
            if same and entry_id != record.id and entry_id == id_of_key(key):
                self.replaced.add(entry_id)

    def finish(self, language_of: Callable[[str], str], removed_by_hand: frozenset[str], overwrite: bool) -> Plan:
        """Make entries of the drafts and hold them against those that are known."""
        files = {source.file for draft in self.drafts.values() for source in draft.sources}
        upserts: list[Entry] = []
        kept: list[KeptByHand] = []
        added, changed = set(), set()
        unchanged = 0
        for draft in self.drafts.values():
            old = self.known.get(draft.id)
            entry = self._with_what_was_known(_entry_of(draft, language_of), draft, files)
            same = old is not None and (entry == old or content_hash(old) == content_hash(entry))
            if old is None and draft.id in removed_by_hand:
                kept.append(KeptByHand(entry_id=draft.id, question=entry.question, ours=None, theirs=entry))
                continue
            if old is None:
                added.add(draft.id)
            elif same:
                unchanged += 1
            elif old.edited and not overwrite:
                kept.append(KeptByHand(entry_id=draft.id, question=old.question, ours=old, theirs=entry))
                entry = replace(old, sources=entry.sources)
            else:
                changed.add(draft.id)
                self._note_replaced(old, entry, files)
            if entry != old:
                upserts.append(entry)
        removals = sorted(self.replaced - self.drafts.keys())
        after = {**self.known, **{entry.id: entry for entry in upserts}}
        for entry_id in removals:
            del after[entry_id]
        return Plan(
            entries=tuple(after[entry_id] for entry_id in sorted(after)),
            changes=Changes(upserts=tuple(upserts), removals=tuple(removals)),
            added=len(added),
            changed=len(changed),
            removed=len(removals),
            unchanged=unchanged,
            duplicates=self.duplicates,
            records=0,
            conflicts=tuple(self.conflicts),
            rejections=(),
            kept=tuple(kept),
            news=frozenset(added | changed),
            gone=tuple(self.known[entry_id] for entry_id in removals),
        )

    def _note_replaced(self, old: Entry, new: Entry, files: set[str]) -> None:
        """Say so when a document replaces what another one, which is not read this time, said."""
        others = [source for source in old.sources if source.file not in files]
        if others and len(others) == len(old.sources) and new.sources:
            place = ", ".join(filter(None, (others[0].file, others[0].place)))
            text = f"{new.question[:60]!r} is answered otherwise in {place}, which was not read this time; this counts"
            self.notes.append(Note(source=new.sources[0], text=text))

    def _known_as(self, draft: _Draft) -> Entry | None:
        """Give the entry as it was, also where it had a derived id that now gives way to one from a file."""
        if draft.id in self.known or not self.replaced:
            return self.known.get(draft.id)
        derived = id_of_key(draft.key)
        return self.known[derived] if derived in self.replaced else None

    def _with_what_was_known(self, entry: Entry, draft: _Draft, files: set[str]) -> Entry:
        """Keep what other files, which are not read this time, gave to an entry that still says the same."""
        old = self._known_as(draft)
        if old is None or old.answer != entry.answer or self.key(old.question) != draft.key:
            return entry
        others = [source for source in old.sources if source.file not in files and source.file not in self.vanished]
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
        similar_questions=draft.similar,
        category=record.category,
        language=record.language or language_of(record.question),
        tags=draft.tags,
        valid_from=record.valid_from,
        valid_until=record.valid_until,
        sources=draft.sources,
    )


def _ordered(sources: Iterable[Source]) -> tuple[Source, ...]:
    """Order by file, then by place as a person counts: row 9 before row 10."""
    return tuple(sorted(set(sources), key=lambda source: (source.file, len(source.place), source.place)))
