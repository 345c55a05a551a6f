"""What the engine would answer, thought out for agents: beside the visitors, who come first."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from engine.errors import EngineOverloaded
from engine.types import Outcome, Turn

MOST_WAITING = 20  # agents' questions; one more is refused at once
_PATIENCE_S = 5.0  # in which no visitor may be waiting for the models, or the question is refused
_LOOK_S = 0.05


class Engine(Protocol):
    """What is asked."""

    @property
    def waiting(self) -> int:
        """Visitors' turns that wait for the models."""

    async def reply(self, turn: Turn, *, recorded: bool, worded: bool) -> Outcome:
        """Decide what a visitor would get."""


class Advice:
    """Asks the engine one question at a time, and only while no visitor's turn waits: at most one stands before it."""

    def __init__(self, engine: Engine, *, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._engine = engine
        self._pause = pause
        self._one = asyncio.Lock()
        self._waiting = 0

    async def on(self, turn: Turn) -> Outcome:
        """Think a turn out: nothing of it is recorded, and no generator words it.

        Raises:
            EngineOverloaded: visitors need the models just now, or too many agents ask.
            NothingPublished, KnowledgeBaseNotFound: the turn names a base that has no live version.
        """
        if self._waiting >= MOST_WAITING:
            raise EngineOverloaded(self._waiting, MOST_WAITING)
        self._waiting += 1
        try:
            async with self._one:
                await self._let_visitors_go_first()
                return await self._engine.reply(turn, recorded=False, worded=False)
        finally:
            self._waiting -= 1

    async def _let_visitors_go_first(self) -> None:
        for _ in range(int(_PATIENCE_S / _LOOK_S)):
            if not self._engine.waiting:
                return
            await self._pause(_LOOK_S)
        raise EngineOverloaded(self._waiting, MOST_WAITING)
