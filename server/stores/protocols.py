"""What a conversation log promises. One contract suite holds every implementation to it."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from server.conversations.events import Audience, Event, File, Millis
from server.conversations.state import Head
from server.handoff.states import State
from server.handoff.timers import Kind, Timer
from server.ids import to_text


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
    timers: tuple[Timer, ...] | None = None  # all that the conversation has from now on; None: those it had
    opens: bool = False  # the conversation is new


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some conversations of a longer list."""

    items: tuple[Head, ...]
    total: int


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """A timer of some conversation. One whose epoch has passed does nothing."""

    workspace: str
    conversation: bytes
    kind: Kind
    epoch: int
    fire_at: Millis


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """One opening to close of a conversation."""

    number: int  # from 1
    opened_at: Millis
    closed_at: Millis  # 0: it goes on
    department: str
    agent: str  # who had it last, "" if no person did
    reason: str  # why a person was wanted
    close_reason: str
    resolution: str
    tags: tuple[str, ...]
    rating: int  # 1 to 5; 0: none


def episode_of(head: Head) -> Episode:
    """Give the episode that a conversation is in, or was in last."""
    handling = head.handling
    ended = handling.state in (State.CLOSED, State.WRAP_UP)
    return Episode(
        number=handling.episode,
        opened_at=handling.begun_at or head.opened_at,
        closed_at=handling.closed_at if ended else 0,
        department=handling.department,
        agent=handling.agent or (handling.trail[-1] if handling.trail else ""),
        reason=handling.reason,
        close_reason=handling.close_reason if ended else "",
        resolution=handling.resolution,
        tags=handling.tags,
        rating=handling.rating,
    )


class CaseFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which conversations of a workspace; None admits all."""

    states: tuple[State, ...] | None = None
    owners: tuple[str, ...] | None = None  # "bot", "", "agent:ID"
    departments: tuple[str, ...] | None = None
    conversations: tuple[bytes, ...] | None = None
    visitor: str = ""
    tag: str = ""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Something that an agent left at the desk; or, of no agent, that erased words may still be in the index."""

    workspace: str
    agent: str
    kind: str  # "presence", "draft", "read", "erased"
    conversation: bytes = b""  # none for the presence
    value: str = ""  # "" takes it away


class CaseTable(Protocol):
    """Who handles which conversation. Kept with the log: what an append changes of it is stored with its events."""

    async def handled(self) -> list[Head]:
        """List the conversations of all workspaces that are neither the bot's alone nor closed."""

    async def alarms(self, *, until: Millis, limit: int = 500) -> list[Alarm]:
        """List timers of all workspaces whose time has come, the earliest first."""

    async def next_alarm(self) -> Millis | None:
        """Tell when the next timer of any workspace fires."""

    async def find(self, workspace: str, wanted: CaseFilter, *, offset: int = 0, limit: int = 50) -> Page:
        """List conversations, the one with the newest event first."""

    async def said_since(self, at: Millis, *, behind: Head | None = None, limit: int = 500) -> list[Head]:
        """List conversations whose newest event is not older: one workspace after the other, each from its newest on.

        Args:
            at: the moment.
            behind: the last one of the part before; None: from the beginning.
            limit: of them.
        """

    async def episodes(self, workspace: str, conversation: bytes) -> list[Episode]:
        """List a conversation's episodes in their order; one in which nobody but the bot acted may be missing."""

    async def mark(self, mark: Mark) -> None:
        """Keep what an agent left, instead of what was kept before; it is on disk when this returns.

        Raises:
            LogUnavailable, Busy: nothing was stored.
        """

    async def marks(self) -> list[Mark]:
        """List all that agents of all workspaces left; drafts about erased people are gone."""


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A file that somebody sent into a conversation, without its bytes."""

    id: bytes  # cannot be guessed
    workspace: str
    conversation: bytes
    author: str  # "visitor", "agent:ana"
    name: str
    media_type: str
    size: int  # bytes, as it is kept
    at: Millis
    named: bool = False  # some message names it; one that none does expires

    @property
    def file(self) -> File:
        """The file as events tell of it."""
        return File(id=to_text(self.id), name=self.name, media_type=self.media_type, size=self.size)


class FileTable(Protocol):
    """Which files there are. Kept with the log: an append names its files, and an erasure forgets them, at once."""

    async def add(self, upload: Upload, *, since: Millis, most_bytes: int, most_files: int) -> bool:
        """Add a file, unless its author sent too much into the conversation; tell whether it was added.

        Args:
            upload: the file; its bytes are on disk.
            since: earlier ones do not count.
            most_bytes: of all that count, this one included.
            most_files: likewise.

        Raises:
            LogUnavailable: nothing was stored.
        """

    async def find(self, workspace: str, upload: bytes) -> Upload | None:
        """Give a file, None if the workspace has no such one."""

    async def of_conversation(self, workspace: str, conversation: bytes) -> list[Upload]:
        """List the files of a conversation in the order of their coming, those that no message names included."""

    async def expire(self, *, before: Millis) -> list[bytes]:
        """Forget the files of all workspaces that came earlier and that no message names; give their ids."""

    async def known(self, uploads: Sequence[bytes]) -> set[bytes]:
        """Tell which of these files there are, in whatever workspace."""


class ConversationLog(Protocol):
    """An append-only log of conversations. Safe to call from one event loop; every call names its workspace."""

    @property
    def files(self) -> FileTable:
        """The files that were sent into them."""

    @property
    def cases(self) -> CaseTable:
        """Who handles them."""

    async def append(self, append: Append) -> None:
        """Store events; they are on disk when this returns. Appends that arrive together share one commit.

        Cancelling leaves open whether it was stored.

        Raises:
            Conflict: the numbers do not follow the stored ones, an id or client_msg_id is there already, or the
                visitor has another open conversation.
            BadCommand: a file that a message names is gone.
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
        """Delete all that a visitor wrote and was written; give the number of events emptied. The skeleton stays.

        Files of the visitor's conversations are forgotten with it; their bytes are left to the caller. So is the index:
        a mark of kind "erased" stays until somebody takes it away.
        """

    async def onward(self, *, after: int = 0, limit: int = 100) -> list[Onward]:
        """Read messages for the world outside, in their order, from a position on."""

    async def forget_onward(self, positions: Sequence[int]) -> None:
        """Let go of messages that were delivered, or given up."""

    async def close(self) -> None:
        """Store what waits, then release the files."""
