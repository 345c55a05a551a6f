"""The roles that models play, and the frozen values they give.

Implementations do not inherit from these protocols; one contract suite holds all of them to it.
Every model is deterministic and safe to call from one thread at a time.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FloatMatrix = NDArray[np.float32]  # (n, dim), rows of L2 norm 1 unless the docstring says otherwise
FloatVector = NDArray[np.float32]

OUT_OF_SCOPE = "oos"  # the label of "none of the classes", in training files and in guesses


class Language(StrEnum):
    """The language of a text, as far as replies and search need to know it."""

    ZH = "zh"
    EN = "en"
    MIXED = "mixed"  # both, each with words of its own ("我的 order 还没到")
    OTHER = "other"


class Sentiment(StrEnum):
    """How the writer feels about what they write of; a plain question is neutral."""

    NEGATIVE = "negative"
    NEUTRAL = "neutral"
    POSITIVE = "positive"


@dataclass(frozen=True, slots=True, kw_only=True)
class SentimentGuess:
    """A sentiment and how far it leans."""

    label: Sentiment
    score: float  # in [-1, 1]: P(positive) - P(negative)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredLabel:
    """A label with the probability that the classifier gives it."""

    label: str
    probability: float  # in [0, 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentGuess:
    """What a classifier makes of one text."""

    label: str  # the class, or OUT_OF_SCOPE when the guess is rejected at the calibrated threshold
    confidence: float  # in [0, 1]: probability that the text is in scope and of the best class
    ranked: tuple[ScoredLabel, ...]  # best first, rejection not applied; sums to at most 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One change of spelling: text[start:end] becomes `right`."""

    start: int  # code points into the text before correction
    end: int
    wrong: str
    right: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A text after spelling correction; without edits it is the text as it was."""

    text: str
    edits: tuple[Edit, ...] = ()


class Encoder(Protocol):
    """Turns texts into vectors whose dot product is their similarity in meaning."""

    @property
    def name(self) -> str:
        """The model's name, as configured."""

    @property
    def version(self) -> str:
        """Changes whenever the same text might give another vector; part of cache keys and manifests."""

    @property
    def dim(self) -> int:
        """Columns of what `encode` gives."""

    def encode(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode texts in one call.

        Args:
            texts: any length and script; over-long ones are truncated at the model's limit; an empty text
                gives a finite vector.

        Returns:
            (len(texts), dim) float32, rows of L2 norm 1, in the order of `texts`; (0, dim) for none.

        Raises:
            ModelUnavailable: the runtime failed; trying again may work.
        """


class IntentClassifier(Protocol):
    """Tells which of its classes a text belongs to, or that it belongs to none."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The in-scope classes, sorted."""

    @property
    def version(self) -> str:
        """Changes whenever the same text might get another guess."""

    def predict(self, texts: Sequence[str], vectors: FloatMatrix) -> list[IntentGuess]:
        """Classify texts; `vectors` are theirs, from the encoder that the classifier was trained on."""


class SentimentScorer(Protocol):
    """Tells how the writer of a text feels."""

    @property
    def version(self) -> str:
        """Changes whenever the same text might get another score."""

    def score(self, texts: Sequence[str], vectors: FloatMatrix) -> list[SentimentGuess]:
        """Score texts; `vectors` are theirs, from the encoder that the scorer was trained on."""


class SpellingCorrector(Protocol):
    """Repairs typing errors, and leaves alone what it is not sure of."""

    @property
    def version(self) -> str:
        """Changes whenever the same text might be corrected otherwise."""

    def correct(self, text: str, language: Language) -> Correction:
        """Correct one text; offsets of the edits are code points of `text`."""


class Reranker(Protocol):
    """Orders candidates by reading the query and each passage together."""

    @property
    def version(self) -> str:
        """Changes whenever the same pair might get another score."""

    def score(self, query: str, passages: Sequence[str]) -> list[float]:
        """Score each passage in [0, 1]; higher is a better answer to the query."""


class ReplyGenerator(Protocol):
    """Words a reply from a prompt; what it says is checked elsewhere."""

    @property
    def name(self) -> str:
        """The model's name, for receipts."""

    def stream(self, *, system: str, user: str, max_tokens: int) -> AsyncIterator[str]:
        """Give the reply in pieces as they are made; closing the iterator stops the work.

        Raises:
            ModelUnavailable: no endpoint, an error from it, or the budget is spent.
        """
