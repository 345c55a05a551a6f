"""What the suites need of the systems that they measure; `evals.systems` makes them of kefu's own parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from evals.types import Json
from knowledge.types import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """What a search gave for one query."""

    entry_ids: tuple[str, ...]  # best first
    confidence: float  # probability that the first entry answers the query; 0 where nothing was found
    receipt: Mapping[str, Json] | None = None


class Searcher(Protocol):
    """Finds the entries that answer a query."""

    def index(self, entries: Sequence[Entry]) -> None:
        """Take the entries that are searched from now on; they may have no answer."""

    def search(self, queries: Sequence[str]) -> list[Ranking]:
        """Rank entries for each query, as many as the system would look at (5 or more)."""

    def similarity(self, left: Sequence[str], right: Sequence[str]) -> list[float]:
        """How alike left[i] and right[i] are in meaning; higher is more alike, any scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """What a classifier makes of one text."""

    label: str  # after rejection at its own threshold
    best: str  # the best class with no rejection
    confidence: float
    probabilities: Mapping[str, float]  # of the best classes, at least of `best`


class Guesser(Protocol):
    """A trained classifier."""

    def guess(self, texts: Sequence[str]) -> list[Guess]:
        """Classify the texts."""


class Trainer(Protocol):
    """Makes a classifier from examples."""

    def train(self, texts: Sequence[str], labels: Sequence[str]) -> Guesser:
        """Learn from the examples; `oos` is the label of those out of scope."""


class Speller(Protocol):
    """Corrects the spelling of texts."""

    def correct(self, texts: Sequence[str], languages: Sequence[str]) -> list[str]:
        """Each text as it should be spelled; a language is "zh", "en" or "" where it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a visitor got."""

    decision: str  # answer, clarify, smalltalk, unknown, refuse or handoff
    top_ids: tuple[str, ...]  # ranked; for an answer the first was answered from, for clarify the choices come first
    choices: tuple[str, ...]  # entry ids offered as choices
    confidence: float
    ms: float
    receipt: Mapping[str, Json] | None = None


class Asker(Protocol):
    """A dialog engine with a knowledge base."""

    def ask(self, dialogs: Sequence[Sequence[str]]) -> list[list[Reply]]:
        """Hold each dialog from its first turn; dialogs do not know of each other and may run side by side."""
