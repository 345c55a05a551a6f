"""What an ingest did: the values, and their form for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ingest.gate import GateResult
from ingest.near import Nearness
from ingest.plan import Conflict, KeptByHand
from ingest.records import Note, Rejection
from knowledge.publish import Lost
from knowledge.types import Entry, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestReport:
    """The outcome of one ingest."""

    workspace: str
    kb: str
    dry_run: bool
    added: int
    changed: int
    removed: int
    unchanged: int
    duplicates: int
    conflicts: Sequence[Conflict]
    rejections: Sequence[Rejection]
    notes: Sequence[Note] = ()
    kept: Sequence[KeptByHand] = ()
    gone: Sequence[Entry] = ()  # what was removed
    near: Nearness = field(default_factory=Nearness)
    gate: GateResult | None = None  # None: there is none, or nothing was to be published
    refused: str = ""  # why nothing was published although it might have been; "" otherwise
    entries: int  # in the base afterwards
    passages: int  # 0 for a dry run
    embedded: int  # texts that the encoder was given
    reused: int  # passages whose vectors were taken from an earlier version
    lost: Sequence[Lost]
    version: str  # live afterwards; "" if none
    seconds: float
    embedding_seconds: float

    @property
    def rejected(self) -> int:
        """Records and files that were not taken."""
        return len(self.rejections)

    @property
    def texts_per_s(self) -> float:
        """Texts encoded in a second; 0 if none were."""
        return self.embedded / self.embedding_seconds if self.embedding_seconds else 0.0

    def exit_code(self, *, allow_rejects: bool) -> int:
        """Give 1 if anything was rejected, unless that is allowed, or if publishing was refused."""
        return 1 if self.refused or (self.rejections and not allow_rejects) else 0

    def to_dict(self) -> dict[str, object]:
        """Give plain values for JSON."""
        return {
            "workspace": self.workspace,
            "kb": self.kb,
            "dry_run": self.dry_run,
            "added": self.added,
            "changed": self.changed,
            "removed": self.removed,
            "unchanged": self.unchanged,
            "duplicate": self.duplicates,
            "conflicting": len(self.conflicts),
            "rejected": self.rejected,
            "kept": len(self.kept),
            "entries": self.entries,
            "passages": self.passages,
            "embedded": self.embedded,
            "reused": self.reused,
            "version": self.version,
            "refused": self.refused,
            "seconds": round(self.seconds, 3),
            "embedding_seconds": round(self.embedding_seconds, 3),
            "texts_per_s": round(self.texts_per_s, 1),
            "conflicts": [_conflict(each) for each in self.conflicts],
            "rejections": [{**_place(each.source), "reason": each.reason} for each in self.rejections],
            "notes": [{**_place(each.source), "text": each.text} for each in self.notes],
            "kept_by_hand": [_kept(each) for each in self.kept],
            "removed_entries": [_brief(each) for each in self.gone],
            "near_duplicates": [
                {**_brief(pair.entry), "other": _brief(pair.other), "similarity": pair.similarity}
                for pair in self.near.pairs
            ],
            "near_duplicates_examined": {"entries": self.near.examined, "of": self.near.of},
            "not_first": [{"id": lost.entry_id, "found": lost.found} for lost in self.lost],
            "gate": self.gate and self.gate.to_dict(),
        }


def _conflict(conflict: Conflict) -> Mapping[str, object]:
    return {
        "question": conflict.question,
        "kept": {**_place(conflict.kept), "answer": conflict.kept_answer},
        "ignored": {**_place(conflict.ignored), "answer": conflict.ignored_answer},
    }


def _kept(kept: KeptByHand) -> Mapping[str, object]:
    return {
        "id": kept.entry_id,
        "question": kept.question,
        "removed_by_hand": kept.ours is None,
        "differs_in": list(kept.differing),
        "ours": kept.ours and kept.ours.answer,
        "theirs": kept.theirs.answer,
        "source": _place(kept.theirs.sources[0]) if kept.theirs.sources else None,
    }


def _brief(entry: Entry) -> Mapping[str, object]:
    return {
        "id": entry.id,
        "question": entry.question,
        "source": _place(entry.sources[0]) if entry.sources else None,
    }


def _place(source: Source) -> Mapping[str, str]:
    return {"file": source.file, "place": source.place}
