"""Vectors for texts: from an earlier version where it has them, from the encoder where not."""

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from knowledge.reuse import StoredVectors
from models.protocols import Encoder

_HALF = np.float16  # keeps the angle between two vectors to 0.0005, in half the room


class Encoding:
    """Encodes what is new, and counts."""

    def __init__(
        self,
        encoder: Encoder,
        *,
        earlier: Callable[[], StoredVectors | None],
        batch: int,
        progress: Callable[[str, int, int], None],
    ) -> None:
        """Take the encoder.

        Args:
            encoder: makes the vectors.
            earlier: opens what an earlier version has; called only when vectors are wanted.
            batch: texts of one encoder call.
            progress: told how many texts are encoded.
        """
        self._encoder = encoder
        self._earlier = earlier
        self._batch = batch
        self._progress = progress
        self.embedded = 0  # texts that the encoder was given
        self.reused = 0  # texts whose vectors were there already
        self.seconds = 0.0  # spent in the encoder

    def vectors_of(self, texts: Sequence[str]) -> NDArray[np.float16]:
        """Give the vectors of texts, (len(texts), dim); a text that comes twice is encoded once.

        Raises:
            ModelUnavailable: the encoder failed.
        """
        vectors = np.zeros((len(texts), self._encoder.dim), dtype=_HALF)
        missing = self._fill_from_earlier(texts, vectors)
        places: dict[str, list[int]] = {}
        for index in missing:
            places.setdefault(texts[index], []).append(index)
        # Texts of like length share a batch, so that little is padded. Sorting by text as well makes runs repeatable.
        wanted = sorted(places, key=lambda text: (len(text), text))
        for start in range(0, len(wanted), self._batch):
            self._progress("encode", start, len(wanted))
            some = wanted[start : start + self._batch]
            began = time.monotonic()
            encoded = self._encoder.encode(some)
            self.seconds += time.monotonic() - began
            for text, vector in zip(some, encoded, strict=True):
                vectors[places[text]] = vector.astype(_HALF)
        self.embedded += len(wanted)
        self._progress("encode", len(wanted), len(wanted))
        return vectors

    def _fill_from_earlier(self, texts: Sequence[str], vectors: NDArray[np.float16]) -> list[int]:
        """Copy the vectors that an earlier version has, and give the positions of the other texts."""
        earlier = self._earlier()
        if earlier is None:
            return list(range(len(texts)))
        rows = [earlier.row(text) for text in texts]
        known = [index for index, row in enumerate(rows) if row is not None]
        vectors[known] = earlier.matrix[[row for row in rows if row is not None]]
        self.reused += len(known)
        return [index for index, row in enumerate(rows) if row is None]
