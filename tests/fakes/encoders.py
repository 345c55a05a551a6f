"""An encoder without a model: instant, deterministic, and good enough for texts that share characters."""

import zlib
from collections.abc import Sequence

import numpy as np

from models.protocols import FloatMatrix

GRAM_LENGTHS = (1, 2, 3)


class HashingEncoder:
    """Counts character n-grams in `dim` hashed columns (Weinberger et al. 2009, "feature hashing")."""

    def __init__(self, dim: int = 256, *, name: str = "hashing", max_chars: int = 2000) -> None:
        self._dim = dim
        self._name = name
        self._max_chars = max_chars
        self.calls: list[tuple[str, ...]] = []  # every batch as it was asked for

    @property
    def name(self) -> str:
        return self._name

    @property
    def version(self) -> str:
        return f"{self._name}-{self._dim}-1"

    @property
    def dim(self) -> int:
        return self._dim

    def encode(self, texts: Sequence[str]) -> FloatMatrix:
        self.calls.append(tuple(texts))
        vectors = np.zeros((len(texts), self._dim), np.float32)
        for row, text in enumerate(texts):
            framed = f" {' '.join(text.lower()[: self._max_chars].split())} "
            for length in GRAM_LENGTHS:
                for start in range(len(framed) - length + 1):
                    digest = zlib.crc32(framed[start : start + length].encode("utf-8", "replace"))
                    vectors[row, digest % self._dim] += 1.0 if digest & (1 << 31) else -1.0
            if not vectors[row].any():
                vectors[row, 0] = 1.0
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
