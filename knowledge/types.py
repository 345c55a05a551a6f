"""The values of knowledge: what is known (Entry), what is searched (Passage), what is found (Hit)."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where an entry was read from, so that a person can find and mend it there."""

    file: str  # the file's name as given at ingest, without the folders above it
    place: str  # "row 12", "line 4", "page 3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing the company knows: a question, its wordings and the approved answer."""

    id: str
    question: str
    answer: str = ""  # Markdown; may be empty only in evaluation sets
    similar_questions: tuple[str, ...] = ()
    category: str = ""
    language: str = ""  # "zh", "en", "mixed" or "other", as models.language tells
    tags: tuple[str, ...] = ()
    valid_from: datetime | None = None  # aware; inclusive
    valid_until: datetime | None = None  # aware; exclusive
    sources: tuple[Source, ...] = ()
    edited: bool = False  # by hand, since it was last read from a document; reading again does not overwrite it


class PassageKind(StrEnum):
    """Which part of an entry a passage is."""

    QUESTION = "question"
    SIMILAR = "similar"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A piece of an entry that is encoded and searched on its own."""

    id: int  # position in its version, from 0: the row of its vector
    entry_id: str
    kind: PassageKind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A passage that a search found."""

    passage_id: int
    score: float  # cosine similarity in [-1, 1] from a vector store; BM25-like, >= 0, from the lexical index


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which entries a search may see; an empty field admits all."""

    languages: frozenset[str] = field(default_factory=frozenset)
    categories: frozenset[str] = field(default_factory=frozenset)
    tags: frozenset[str] = field(default_factory=frozenset)  # an entry needs one of them
    at: datetime | None = None  # aware; only entries valid at that time

    def admits(self, entry: Entry) -> bool:
        """Whether a search under this filter may see the entry."""
        return (
            (not self.languages or entry.language in self.languages)
            and (not self.categories or entry.category in self.categories)
            and (not self.tags or not self.tags.isdisjoint(entry.tags))
            and (self.at is None or entry.valid_from is None or entry.valid_from <= self.at)
            and (self.at is None or entry.valid_until is None or self.at < entry.valid_until)
        )


ANY = Filter()
