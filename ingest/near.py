"""Near-duplicates by meaning: new questions that another entry already asks, with another answer."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from knowledge.snapshot import KINDS, Snapshot
from knowledge.types import Entry, PassageKind
from models.text import normalise

# Cosine of centred vectors. With the bundled encoder, on 600 pairs of LCQMC that people judged (half of them worded
# alike but asking for something else), it finds 0.84 of the pairs that mean the same, and 0.81 of what it finds does;
# among questions of one bank (BQ), which are closer to each other, 0.03 of them, and all it finds do.
# In three public FAQs that are kept well it finds nothing; of 700 questions of another bank, 12 in a hundred.
SIMILAR_AT = 0.85
_FETCHED = 8  # hits looked at per question, besides the passages of its own entry
_ROWS = 256  # searches at once


@dataclass(frozen=True, slots=True, kw_only=True)
class NearDuplicate:
    """Two entries that ask nearly the same and answer differently."""

    entry: Entry  # the one that is new or changed
    other: Entry
    similarity: float  # cosine of the two closest questions, up to 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearness:
    """What a search for near-duplicates found."""

    pairs: tuple[NearDuplicate, ...] = ()  # closest first
    examined: int = 0  # new or changed entries that were searched for
    of: int = 0  # new or changed entries in all


@dataclass(frozen=True, slots=True, kw_only=True)
class NearSettings:
    """What counts as near, and how much is looked at."""

    similar_at: float = SIMILAR_AT
    examined: int = 10_000  # entries searched for, evenly chosen where more are new: 10 s at a million passages
    listed: int = 100  # pairs reported


def find_near(
    snapshot: Snapshot,
    news: Collection[str],
    settings: NearSettings,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> Nearness:
    """Search a finished version for entries that ask nearly what the new and changed ones ask.

    Args:
        snapshot: the version.
        news: ids of entries that were added or changed.
        settings: of this search.
        progress: told how far it is.
    """
    rows = _question_rows(snapshot, news)
    chosen = rows[np.linspace(0, len(rows) - 1, min(len(rows), settings.examined)).astype(np.int64)]
    best: dict[tuple[int, int], float] = {}
    for start in range(0, len(chosen), _ROWS):
        progress("near", start, len(chosen))
        for row, other, score in _neighbours(snapshot, chosen[start : start + _ROWS], settings.similar_at):
            pair = (int(snapshot.entry_of[row]), int(snapshot.entry_of[other]))
            if pair[::-1] not in best:
                best[pair] = max(score, best.get(pair, 0.0))
    ranked = sorted(best.items(), key=lambda item: (-item[1], item[0]))
    pairs = _differing(snapshot, ranked, settings.listed)
    return Nearness(pairs=tuple(pairs), examined=len(chosen), of=len(rows))


def is_worth_telling(entry: Entry, other: Entry) -> bool:
    """Whether two entries that ask nearly the same answer differently.

    Passages of running text below the same headings are meant to be alike.
    """
    prose = entry.id.startswith("p-") and other.id.startswith("p-")
    return not prose and entry.id != other.id and normalise(entry.answer) != normalise(other.answer)


def _question_rows(snapshot: Snapshot, news: Collection[str]) -> NDArray[np.int64]:
    """Give the rows of the questions of entries, ascending."""
    wanted = frozenset(news)
    new = np.fromiter(
        (entry_id in wanted for entry_id in snapshot.entry_ids), dtype=np.bool_, count=len(snapshot.entries)
    )
    question = snapshot.kind_of == KINDS.index(PassageKind.QUESTION)
    return np.flatnonzero(question & new[snapshot.entry_of]) if len(new) else np.empty(0, dtype=np.int64)


def _neighbours(snapshot: Snapshot, rows: NDArray[np.int64], similar_at: float) -> Iterable[tuple[int, int, float]]:
    """Give for each row the rows of other entries' questions that are as near, with the similarity."""
    answer = KINDS.index(PassageKind.ANSWER)
    vectors = np.asarray(snapshot.vectors[rows], dtype=np.float32)
    own = int(np.bincount(snapshot.entry_of)[snapshot.entry_of[rows]].max())  # an entry may have many wordings
    for row, hits in zip(rows.tolist(), snapshot.store.search(vectors, k=_FETCHED + own), strict=True):
        for hit in hits:
            other = hit.passage_id
            if hit.score < similar_at:
                break
            if snapshot.entry_of[other] != snapshot.entry_of[row] and snapshot.kind_of[other] != answer:
                yield row, other, min(hit.score, 1.0)


def _differing(
    snapshot: Snapshot, ranked: Iterable[tuple[tuple[int, int], float]], limit: int
) -> Iterable[NearDuplicate]:
    """Keep the pairs that are worth telling, up to a number."""
    found = 0
    for (mine, theirs), score in ranked:
        entry, other = (snapshot.entries[snapshot.entry_ids[number]] for number in (mine, theirs))
        if not is_worth_telling(entry, other):
            continue
        yield NearDuplicate(entry=entry, other=other, similarity=round(score, 4))
        found += 1
        if found == limit:
            return
