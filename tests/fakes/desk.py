"""A desk at work, in memory: a clock that the test turns, visitors, agents, and a bot that does as it is told."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from msgspec.structs import replace

from engine.types import Turn
from server.conversations.bot import Reply
from server.conversations.commands import Command, Say, Stored, Visitor
from server.conversations.events import Audience, Event, Replied, Spoke, Understood, in_order
from server.conversations.hub import Hub, Key
from server.conversations.service import Changed, Conversations, ConversationSettings
from server.conversations.signals import Signal
from server.conversations.state import Head
from server.handoff import actions as does
from server.handoff.cases import AgentView, Case, Notified
from server.handoff.desk import Desk
from server.handoff.staff import Agent, Department, Role
from server.handoff.states import Handling, Moved, State, Status
from server.search.index import SearchIndex
from server.search.search import Search
from server.stores.memory import MemoryLog
from server.stores.protocols import ConversationLog
from tests.fakes.staff import MemoryStaff

MONDAY_9 = 1_772_442_000_000  # 2 March 2026, 09:00 UTC
SECOND = 1_000


@dataclass
class Clock:
    """The time of day, which stands until it is turned."""

    at: int = MONDAY_9

    def __call__(self) -> int:
        return self.at


@dataclass
class WordedBot:
    """Decides as the visitor's words say: "handoff:REASON", "unknown", "clarify", "fail"; else it answers."""

    turns: list[Turn] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    language: str = "en"

    def __post_init__(self) -> None:
        self.gate.set()

    async def reply(self, turn: Turn, on_text: object) -> Reply:
        self.turns.append(turn)
        await self.gate.wait()
        last = turn.text.splitlines()[-1]
        if last == "fail":
            return Reply(said=Replied(text="sorry", decision="handoff", reason="tool_failure"))
        decision, _, reason = last.partition(":")
        if decision not in ("handoff", "unknown", "clarify"):
            decision, reason = "answer", ""
        return Reply(
            said=Replied(text=f"re: {last}", decision=decision, reason=reason),
            understood=Understood(
                decision=decision, text=last, question=last, language=self.language, edits=(), sentiment="neutral",
                sentiment_score=0.0, intent="", talk="", entry_ids=(f"e-{last}",), receipt={},
            ),
        )  # fmt: skip


@dataclass
class Screen:
    """A device of a visitor, or a window of an agent on one conversation."""

    events: list[Event] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)

    def deliver(self, event: Event) -> None:
        self.events.append(event)

    def signal(self, signal: Signal) -> None:
        self.signals.append(signal)

    @property
    def lines(self) -> list[str]:
        """What is read on it, each line with who says it; statuses by their code."""
        return [line for event in self.events for line in _line(event)]


def _line(event: Event) -> list[str]:
    match event.body:
        case Status(code=code):
            return [f"* {code}"]
        case Spoke(text=text) | Replied(text=text) if text:
            return [f"{event.author}: {text}"]
        case _:
            return []


@dataclass(eq=False)
class Window:
    """The console of an agent: what it was told."""

    cases: dict[str, Case] = field(default_factory=dict)
    agents: dict[str, AgentView] = field(default_factory=dict)
    told: list[tuple[str, str]] = field(default_factory=list)  # word, conversation

    def case_changed(self, case: Case) -> None:
        self.cases[case.conversation] = case

    def erased(self, conversation: str) -> None:
        self.told.append(("erased", conversation))

    def agent_changed(self, view: AgentView) -> None:
        self.agents[view.id] = view

    def notified(self, case: Case, notice: Notified) -> None:
        self.told.append((notice.word, case.conversation))

    @property
    def words(self) -> list[str]:
        return [word for word, _ in self.told]


def agent(name: str, capacity: int = 2, *departments: str, role: Role = Role.AGENT, **more: object) -> Agent:
    return Agent(
        id=name, workspace="acme", login=name, name=name.title(), role=role, capacity=capacity,
        departments=departments or ("general",), **more,
    )  # fmt: skip


_VERBS: dict[str, tuple[type[does.AgentAction], tuple[str, ...]]] = {
    "accept": (does.Accept, ()),
    "decline": (does.Decline, ()),
    "take_over": (does.TakeOver, ()),
    "transfer": (does.Transfer, ()),
    "accept_transfer": (does.AcceptTransfer, ()),
    "hold": (does.Hold, ("until",)),
    "return_to_bot": (does.ReturnToBot, ("note",)),
    "close": (does.CloseChat, ("resolution", "tags")),
    "finish_wrap_up": (does.FinishWrapUp, ()),
    "block": (does.Block, ()),
}


