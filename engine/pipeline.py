"""Understand and search: queries in, evidence out. Synchronous and batched; runs on the engine's own thread.

A query is read in up to four ways, its probes: as written, with its spelling corrected, and both together with the
question before it. One encoder call takes the probes of the whole batch; sentiment and intent are read off the
corrected text, the search runs for all of them, and the surest wins.
A stage that fails is named in `Evidence.degraded`; what is left still answers.
"""

import logging
import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import accumulate, groupby
from time import monotonic
from typing import Protocol, TypeVar

from engine import context
from engine.breaker import Breaker
from engine.context import Reading
from engine.policy import Thresholds
from engine.trace import Stopwatch
from engine.types import Evidence, Retrieved
from knowledge.errors import StoreUnavailable
from knowledge.types import ANY, Entry, Filter
from models.errors import ModelUnavailable
from models.protocols import (
    OUT_OF_SCOPE,
    Edit,
    Encoder,
    FloatMatrix,
    IntentClassifier,
    IntentGuess,
    Language,
    ScoredLabel,
    Sentiment,
    SentimentGuess,
    SentimentScorer,
    SpellingCorrector,
)

log = logging.getLogger(__name__)

Guess = TypeVar("Guess")

_PART_END = re.compile(r"[。！？!?；;，、\n]+|[.,](?=\s|$)")
_PARTS = 4  # of a turn, that are heard one by one
_PERSON = "human"

_NO_GUESS = IntentGuess(label=OUT_OF_SCOPE, confidence=0.0, ranked=())
_NO_SENTIMENT = SentimentGuess(label=Sentiment.NEUTRAL, score=0.0)


