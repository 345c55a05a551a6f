"""The path of a message, from a session to the log and back to every session of its conversation.

A command becomes an event, the event is on disk, and only then it is acknowledged and shown. The bot answers beside
it: what it says is stored only if the visitor said no more and no person took over while it was thinking. What agents
do, and what follows when time has run out, goes the same way (`change`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import monotonic, time_ns

import msgspec

from engine import trace
from server.conversations.answering import Answering, Patience, Time
from server.conversations.background import Background
from server.conversations.bot import Bot, Reply
from server.conversations.commands import Command, Stored, Visitor, body_of, check_rated, is_turn, reply_id, same
from server.conversations.events import Event, File, Opened
from server.conversations.hub import Hub, Key, Session
from server.conversations.lane import Lane
from server.conversations.lanes import Lanes
from server.conversations.missed import Missed, missed_by_agent, missed_by_visitor
from server.conversations.rules import BotAlone, Rules
from server.conversations.signals import ErasedSignal, ReadSignal, TypingSignal
from server.conversations.state import BOT, SYSTEM, VISITOR, Drafts, Fence, Head, opened, scrubbed
from server.errors import Conflict
from server.events.onward import told_outside
from server.ids import NewId, derived_id, new_id
from server.stores.protocols import Append, ConversationLog
from server.uploads.naming import named_files


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationSettings:
    """How the bot waits for a visitor to finish."""

    quiet_s: float = 1.2  # after the last message, before a question back or an "I don't know"
    patience_s: float = 4.0  # after the first unanswered message, at most
    typing_s: float = 6.0  # a visitor who was typing is taken to have stopped
    missed_events: int = 200  # sent to a client that comes back; who missed more gets the newest as a fresh start
    first_events: int = 50  # of a fresh start
    idle_lanes: int = 2_000  # conversations kept in memory though nobody adds to them just now


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """What an action led to."""

    head: Head
    events: tuple[Event, ...]  # what was stored now; of an action sent again, its event of then


Decide = Callable[[Drafts], None]  # adds to the drafts what is to happen; raises what the asker is told


class Conversations:
    """All conversations of this process. Used from one event loop."""

    def __init__(
        self,
        store: ConversationLog,
        hub: Hub,
        bot: Bot,
        settings: ConversationSettings | None = None,
        *,
        make_id: NewId = new_id,
        now_ms: Callable[[], int] = lambda: time_ns() // 1_000_000,
        clock: Callable[[], float] = monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        stored: Callable[[Head, Sequence[Event]], None] = lambda head, events: None,
        rules: Rules | None = None,
        listened: Callable[[str], bool] = lambda workspace: True,
    ) -> None:
        """Take the parts.

        Args:
            store: the log.
            hub: knows the live sessions.
            bot: answers.
            settings: of waiting.
            make_id: for events and conversations.
            now_ms: the time of day, for events.
            clock: for waiting, in seconds.
            pause: waits that many of them.
            stored: told of what was stored, after it was shown; must neither fail nor wait.
            rules: tell what else follows from what is said; by default nothing does.
            listened: whether the world outside is told of a workspace.
        """
        self._store = store
        self._hub = hub
        self._settings = settings = settings or ConversationSettings()
        self._make_id = make_id
        self._now_ms = now_ms
        self._clock = clock
        self._stored = stored
        self._rules: Rules = rules or BotAlone()
        self._listened = listened
        self._background = Background()
        self._lanes = Lanes(store, idle=settings.idle_lanes)
        self._answering = Answering(
            bot,
            hub,
            self._lanes,
            self._background,
            self._record,
            patience=_patience(settings),
            time=Time(clock=clock, pause=pause),
        )

    # -- what sessions and the API ask

    async def open(self, visitor: Visitor) -> Head:
        """Give the visitor's conversation; it is made at the first call, and once however many call at once."""
        head = await self._store.current(visitor.workspace, visitor.id)
        if head is not None:
            return head
        body = Opened(
            kb=visitor.kb, language=visitor.language, page=visitor.page, device=visitor.device, zone=visitor.zone
        )
        at = self._now_ms()
        drafts = Drafts(opened(visitor.workspace, self._make_id(), visitor.id, body, at=at), at=at)
        drafts.add(self._make_id(), SYSTEM, body)
        append = self._append_of(drafts, opens=True)
        try:
            await self._store.append(append)
        except Conflict:  # another device of the visitor was first
            head = await self._store.current(visitor.workspace, visitor.id)
            if head is None:
                raise
            return head
        self._stored(append.head, append.events)
        return append.head

    async def submit(
        self, key: Key, command: Command, acknowledge: Callable[[Stored], None] = lambda stored: None
    ) -> Stored:
        """Store a visitor's command; it is on disk when this returns, and shown to every session.

        Cancelling leaves it to be stored; sending the same command again gives the same answer.

        Args:
            key: the conversation.
            command: what the visitor does.
            acknowledge: told of the same as the caller, at once after it was shown: both go out in one packet.

        Raises:
            BadCommand: it cannot be done as things stand.
            IdReused: the id belongs to another command.
            ConversationNotFound: the workspace has no such conversation.
            LogUnavailable, Busy: nothing was stored.
        """
        async with self._lanes.of(key) as lane:
            stored: Stored = await self._background.finish(self._submit(lane, command, acknowledge), "submit")
        return stored

    async def change(self, key: Key, decide: Decide, *, author: str = "", client_msg_id: str = "") -> Changed:
        """Let somebody other than the visitor add to a conversation; it is on disk and shown when this returns.

        Args:
            key: the conversation.
            decide: looks at `drafts.head` and adds to the drafts, or nothing; called again where another process was
                first, so that it must do nothing else. What it raises is raised here.
            author: who does it, where a client may send it again.
            client_msg_id: that it names it by.

        Raises:
            ConversationNotFound: the workspace has no such conversation.
            LogUnavailable, Busy: nothing was stored.
        """
        async with self._lanes.of(key) as lane:
            changed: Changed = await self._background.finish(
                self._change(lane, decide, author, client_msg_id), "change"
            )
        return changed

    async def join(self, key: Key, session: Session, *, after: int | None) -> Missed:
        """Let a session follow a conversation: what it missed now, what happens from now on as it happens.

        Args:
            key: the conversation, which the session was found to be allowed to see.
            session: to be told.
            after: the last number it has; None for a fresh start.

        Raises:
            ConversationNotFound: the workspace has no such conversation.
            LogUnavailable: the log cannot be read.
        """
        async with self._lanes.of(key) as lane, lane.turnstile:  # nothing is appended between reading and joining
            most, newest = self._settings.missed_events, self._settings.first_events
            missed = await missed_by_visitor(self._store, lane.head, after, most=most, newest=newest)
            self._hub.join(key, session)
        return missed

    async def watch(self, key: Key, session: Session, *, after: tuple[int, int] | None) -> Missed:
        """Let an agent's session follow a conversation: as `join`, with the events that visitors do not see.

        Args:
            key: the conversation, which the agent was found to be allowed to see.
            session: to be told.
            after: the last public and the last internal number it has; None for a fresh start.

        Raises:
            ConversationNotFound: the workspace has no such conversation.
            LogUnavailable: the log cannot be read.
        """
        async with self._lanes.of(key) as lane, lane.turnstile:
            most, newest = self._settings.missed_events, self._settings.first_events
            missed = await missed_by_agent(self._store, lane.head, after, most=most, newest=newest)
            self._hub.watch(key, session)
        return missed

    def leave(self, key: Key, session: Session) -> None:
        """Tell that a session is gone."""
        self._hub.leave(key, session)

    async def files(self, key: Key, identifiers: Sequence[str]) -> tuple[File, ...]:
        """Give the files that a message names by their ids.

        Raises:
            BadCommand: they are not all this conversation's.
            LogUnavailable: they cannot be looked up.
        """
        return await named_files(self._store.files, key, identifiers)

    async def page(self, key: Key, *, before: int, limit: int) -> list[Event]:
        """Read the public events before a number, in their order."""
        workspace, conversation = key
        return await self._store.events(workspace, conversation, before=before, limit=limit, newest=True)

    def typing(self, key: Key, session: Session, *, on: bool, preview: str = "") -> None:
        """Tell the others that the visitor types, agents also what, and let the bot wait for it."""
        lane = self._lanes.known(key)
        if lane is not None:
            lane.typing_until = self._clock() + self._settings.typing_s if on else 0.0
        self._hub.signal(key, TypingSignal(author=VISITOR, on=on), but=session, preview=preview)

    def read(self, key: Key, session: Session, *, seq: int) -> None:
        """Tell the others what the visitor saw."""
        self._hub.signal(key, ReadSignal(author=VISITOR, seq=seq), but=session)

    async def erase(self, workspace: str, visitor: str) -> int:
        """Delete all that a visitor wrote and was written, in the log and in memory; give the number of events emptied.

        An answer in the making is given up, so that nothing of what was said is written again after it is gone.

        Raises:
            LogUnavailable: nothing was deleted; trying again may work.
        """
        head = await self._store.current(workspace, visitor)
        if head is None:
            return await self._store.erase_visitor(workspace, visitor)
        async with self._lanes.of((workspace, head.conversation)) as lane:
            await self._answering.give_up(lane)
            erased: int = await self._background.finish(self._erase(lane, visitor), "erase")
        return erased

    # -- life of the process

    def configure(self, settings: ConversationSettings) -> None:
        """Wait as these settings say, from now on."""
        self._settings = settings
        self._answering.patience = _patience(settings)

    @property
    def lanes(self) -> tuple[int, int]:
        """Conversations in memory: in use, and not in use just now."""
        return self._lanes.counts

    async def recover(self) -> int:
        """Answer the turns that an earlier process left unanswered; give how many."""
        waiting = await self._store.unanswered()
        for head in waiting:
            async with self._lanes.of((head.workspace, head.conversation)) as lane:
                self._answering.start(lane)
        return len(waiting)

    async def close(self) -> None:
        """Finish what is being stored; answers in the making are left to the next process."""
        self._answering.close()
        await self._background.ended()

    # -- storing

    async def _submit(self, lane: Lane, command: Command, acknowledge: Callable[[Stored], None]) -> Stored:
        async with lane.turnstile:
            event = await self._event_of(lane, command)
        stored = Stored(client_msg_id=command.client_msg_id, seq=event.seq, id=event.id, at=event.at)
        acknowledge(stored)
        return stored

    async def _event_of(self, lane: Lane, command: Command) -> Event:
        """Give the event that a command becomes, or became before. The caller holds the turnstile."""
        known = lane.known(VISITOR, command.client_msg_id)
        if known is not None:
            return same(known, command)
        try:
            return await self._store_command(lane, command)
        except Conflict:  # the id was used long ago, or another process appended
            await self._lanes.reload(lane)
            known = await self._stored_before(lane, VISITOR, command.client_msg_id)
            if known is not None:
                return same(known, command)
            return await self._store_command(lane, command)

    async def _store_command(self, lane: Lane, command: Command) -> Event:
        drafts, asks = Drafts(lane.head, at=self._now_ms()), is_turn(command)
        check_rated(command, lane.head.conversation, lane.head.turn)
        body = body_of(command, offered=lane.offered, chinese=lane.head.handling.language.startswith("zh"))

        def put() -> Event:
            turn = drafts.head.turn + (1 if asks else 0)
            return drafts.add(self._make_id(), VISITOR, body, turn=turn, client_msg_id=command.client_msg_id)

        event = self._rules.heard(drafts, command, put, lane.recent)
        await self._append(lane, drafts)
        if asks:
            lane.heard(self._clock())
        self._answering.follow(lane)
        return event

    async def _change(self, lane: Lane, decide: Decide, author: str, client_msg_id: str) -> Changed:
        async with lane.turnstile:
            if client_msg_id:
                known = lane.known(author, client_msg_id) or await self._stored_before(lane, author, client_msg_id)
                if known is not None:
                    return Changed(head=lane.head, events=(known,))
            try:
                return await self._store_change(lane, decide)
            except Conflict:  # another process appended
                await self._lanes.reload(lane)
                return await self._store_change(lane, decide)

    async def _store_change(self, lane: Lane, decide: Decide) -> Changed:
        drafts = Drafts(lane.head, at=self._now_ms())
        decide(drafts)
        if drafts.changes:
            await self._append(lane, drafts)
            self._answering.follow(lane)
        return Changed(head=lane.head, events=tuple(drafts.events))

    async def _erase(self, lane: Lane, visitor: str) -> int:
        async with lane.turnstile:
            erased = await self._store.erase_visitor(lane.key[0], visitor)
            lane.reset(scrubbed(lane.head))  # nothing is read for it: what is done must not be told as a failure
            self._hub.signal(lane.key, ErasedSignal())
            await self._rules.erased(lane.head)
            return erased

    async def _stored_before(self, lane: Lane, author: str, client_msg_id: str) -> Event | None:
        workspace, conversation = lane.key
        return await self._store.by_client_msg_id(workspace, conversation, author, client_msg_id)

    async def _record(self, lane: Lane, fence: Fence, reply: Reply) -> bool:
        """Store a reply, if the fence still holds; tell whether it was stored."""
        async with lane.turnstile:
            if lane.head.fence != fence or not lane.head.waits_for_bot:
                return False
            drafts = Drafts(lane.head, at=self._now_ms())

            def put(reply: Reply) -> Event:
                said = drafts.add(reply_id(lane.head.conversation, fence.turn), BOT, reply.said)
                if reply.understood is not None:
                    drafts.add(derived_id(lane.head.conversation, "understood", fence.turn), SYSTEM, reply.understood)
                return said

            self._rules.replied(drafts, reply, put, lane.recent)
            try:
                await self._append(lane, drafts)
            except Conflict:  # another process answered, or went on
                await self._lanes.reload(lane)
                return False
            return True

    async def _append(self, lane: Lane, drafts: Drafts) -> None:
        """Store events, then show them. The caller holds the turnstile."""
        append = self._append_of(drafts)
        try:
            with trace.span("kefu.commit"):
                await self._store.append(append)
        except BaseException:
            self._rules.dropped(drafts)
            raise
        lane.head = drafts.head
        lane.remember(append.events)
        for event in append.events:
            self._hub.publish(lane.key, event)
        self._rules.stored(drafts)
        self._stored(append.head, append.events)

    def _append_of(self, drafts: Drafts, *, opens: bool = False) -> Append:
        head, events = drafts.head, tuple(drafts.events)
        onward = told_outside(head, events) if self._listened(head.workspace) else ()
        return Append(head=head, events=events, onward=onward, timers=drafts.timers, opens=opens)


def _patience(settings: ConversationSettings) -> Patience:
    return Patience(quiet_s=settings.quiet_s, patience_s=settings.patience_s)
