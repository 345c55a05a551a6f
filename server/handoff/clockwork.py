"""What happens by itself: timers, rings, queue numbers, visitors and agents who come and go.

Nothing here is remembered that a restart may not forget: timers are rows of the log, the queue is its states, and what
is noted in between only says where to look next.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable
from inspect import CORO_CREATED, getcoroutinestate
from typing import Any

from server.conversations.hub import Hub, Key
from server.conversations.service import Conversations
from server.conversations.state import Drafts
from server.errors import AlreadyTaken, ConversationNotFound, NotAllowed, Outdated, ServerError
from server.handoff import actions as does
from server.handoff import hours, routing
from server.handoff.attendance import Attendance
from server.handoff.floors import Floors, limits_of
from server.handoff.following import Following
from server.handoff.outcomes import NothingToDo, Step, TooEarly, Transition, Word
from server.handoff.routing import Presence
from server.handoff.screens import Screens
from server.handoff.states import WAITING, WITH_AGENT, Millis, Moved, State
from server.handoff.timers import DEFAULTS, SECOND
from server.stores.protocols import Alarm, ConversationLog, Mark

log = logging.getLogger(__name__)

_LONGEST_SLEEP_MS = 10_000  # a clock that was set forward is noticed by then
_AFTER_FAILURE_MS = 1_000
_ABSENT = 20_000  # conversations with the bot whose visitor left: it is looked up if a person is wanted
_AT_ONCE = 50  # conversations
_CONCERNED = WAITING | WITH_AGENT | {State.OFFLINE_FORM}
_WIDGET = ("visitor:", "user:")  # visitors who come over a connection; others come through the API, and are never gone


class Clockwork:
    """One loop for all workspaces; what it does is serial, so that an agent's free place is given away once."""

    def __init__(
        self,
        store: ConversationLog,
        hub: Hub,
        attendance: Attendance,
        floors: Floors,
        rules: Following,
        screens: Screens,
        now_ms: Callable[[], Millis],
    ) -> None:
        self._store = store
        self._hub = hub
        self._attendance = attendance
        self._floors = floors
        self._rules = rules
        self._screens = screens
        self._now_ms = now_ms
        self._conversations: Conversations | None = None
        self._hint = asyncio.Event()
        self._next_alarm: Millis | None = 0
        self._visitors: set[Key] = set()  # came or went
        self._agents: set[tuple[str, str]] = set()  # came or went, or chose something
        self._queues: set[str] = set()  # workspaces to route in
        self._wholes: set[str] = set()  # workspaces in which everything is to be looked at
        self._look_at: dict[str, Millis] = {}
        self._rests_until: Millis = 0  # the log could not be written: not at once again
        self._absent: OrderedDict[Key, None] = OrderedDict()

    async def open(self, conversations: Conversations) -> None:
        """Look at everything once: nobody is connected yet."""
        self._conversations = conversations
        self._hub.came_or_went = self._visitor_moved
        for workspace in self._floors.workspaces:
            self._wholes.add(workspace)
            for head in self._floors.heads(workspace):
                if head.visitor.startswith(_WIDGET):
                    self._visitors.add((workspace, head.conversation))
                if head.handling.agent:
                    self._agents.add((workspace, head.handling.agent))

    async def run(self) -> None:
        """Do what is due, for ever."""
        while True:
            try:
                await self.work()
            except Exception:  # one thing that cannot be decided must not keep all the others waiting for good
                log.exception("the desk failed at something, and goes on")
                self._rests_until = self._now_ms() + _AFTER_FAILURE_MS
            wait_ms = max(0, self._wake_at() - self._now_ms())
            try:
                async with asyncio.timeout(wait_ms / 1000):
                    await self._hint.wait()
            except TimeoutError:
                pass
            self._hint.clear()

    async def work(self) -> None:
        """Do what is due now, and what follows from it."""
        for _ in range(100):
            now = self._now_ms()
            if now < self._rests_until <= now + _AFTER_FAILURE_MS:  # further off: the clock was set back
                return
            self._grace_over(now)
            self._look_at_due(now)
            if not (self._visitors or self._agents or self._queues or self._wholes or self._alarm_due(now)):
                return
            await self._visitors_moved()
            await self._agents_moved()
            await self._ring_alarms()
            await self._look()

    def hint(self) -> None:
        """Look again."""
        self._hint.set()

    # -- told from outside

    def staff_changed(self, workspace: str) -> None:
        """Take note that accounts or departments changed."""
        self._floors.look_again(workspace)
        self._wholes.add(workspace)
        self._hint.set()

    def agent_moved(self, workspace: str, agent: str) -> None:
        """Take note that an agent came, went or chose a presence."""
        self._floors.look_again(workspace)
        self._agents.add((workspace, agent))
        self._wholes.add(workspace)
        self._hint.set()

    def stored(self, drafts: Drafts) -> None:
        """Take note of what is on disk."""
        before, head = drafts.before.handling, drafts.head.handling
        workspace, key = drafts.head.workspace, (drafts.head.workspace, drafts.head.conversation)
        if drafts.timers:
            self._alarm_set(min(timer.fire_at for timer in drafts.timers))
        if not drafts.moved:
            return  # most messages change nothing here
        for event in drafts.events:
            if isinstance(event.body, Moved):
                self._moved(drafts, event.body)
        for notice in drafts.notices:
            if notice.word is Word.SET_AWAY:
                self._attendance.choose(workspace, notice.agent, Presence.AWAY, self._now_ms())
                self.agent_moved(workspace, notice.agent)
        if before.state in WAITING or head.state in WAITING or before.holds_slot_of != head.holds_slot_of:
            self._queues.add(workspace)
        if (
            before.state not in _CONCERNED
            and head.state in _CONCERNED
            and (key in self._absent or head.visitor_gone_at)
        ):
            self._visitors.add(key)  # nobody looked while only the bot was concerned
        if head.state is State.OFFLINE_FORM and before.state is not State.OFFLINE_FORM:
            self._look_when_it_opens(workspace, {head.department})
        self._hint.set()

    def _alarm_set(self, at: Millis) -> None:
        if self._next_alarm is None or at < self._next_alarm:
            self._next_alarm = at
            self._hint.set()

    def _moved(self, drafts: Drafts, moved: Moved) -> None:
        before, head = drafts.before.handling, drafts.head
        if moved.transition == Step.ACCEPTED and before.enqueued_at:
            self._floors.picked_up(head, moved.handling.accepted_at - before.enqueued_at, before.first_position)
        if moved.transition == Step.RING_MISSED and before.offered_to:
            self._attendance.missed(head.workspace, before.offered_to)
            self._floors.look_again(head.workspace)

    def _visitor_moved(self, key: Key) -> None:
        if self._hub.present(key):
            self._absent.pop(key, None)
        else:
            self._absent[key] = None
            while len(self._absent) > _ABSENT:
                self._absent.popitem(last=False)
        if self._floors.head(key) is not None:
            self._visitors.add(key)
            self._hint.set()

    # -- people

    async def _visitors_moved(self) -> None:
        keys, self._visitors = list(self._visitors), set()
        done = await self._all(
            self._do(key, does.VisitorReturned() if self._hub.present(key) else does.VisitorLeft()) for key in keys
        )
        self._visitors.update(key for key, is_done in zip(keys, done, strict=True) if not is_done)

    async def _agents_moved(self) -> None:
        agents, self._agents = self._agents, set()
        for workspace, agent in agents:
            self._screens.agent(workspace, agent)
            here = bool(self._attendance.sessions_of(workspace, agent))
            action = does.AgentReturned(agent=agent) if here else does.AgentLeft(agent=agent)
            heads = self._floors.of_agent(workspace, agent)
            done = await self._all(self._do((workspace, head.conversation), action) for head in heads)
            chosen = self._attendance.chosen(workspace, agent)
            mark = Mark(workspace=workspace, agent=agent, kind="presence", value=chosen or "")
            done.append(await self._try(self._store.cases.mark(mark)))
            if not all(done):
                self._agents.add((workspace, agent))

    def _grace_over(self, now: Millis) -> None:
        """Sign out who did not come back."""
        for workspace, agent in self._attendance.end_of_grace(lambda who, at: at + self._grace_ms(*who) <= now):
            self.agent_moved(workspace, agent)
            self._screens.agent(workspace, agent)

    def _grace_ms(self, workspace: str, agent: str) -> int:
        floor = self._floors.floor(workspace)
        seat = floor.seat(agent)
        names = seat.agent.departments if seat is not None else ()
        return (
            max((limits_of(floor.departments.get(name)).agent_grace for name in names), default=DEFAULTS.agent_grace)
            * SECOND
        )

    # -- timers

    def _alarm_due(self, now: Millis) -> bool:
        return self._next_alarm is not None and self._next_alarm <= now

    async def _ring_alarms(self) -> None:
        now = self._now_ms()
        if not self._alarm_due(now):
            return
        self._next_alarm = None  # what is stored meanwhile may set it
        try:
            alarms = await self._store.cases.alarms(until=now, limit=_AT_ONCE)
            await self._all(self._fire(alarm) for alarm in alarms)
            stored = await self._store.cases.next_alarm()
        except ServerError as error:
            log.error("timers cannot be read: %s", error)
            stored = now + _AFTER_FAILURE_MS
        known = [at for at in (stored, self._next_alarm) if at is not None]
        self._next_alarm = min(known, default=None)

    async def _fire(self, alarm: Alarm) -> bool:
        """Let a timer do what it is for; then set those that the conversation has now."""

        def decide(drafts: Drafts) -> None:
            result = self._rules.follow(drafts, does.TimerFired(kind=alarm.kind, epoch=alarm.epoch))
            if isinstance(result, Transition):
                drafts.timers = result.timers
            else:  # one that is due and does nothing never will
                due = self._rules.timers(drafts.head, drafts.at)
                done = drafts.at if isinstance(result, NothingToDo) else -1
                drafts.timers = tuple(timer for timer in due if timer.kind is not alarm.kind or timer.fire_at > done)

        return await self._change((alarm.workspace, alarm.conversation), decide)

    # -- the queue

    def _look_at_due(self, now: Millis) -> None:
        for workspace in [workspace for workspace, at in self._look_at.items() if at <= now]:
            del self._look_at[workspace]
            self._wholes.add(workspace)

    async def _look(self) -> None:
        wholes, self._wholes = self._wholes, set()
        queues, self._queues = self._queues | wholes, set()
        for workspace in queues:
            await self._try(self._serve(workspace, whole=workspace in wholes))

    async def _serve(self, workspace: str, *, whole: bool) -> None:
        if not await self._route(workspace) or not await self._renew(workspace, whole=whole):
            self._wholes.add(workspace)

    async def _route(self, workspace: str) -> bool:
        """Offer who waits to who is free; tell whether that could be stored."""
        floor = self._floors.floor(workspace)
        offers = routing.assign(floor.queue, floor.seats, self._now_ms())
        return all(
            await self._all(self._do((workspace, each.conversation), does.Ring(agent=each.agent)) for each in offers)
        )

    async def _renew(self, workspace: str, *, whole: bool) -> bool:
        """Tell who waits of a new number; and, after more has changed, look who can still be served, and by whom."""
        floor, now = self._floors.floor(workspace), self._now_ms()
        done = True
        places = {case.conversation: floor.places.of(case) for case in floor.queue}
        for head in self._floors.heads(workspace):
            handling = head.handling
            moved_up = handling.state is State.QUEUED and places.get(head.conversation) != handling.position
            if not (whole or moved_up):
                continue
            result = self._rules.decide(head, does.FloorChanged(), now)
            if isinstance(result, TooEarly):
                self._look_later(workspace, result.until)
            elif isinstance(result, Transition):
                done = await self._do((workspace, head.conversation), does.FloorChanged()) and done
        if whole:
            tickets = (head.handling for head in self._floors.heads(workspace))
            self._look_when_it_opens(
                workspace, {each.department for each in tickets if each.state is State.OFFLINE_FORM}
            )
        return done

    def _look_when_it_opens(self, workspace: str, departments: set[str]) -> None:
        """Tickets wait for the team: look again when it is back."""
        floor, now = self._floors.floor(workspace), self._now_ms()
        for name in departments & floor.departments.keys():
            at = hours.next_opening(floor.departments[name], now)
            if at is not None and at > now:
                self._look_later(workspace, at)

    def _look_later(self, workspace: str, at: Millis) -> None:
        self._look_at[workspace] = min(at, self._look_at.get(workspace, at))

    # -- doing

    def _wake_at(self) -> Millis:
        now = self._now_ms()
        moments = [now + _LONGEST_SLEEP_MS, *self._look_at.values()]
        if self._next_alarm is not None:
            moments.append(self._next_alarm)
        gone = self._attendance.first_gone
        if gone is not None:
            moments.append(max(now + SECOND // 4, gone))  # whose grace is how long is looked up then
        return max(min(moments), min(self._rests_until, now + _AFTER_FAILURE_MS))

    async def _do(self, key: Key, action: does.Action) -> bool:
        return await self._change(key, lambda drafts: self._follow(drafts, action))

    def _follow(self, drafts: Drafts, action: does.Action) -> None:
        self._rules.follow(drafts, action)

    async def _change(self, key: Key, decide: Callable[[Drafts], None]) -> bool:
        return self._conversations is None or await self._try(self._conversations.change(key, decide))

    async def _try(self, work: Coroutine[Any, Any, object]) -> bool:
        """Do one thing; that it fails must not keep the others from being done. True if it is settled."""
        try:
            await work
        except (AlreadyTaken, Outdated, NotAllowed, ConversationNotFound):
            pass  # it was settled otherwise meanwhile
        except ServerError as error:
            log.error("the desk could not store something, and tries again: %s", error)
            self._rests_until = self._now_ms() + _AFTER_FAILURE_MS
            return False
        except Exception:
            log.exception("the desk failed at something")
        return True

    async def _all(self, works: Iterable[Coroutine[Any, Any, bool]]) -> list[bool]:
        """Do some things at once, not too many; tell of each whether it need not be done again."""
        room, begun = asyncio.Semaphore(_AT_ONCE), list(works)

        async def one(work: Coroutine[Any, Any, bool]) -> bool:
            async with room:
                return await work

        try:
            return await asyncio.gather(*(one(work) for work in begun))
        finally:
            for work in begun:  # cancelled before their turn came: nothing of them was done
                if getcoroutinestate(work) == CORO_CREATED:
                    work.close()
