"""Linear heads over a text's vector and its words: what a trained classifier computes, in plain numpy.

A head adds two opinions in log space: a linear map of [the encoder's vector, tf-idf of characters and words], and the
nearest training examples in a small discriminant space. Serving needs numpy and safetensors only.
"""

import itertools
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import ArtifactCorrupt
from models.protocols import FloatMatrix, FloatVector
from models.text import HAN, normalise

IntVector = NDArray[np.int64]
IntMatrix = NDArray[np.int64]
Tensors = dict[str, NDArray[np.generic]]

CHAR_GRAMS = (1, 2, 3, 4)  # lengths, in characters of the normalised text
_WORD = re.compile(rf"[{HAN}]|[^\W{HAN}]+")
TENSORS = "head.safetensors"
DESCRIPTION = "head.json"
_MAX_CHARS = 2000  # of a text; what follows says nothing more about its class
_LEAST_VOTE = 1e-4  # probability that a class without any neighbour still gets


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Columns start..stop of an encoder's vector that come from one model."""

    name: str
    start: int
    stop: int


def softmax(logits: FloatMatrix) -> FloatMatrix:
    """Turn rows of logits into rows of probabilities."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: FloatMatrix = powers / powers.sum(axis=1, keepdims=True)
    return result


def log_softmax(logits: FloatMatrix) -> FloatMatrix:
    """Turn rows of logits into rows of log probabilities, without underflow."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: FloatMatrix = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def _lengths(rows: FloatMatrix) -> FloatMatrix:
    """Give the L2 norm of each row, (n, 1); numpy's own takes ten times as long for one row."""
    result: FloatMatrix = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
    return result


def char_grams(text: str) -> Counter[str]:
    """Count the runs of 1 to 4 characters of a normalised text."""
    return Counter([text[start : start + size] for size in CHAR_GRAMS for start in range(len(text) - size + 1)])


def word_grams(text: str) -> Counter[str]:
    """Count the words of a normalised text and the pairs of neighbours; each Chinese character is a word."""
    words: list[str] = _WORD.findall(text)
    return Counter(words + [f"{left} {right}" for left, right in itertools.pairwise(words)])


@dataclass(frozen=True, slots=True, kw_only=True)
class SparseRow:
    """The known terms of one text: their columns and weights."""

    columns: IntVector  # distinct, ascending within chars and within words
    weights: FloatVector  # L2 norm at most 1 together
    known: float  # in [0, 1]: share of the text's character grams that occurred in training


class Lexicon:
    """Tf-idf over characters and words that were seen in training.

    The two kinds are scaled to equal length before they are joined. Term frequency counts as 1 + ln(tf).
    """

    def __init__(self, *, chars: Sequence[str], words: Sequence[str], idf: FloatVector) -> None:
        """Take the terms, characters first, and the inverse document frequency of each."""
        self.chars = tuple(chars)
        self.words = tuple(words)
        self.idf = idf
        self._char_columns = {gram: column for column, gram in enumerate(self.chars)}
        self._word_columns = {gram: len(self.chars) + column for column, gram in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.chars) + len(self.words)

    def row(self, text: str) -> SparseRow:
        """Describe one text, which need not be normalised; unknown terms are left out."""
        grams = _grams(text)
        chars = _found(grams.chars, self._char_columns)
        words = _found(grams.words, self._word_columns)
        parts = [self._weigh(found) for found in (chars, words)]
        return SparseRow(
            columns=np.concatenate([found[0] for found in (chars, words)]),
            weights=np.concatenate(parts) * np.float32(0.5**0.5),
            known=float(chars[1].sum()) / max(1, grams.chars.total()),
        )

    def _weigh(self, found: IntMatrix) -> FloatVector:
        columns, counts = found
        weights: FloatVector = (1 + np.log(counts.astype(np.float32))) * self.idf[columns]
        return weights / np.float32(max(float(weights @ weights) ** 0.5, 1e-12))


@dataclass(frozen=True, slots=True)
class _Grams:
    chars: Counter[str]
    words: Counter[str]


@lru_cache(maxsize=512)  # several heads look at the same batch of texts in turn
def _grams(text: str) -> _Grams:
    clean = normalise(text)[:_MAX_CHARS]
    return _Grams(char_grams(clean), word_grams(clean))


def _found(grams: Counter[str], known: Mapping[str, int]) -> IntMatrix:
    """Give columns and counts, shape (2, found), of the grams that are known."""
    columns = map(known.get, grams)
    pairs = [pair for pair in zip(columns, grams.values(), strict=True) if pair[0] is not None]
    return np.fromiter(itertools.chain.from_iterable(pairs), np.int64, 2 * len(pairs)).reshape(-1, 2).T


