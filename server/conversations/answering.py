"""The bot's answer to a turn: thought out beside all else, void once the visitor said more or a person took over."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from engine.types import Turn
from server.conversations.background import Background
from server.conversations.bot import Bot, Reply, only_files
from server.conversations.hub import Hub
from server.conversations.lane import Lane
from server.conversations.lanes import Lanes
from server.conversations.signals import WordingSignal
from server.conversations.state import Fence
from server.errors import ServerError
from server.ids import to_text

log = logging.getLogger(__name__)

Record = Callable[
    [Lane, Fence, Reply], Coroutine[Any, Any, bool]
]  # stores a reply if the fence holds; tells whether it did


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How the bot waits for a visitor to finish."""

    quiet_s: float  # after the last message, before a question back or an "I don't know"
    patience_s: float  # after the first unanswered message, at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Time:
    """The clock for waiting, and what waits."""

    clock: Callable[[], float]  # seconds
    pause: Callable[[float], Awaitable[None]]


class Answering:
    """Starts on turns, gives up those that are void, and hands over what was thought out."""

    def __init__(
        self,
        bot: Bot,
        hub: Hub,
        lanes: Lanes,
        background: Background,
        record: Record,
        *,
        patience: Patience,
        time: Time,
    ) -> None:
        """Take the parts.

        Args:
            bot: answers.
            hub: shows pieces of a reply in the making.
            lanes: keep a conversation in memory while it is answered.
            background: runs the answers.
            record: stores a reply.
            patience: of waiting for the visitor.
            time: to wait by.
        """
        self.patience = patience
        self._bot = bot
        self._hub = hub
        self._lanes = lanes
        self._background = background
        self._record = record
        self._time = time
        self._closing = False

    def follow(self, lane: Lane) -> None:
        """After something was stored: give up an answer that is void, and start on a turn that waits for one."""
        thinking = lane.answering is not None and not lane.answering.done()
        if thinking and lane.head.waits_for_bot and lane.answering_to == lane.head.fence:
            return
        if lane.answering is not None:
            lane.answering.cancel()
            lane.answering = None
        self.start(lane)

    def start(self, lane: Lane) -> None:
        """Start on the visitor's turn if the bot is to answer it."""
        if lane.head.waits_for_bot and lane.unanswered and not self._closing:  # no words: they were erased
            self._lanes.stay(lane)
            lane.answering_to = lane.head.fence
            lane.answering = self._background.start(self._answer(lane, lane.head.fence), "answer")
            lane.answering.add_done_callback(lambda _: self._lanes.exit(lane))

    async def give_up(self, lane: Lane) -> None:
        """Stop answering; what is being stored comes before the return."""
        if lane.answering is not None:
            if not lane.recording:
                lane.answering.cancel()
            await asyncio.gather(lane.answering, return_exceptions=True)
            lane.answering = None

    def close(self) -> None:
        """Leave the answers in the making to the next process."""
        self._closing = True
        for lane in self._lanes.used:
            if lane.answering is not None and not lane.recording:
                lane.answering.cancel()

    async def _answer(self, lane: Lane, fence: Fence) -> None:
        shown = stored = False

        def show(piece: str) -> None:
            nonlocal shown
            shown = True
            self._hub.signal(lane.key, WordingSignal(fence=fence, text=piece))

        turn = _turn_of(lane)
        try:
            reply = await self._bot.reply(turn, show) if turn.text else only_files(lane.head.language)
            await self._let_visitor_finish(lane, reply)
            lane.recording = fence  # from here on it is cancelled only by what comes before it in the lane
            stored = await self._record(lane, fence, reply)
        except ServerError as error:
            log.error("the reply to turn %d of %s was not stored: %s", fence.turn, turn.conversation, error)
        finally:
            if lane.recording == fence:
                lane.recording = None
            if shown and not stored:
                self._hub.signal(lane.key, WordingSignal(fence=fence, aborted=True))

    async def _let_visitor_finish(self, lane: Lane, reply: Reply) -> None:
        """Wait while the visitor types; before a question back or an "I don't know", wait for a pause in any case."""
        while True:
            now = self._time.clock()
            quiet = lane.last_said_at + self.patience.quiet_s if reply.hesitates else 0.0
            until = min(max(quiet, lane.typing_until), lane.first_unanswered_at + self.patience.patience_s)
            if until <= now:
                return
            await self._time.pause(min(until - now, 0.2))  # typing may stop, or start again


def _turn_of(lane: Lane) -> Turn:
    return Turn(
        text="\n".join(text for text in lane.unanswered if text),  # a message may be a file without words
        workspace=lane.head.workspace,
        kb=lane.head.kb,
        conversation=to_text(lane.head.conversation),
        history=lane.history,
        chosen=lane.chosen,
    )