class Search(Protocol):
    """What the pipeline asks of a retriever; `engine.retrieval.Retriever` is the one."""

    def retrieve(
        self,
        texts: Sequence[str],
        vectors: FloatMatrix | None,
        *,
        k: int,
        where: Filter = ANY,
        skip: Sequence[Collection[str]] = (),
    ) -> list[Retrieved]:
        """Find candidates for each text, without the entries to skip; without vectors by words alone."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Knowledge:
    """One published version of a knowledge base, ready to be searched."""

    workspace: str
    kb: str
    version: str
    entries: Mapping[str, Entry]
    search: Search
    spelling: SpellingCorrector
    thresholds: Thresholds
    intent: IntentClassifier | None = None  # the company's own intents; none: the categories of the entries found
    borders: tuple[datetime, ...] = ()  # sorted: when an entry's validity begins or ends

    def era(self, at: datetime) -> int:
        """Number the spans of time in which the same entries are valid: evidence of one era holds all through it."""
        return bisect_right(self.borders, at)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Models:
    """The models that every knowledge base shares."""

    encoder: Encoder
    language: Callable[[str], Language]
    talk: IntentClassifier
    sentiment: SentimentScorer
    possible: Callable[[str, str], bool] = lambda label, text: (
        True
    )  # whether `talk` might give the label, in microseconds

    @property
    def versions(self) -> dict[str, str]:
        """For receipts and cache keys."""
        return {"encoder": self.encoder.version, "talk": self.talk.version, "sentiment": self.sentiment.version}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Query:
    """A turn as it is to be understood, and where it is to be searched for."""

    reading: Reading
    knowledge: Knowledge
    where: Filter = ANY


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Probe:
    """One way to read a query."""

    query: Query
    text: str
    edits: tuple[Edit, ...] = ()
    in_context: bool = False

    @property
    def skip(self) -> Collection[str]:
        """The entries that this reading cannot mean."""
        return self.query.reading.answered if self.in_context else ()


@dataclass(frozen=True, slots=True)
class _Mood:
    """What is read off the words alone; None where a classifier failed, or the knowledge base has none of its own."""

    sentiment: SentimentGuess | None
    talk: IntentGuess | None
    own: IntentGuess | None


class Pipeline:
    """Turns queries into evidence, many in one call."""

    def __init__(self, models: Models, *, candidates: int = 10, clock: Callable[[], float] = monotonic) -> None:
        self._models = models
        self._candidates = candidates
        self._breaker = Breaker(clock)

    def run(self, queries: Sequence[Query]) -> list[Evidence]:
        """Understand and search all queries with one encoder call; give the evidence in their order.

        A failing model or store raises nothing: the stage is named in `degraded`.
        """
        watch = Stopwatch()
        with watch.stage("understand"):
            languages = [self._models.language(query.reading.alone) for query in queries]
            groups = [_probes(query, language) for query, language in zip(queries, languages, strict=True)]
        probes = [probe for group in groups for probe in group]
        parts = [self._heard(group[_spelled(group)].text) for group in groups]
        with watch.stage("encode"):
            vectors = self._encode([*(probe.text for probe in probes), *(part for each in parts for part in each)])
        with watch.stage("search"):
            found, degraded = self._search(probes, None if vectors is None else vectors[: len(probes)])
        starts = list(accumulate(map(len, groups), initial=0))
        spelled = [start + _spelled(group) for start, group in zip(starts, groups, strict=False)]
        with watch.stage("classify"):
            moods = self._moods([probes[row] for row in spelled], None if vectors is None else vectors[spelled])
            moods = self._wishes(moods, parts, None if vectors is None else vectors[len(probes) :])
        return [
            _evidence(group, found[start : start + len(group)], mood, language, watch.stage_ms, degraded)
            for group, start, mood, language in zip(groups, starts, moods, languages, strict=False)
        ]

    def _encode(self, texts: Sequence[str]) -> FloatMatrix | None:
        try:
            return self._models.encoder.encode(texts)
        except ModelUnavailable:
            log.exception("the encoder failed; searching by words alone")
            return None

    def _heard(self, text: str) -> list[str]:
        """Give the clauses of a text that may ask for a person; each costs as much as a question."""
        return [part for part in parts_of(text) if self._models.possible(_PERSON, part)]

    def _moods(self, probes: Sequence[_Probe], vectors: FloatMatrix | None) -> list[_Mood]:
        if vectors is None:
            return [_Mood(None, None, None)] * len(probes)
        texts = [probe.text for probe in probes]
        sentiments = _guesses(self._models.sentiment.score, texts, vectors)
        talks = _guesses(self._models.talk.predict, texts, vectors)
        return list(map(_Mood, sentiments, talks, _own(probes, texts, vectors)))

    def _wishes(
        self, moods: Sequence[_Mood], parts: Sequence[Sequence[str]], vectors: FloatMatrix | None
    ) -> list[_Mood]:
        """Hear who asks for a person in one clause of several: what stands around it must not drown that."""
        texts = [part for each in parts for part in each]
        if vectors is None or not texts:
            return list(moods)
        talks = iter(_guesses(self._models.talk.predict, texts, vectors))
        heard = []
        for mood, each in zip(moods, parts, strict=True):
            wishes = [talk for _, talk in zip(each, talks, strict=False) if talk is not None and talk.label == _PERSON]
            heard.append(replace(mood, talk=wishes[0]) if wishes and mood.talk is not None else mood)
        return heard

    def _search(self, probes: Sequence[_Probe], vectors: FloatMatrix | None) -> tuple[list[Retrieved], tuple[str, ...]]:
        """Search every probe; the second value names what failed."""
        found: list[Retrieved] = []
        degraded = set() if vectors is not None else {"encoder"}
        for (knowledge, where), group in groupby(probes, key=lambda probe: (probe.query.knowledge, probe.query.where)):
            some = list(group)
            rows = slice(len(found), len(found) + len(some))
            dense = None if vectors is None else self._try_dense(knowledge, some, vectors[rows], where)
            if dense is None and vectors is not None:
                degraded.add("store")
            found += dense or self._retrieve(knowledge, some, None, where)
        return found, tuple(sorted(degraded))

    def _retrieve(
        self, knowledge: Knowledge, probes: Sequence[_Probe], vectors: FloatMatrix | None, where: Filter
    ) -> list[Retrieved]:
        texts, skip = [probe.text for probe in probes], [probe.skip for probe in probes]
        return knowledge.search.retrieve(texts, vectors, k=self._candidates, where=where, skip=skip)

    def _try_dense(
        self, knowledge: Knowledge, probes: Sequence[_Probe], vectors: FloatMatrix, where: Filter
    ) -> list[Retrieved] | None:
        """Search by meaning and words; none if the vector store gives no answer."""
        if not self._breaker.closed:
            return None
        try:
            found = self._retrieve(knowledge, probes, vectors, where)
        except StoreUnavailable as error:
            log.warning("the vector store failed, searching by words alone: %s", error)
            self._breaker.failed()
            return None
        self._breaker.succeeded()
        return found


def parts_of(text: str) -> list[str]:
    """Give the sentences and clauses of a text that has several, the last ones of many; none of a single one."""
    found = [part.strip() for part in _PART_END.split(text)]
    found = [part for part in found if len(part) > 2]
    return found[-_PARTS:] if len(found) > 1 else []


def _probes(query: Query, language: Language) -> list[_Probe]:
    """List the ways to read a query: the first is as written."""
    probes = [_Probe(query=query, text=query.reading.alone)]
    spelling = query.knowledge.spelling
    corrected = spelling.correct(query.reading.alone, language)
    if corrected.edits:
        probes.append(_Probe(query=query, text=corrected.text, edits=corrected.edits))
    if query.reading.in_context is not None:
        whole = spelling.correct(query.reading.in_context, language)
        probes.append(_Probe(query=query, text=whole.text, edits=whole.edits, in_context=True))
    return probes


def _evidence(
    group: Sequence[_Probe],
    found: Sequence[Retrieved],
    mood: _Mood,
    language: Language,
    stage_ms: Mapping[str, float],
    degraded: Sequence[str],
) -> Evidence:
    """Put together what was found out about one query; `found` is what the search gave for each of its readings."""
    best = _surest(group, found)
    failed = {"classify"} if None in (mood.sentiment, mood.talk) and "encoder" not in degraded else set()
    return Evidence(
        text=group[best].text,
        language=language,
        edits=group[best].edits,
        sentiment=mood.sentiment or _NO_SENTIMENT,
        talk=mood.talk or _NO_GUESS,
        intent=mood.own or _category(group[best].query.knowledge, found[best]),
        retrieved=found[best],
        stage_ms=stage_ms,
        degraded=tuple(sorted({*degraded, *failed})),
    )


def _own(probes: Sequence[_Probe], texts: Sequence[str], vectors: FloatMatrix) -> list[IntentGuess | None]:
    """Classify by the intents of each probe's own knowledge base, None where it has none."""
    guesses: list[IntentGuess | None] = []
    for knowledge, group in groupby(probes, key=lambda probe: probe.query.knowledge):
        rows = slice(len(guesses), len(guesses) + len(list(group)))
        if knowledge.intent is None:
            guesses += [None] * len(texts[rows])
        else:
            guesses += _guesses(knowledge.intent.predict, texts[rows], vectors[rows])
    return guesses