@dataclass(frozen=True, slots=True, kw_only=True)
class Centring:
    """Shifts each block of an encoder's vectors by the training mean and scales the blocks alike.

    A block that is zero for a text (an encoder that does not know its language) stays zero. Sentence vectors crowd into
    a narrow cone; subtracting the mean spreads them (Mu and Viswanath 2018, "All-but-the-top").
    """

    blocks: tuple[Block, ...]  # one after the other, they cover all columns
    mean: FloatVector  # (dim,)

    def apply(self, vectors: FloatMatrix) -> FloatMatrix:
        """Centre vectors of shape (n, dim); the rows of the result have L2 norm 1, or 0 where all was zero."""
        starts = [block.start for block in self.blocks]
        sizes = [block.stop - block.start for block in self.blocks]
        lengths = np.sqrt(np.add.reduceat(vectors * vectors, starts, axis=1))  # (n, blocks), as below
        known = lengths > 1e-6
        scales = np.divide(1, lengths, out=np.zeros_like(lengths), where=known)
        centred: FloatMatrix = vectors * np.repeat(scales, sizes, axis=1)
        centred -= self.mean * np.repeat(known, sizes, axis=1)
        lengths = np.sqrt(np.add.reduceat(centred * centred, starts, axis=1))
        lengths = np.maximum(lengths, 1e-6) * np.sqrt(np.maximum(known.sum(axis=1, keepdims=True), 1))
        centred /= np.repeat(lengths.astype(np.float32), sizes, axis=1)
        return centred


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearMap:
    """Weights of a linear classifier over centred vectors and a lexicon."""

    dense: FloatMatrix  # (dim, classes)
    lexical: FloatMatrix  # (terms, classes)
    bias: FloatVector  # (classes,)

    def apply(self, centred: FloatMatrix, rows: Sequence[SparseRow]) -> FloatMatrix:
        """Give logits of shape (n, classes)."""
        logits: FloatMatrix = centred @ self.dense + self.bias
        for logit, row in zip(logits, rows, strict=True):
            logit += row.weights @ self.lexical[row.columns]
        return logits

    def evidence(self, row: SparseRow, column: int, against: int) -> float:
        """Sum up what the words of a text say for one class and against another, in nats, and nothing they deny."""
        differences = self.lexical[row.columns, column] - self.lexical[row.columns, against]
        return float(np.maximum(row.weights * differences, 0).sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """Soft vote of the training examples in a small space.

    Each example votes for its class with exp(sharpness * cosine).
    """

    projection: FloatMatrix  # (dim, k): into the space
    examples: FloatMatrix  # (n, k), rows of L2 norm 1, ordered by class
    classes: IntVector  # (n,) ascending: the class of each example; every class occurs
    sharpness: float

    def cosines(self, centred: FloatMatrix) -> FloatMatrix:
        """Give the similarity to each example, (n, examples)."""
        projected: FloatMatrix = centred @ self.projection
        np.divide(projected, np.maximum(_lengths(projected), 1e-6), out=projected)
        result: FloatMatrix = projected @ self.examples.T
        return result

    def votes(self, cosines: FloatMatrix) -> FloatMatrix:
        """Give log votes of shape (n, classes) from what `cosines` gave."""
        starts = np.searchsorted(self.classes, np.arange(int(self.classes[-1]) + 1))
        sums = np.add.reduceat(np.exp(self.sharpness * (cosines - 1)), starts, axis=1)
        sums /= np.maximum(sums.sum(axis=1, keepdims=True), 1e-30)
        result: FloatMatrix = np.log(sums + np.float32(_LEAST_VOTE))
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a head makes of n texts."""

    linear: FloatMatrix  # (n, labels): logits of the linear map
    nearest: FloatVector  # (n,): cosine of the nearest example; 0 without neighbours
    joint: FloatMatrix  # (n, labels): log probabilities before the temperature


class Head:
    """Tells how likely each of its labels is for a text."""

    def __init__(
        self,
        *,
        labels: Sequence[str],
        centring: Centring,
        lexicon: Lexicon,
        linear: LinearMap,
        neighbours: Neighbours | None,
        neighbour_weight: float,
        temperature: float,
    ) -> None:
        """Join the parts; `temperature` divides the joint log score, so that probabilities mean what they say."""
        self.labels = tuple(labels)
        self.centring = centring
        self.lexicon = lexicon
        self.linear = linear
        self.neighbours = neighbours
        self.neighbour_weight = neighbour_weight
        self.temperature = temperature

    @property
    def dim(self) -> int:
        """Columns of the vectors that it takes."""
        return int(self.linear.dense.shape[0])

    def log_probabilities(self, texts: Sequence[str], vectors: FloatMatrix) -> FloatMatrix:
        """Give log probabilities of shape (n, labels); `vectors` are those of `texts`, in order."""
        if not texts:
            return np.empty((0, len(self.labels)), np.float32)
        centred = self.centring.apply(vectors)
        return self.tempered(self.read(centred, [self.lexicon.row(text) for text in texts]).joint)

    def read(self, centred: FloatMatrix, rows: Sequence[SparseRow]) -> Reading:
        """Score centred vectors and their lexicon rows."""
        linear = self.linear.apply(centred, rows)
        joint = log_softmax(linear)
        if self.neighbours is None:
            return Reading(linear=linear, nearest=np.zeros(len(rows), np.float32), joint=joint)
        cosines = self.neighbours.cosines(centred)
        joint = log_softmax(joint + np.float32(self.neighbour_weight) * self.neighbours.votes(cosines))
        return Reading(linear=linear, nearest=cosines.max(axis=1), joint=joint)

    def tempered(self, joint: FloatMatrix) -> FloatMatrix:
        """Turn `Reading.joint` into log probabilities that mean what they say."""
        return log_softmax(joint / np.float32(self.temperature))

    def tensors(self) -> Tensors:
        """Give the arrays to store, by name."""
        stored: Tensors = {
            "mean": self.centring.mean,
            "idf": self.lexicon.idf,
            "dense": self.linear.dense,
            "lexical": self.linear.lexical.astype(np.float16),
            "bias": self.linear.bias,
        }
        if self.neighbours is not None:
            stored |= {
                "projection": self.neighbours.projection,
                "examples": self.neighbours.examples.astype(np.float16),
                "classes": self.neighbours.classes,
            }
        return {name: np.ascontiguousarray(tensor) for name, tensor in stored.items()}

    @classmethod
    def restore(cls, tensors: Tensors, description: Mapping[str, Any]) -> "Head":
        """Build a head from what `tensors` and `description` gave."""
        neighbours = None
        if description["sharpness"] is not None:
            neighbours = Neighbours(
                projection=_floats(tensors, "projection"),
                examples=_floats(tensors, "examples"),
                classes=tensors["classes"].astype(np.int64),
                sharpness=float(description["sharpness"]),
            )
        blocks = tuple(Block(name=name, start=start, stop=stop) for name, start, stop in description["blocks"])
        return cls(
            labels=description["labels"],
            centring=Centring(blocks=blocks, mean=_floats(tensors, "mean")),
            lexicon=Lexicon(chars=description["chars"], words=description["words"], idf=_floats(tensors, "idf")),
            linear=LinearMap(
                dense=_floats(tensors, "dense"), lexical=_floats(tensors, "lexical"), bias=_floats(tensors, "bias")
            ),
            neighbours=neighbours,
            neighbour_weight=float(description["neighbour_weight"]),
            temperature=float(description["temperature"]),
        )

    def description(self) -> dict[str, Any]:
        """Give what `tensors` leaves out, ready for JSON."""
        return {
            "labels": list(self.labels),
            "blocks": [[block.name, block.start, block.stop] for block in self.centring.blocks],
            "chars": list(self.lexicon.chars),
            "words": list(self.lexicon.words),
            "sharpness": self.neighbours.sharpness if self.neighbours is not None else None,
            "neighbour_weight": self.neighbour_weight,
            "temperature": self.temperature,
        }


def _floats(tensors: Tensors, name: str) -> NDArray[np.float32]:
    return np.ascontiguousarray(tensors[name], dtype=np.float32)


def write_parts(folder: Path, tensors: Tensors, description: Mapping[str, Any]) -> None:
    """Write arrays and description into a folder, as head.safetensors and head.json."""
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, folder / TENSORS)
    (folder / DESCRIPTION).write_text(json.dumps(description, ensure_ascii=False, sort_keys=True), encoding="utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What `write_parts` wrote."""

    tensors: Tensors
    description: dict[str, Any]


def read_parts(folder: Path) -> Parts:
    """Read what `write_parts` wrote.

    Raises:
        ArtifactCorrupt: a file cannot be understood.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        return Parts(tensors=load_file(folder / TENSORS), description=description)
    except (OSError, ValueError, SafetensorError) as exc:
        raise ArtifactCorrupt(f"The head in {folder} cannot be read ({exc}); train it again.") from exc
