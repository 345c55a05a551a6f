"""The path of a message, from a session to the log and back to every session of its conversation.

A command becomes an event, the event is on disk, and only then it is acknowledged and shown. The bot answers beside
it: what it says is stored only if the visitor said no more and no person took over while it was thinking.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic, time_ns
from typing import Any

import msgspec

from engine import trace
from engine.types import Turn
from server.conversations.bot import Bot, Reply
from server.conversations.commands import AskForPerson, Choose, Command, Rate, Say, Stored, Visitor
from server.conversations.events import Acted, Action, Audience, Body, Event, Opened, Spoke
from server.conversations.hub import Hub, Key, Session
from server.conversations.lane import HISTORY, Lane
from server.conversations.signals import ReadSignal, TypingSignal, WordingSignal
from server.conversations.state import BOT, SYSTEM, VISITOR, Drafts, Fence, Head, opened
from server.errors import BadCommand, Conflict, ConversationNotFound, IdReused, ServerError
from server.events.onward import told_outside
from server.ids import NewId, derived_id, new_id, to_text
from server.stores.protocols import Append, ConversationLog

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationSettings:
    """How the bot waits for a visitor to finish."""

    quiet_s: float = 1.2  # after the last message, before a question back or an "I don't know"
    patience_s: float = 4.0  # after the first unanswered message, at most
    typing_s: float = 6.0  # a visitor who was typing is taken to have stopped
    missed_events: int = 200  # sent to a client that comes back; who missed more gets the newest as a fresh start
    first_events: int = 50  # of a fresh start
    idle_lanes: int = 2_000  # conversations kept in memory though nobody adds to them just now


class Missed(msgspec.Struct, frozen=True, kw_only=True):
    """What a session gets when it joins."""

    head: Head
    recovered: bool  # all that was missed; else the newest, and what the client holds is void
    events: tuple[Event, ...]


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
        """
        self._store = store
        self._hub = hub
        self._bot = bot
        self._settings = settings or ConversationSettings()
        self._make_id = make_id
        self._now_ms = now_ms
        self._clock = clock
        self._pause = pause
        self._stored = stored
        self._lanes: dict[Key, Lane] = {}  # in use
        self._idle: OrderedDict[Key, Lane] = OrderedDict()  # not in use, the longest unused first
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closing = False

    # -- what sessions and the API ask

    async def open(self, visitor: Visitor) -> Head:
        """Give the visitor's conversation; it is made at the first call, and once however many call at once."""
        head = await self._store.current(visitor.workspace, visitor.id)
        if head is not None:
            return head
        body = Opened(kb=visitor.kb, language=visitor.language, page=visitor.page)
        at = self._now_ms()
        drafts = Drafts(opened(visitor.workspace, self._make_id(), visitor.id, body, at=at), at=at)
        drafts.add(self._make_id(), SYSTEM, body)
        events = tuple(drafts.events)
        append = Append(head=drafts.head, events=events, onward=told_outside(drafts.head, events), opens=True)
        try:
            await self._store.append(append)
        except Conflict:  # another device of the visitor was first
            head = await self._store.current(visitor.workspace, visitor.id)
            if head is None:
                raise
            return head
        self._stored(append.head, events)
        return append.head

    async def submit(self, key: Key, command: Command) -> Stored:
        """Store a visitor's command; it is on disk when this returns, and shown to every session.

        Cancelling leaves it to be stored; sending the same command again gives the same answer.

        Raises:
            IdReused: the id belongs to another command.
            ConversationNotFound: the workspace has no such conversation.
            LogUnavailable, Busy: nothing was stored.
        """
        async with self._lane(key) as lane:
            event = await self._finish(self._submit(lane, command), "submit")
        return Stored(client_msg_id=command.client_msg_id, seq=event.seq, id=event.id, at=event.at)

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
        async with self._lane(key) as lane, lane.turnstile:  # nothing is appended between reading and joining
            missed = await self._missed(lane, after)
            self._hub.join(key, session)
        return missed

    def leave(self, key: Key, session: Session) -> None:
        """Tell that a session is gone."""
        self._hub.leave(key, session)

    async def page(self, key: Key, *, before: int, limit: int) -> list[Event]:
        """Read the public events before a number, in their order."""
        workspace, conversation = key
        return await self._store.events(workspace, conversation, before=before, limit=limit, newest=True)

    def typing(self, key: Key, session: Session, *, on: bool) -> None:
        """Tell the others that the visitor types, and let the bot wait for it."""
        lane = self._lanes.get(key) or self._idle.get(key)
        if lane is not None:
            lane.typing_until = self._clock() + self._settings.typing_s if on else 0.0
        self._hub.signal(key, TypingSignal(author=VISITOR, on=on), but=session)

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
        async with self._lane((workspace, head.conversation)) as lane:
            if lane.answering is not None:
                lane.answering.cancel()
                await asyncio.gather(lane.answering, return_exceptions=True)  # what it is storing comes before us
                lane.answering = None
            async with lane.turnstile:
                erased = await self._store.erase_visitor(workspace, visitor)
                await self._reload(lane)
        return erased

    # -- life of the process

    def configure(self, settings: ConversationSettings) -> None:
        """Wait as these settings say, from now on."""
        self._settings = settings

    @property
    def lanes(self) -> tuple[int, int]:
        """Conversations in memory: in use, and not in use just now."""
        return len(self._lanes), len(self._idle)

    async def recover(self) -> int:
        """Answer the turns that an earlier process left unanswered; give how many."""
        waiting = await self._store.unanswered()
        for head in waiting:
            async with self._lane((head.workspace, head.conversation)) as lane:
                self._answer(lane)
        return len(waiting)

    async def close(self) -> None:
        """Finish what is being stored; answers in the making are left to the next process."""
        self._closing = True
        for lane in self._lanes.values():
            if lane.answering is not None:
                lane.answering.cancel()
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- storing

    async def _submit(self, lane: Lane, command: Command) -> Event:
        async with lane.turnstile:
            known = lane.known(VISITOR, command.client_msg_id)
            if known is not None:
                return _the_same(known, command)
            try:
                return await self._store_command(lane, command)
            except Conflict:  # the id was used long ago, or another process appended
                await self._reload(lane)
                workspace, conversation = lane.key
                known = await self._store.by_client_msg_id(workspace, conversation, VISITOR, command.client_msg_id)
                if known is not None:
                    return _the_same(known, command)
                return await self._store_command(lane, command)

    async def _store_command(self, lane: Lane, command: Command) -> Event:
        drafts = Drafts(lane.head, at=self._now_ms())
        asks = not isinstance(command, Rate)
        turn = lane.head.turn + (1 if asks else 0)
        body = _body_of(command, lane)
        event = drafts.add(self._make_id(), VISITOR, body, turn=turn, client_msg_id=command.client_msg_id)
        await self._append(lane, drafts)
        if asks:
            lane.heard(self._clock())
            self._answer(lane)
        return event

    async def _append(self, lane: Lane, drafts: Drafts) -> None:
        """Store events, then show them. The caller holds the turnstile."""
        events = tuple(drafts.events)
        with trace.span("kefu.commit"):
            await self._store.append(Append(head=drafts.head, events=events, onward=told_outside(drafts.head, events)))
        lane.head = drafts.head
        lane.remember(events)
        for event in events:
            if event.audience is Audience.PUBLIC:
                self._hub.publish(lane.key, event)
        self._stored(drafts.head, events)

    # -- answering

    def _answer(self, lane: Lane) -> None:
        """Start on the visitor's turn; an answer to what was said before is void."""
        if lane.answering is not None:
            lane.answering.cancel()
            lane.answering = None
        if lane.head.waits_for_bot and lane.unanswered and not self._closing:  # no words: they were erased
            lane.users += 1
            lane.answering = self._start(self._answer_turn(lane, lane.head.fence), "answer")
            lane.answering.add_done_callback(lambda _: self._exit(lane))

    async def _answer_turn(self, lane: Lane, fence: Fence) -> None:
        shown = False

        def show(piece: str) -> None:
            nonlocal shown
            shown = True
            self._hub.signal(lane.key, WordingSignal(fence=fence, text=piece))

        workspace, conversation = lane.key
        turn = Turn(
            text="\n".join(lane.unanswered),
            workspace=workspace,
            kb=lane.head.kb,
            conversation=to_text(conversation),
            history=lane.history,
            chosen=lane.chosen,
        )
        try:
            reply = await self._bot.reply(turn, show)
            await self._let_visitor_finish(lane, reply)
            stored = await self._finish(self._record(lane, fence, reply), "record")
        except asyncio.CancelledError:
            stored = False
            raise
        except ServerError as error:
            log.error("the reply to turn %d of %s was not stored: %s", fence.turn, turn.conversation, error)
            stored = False
        finally:
            if shown and not stored:
                self._hub.signal(lane.key, WordingSignal(fence=fence, aborted=True))

    async def _let_visitor_finish(self, lane: Lane, reply: Reply) -> None:
        """Wait while the visitor types; before a question back or an "I don't know", wait for a pause in any case."""
        while True:
            now = self._clock()
            quiet = lane.last_said_at + self._settings.quiet_s if reply.hesitates else 0.0
            until = min(max(quiet, lane.typing_until), lane.first_unanswered_at + self._settings.patience_s)
            if until <= now:
                return
            await self._pause(min(until - now, 0.2))  # typing may stop, or start again

    async def _record(self, lane: Lane, fence: Fence, reply: Reply) -> bool:
        """Store a reply, if the fence still holds; tell whether it was stored."""
        async with lane.turnstile:
            if lane.head.fence != fence or not lane.head.waits_for_bot:
                return False
            drafts = Drafts(lane.head, at=self._now_ms())
            drafts.add(derived_id(lane.head.conversation, "reply", fence.turn), BOT, reply.said)
            if reply.understood is not None:
                drafts.add(derived_id(lane.head.conversation, "understood", fence.turn), SYSTEM, reply.understood)
            try:
                await self._append(lane, drafts)
            except Conflict:  # another process answered, or went on
                await self._reload(lane)
                return False
            return True

    # -- lanes

    @asynccontextmanager
    async def _lane(self, key: Key) -> AsyncIterator[Lane]:
        lane = await self._enter(key)
        try:
            yield lane
        finally:
            self._exit(lane)

    async def _enter(self, key: Key) -> Lane:
        """Give the conversation's lane, and keep it until `_exit`."""
        lane = self._lanes.get(key) or self._idle.pop(key, None)
        if lane is None:
            workspace, conversation = key
            head = await self._store.head(workspace, conversation)
            if head is None:
                raise ConversationNotFound("there is no such conversation.")
            lane = Lane(head)
            await self._fill(lane)
            lane = self._lanes.get(key, lane)  # another call may have been faster
        lane.users += 1
        self._lanes[key] = lane
        return lane

    def _exit(self, lane: Lane) -> None:
        lane.users -= 1
        if lane.users == 0:
            del self._lanes[lane.key]
            self._idle[lane.key] = lane
            while len(self._idle) > self._settings.idle_lanes:
                self._idle.popitem(last=False)

    async def _reload(self, lane: Lane) -> None:
        """Read the state again, after another process appended. The caller holds the turnstile."""
        workspace, conversation = lane.key
        head = await self._store.head(workspace, conversation)
        if head is not None:
            lane.reset(head)
            await self._fill(lane)

    async def _fill(self, lane: Lane) -> None:
        """Remember the last exchanges and the words that nobody answered yet."""
        workspace, conversation = lane.key
        understood = await self._store.events(
            workspace, conversation, audience=Audience.INTERNAL, limit=HISTORY, newest=True
        )
        recent = await self._store.events(workspace, conversation, limit=self._settings.first_events, newest=True)
        lane.remember([*understood, *recent])

    async def _missed(self, lane: Lane, after: int | None) -> Missed:
        head, limit = lane.head, self._settings.missed_events
        workspace, conversation = lane.key
        if after is not None and 0 <= head.seq - after <= limit:
            events = await self._store.events(workspace, conversation, after=after, limit=limit)
            return Missed(head=head, recovered=True, events=tuple(events))
        events = await self._store.events(workspace, conversation, limit=self._settings.first_events, newest=True)
        return Missed(head=head, recovered=False, events=tuple(events))

    # -- tasks

    def _start(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _finish(self, work: Coroutine[Any, Any, Any], name: str) -> Any:
        """Run what has to end once it began, also when the caller goes away."""
        return await asyncio.shield(self._start(work, name))


def _body_of(command: Command, lane: Lane) -> Body:
    """Give the event's body.

    Raises:
        BadCommand: the choice was not offered.
    """
    match command:
        case Say(text=text, files=files):
            return Spoke(text=text, files=files)
        case Choose(entry_id=entry_id, about=about):
            if entry_id not in lane.offered:
                raise BadCommand("this choice was not offered, or no longer is.")
            label = lane.offered[entry_id]
            return Acted(action=Action.CHOOSE, value=entry_id, label=label, about=to_text(about) if about else "")
        case AskForPerson():
            chinese = lane.head.language.startswith("zh")
            return Acted(action=Action.HUMAN, label="转人工" if chinese else "I want to talk to a person")
        case Rate(up=up, about=about):
            return Acted(action=Action.FEEDBACK, value="up" if up else "down", about=to_text(about) if about else "")


def _the_same(event: Event, command: Command) -> Event:
    """Give the event that the command became when it was sent before.

    Raises:
        IdReused: it was another command.
    """
    match command, event.body:
        case Say(text=text, files=files), Spoke() as body:
            same = (body.text, body.files) == (text, files)
        case Choose(entry_id=entry_id), Acted(action=Action.CHOOSE, value=value):
            same = value == entry_id
        case AskForPerson(), Acted(action=action):
            same = action is Action.HUMAN
        case Rate(up=up, about=about), Acted(action=Action.FEEDBACK) as body:
            same = (body.value, body.about) == ("up" if up else "down", to_text(about) if about else "")
        case _, None:  # erased since
            same = True
        case _:
            same = False
    if not same:
        raise IdReused(command.client_msg_id)
    return event
