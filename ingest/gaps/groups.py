"""Groups of questions that ask for the same, the most asked first."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from ingest.gaps.clusters import ClusterSettings, IntVector, Progress, clusters
from ingest.gaps.wordings import Wording
from models.protocols import FloatMatrix, Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """What was asked, in all its wordings."""

    central: Wording  # the one most like all of them
    others: tuple[Wording, ...]  # the most asked first
    row: int  # of the central one's vector
    language: Language

    @property
    def wordings(self) -> tuple[Wording, ...]:
        """All wordings, the central one first."""
        return (self.central, *self.others)

    @property
    def count(self) -> int:
        """How often it was asked."""
        return sum(wording.count for wording in self.wordings)

    @property
    def last_asked(self) -> datetime:
        """When it was asked last."""
        return max(wording.last_asked for wording in self.wordings)


def groups_of(
    wordings: Sequence[Wording],
    vectors: FloatMatrix,
    language_of: Callable[[str], Language],
    settings: ClusterSettings | None = None,
    progress: Progress = lambda done, total: None,
) -> list[Group]:
    """Group wordings by meaning, each into exactly one group.

    Args:
        wordings: with distinct keys.
        vectors: (n, dim) of theirs, centred, of L2 norm 1.
        language_of: tells the language of a text.
        settings: of what counts as the same.
        progress: told how far the search for neighbours is.

    Returns:
        The groups, the most asked first, then the one asked last, then by key.
    """
    counts = np.array([wording.count for wording in wordings], dtype=np.int64)
    ranks = np.empty(len(wordings), dtype=np.int64)
    ranks[sorted(range(len(wordings)), key=lambda row: (-wordings[row].count, wordings[row].key))] = range(
        len(wordings)
    )
    found = clusters(vectors, counts, ranks, settings or ClusterSettings(), progress)
    members: dict[int, list[int]] = {}
    for row, group in enumerate(found.tolist()):
        members.setdefault(group, []).append(row)
    groups = [
        _group(sorted(rows, key=lambda row: ranks[row]), wordings, vectors, counts, language_of)
        for rows in members.values()
    ]
    return sorted(groups, key=lambda group: (-group.count, -group.last_asked.timestamp(), group.central.key))


def _group(
    rows: list[int],
    wordings: Sequence[Wording],
    vectors: FloatMatrix,
    counts: IntVector,
    language_of: Callable[[str], Language],
) -> Group:
    some = vectors[rows]
    mean = (some.astype(np.float64) * counts[rows, None]).sum(axis=0)
    likeness = np.round(some @ mean.astype(np.float32) / counts[rows].sum(), 5)
    central = rows[int(np.argmax(likeness))]  # the first of several, and they are in the order of their ranks
    languages: Counter[Language] = Counter()
    for row in rows:
        languages[language_of(wordings[row].text)] += wordings[row].count
    return Group(
        central=wordings[central],
        others=tuple(wordings[row] for row in rows if row != central),
        row=central,
        language=min(languages, key=lambda language: (-languages[language], language.value)),
    )
