"""What a conversation log promises. One contract suite holds every implementation to it."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from server.conversations.events import Audience, Event, Millis
from server.conversations.state import Head


class Onward(msgspec.Struct, frozen=True, kw_only=True):
    """A message for the world outside, stored in the transaction of the events that it tells of."""

    id: bytes  # the same for every attempt to deliver it
    workspace: str
    conversation: bytes  # messages of one conversation are delivered in their order
    kind: str  # "message.created", "reply.created", "handoff.requested", ...
    at: Millis
    body: bytes  # JSON
    position: int = 0  # in the log's order; given by the log


class Append(msgspec.Struct, frozen=True, kw_only=True):
    """What one conversation gains at once: all of it is stored, or nothing."""

    head: Head  # after the events
    events: tuple[Event, ...]  # their numbers follow the stored ones
    onward: tuple[Onward, ...] = ()
    opens: bool = False  # the conversation is new


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some conversations of a longer list."""

    items: tuple[Head, ...]
    total: int


class ConversationLog(Protocol):
    """An append-only log of conversations. Safe to call from one event loop; every call names its workspace."""

    async def append(self, append: Append) -> None:
        """Store events; they are on disk when this returns. Appends that arrive together share one commit.

        Cancelling leaves open whether it was stored.

        Raises:
            Conflict: the numbers do not follow the stored ones, an id or client_msg_id is there already, or the
                visitor has another open conversation.
            LogUnavailable: nothing was stored.
            Busy: too many appends are waiting; nothing was stored.
        """

    async def head(self, workspace: str, conversation: bytes) -> Head | None:
        """Give a conversation's state, None if the workspace has no such conversation."""

    async def current(self, workspace: str, visitor: str) -> Head | None:
        """Give the visitor's conversation, None if there is none yet."""

    async def events(
        self,
        workspace: str,
        conversation: bytes,
        *,
        audience: Audience = Audience.PUBLIC,
        after: int = 0,
        before: int | None = None,
        limit: int = 200,
        newest: bool = False,
    ) -> list[Event]:
        """Read events with after < seq < before, in their order: the first `limit` of them, or the newest."""

    async def by_client_msg_id(
        self, workspace: str, conversation: bytes, author: str, client_msg_id: str
    ) -> Event | None:
        """Find the event that an author's client gave an id to."""

    async def unanswered(self, *, limit: int = 1000) -> list[Head]:
        """List conversations of all workspaces whose last turn waits for the bot, longest waiting first."""

    async def conversations(
        self, workspace: str, *, visitor: str | None = None, offset: int = 0, limit: int = 20
    ) -> Page:
        """List conversations, the one with the newest event first."""

    async def erase_visitor(self, workspace: str, visitor: str) -> int:
        """Delete all that a visitor wrote and was written; give the number of events emptied. The skeleton stays."""

    async def onward(self, *, after: int = 0, limit: int = 100) -> list[Onward]:
        """Read messages for the world outside, in their order, from a position on."""

    async def forget_onward(self, positions: Sequence[int]) -> None:
        """Let go of messages that were delivered, or given up."""

    async def close(self) -> None:
        """Store what waits, then release the files."""
