"""Asking a knowledge base the way a visitor's turn is answered: the same engine, but nothing is recorded."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from engine.engine import DialogEngine
from engine.pipeline import Knowledge, Models, Pipeline
from engine.settings import EngineSettings
from engine.types import Outcome, Turn

_AT_ONCE = 16  # turns in flight: they share encoder calls
_PATIENCE_S = 60.0  # a turn of these must not run out of time because the machine is busy publishing


def ask(
    knowledge: Knowledge,
    models: Models,
    settings: EngineSettings,
    texts: Sequence[str],
    progress: Callable[[int], None] = lambda done: None,
) -> list[Outcome]:
    """Answer texts, each as the first turn of a conversation of its own. Not to be called within an event loop.

    Args:
        knowledge: the version to answer from.
        models: those that its vectors were made with.
        settings: of the engine; only the deadline is wider.
        texts: what visitors say.
        progress: told how many were answered.
    """
    return asyncio.run(_ask_all(knowledge, models, settings, texts, progress))


async def _ask_all(
    knowledge: Knowledge,
    models: Models,
    settings: EngineSettings,
    texts: Sequence[str],
    progress: Callable[[int], None],
) -> list[Outcome]:
    engine = DialogEngine(
        knowledge=lambda workspace, kb: knowledge,
        pipeline=Pipeline(models, candidates=settings.candidates),
        versions=models.versions,
        language=models.language,
        settings=replace(settings, deadline_s=_PATIENCE_S, queue_limit=max(settings.queue_limit, _AT_ONCE)),
    )
    outcomes: list[Outcome] = []
    try:
        for start in range(0, len(texts), _AT_ONCE):
            some = texts[start : start + _AT_ONCE]
            turns = [Turn(text=text, workspace=knowledge.workspace, kb=knowledge.kb) for text in some]
            outcomes += await asyncio.gather(*map(engine.reply, turns))
            progress(len(outcomes))
    finally:
        await engine.close()
    return outcomes
