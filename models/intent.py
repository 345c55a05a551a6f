"""Intent: which of a company's classes a text belongs to, and whether it belongs to any."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import artifacts
from models.errors import ArtifactCorrupt
from models.heads import Head, Reading, SparseRow, Tensors, read_parts, write_parts
from models.protocols import OUT_OF_SCOPE, FloatMatrix, FloatVector, IntentGuess, ScoredLabel

KIND = "intent-head"
TALK_KIND = "talk-head"
MOST_RANKED = 20  # labels that a guess lists

# Nats that the words of a text say for a move, below which it is none. Of 267 wishes for a person that training never
# saw the least had 0.90; of 838 ordinary clauses 45 % have more.
_LEAST_EVIDENCE = 0.85
SIGNALS = ("linear score", "log probability", "familiarity", "neighbour cosine", "known characters")


@dataclass(frozen=True, slots=True, kw_only=True)
class Familiarity:
    """How much a text resembles the nearest training example, in meaning and in words at once.

    Both are joined into one vector and projected onto the leading singular directions of the training examples. What
    lies outside of them counts as unlike, because queries are not brought to unit length after the projection.
    """

    dense: FloatMatrix  # (dim, k)
    lexical: FloatMatrix  # (terms, k)
    examples: FloatMatrix  # (n, k)

    def apply(self, centred: FloatMatrix, rows: Sequence[SparseRow]) -> FloatVector:
        """Give the greatest dot product with an example, (n,)."""
        projected = centred @ self.dense
        for point, row in zip(projected, rows, strict=True):
            point += row.weights @ self.lexical[row.columns]
        best: FloatVector = (projected @ self.examples.T).max(axis=1)
        return best


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """A logistic model over `SIGNALS` that tells in-scope texts from others, and the score to accept from."""

    weights: FloatVector  # (len(SIGNALS),)
    offset: float
    threshold: float  # on the score, in logits

    def score(self, signals: FloatMatrix) -> FloatVector:
        """Give the log odds of being in scope, (n,), for signals of shape (n, len(SIGNALS))."""
        scores: FloatVector = signals @ self.weights + np.float32(self.offset)
        return scores


class LinearIntentClassifier:
    """Classifies by a linear head with a neighbour vote, and rejects by how familiar and how clear a text is.

    Implements `models.protocols.IntentClassifier`. The rejection score joins several measures, as none is best on all
    sets: the margin of a linear classifier, the probability of the best class, and distances to training examples.
    """

    def __init__(self, *, head: Head, familiarity: Familiarity, acceptance: Acceptance, version: str) -> None:
        """Join the parts; `version` identifies what they were fitted to."""
        self._head = head
        self._familiarity = familiarity
        self._acceptance = acceptance
        self._version = version
        self._in_scope = np.array([label != OUT_OF_SCOPE for label in head.labels])

    @property
    def labels(self) -> tuple[str, ...]:
        """The in-scope classes, sorted."""
        return tuple(label for label in self._head.labels if label != OUT_OF_SCOPE)

    @property
    def version(self) -> str:
        """Changes whenever the same text might get another guess."""
        return self._version

    @property
    def threshold(self) -> float:
        """The log odds of being in scope below which a text is rejected."""
        return self._acceptance.threshold

    def predict(self, texts: Sequence[str], vectors: FloatMatrix) -> list[IntentGuess]:
        """Classify texts; `vectors` are theirs, from the encoder that the classifier was trained on."""
        if not texts:
            return []
        centred = self._head.centring.apply(vectors)
        rows = [self._head.lexicon.row(text) for text in texts]
        reading = self._head.read(centred, rows)
        familiar = self._familiarity.apply(centred, rows)
        scores = self._acceptance.score(signals(reading, familiar, rows, in_scope=self._in_scope))
        chances = np.exp(self._head.tempered(reading.joint))
        return [self._guess(chance, float(score)) for chance, score in zip(chances, scores, strict=True)]

    def _guess(self, probabilities: FloatVector, score: float) -> IntentGuess:
        labels = self._head.labels
        ranked = rank(labels, probabilities)
        within = np.where(self._in_scope, probabilities, 0.0)
        best = int(within.argmax())
        share = float(within[best]) / max(float(within.sum()), 1e-12)
        accepted = score >= self._acceptance.threshold and ranked[0].label != OUT_OF_SCOPE
        return IntentGuess(
            label=labels[best] if accepted else OUT_OF_SCOPE,
            confidence=min(1.0, share / (1.0 + float(np.exp(-np.clip(score, -30, 30))))),
            ranked=ranked,
        )

    def save(self, folder: Path, *, data: Mapping[str, artifacts.Json] | None = None) -> artifacts.Manifest:
        """Store the classifier under `folder`; `data` says what it was trained on, for the manifest."""

        def write(work: Path) -> artifacts.Description:
            write_parts(work, *self._parts())
            return artifacts.Description(kind=KIND, name=folder.name, dim=self._head.dim, data=data or {})

        return artifacts.save(folder, write)

    def _parts(self) -> tuple[Tensors, dict[str, Any]]:
        tensors = self._head.tensors() | {
            "familiar_dense": self._familiarity.dense.astype(np.float16),
            "familiar_lexical": self._familiarity.lexical.astype(np.float16),
            "familiar_examples": self._familiarity.examples.astype(np.float16),
            "acceptance": self._acceptance.weights,
        }
        description = self._head.description() | {
            "offset": self._acceptance.offset,
            "threshold": self._acceptance.threshold,
            "version": self._version,
        }
        return tensors, description

    @classmethod
    def load(cls, folder: Path) -> "LinearIntentClassifier":
        """Load a classifier that `save` stored.

        Raises:
            ModelNotPrepared: there is none in `folder`.
            ArtifactCorrupt: a file does not match the manifest or cannot be understood; train again.
        """
        artifacts.verify(folder, kind=KIND)
        parts = read_parts(folder)
        try:
            return cls._restore(parts.tensors, parts.description)
        except (KeyError, TypeError, ValueError) as exc:
            raise ArtifactCorrupt(f"The intent head in {folder} lacks a part ({exc}); train it again.") from exc

    @classmethod
    def _restore(cls, tensors: Tensors, description: dict[str, Any]) -> "LinearIntentClassifier":
        return cls(
            head=Head.restore(tensors, description),
            familiarity=Familiarity(
                dense=tensors["familiar_dense"].astype(np.float32),
                lexical=tensors["familiar_lexical"].astype(np.float32),
                examples=tensors["familiar_examples"].astype(np.float32),
            ),
            acceptance=Acceptance(
                weights=tensors["acceptance"].astype(np.float32),
                offset=float(description["offset"]),
                threshold=float(description["threshold"]),
            ),
            version=str(description["version"]),
        )


class TalkClassifier:
    """Tells conversational moves (greeting, wants a human, complaint...) from the business of the shop.

    Implements `models.protocols.IntentClassifier`. `OUT_OF_SCOPE` is the trained class of ordinary questions; a move is
    recognised where the odds against that class reach the move's own threshold.
    """

    def __init__(self, *, head: Head, thresholds: Mapping[str, float], version: str) -> None:
        """Take a head that knows `OUT_OF_SCOPE`, and for each other label the least log odds to accept it."""
        self._head = head
        self._thresholds = dict(thresholds)
        self._version = version
        self._outside = head.labels.index(OUT_OF_SCOPE)

    @property
    def labels(self) -> tuple[str, ...]:
        """The moves, sorted."""
        return tuple(label for label in self._head.labels if label != OUT_OF_SCOPE)

    @property
    def version(self) -> str:
        """Changes whenever the same text might get another guess."""
        return self._version

    def possible(self, label: str, text: str) -> bool:
        """Tell from its words alone, without the cost of a vector, whether `predict` might give a text a label."""
        if label not in self._head.labels:
            return False
        row = self._head.lexicon.row(text)
        return self._head.linear.evidence(row, self._head.labels.index(label), self._outside) >= _LEAST_EVIDENCE

    def predict(self, texts: Sequence[str], vectors: FloatMatrix) -> list[IntentGuess]:
        """Classify texts; `vectors` are theirs, from the encoder that the classifier was trained on."""
        return [self._guess(chance) for chance in np.exp(self._head.log_probabilities(texts, vectors))]

    def _guess(self, chances: FloatVector) -> IntentGuess:
        best = best_move(chances, self._outside)
        label = self._head.labels[best.column]
        accepted = best.odds >= self._thresholds[label]
        return IntentGuess(
            label=label if accepted else OUT_OF_SCOPE,
            confidence=min(1.0, float(chances[best.column])),
            ranked=rank(self._head.labels, chances),
        )

    def save(self, folder: Path, *, data: Mapping[str, artifacts.Json] | None = None) -> artifacts.Manifest:
        """Store the classifier under `folder`; `data` says what it was trained on, for the manifest."""

        def write(work: Path) -> artifacts.Description:
            settings = {"thresholds": self._thresholds, "version": self._version}
            write_parts(work, self._head.tensors(), self._head.description() | settings)
            return artifacts.Description(kind=TALK_KIND, name=folder.name, dim=self._head.dim, data=data or {})

        return artifacts.save(folder, write)

    @classmethod
    def load(cls, folder: Path) -> "TalkClassifier":
        """Load a classifier that `save` stored.

        Raises:
            ModelNotPrepared: there is none in `folder`.
            ArtifactCorrupt: a file does not match the manifest or cannot be understood; prepare it again.
        """
        artifacts.verify(folder, kind=TALK_KIND)
        parts = read_parts(folder)
        try:
            head = Head.restore(parts.tensors, parts.description)
            return cls(head=head, thresholds=parts.description["thresholds"], version=str(parts.description["version"]))
        except (KeyError, TypeError, ValueError) as exc:
            raise ArtifactCorrupt(f"The talk head in {folder} lacks a part ({exc}); prepare it again.") from exc


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """The most probable conversational move of a text."""

    column: int
    odds: float  # log odds of any move against an ordinary text


def best_move(chances: FloatVector, outside: int) -> Move:
    """Find the most probable label besides column `outside`, and how likely it is that the text is not of that column.

    All moves together count against the ordinary class: a text between a complaint and a wish for a person is one of
    them for sure.
    """
    ordinary = min(max(float(chances[outside]), 1e-9), 1 - 1e-9)
    moves = chances.copy()
    moves[outside] = -1
    return Move(column=int(moves.argmax()), odds=float(np.log((1 - ordinary) / ordinary)))


def rank(labels: Sequence[str], probabilities: FloatVector) -> tuple[ScoredLabel, ...]:
    """List the most probable labels, best first; of equally probable ones the first in `labels` comes first."""
    order = np.argsort(-probabilities, kind="stable")[:MOST_RANKED]
    chances = np.minimum(probabilities[order], 1).tolist()
    return tuple(
        ScoredLabel(label=labels[index], probability=chance) for index, chance in zip(order, chances, strict=True)
    )


def signals(
    reading: Reading, familiar: FloatVector, rows: Sequence[SparseRow], *, in_scope: NDArray[np.bool_]
) -> FloatMatrix:
    """Measure what speaks for a text being in scope: (n, len(SIGNALS)), in that order; `in_scope` marks the labels."""
    return np.column_stack(
        [
            reading.linear[:, in_scope].max(axis=1),
            reading.joint[:, in_scope].max(axis=1),
            familiar,
            reading.nearest,
            np.array([row.known for row in rows], np.float32),
        ]
    )