class Verbs:
    """What agents do, by its name: an agent, a conversation, the epoch that was seen, and what else belongs to it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def __getattr__(self, verb: str) -> Callable[..., Coroutine[Any, Any, Changed]]:
        kind, names = _VERBS[verb]

        async def do(who: Agent, key: Key, epoch: int, *values: Any, **fields: Any) -> Changed:
            fields |= dict(zip(names, values, strict=False))
            if "tags" in fields:
                fields["tags"] = tuple(fields["tags"])
            client_msg_id = values[len(names)] if len(values) > len(names) else ""
            return await self._desk.act(who, key, kind(by=who.id, epoch=epoch, **fields), client_msg_id)

        return do


class Company:
    """Everything, over one log; `restart` begins anew over the same log."""

    def __init__(
        self,
        *agents: Agent,
        departments: tuple[Department, ...] = (),
        log: ConversationLog | None = None,
        folder: Path | None = None,
    ) -> None:
        self.folder = folder
        self.staff = MemoryStaff(agents, departments)
        self.log: ConversationLog = log or MemoryLog()
        self.clock, self.bot = Clock(), WordedBot()
        self.windows: dict[str, list[Window]] = {}
        self.screens: dict[str, list[Screen]] = {}
        self.keys: dict[str, Key] = {}
        self.numbers = 0

    async def open(self) -> Self:
        self.hub = Hub()
        self.index = SearchIndex(Path(":memory:") if self.folder is None else self.folder / "search.db")
        self.search = Search(self.index, self.log)
        self.desk = Desk(self.staff, self.log, self.hub, self.search, now_ms=self.clock)
        self.verbs = Verbs(self.desk)

        async def pause(seconds: float) -> None:
            await asyncio.sleep(0)

        self.service = Conversations(
            self.log, self.hub, self.bot, ConversationSettings(quiet_s=0, patience_s=0), now_ms=self.clock,
            clock=lambda: self.clock.at / 1000, pause=pause, rules=self.desk.rules,
        )  # fmt: skip
        await self.desk.open(self.service)
        await self.service.recover()
        return self

    async def close(self) -> None:
        await self.service.close()
        await self.index.close()
        await self.log.close()

    async def restart(self, log: ConversationLog | None = None) -> None:
        """Crash, and begin anew: nobody is connected."""
        await self.service.close()
        await self.index.close()
        self.log = log or self.log
        self.windows.clear()
        self.screens.clear()
        await self.open()
        await self.settle()

    async def settle(self) -> None:
        """Let everything happen that happens now."""
        for _ in range(4):
            await self._quiet()
            await self.desk.work()

    async def _quiet(self) -> None:
        """Wait until nothing is being stored or thought out; a log on a disk takes its time."""
        awaited = {"submit", "record", "change"} | ({"answer"} if self.bot.gate.is_set() else set())
        for _ in range(5_000):
            for _ in range(20):
                await asyncio.sleep(0)
            if not any(task.get_name() in awaited for task in asyncio.all_tasks()):
                return
            await asyncio.sleep(0.001)
        raise TimeoutError("something is never done")

    async def wait(self, seconds: float) -> None:
        """Turn the clock, stopping at every second as timers do."""
        end = self.clock.at + int(seconds * SECOND)
        await self.settle()
        while self.clock.at < end:
            due = await self.log.cases.next_alarm()
            self.clock.at = min(end, max(self.clock.at + 250, due or end))
            await self.settle()

    # -- visitors

    async def come(self, visitor: str, language: str = "en") -> Screen:
        head = await self.service.open(
            Visitor(workspace="acme", id=f"visitor:{visitor}", kb="shop", language=language, page="/tents")
        )
        key = self.keys[visitor] = (head.workspace, head.conversation)
        screen = Screen()
        missed = await self.service.join(key, screen, after=0)
        screen.events[:0] = missed.events
        self.screens.setdefault(visitor, []).append(screen)
        await self.settle()
        return screen

    async def go(self, visitor: str) -> None:
        for screen in self.screens.pop(visitor, []):
            self.service.leave(self.keys[visitor], screen)
        await self.settle()

    async def say(self, visitor: str, text: str) -> Stored:
        return await self.do(visitor, Say(client_msg_id=self.next_id(), text=text))

    async def do(self, visitor: str, command: Command) -> Stored:
        stored = await self.service.submit(self.keys[visitor], command)
        await self.settle()
        return stored

    def next_id(self) -> str:
        self.numbers += 1
        return f"m{self.numbers}"

    # -- agents

    def who(self, name: str) -> Agent:
        found = self.staff.agent("acme", name)
        assert found is not None
        return found

    async def sign_in(self, *names: str) -> Window:
        window = Window()
        for name in names:
            window = Window()
            self.windows.setdefault(name, []).append(window)
            await self.desk.connected(self.who(name), window)
        await self.settle()
        return window

    async def drop(self, name: str) -> None:
        """Lose the agent's connections."""
        for window in self.windows.pop(name, []):
            await self.desk.disconnected(self.who(name), window)
        await self.settle()

    async def accept(self, name: str, visitor: str) -> None:
        await self.verbs.accept(self.who(name), self.keys[visitor], (await self.head(visitor)).epoch)
        await self.settle()

    async def agent_says(self, name: str, visitor: str, text: str) -> None:
        await self.desk.say(self.who(name), self.keys[visitor], self.next_id(), text)
        await self.settle()

    async def served(self, visitor: str, by: str, text: str = "hello") -> Screen:
        """Bring a visitor to an agent who is there: asked, rung, accepted, greeted."""
        from server.conversations.commands import AskForPerson

        screen = await self.come(visitor)
        await self.do(visitor, AskForPerson(client_msg_id=self.next_id()))
        await self.accept(by, visitor)
        await self.agent_says(by, visitor, text)
        return screen

    # -- looking

    async def head(self, visitor: str) -> Head:
        head = await self.log.head(*self.keys[visitor])
        assert head is not None
        return head

    async def handling(self, visitor: str) -> Handling:
        return (await self.head(visitor)).handling

    async def state(self, visitor: str) -> State:
        return (await self.handling(visitor)).state

    async def events(self, visitor: str) -> list[Event]:
        """Give all events of both audiences in their order."""
        public = await self.log.events(*self.keys[visitor], limit=1000)
        internal = await self.log.events(*self.keys[visitor], audience=Audience.INTERNAL, limit=1000)
        return in_order([*public, *internal])

    async def moves(self, visitor: str) -> list[str]:
        return [event.body.transition for event in await self.events(visitor) if isinstance(event.body, Moved)]

    async def lines(self, visitor: str) -> list[str]:
        return [line for event in await self.events(visitor) for line in _line(event)]

    def change(self, name: str, **changes: object) -> None:
        """Change an agent's account."""
        self.staff.put(replace(self.who(name), **changes))
