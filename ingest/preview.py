"""Near-duplicates for a dry run: without a version, from the new questions alone and from what is live."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ingest.near import NearDuplicate, Nearness, NearSettings, is_worth_telling
from knowledge.centring import Centring, FloatMatrix
from knowledge.snapshot import KINDS, Snapshot
from knowledge.types import Entry, PassageKind
from models.protocols import Encoder

_EXAMINED = 1_000  # questions encoded at most: ten seconds
_BATCH = 32
_FETCHED = 8


def preview_near(
    entries: Sequence[Entry],
    news: frozenset[str],
    encoder: Encoder,
    live: Snapshot | None,
    settings: NearSettings,
    progress: Callable[[str, int, int], None],
) -> Nearness:
    """Compare new and changed questions with each other and with those of the live version.

    Their vectors are centred as those of the live version, or on their own mean where there is none, so similarities
    differ a little from those that are found when the version is built.

    Args:
        entries: of the base as it would be.
        news: ids of those that are new or changed.
        encoder: makes the vectors.
        live: the version that answers, if it was made with the encoder.
        settings: of the search.
        progress: told how many questions are encoded.
    """
    fresh = [entry for entry in entries if entry.id in news]
    step = max(1, -(-len(fresh) // _EXAMINED))
    some = fresh[::step]
    if not some:
        return Nearness(of=len(fresh))
    vectors = _encoded([entry.question for entry in some], encoder, progress)
    centring = live.centring if live is not None else Centring.fit(vectors)
    centred = centring.apply(vectors)
    found = {
        (pair.entry.id, pair.other.id): pair
        for pair in (*_among(some, centred, settings), *_against(live, some, centred, news, settings))
    }
    ranked = sorted(found.values(), key=lambda pair: (-pair.similarity, pair.entry.id, pair.other.id))
    return Nearness(pairs=tuple(ranked[: settings.listed]), examined=len(some), of=len(fresh))


def _encoded(texts: Sequence[str], encoder: Encoder, progress: Callable[[str, int, int], None]) -> FloatMatrix:
    parts = []
    for start in range(0, len(texts), _BATCH):
        progress("encode", start, len(texts))
        parts.append(encoder.encode(texts[start : start + _BATCH]))
    progress("encode", len(texts), len(texts))
    return np.concatenate(parts)


def _among(entries: Sequence[Entry], centred: FloatMatrix, settings: NearSettings) -> Iterator[NearDuplicate]:
    scores = np.triu(centred @ centred.T, k=1)
    for first, second in np.argwhere(scores >= settings.similar_at):
        one, other = entries[first], entries[second]
        if is_worth_telling(one, other):
            yield NearDuplicate(entry=one, other=other, similarity=round(float(scores[first, second]), 4))


def _against(
    live: Snapshot | None, entries: Sequence[Entry], centred: FloatMatrix, news: frozenset[str], settings: NearSettings
) -> Iterator[NearDuplicate]:
    if live is None:
        return
    answer = KINDS.index(PassageKind.ANSWER)
    for entry, hits in zip(entries, live.store.search(centred, k=_FETCHED), strict=True):
        for hit in hits:
            other = live.entries[live.entry_ids[live.entry_of[hit.passage_id]]]
            near = hit.score >= settings.similar_at and live.kind_of[hit.passage_id] != answer
            if near and other.id not in news and is_worth_telling(entry, other):
                yield NearDuplicate(entry=entry, other=other, similarity=round(min(hit.score, 1.0), 4))
