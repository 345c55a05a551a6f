"""Small real stand-ins for what the engine is given: knowledge of three entries, models that read off the words."""

from collections.abc import Collection, Sequence

import numpy as np

from engine.engine import DialogEngine
from engine.pipeline import Knowledge, Models, Pipeline
from engine.policy import Thresholds
from engine.settings import EngineSettings
from engine.types import Candidate, Evidence, Retrieved
from knowledge.errors import StoreUnavailable
from knowledge.types import ANY, Entry, Filter
from models.errors import ModelUnavailable
from models.protocols import (
    OUT_OF_SCOPE,
    Correction,
    Edit,
    FloatMatrix,
    IntentGuess,
    Language,
    ScoredLabel,
    Sentiment,
    SentimentGuess,
)

ENTRIES = {
    "returns": Entry(
        id="returns",
        question="how do i return an item",
        answer="Within **30 days**.",
        language="en",
        category="returning",
    ),
    "sale": Entry(id="sale", question="can i return sale items", answer="Sale items: 7 days.", language="en"),
    "退货": Entry(id="退货", question="怎么退货", answer="30 天内可以退货。", language="zh"),
}
THRESHOLDS = Thresholds(answer_at=0.7, clarify_at=0.3)


class WordEncoder:
    """Counts characters into buckets; can be told to fail or to take its time."""

    name, version, dim = "words", "words-1", 16

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.broken = False
        self.gate: Sequence[object] = ()

    def encode(self, texts: Sequence[str]) -> FloatMatrix:
        self.calls.append(list(texts))
        if self.broken:
            raise ModelUnavailable("the encoder is broken")
        rows = np.full((len(texts), self.dim), 1e-3, np.float32)
        for row, text in zip(rows, texts, strict=True):
            for letter in text:
                row[ord(letter) % self.dim] += 1
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class WordSearch:
    """Knows the confidence of some texts by heart: {text: (confidence, entry ids)}."""

    def __init__(self, known: dict[str, tuple[float, tuple[str, ...]]]) -> None:
        self.known = known
        self.down = False
        self.skipped: list[Collection[str]] = []
        self.dense_calls = 0

    def retrieve(
        self,
        texts: Sequence[str],
        vectors: FloatMatrix | None,
        *,
        k: int,
        where: Filter = ANY,
        skip: Sequence[Collection[str]] = (),
    ) -> list[Retrieved]:
        self.skipped = list(skip)
        if vectors is not None:
            self.dense_calls += 1
            if self.down:
                raise StoreUnavailable("no answer within 0.5 s")
        return [retrieved(*self.known.get(text, (0.0, ()))) for text in texts]


class TableTalk:
    """Gives the label that a table holds for a text."""

    labels, version = ("greeting", "human"), "talk-1"

    def __init__(self, table: dict[str, str]) -> None:
        self.table = table

    def predict(self, texts: Sequence[str], vectors: FloatMatrix) -> list[IntentGuess]:
        return [talk(self.table.get(text, OUT_OF_SCOPE)) for text in texts]


class CalmSentiment:
    """Everyone is neutral, but for those who shout."""

    version = "sentiment-1"

    def score(self, texts: Sequence[str], vectors: FloatMatrix) -> list[SentimentGuess]:
        return [NEGATIVE if "!!!" in text else NEUTRAL for text in texts]


class TableSpelling:
    """Replaces one known wrong word."""

    version = "spelling-1"

    def correct(self, text: str, language: Language) -> Correction:
        at = text.find("retrun")
        if at < 0:
            return Correction(text=text)
        edit = Edit(start=at, end=at + 6, wrong="retrun", right="return")
        return Correction(text=text.replace("retrun", "return"), edits=(edit,))


NEUTRAL = SentimentGuess(label=Sentiment.NEUTRAL, score=0.0)
NEGATIVE = SentimentGuess(label=Sentiment.NEGATIVE, score=-0.95)


def talk(label: str, confidence: float = 0.9) -> IntentGuess:
    return IntentGuess(label=label, confidence=confidence, ranked=(ScoredLabel(label=label, probability=confidence),))


def retrieved(confidence: float, entry_ids: tuple[str, ...]) -> Retrieved:
    candidates = tuple(
        Candidate(entry_id=entry_id, passage_id=rank, score=1.0 - rank / 10, stages={"dense": 1.0 - rank / 10})
        for rank, entry_id in enumerate(entry_ids)
    )
    return Retrieved(candidates=candidates, confidence=confidence)


def evidence(
    *, confidence: float = 0.0, entry_ids: tuple[str, ...] = (), said: str = OUT_OF_SCOPE, text: str = "a question",
    sentiment: SentimentGuess = NEUTRAL, said_confidence: float = 0.9,
) -> Evidence:  # fmt: skip
    return Evidence(
        text=text,
        language=Language.EN,
        edits=(),
        sentiment=sentiment,
        talk=talk(said, said_confidence),
        intent=None,
        retrieved=retrieved(confidence, entry_ids),
        stage_ms={},
    )


def language(text: str) -> Language:
    return Language.EN if text.isascii() else Language.ZH


def knowledge(search: WordSearch, *, version: str = "v1", workspace: str = "default", kb: str = "default") -> Knowledge:
    return Knowledge(
        workspace=workspace,
        kb=kb,
        version=version,
        entries=ENTRIES,
        search=search,
        spelling=TableSpelling(),
        thresholds=THRESHOLDS,
    )


class Bench:
    """An engine over the fakes, with every part within reach of the test."""

    def __init__(
        self,
        known: dict[str, tuple[float, tuple[str, ...]]] | None = None,
        *,
        said: dict[str, str] | None = None,
        settings: EngineSettings | None = None,
    ) -> None:
        self.encoder = WordEncoder()
        self.search = WordSearch(known or {})
        self.live = knowledge(self.search)
        self.now = 0.0
        models = Models(encoder=self.encoder, language=language, talk=TableTalk(said or {}), sentiment=CalmSentiment())
        self.pipeline = Pipeline(models, clock=lambda: self.now)
        self.engine = DialogEngine(
            knowledge=lambda workspace, kb: self.live,
            pipeline=self.pipeline,
            versions=models.versions,
            language=language,
            settings=settings or EngineSettings(),
        )
