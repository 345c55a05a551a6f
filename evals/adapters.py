"""The parts of kefu that answer, as the suites want them: searcher, speller, asker."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from evals.parts import TEMPORARY_KB, Parts
from evals.tasks.protocols import Ranking, Reply
from evals.types import Json
from knowledge.types import Entry

if TYPE_CHECKING:
    from engine.engine import DialogEngine
    from engine.pipeline import Knowledge
    from engine.types import Evidence, Outcome

ABREAST = 8  # dialogs that run side by side: the engine joins their turns into one encoder call
DEADLINE_S = 60.0  # a busy machine must not change what is measured; how long a turn took is in its case


class PipelineSearcher:
    """Searches as the engine does: `engine.pipeline` over a published version."""

    def __init__(self, parts: Parts, kb: str | None) -> None:
        """Search the base of that name, or the one that `index` makes."""
        self._parts = parts
        self._kb = kb

    def index(self, entries: Sequence[Entry]) -> None:
        """Publish the entries as the temporary base."""
        self._parts.publish(entries)

    @cached_property
    def _knowledge(self) -> "Knowledge":
        with self._parts.knowledge(self._kb) as knowledge:
            return knowledge

    def search(self, queries: Sequence[str]) -> list[Ranking]:
        """Rank entries for each query."""
        from engine.context import read
        from engine.pipeline import Pipeline, Query
        from engine.types import Turn
        from knowledge.types import Filter

        settings = self._parts.settings.engine
        pipeline = Pipeline(self._parts.models, candidates=settings.candidates)
        where = Filter(at=datetime.now(UTC))
        asked = [
            Query(reading=read(Turn(text=text), limit=settings.max_chars), knowledge=self._knowledge, where=where)
            for text in queries
        ]
        return [_ranking(evidence) for evidence in pipeline.run(asked)]

    def similarity(self, left: Sequence[str], right: Sequence[str]) -> list[float]:
        """The cosine of both texts' vectors, centred on the mean of all of them."""
        from knowledge.centring import Centring

        vectors = self._parts.encode([*left, *right], "encode pairs")
        blocks = getattr(self._parts.encoder, "blocks", ())
        centring = Centring.fit(vectors, tuple(block.stop - block.start for block in blocks) or None)
        centred = centring.apply(vectors)
        return [float(x) for x in (centred[: len(left)] * centred[len(left) :]).sum(axis=1)]


class KnowledgeSpeller:
    """Corrects with the words of a knowledge base."""

    def __init__(self, parts: Parts, kb: str | None, entries: Sequence[Entry]) -> None:
        """Take the base's own spelling, or build one from the entries."""
        from models.language import detect
        from models.spelling import KnowledgeSpelling

        self._detect = detect
        if kb is not None:
            with parts.knowledge(kb) as knowledge:
                self._spelling = knowledge.spelling
        else:
            texts = (text for e in entries for text in (e.question, *e.similar_questions, e.answer) if text)
            self._spelling = KnowledgeSpelling.build(texts)

    def correct(self, texts: Sequence[str], languages: Sequence[str]) -> list[str]:
        """Correct each text in its language, or in the one that it seems to be in."""
        from models.protocols import Language

        named = {language.value: language for language in Language}
        return [
            self._spelling.correct(text, named.get(language) or self._detect(text)).text
            for text, language in zip(texts, languages, strict=True)
        ]


class EngineAsker:
    """Runs dialogs through `DialogEngine.reply`, several side by side.

    The engine words its replies verbatim, whatever generator is configured: what is measured is what it decides. What
    it does not know is not added to the base's list of questions asked in vain.
    """

    def __init__(self, parts: Parts, kb: str | None) -> None:
        """Ask the base of that name, or the temporary one."""
        self._kb = kb or TEMPORARY_KB
        self._runner = asyncio.Runner()
        self._engine = self._runner.run(self._open(parts, kb))

    def ask(self, dialogs: Sequence[Sequence[str]]) -> list[list[Reply]]:
        """Hold the dialogs."""
        return self._runner.run(self._ask(dialogs))

    def close(self) -> None:
        """Close the engine and its loop."""
        self._runner.run(self._engine.close())
        self._runner.close()

    async def _open(self, parts: Parts, kb: str | None) -> "DialogEngine":
        from engine.engine import DialogEngine
        from engine.pipeline import Pipeline

        with parts.knowledge(kb) as knowledge:
            return DialogEngine(
                knowledge=lambda workspace, name: knowledge,
                pipeline=Pipeline(parts.models, candidates=parts.settings.engine.candidates),
                versions=parts.models.versions,
                language=parts.models.language,
                settings=replace(parts.settings.engine, deadline_s=DEADLINE_S),
            )

    async def _ask(self, dialogs: Sequence[Sequence[str]]) -> list[list[Reply]]:
        abreast = asyncio.Semaphore(ABREAST)

        async def hold(turns: Sequence[str]) -> list[Reply]:
            async with abreast:
                return await self._dialog(turns)

        async with asyncio.TaskGroup() as tasks:
            held = [tasks.create_task(hold(turns), name=f"dialog-{i}") for i, turns in enumerate(dialogs)]
        return [task.result() for task in held]

    async def _dialog(self, turns: Sequence[str]) -> list[Reply]:
        from engine.types import Exchange, Turn

        history: tuple[Exchange, ...] = ()
        replies = []
        for text in turns:
            began = time.perf_counter()
            outcome = await self._engine.reply(Turn(text=text, kb=self._kb, history=history))
            replies.append(_reply(outcome, ms=(time.perf_counter() - began) * 1000))
            history = (*history, outcome.exchange)
        return replies


def _ranking(evidence: "Evidence") -> Ranking:
    found = evidence.retrieved
    receipt: dict[str, Json] = {
        "understood": evidence.text,
        "language": evidence.language.value,
        "candidates": [
            {"entry_id": c.entry_id, "score": round(c.score, 6), "stages": _rounded(c.stages)}
            for c in found.candidates[:5]
        ],
        "degraded": list(evidence.degraded),
    }
    return Ranking(
        entry_ids=tuple(c.entry_id for c in found.candidates),
        confidence=found.answerable,
        receipt=receipt,
    )


def _reply(outcome: "Outcome", *, ms: float) -> Reply:
    """What the visitor got; what was answered from, or offered, comes first among the candidates."""
    receipt = outcome.receipt
    choices = tuple(choice.entry_id for choice in outcome.choices)
    ranked = (*outcome.citations[:1], *choices, *(c.entry_id for c in receipt.candidates))
    return Reply(
        decision=receipt.decision,
        top_ids=tuple(dict.fromkeys(ranked)),
        choices=choices,
        confidence=receipt.confidence,
        ms=ms,
        receipt=_plain(asdict(receipt)),
    )


def _plain(values: Mapping[str, object]) -> dict[str, Json]:
    """A receipt as JSON has it."""
    plain: dict[str, Json] = json.loads(json.dumps(values, default=str, ensure_ascii=False))
    return plain


def _rounded(scores: Mapping[str, float]) -> dict[str, Json]:
    return {name: round(score, 6) for name, score in scores.items()}
