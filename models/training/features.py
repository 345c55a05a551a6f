"""Fitting the features of a head: which terms count, and where the cloud of vectors has its centre."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from models.heads import Block, Centring, Lexicon, SparseRow, char_grams, word_grams
from models.protocols import Encoder, FloatMatrix, FloatVector
from models.text import normalise

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_RARE_FROM = 4000  # examples; in larger sets a term seen once is noise and costs memory


def fit_lexicon(texts: Sequence[str]) -> Lexicon:
    """Collect the terms of the texts with their smoothed inverse document frequency, ln((1 + n) / (1 + df)) + 1."""
    least = 2 if len(texts) >= _RARE_FROM else 1
    chars: Counter[str] = Counter()
    words: Counter[str] = Counter()
    for text in texts:
        clean = normalise(text)
        chars.update(char_grams(clean).keys())
        words.update(word_grams(clean).keys())
    kept_chars = sorted(gram for gram, seen in chars.items() if seen >= least)
    kept_words = sorted(gram for gram, seen in words.items() if seen >= least)
    frequency = np.array([chars[gram] for gram in kept_chars] + [words[gram] for gram in kept_words], np.float32)
    idf: FloatVector = (np.log((1 + len(texts)) / (1 + frequency)) + 1).astype(np.float32)
    return Lexicon(chars=kept_chars, words=kept_words, idf=idf)


def blocks_of(encoder: Encoder) -> tuple[Block, ...]:
    """Read which columns of an encoder's vectors belong to which model; most encoders are one block."""
    found = getattr(encoder, "blocks", None)
    if not found:
        return (Block(name=encoder.name, start=0, stop=encoder.dim),)
    return tuple(Block(name=str(block.name), start=int(block.start), stop=int(block.stop)) for block in found)


def fit_centring(blocks: Sequence[Block], vectors: FloatMatrix) -> Centring:
    """Find the mean of each block over the rows where it is not zero, each row at length 1."""
    mean = np.zeros(vectors.shape[1], np.float32)
    for block in blocks:
        part = vectors[:, block.start : block.stop]
        lengths = np.linalg.norm(part, axis=1, keepdims=True)
        known = lengths[:, 0] > 1e-6
        if known.any():
            mean[block.start : block.stop] = (part[known] / lengths[known]).mean(axis=0)
    return Centring(blocks=tuple(blocks), mean=mean)


def stack(rows: Sequence[SparseRow], terms: int) -> "csr_matrix":
    """Put lexicon rows below each other, shape (len(rows), terms)."""
    from scipy.sparse import csr_matrix

    ends = np.cumsum([0] + [len(row.columns) for row in rows])
    columns = np.concatenate([row.columns for row in rows]) if rows else np.empty(0, np.int64)
    weights = np.concatenate([row.weights for row in rows]) if rows else np.empty(0, np.float32)
    return csr_matrix((weights, columns, ends), shape=(len(rows), terms), dtype=np.float32)
