"""The dialog engine: cache -> intent -> semantic search -> reply, within a deadline."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from cachetools.keys import hashkey

from engine import context, policy, replies, trace
from engine.batching import Batcher
from engine.cache import Cached, EvidenceCache
from engine.context import Reading
from engine.pipeline import Knowledge, Pipeline, Query
from engine.policy import Ruling
from engine.settings import EngineSettings
from engine.types import (
    Answer,
    Clarify,
    Decision,
    Evidence,
    Exchange,
    Handoff,
    Outcome,
    Reason,
    Receipt,
    Refuse,
    Retrieved,
    SmallTalk,
    Turn,
    Unknown,
)
from engine.writer import Writer
from knowledge.types import Entry
from models.protocols import OUT_OF_SCOPE, IntentGuess, Language, Sentiment, SentimentGuess

log = logging.getLogger(__name__)

_NAMES: Mapping[type[Decision], str] = {
    Answer: "answer",
    Clarify: "clarify",
    SmallTalk: "smalltalk",
    Unknown: "unknown",
    Refuse: "refuse",
    Handoff: "handoff",
}


_OUT_OF_TIME = Ruling(
    decision=Handoff(reason=Reason.TOOL_FAILURE, confirm=False), why="no decision within the deadline"
)


def name_of(decision: Decision) -> str:
    """Give a decision's name as receipts, logs and suites write it."""
    return _NAMES[type(decision)]


def _subject(decision: Decision, evidence: Evidence, knowledge: Knowledge) -> str:
    """What the exchange was about; "the second one" is about what the second choice asks."""
    if isinstance(decision, Answer):
        found = evidence.retrieved.candidates
        if not found or found[0].entry_id != decision.entry_id:
            return knowledge.entries[decision.entry_id].question
    return evidence.text


def _without_lost_entries(turn: Turn, knowledge: Knowledge, at: datetime) -> Turn:
    """Forget entries of the history, and a button, that are not there, or not to be seen, any more."""
    if not turn.chosen and not any(exchange.entry_ids for exchange in turn.history):
        return turn
    where, entries = replace(turn.where, at=at), knowledge.entries

    def seen(exchange: Exchange) -> Exchange:
        left = tuple(each for each in exchange.entry_ids if each in entries and where.admits(entries[each]))
        return exchange if left == exchange.entry_ids else replace(exchange, entry_ids=left)

    chosen = turn.chosen if turn.chosen in entries and where.admits(entries[turn.chosen]) else ""
    return replace(turn, history=tuple(map(seen, turn.history)), chosen=chosen)


