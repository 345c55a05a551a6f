"""Parts for tests of knowledge and ingest: a small encoder without a model, an analyser, and a publisher over both."""

import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ingest.index import Indexer, IngestSettings
from knowledge.backends import FaissBackend, StoreBackend
from knowledge.catalog import Catalog
from knowledge.layout import Layout
from knowledge.publish import Publisher, PublishSettings, Recipe


class GramEncoder:
    """Hashes pairs of characters into a vector: equal texts get equal vectors, similar ones similar vectors."""

    name = "grams"

    def __init__(self, dim: int = 64, version: str = "grams-1") -> None:
        self.dim = dim
        self.version = version
        self.texts: list[str] = []  # everything it was asked to encode

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts.extend(texts)
        rows = np.array([self._row(text) for text in texts], dtype=np.float32).reshape(len(texts), self.dim)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)

    def _row(self, text: str) -> NDArray[np.float32]:
        row = np.full(self.dim, 0.3, dtype=np.float32)  # what all texts have in common, as real encoders give it
        for gram in itertools.pairwise(f" {text} "):
            digest = hashlib.blake2b("".join(gram).encode(), digest_size=8).digest()
            row[digest[0] % self.dim] += 1.0 if digest[1] % 2 else -1.0
        return row


def analyse(text: str) -> dict[str, float]:
    """Count single characters and words."""
    terms: dict[str, float] = {}
    for term in (*text.lower().split(), *(char for char in text if ord(char) > 0x2E80)):
        terms[term] = terms.get(term, 0.0) + 1.0
    return terms


def ticking(start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> Callable[[], datetime]:
    """Give a clock that moves on by a second each time it is read."""
    seconds: Iterator[int] = itertools.count()
    return lambda: start + timedelta(seconds=next(seconds))


def make_publisher(
    home: Path, *, backend: StoreBackend | None = None, settings: PublishSettings | None = None, recipe: str = "r1"
) -> Publisher:
    layout = Layout(home=home)
    return Publisher(
        layout=layout,
        catalog=Catalog(layout.catalog),
        recipe=Recipe(version=recipe, backend=backend or FaissBackend(), analyse=analyse),
        settings=settings or PublishSettings(),
        now=ticking(),
    )


def make_indexer(
    publisher: Publisher, encoder: GramEncoder | None = None, settings: IngestSettings | None = None
) -> Indexer:
    return Indexer(
        publisher,
        encoder or GramEncoder(),
        language_of=lambda text: "zh" if any("\u4e00" <= char <= "\u9fff" for char in text) else "en",
        settings=settings,
    )
