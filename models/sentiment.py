"""Sentiment: how the writer of a text feels about what they write of."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from models import artifacts
from models.errors import ArtifactCorrupt
from models.heads import Head, read_parts, write_parts
from models.protocols import FloatMatrix, Sentiment, SentimentGuess

KIND = "sentiment-head"
_SIGNS = {Sentiment.NEGATIVE: -1.0, Sentiment.NEUTRAL: 0.0, Sentiment.POSITIVE: 1.0}


class LinearSentimentScorer:
    """Scores by a linear head; implements `models.protocols.SentimentScorer`."""

    def __init__(self, *, head: Head, version: str) -> None:
        """Take a head whose labels are sentiments; `version` identifies what it was fitted to."""
        self._head = head
        self._version = version
        self._labels = tuple(Sentiment(label) for label in head.labels)
        self._signs = np.array([_SIGNS[label] for label in self._labels], np.float32)

    @property
    def version(self) -> str:
        """Changes whenever the same text might get another score."""
        return self._version

    def score(self, texts: Sequence[str], vectors: FloatMatrix) -> list[SentimentGuess]:
        """Score texts; `vectors` are theirs, from the encoder that the scorer was trained on."""
        chances = np.exp(self._head.log_probabilities(texts, vectors))
        best = chances.argmax(axis=1)
        scores = np.clip(chances @ self._signs, -1, 1)
        return [
            SentimentGuess(label=self._labels[index], score=float(score))
            for index, score in zip(best, scores, strict=True)
        ]

    def save(self, folder: Path, *, data: Mapping[str, artifacts.Json] | None = None) -> artifacts.Manifest:
        """Store the scorer under `folder`; `data` says what it was trained on, for the manifest."""

        def write(work: Path) -> artifacts.Description:
            write_parts(work, self._head.tensors(), self._head.description() | {"version": self._version})
            return artifacts.Description(kind=KIND, name=folder.name, dim=self._head.dim, data=data or {})

        return artifacts.save(folder, write)

    @classmethod
    def load(cls, folder: Path) -> "LinearSentimentScorer":
        """Load a scorer that `save` stored.

        Raises:
            ModelNotPrepared: there is none in `folder`.
            ArtifactCorrupt: a file does not match the manifest or cannot be understood; train again.
        """
        artifacts.verify(folder, kind=KIND)
        parts = read_parts(folder)
        try:
            head = Head.restore(parts.tensors, parts.description)
            return cls(head=head, version=str(parts.description["version"]))
        except (KeyError, TypeError, ValueError) as exc:
            raise ArtifactCorrupt(f"The sentiment head in {folder} lacks a part ({exc}); train it again.") from exc
