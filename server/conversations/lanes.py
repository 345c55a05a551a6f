"""The conversations in memory: filled from the log when somebody needs them, kept a while when nobody does."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from server.conversations.events import Audience, in_order
from server.conversations.hub import Key
from server.conversations.lane import Lane
from server.errors import ConversationNotFound
from server.stores.protocols import ConversationLog

_RECENT = (
    50  # events of each audience from which a lane is filled: what happened since the bot's last reply, and before
)


class Lanes:
    """Gives each conversation one lane, however many need it."""

    def __init__(self, store: ConversationLog, *, idle: int) -> None:
        """Take the log, and how many lanes to keep that nobody needs just now."""
        self._store = store
        self._limit = idle
        self._used: dict[Key, Lane] = {}
        self._idle: OrderedDict[Key, Lane] = OrderedDict()  # the longest unused first
        self._reading: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()

    @property
    def counts(self) -> tuple[int, int]:
        """Lanes in use, and not in use just now."""
        return len(self._used), len(self._idle)

    @property
    def used(self) -> list[Lane]:
        """Those in use."""
        return list(self._used.values())

    def known(self, key: Key) -> Lane | None:
        """Give the lane if it is in memory."""
        return self._used.get(key) or self._idle.get(key)

    @asynccontextmanager
    async def of(self, key: Key) -> AsyncIterator[Lane]:
        """Give a conversation's lane for as long as the block runs.

        Raises:
            ConversationNotFound: the workspace has no such conversation.
            LogUnavailable: the log cannot be read.
        """
        lane = await self._enter(key)
        try:
            yield lane
        finally:
            self.exit(lane)

    def stay(self, lane: Lane) -> None:
        """Keep a lane that the caller holds until `exit`, beyond the caller's own need."""
        lane.users += 1

    def exit(self, lane: Lane) -> None:
        """Let go of a lane."""
        lane.users -= 1
        if lane.users == 0:
            del self._used[lane.key]
            self._idle[lane.key] = lane
            while len(self._idle) > self._limit:
                self._idle.popitem(last=False)

    async def reload(self, lane: Lane) -> None:
        """Read the state again, after another process appended. The caller holds the turnstile."""
        workspace, conversation = lane.key
        head = await self._store.head(workspace, conversation)
        if head is not None:
            lane.reset(head)
            await self._fill(lane)

    async def _enter(self, key: Key) -> Lane:
        lane = self._take(key)
        if lane is None:
            reading = self._reading.setdefault(key, asyncio.Lock())
            async with reading:  # one reads it: what it read must not replace what another has appended to since
                lane = self._take(key) or await self._read(key)
                return self._use(lane)
        return self._use(lane)

    def _take(self, key: Key) -> Lane | None:
        return self._used.get(key) or self._idle.pop(key, None)

    def _use(self, lane: Lane) -> Lane:
        lane.users += 1
        self._used[lane.key] = lane
        return lane

    async def _read(self, key: Key) -> Lane:
        head = await self._store.head(*key)
        if head is None:
            raise ConversationNotFound("there is no such conversation.")
        lane = Lane(head)
        await self._fill(lane)
        return lane

    async def _fill(self, lane: Lane) -> None:
        """Remember the last exchanges and the words that nobody answered yet."""
        workspace, conversation = lane.key
        found = [
            *await self._store.events(workspace, conversation, audience=Audience.INTERNAL, limit=_RECENT, newest=True),
            *await self._store.events(workspace, conversation, limit=_RECENT, newest=True),
        ]
        lane.remember(in_order(found))
