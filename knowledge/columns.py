"""Filters over all entries at once: one column per attribute, one mask per filter."""

import json
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowledge.types import Entry, Filter, Passage

BoolArray = NDArray[np.bool_]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NEVER = np.iinfo(np.int64)
_KEPT_MASKS = 64  # filters of one deployment are few: a language, a shop, a product line


class EntryColumns:
    """What filters ask about, laid out so that a mask over 100,000 entries costs microseconds.

    `admitted()` agrees with `Filter.admits()` for every entry; a test holds the two together.
    """

    def __init__(
        self,
        *,
        entry_of: NDArray[np.int32],
        languages: Sequence[str],
        categories: Sequence[str],
        tags: Sequence[Sequence[str]],
        valid_from: NDArray[np.int64],
        valid_until: NDArray[np.int64],
    ) -> None:
        """Take the columns; prefer `build` and `load`.

        Args:
            entry_of: (passages,) the entry, by position, that each passage belongs to.
            languages: one per entry.
            categories: one per entry.
            tags: one list per entry.
            valid_from: (entries,) microseconds since 1970, the least value for "always".
            valid_until: (entries,) likewise, the greatest value for "for ever"; exclusive.
        """
        self.entry_of = entry_of
        self._languages = _positions(languages)
        self._categories = _positions(categories)
        self._tags = _positions_of_many(tags)
        self._valid_from = valid_from
        self._valid_until = valid_until
        dates = np.concatenate([valid_from, valid_until])
        self._borders = np.unique(dates[(dates != _NEVER.min) & (dates != _NEVER.max)])
        self._masks: dict[tuple[object, ...], BoolArray] = {}
        self._lock = threading.Lock()

    @classmethod
    def build(cls, passages: Sequence[Passage], entries: Sequence[Entry]) -> "EntryColumns":
        """Read the columns off the entries that the passages belong to."""
        position = {entry.id: index for index, entry in enumerate(entries)}
        return cls(
            entry_of=np.fromiter((position[p.entry_id] for p in passages), dtype=np.int32, count=len(passages)),
            languages=[entry.language for entry in entries],
            categories=[entry.category for entry in entries],
            tags=[entry.tags for entry in entries],
            valid_from=_micros([entry.valid_from for entry in entries], missing=_NEVER.min),
            valid_until=_micros([entry.valid_until for entry in entries], missing=_NEVER.max),
        )

    def __len__(self) -> int:
        """Passages covered."""
        return len(self.entry_of)

    @property
    def borders(self) -> tuple[datetime, ...]:
        """The times at which the validity of an entry begins or ends, sorted: between two of them no mask changes."""
        return tuple(_EPOCH + int(border) * _MICROSECOND for border in self._borders)

    def admitted(self, where: Filter) -> BoolArray | None:
        """Tell which passages a filter admits.

        Returns:
            (passages,) bool, not to be written to; None when the filter admits every passage.
        """
        era = self._era(where.at)
        key = (where.languages, where.categories, where.tags, era)
        if not (where.languages or where.categories or where.tags) and era is None:
            return None
        with self._lock:
            known = self._masks.get(key)
        if known is None:
            known = self._entries_admitted(where)[self.entry_of]
            known.flags.writeable = False
            with self._lock:
                if len(self._masks) >= _KEPT_MASKS:
                    del self._masks[next(iter(self._masks))]
                self._masks[key] = known
        return known

    def _era(self, at: datetime | None) -> int | None:
        """Number the time between two neighbouring validity dates; in one era every mask stays the same."""
        if at is None or not len(self._borders):
            return None
        return int(np.searchsorted(self._borders, (at - _EPOCH) // _MICROSECOND, side="right"))

    def _entries_admitted(self, where: Filter) -> BoolArray:
        mask = np.ones(len(self._valid_from), dtype=np.bool_)
        for wanted, column in (
            (where.languages, self._languages),
            (where.categories, self._categories),
            (where.tags, self._tags),
        ):
            if wanted:
                having = np.zeros_like(mask)
                for value in wanted:
                    having[column.get(value, _NOWHERE)] = True
                mask &= having
        if where.at is not None:
            now = (where.at - _EPOCH) // _MICROSECOND
            mask &= (self._valid_from <= now) & (now < self._valid_until)
        return mask

    def save(self, folder: Path) -> None:
        """Write the columns into a folder that exists."""
        np.savez(
            folder / "columns.npz",
            entry_of=self.entry_of,
            valid_from=self._valid_from,
            valid_until=self._valid_until,
        )
        values = {
            "languages": {value: places.tolist() for value, places in self._languages.items()},
            "categories": {value: places.tolist() for value, places in self._categories.items()},
            "tags": {value: places.tolist() for value, places in self._tags.items()},
        }
        (folder / "columns.json").write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "EntryColumns":
        """Read what `save` wrote."""
        with np.load(folder / "columns.npz", allow_pickle=False) as arrays:
            columns = cls(
                entry_of=arrays["entry_of"],
                languages=(),
                categories=(),
                tags=(),
                valid_from=arrays["valid_from"],
                valid_until=arrays["valid_until"],
            )
        values: dict[str, Any] = json.loads((folder / "columns.json").read_text(encoding="utf-8"))
        columns._languages = _as_arrays(values["languages"])
        columns._categories = _as_arrays(values["categories"])
        columns._tags = _as_arrays(values["tags"])
        return columns


_NOWHERE: NDArray[np.int64] = np.empty(0, dtype=np.int64)


def _positions(values: Sequence[str]) -> dict[str, NDArray[np.int64]]:
    return _positions_of_many([(value,) for value in values])


def _positions_of_many(values: Sequence[Sequence[str]]) -> dict[str, NDArray[np.int64]]:
    """Index, for each value, the entries that have it."""
    found: dict[str, list[int]] = {}
    for index, several in enumerate(values):
        for value in several:
            found.setdefault(value, []).append(index)
    return _as_arrays(found)


def _as_arrays(positions: dict[str, list[int]]) -> dict[str, NDArray[np.int64]]:
    return {value: np.asarray(places, dtype=np.int64) for value, places in positions.items()}


def _micros(dates: Sequence[datetime | None], *, missing: int) -> NDArray[np.int64]:
    return np.asarray([missing if date is None else (date - _EPOCH) // _MICROSECOND for date in dates], dtype=np.int64)