class DialogEngine:
    """Answers turns. Knows no transport, keeps no conversation: what was said before comes with the turn."""

    def __init__(
        self,
        *,
        knowledge: Callable[[str, str], Knowledge],
        pipeline: Pipeline,
        versions: Mapping[str, str],
        language: Callable[[str], Language],
        settings: EngineSettings,
        writer: Writer | None = None,
        record: Callable[[Turn, Outcome], None] = lambda turn, outcome: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Take the parts; `engine.assemble.open_engine` puts them together.

        Args:
            knowledge: gives the live version of (workspace, knowledge base). Called once a turn, so it must be cheap,
                but for the first time for a base, when it is called on a thread and may take as long as opening does.
            pipeline: understands and searches.
            versions: of the models, for cache keys and receipts.
            language: tells a text's language; used when a turn runs out of time.
            settings: deadline, cache, queue.
            writer: words answers with a language model, grounded; none: verbatim.
            record: told of every outcome, for the list of what was asked in vain; must return at once.
            now: the clock that validity dates are held against.
        """
        self._knowledge = knowledge
        self._versions = versions
        self._language = language
        self._settings = settings
        self._writer = writer
        self._record = record
        self._now = now
        self._opened: set[tuple[str, str]] = set()
        self._opening: dict[tuple[str, str], asyncio.Future[Knowledge]] = {}
        self._cache = EvidenceCache(entries=settings.cache_entries, ttl_s=settings.cache_ttl_s)
        self._batcher: Batcher[Query, Evidence] = Batcher(
            pipeline.run, queue_limit=settings.queue_limit, batch_limit=settings.batch_limit
        )

    async def reply(
        self,
        turn: Turn,
        on_text: Callable[[str], None] | None = None,
        *,
        recorded: bool = True,
        worded: bool = True,
    ) -> Outcome:
        """Decide what the visitor gets, within the configured deadline.

        A turn that runs out of time goes to a person; it does not fail. Cancelling is safe: nothing is written here.

        Args:
            turn: what was said.
            on_text: called with each piece of the wording as soon as it may be shown, where a generator words it.
            recorded: whether it counts as asked; not where somebody only tries what would be said.
            worded: whether a generator may word the answer; else it is given as it was approved.

        Raises:
            EngineOverloaded: too many turns are waiting already.
            EngineClosed: `close` was called meanwhile.
            NothingPublished, KnowledgeBaseNotFound: the turn names a base that has no live version.
        """
        with trace.span("kefu.turn"):
            knowledge = await self.open(workspace=turn.workspace, kb=turn.kb)
            at = turn.where.at or turn.at or self._now()
            turn = _without_lost_entries(turn, knowledge, at)
            reading = context.read(turn, limit=self._settings.max_chars)
            try:
                found = await self._evidence(turn, reading, knowledge, at)
            except TimeoutError:
                log.warning("no decision within %.1f s; the turn goes to a person", self._settings.deadline_s)
                return self._outcome(reading, knowledge, Cached(self._nothing(reading), hit=False), _OUT_OF_TIME)
            ruling = policy.decide(
                turn, found.evidence, knowledge.thresholds, chosen=reading.chosen, stuck=reading.stuck
            )
            outcome = self._outcome(reading, knowledge, found, ruling)
            if recorded:
                self._record(turn, outcome)
            if self._writer is None or not worded:
                return outcome
            return await self._writer.word(outcome, found.evidence, knowledge.entries, on_text)

    async def open(self, *, workspace: str = "default", kb: str = "default") -> Knowledge:
        """Give a base's live version. The first call for a base opens it on a thread: others are answered meanwhile.

        Raises:
            NothingPublished, KnowledgeBaseNotFound: it has none.
        """
        key = (workspace, kb)
        if key not in self._opened:
            opening = self._opening.get(key)
            if opening is None:
                opening = asyncio.ensure_future(asyncio.to_thread(self._knowledge, workspace, kb))
                opening.add_done_callback(lambda done: self._has_opened(key, done))
                self._opening[key] = opening
            await asyncio.shield(opening)
        return self._knowledge(workspace, kb)

    def _has_opened(self, key: tuple[str, str], done: "asyncio.Future[Knowledge]") -> None:
        del self._opening[key]
        if not done.cancelled() and done.exception() is None:
            self._opened.add(key)

    def check(self, *, workspace: str = "default", kb: str = "default") -> None:
        """See that a base has a live version, before the first visitor does.

        Raises:
            NothingPublished, KnowledgeBaseNotFound: it has none.
        """
        self._knowledge(workspace, kb)

    def entry(self, workspace: str, kb: str, entry_id: str) -> Entry | None:
        """Give an entry of the live version, None if it has none such.

        Raises:
            NothingPublished, KnowledgeBaseNotFound: the base has no live version.
        """
        return self._knowledge(workspace, kb).entries.get(entry_id)

    @property
    def waiting(self) -> int:
        """Turns that wait for the models."""
        return self._batcher.waiting

    @property
    def cached(self) -> int:
        """Questions whose evidence is kept."""
        return len(self._cache)

    async def close(self) -> None:
        """Refuse what waits, let what is being computed end, and release the engine's thread."""
        await self._batcher.close()

    async def _evidence(self, turn: Turn, reading: Reading, knowledge: Knowledge, at: datetime) -> Cached:
        version = (turn.workspace, turn.kb, knowledge.version, knowledge.era(at))
        key = hashkey(*version, turn.where, reading.alone, reading.in_context, reading.answered)
        kept = self._cache.peek(key)
        if kept is not None:
            return Cached(kept, hit=True)
        query = Query(reading=reading, knowledge=knowledge, where=replace(turn.where, at=at))
        async with asyncio.timeout(self._settings.deadline_s):
            return await self._cache.get(key, lambda: self._batcher.submit(query))

    def _outcome(self, reading: Reading, knowledge: Knowledge, found: Cached, ruling: Ruling) -> Outcome:
        evidence, decision = found.evidence, ruling.decision
        name, cited = name_of(decision), replies.citations(decision)
        thresholds = knowledge.thresholds
        return Outcome(
            decision=decision,
            text=replies.say(decision, knowledge.entries, evidence.language),
            citations=cited,
            choices=replies.choices(decision, knowledge.entries),
            receipt=Receipt(
                text=reading.said,
                understood=evidence.text,
                decision=name,
                reason=ruling.why,
                language=evidence.language,
                confidence=evidence.retrieved.confidence,
                candidates=evidence.retrieved.candidates,
                thresholds={"answer_at": thresholds.answer_at, "clarify_at": thresholds.clarify_at},
                versions={**self._versions, "knowledge": knowledge.version},
                stage_ms=evidence.stage_ms,
                cached=found.hit,
                degraded=evidence.degraded,
            ),
            exchange=Exchange(
                text=reading.said,
                question=_subject(decision, evidence, knowledge),
                decision=name,
                entry_ids=decision.entry_ids if isinstance(decision, Clarify) else cited,
            ),
            evidence=evidence,
        )

    def _nothing(self, reading: Reading) -> Evidence:
        """Evidence of a turn that ran out of time."""
        return Evidence(
            text=reading.alone,
            language=self._language(reading.alone),
            edits=(),
            sentiment=SentimentGuess(label=Sentiment.NEUTRAL, score=0.0),
            talk=IntentGuess(label=OUT_OF_SCOPE, confidence=0.0, ranked=()),
            intent=None,
            retrieved=Retrieved(candidates=(), confidence=0.0),
            stage_ms={},
            degraded=("deadline",),
        )