def _guesses(
    classify: Callable[[Sequence[str], FloatMatrix], Sequence[Guess]], texts: Sequence[str], vectors: FloatMatrix
) -> Sequence[Guess | None]:
    """Classify all texts in one call; if that fails, one by one, so that a text spoils nothing for the others."""
    try:
        return classify(texts, vectors)
    except Exception:  # whatever a model stumbles over, the visitor still gets what was found
        if len(texts) == 1:
            log.exception("a classifier failed; the turn goes on without it")
            return [None]
    return [_guesses(classify, [text], vector[None])[0] for text, vector in zip(texts, vectors, strict=True)]


def _category(knowledge: Knowledge, found: Retrieved) -> IntentGuess:
    """Guess the intent from the base's own questions, where no head was trained: the category of the entries found.

    Each candidate votes with its score for its category; the label stands if the first candidate is worth a question.
    """
    votes: dict[str, float] = {}
    for candidate in found.candidates:
        category = knowledge.entries[candidate.entry_id].category
        votes[category] = votes.get(category, 0.0) + max(candidate.score, 0.0)
    total = sum(votes.values()) or 1.0
    ranked = sorted(votes.items(), key=lambda vote: -vote[1])
    first = knowledge.entries[found.candidates[0].entry_id].category if found.candidates else ""
    known = bool(first) and found.confidence >= knowledge.thresholds.clarify_at
    return IntentGuess(
        label=first if known else OUT_OF_SCOPE,
        confidence=found.confidence,
        ranked=tuple(ScoredLabel(label=label, probability=min(1.0, vote / total)) for label, vote in ranked if label),
    )


def _spelled(probes: Sequence[_Probe]) -> int:
    """Give the index of the probe that mood and intent are read off: alone, its spelling corrected if need be."""
    return 1 if len(probes) > 1 and not probes[1].in_context else 0


def _surest(probes: Sequence[_Probe], found: Sequence[Retrieved]) -> int:
    """Give the index of the probe that explains the query best."""
    alone = max(
        (index for index, probe in enumerate(probes) if not probe.in_context),
        key=lambda index: found[index].confidence,  # equal confidence: as written
    )
    last = len(probes) - 1
    if not probes[last].in_context:
        return alone
    return last if context.prefer(found[alone], found[last], bare=probes[last].query.reading.bare) else alone
