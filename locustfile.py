"""Visitors and agents, for locust: think time, popular questions, bursts, lost connections, buttons; handoffs.

    make load                                             a server of its own; the report is in .load/
    make load LOAD_USERS=500 LOAD_AGENTS=50 LOAD_SECONDS=120
    make load LOAD_HOST=https://help.shop.example LOAD_KEY=wk_… LOAD_AGENTS=20 LOAD_ADMIN=login:password

Agents get accounts of their own, which an admin adds over HTTP; without LOAD_AGENTS nobody takes who wants a person.

Locust reports apart: `message -> ack` (on disk), `message -> answer` (confident), `message -> clarify` and
`message -> unknown` (they wait for the visitor to finish), other decisions by their names, and `resume`: from the loss
of a connection to a message that is on disk. Of a burst, times count from its last message. Of handoffs:
`person -> joined` (the queue), `accept -> visible` (from an agent's click to what the visitor is shown), and what
agents do until it is on disk; that they are refused because a colleague was quicker is no failure.

Locust works with gevent, so it has a virtual environment of its own; visitors are the blocking client of kefu.
"""

import json
import os
from collections.abc import Callable, Iterator
from functools import partial
from heapq import heappop, heappush
from itertools import accumulate, count
from pathlib import Path
from random import Random
from time import perf_counter, sleep
from typing import Any

from locust import User, between, constant, task

from server.client.blocking import Client
from server.client.happenings import Happening, Memory, NotStored, Shown, Stored
from server.wire.frames import Act, EventFrame
from tests.load.desk import Desk

_SUITE = Path(__file__).parent / "evals" / "suites" / "shop" / "queries.jsonl"
_KEY = os.environ.get("LOAD_KEY", "")
_WITHIN_S = 20.0  # for a reply; without one the turn failed
_POPULAR = 200  # of the questions; the n-th is asked in proportion to 1 / n (Zipf)
_OWN = 0.4  # share of messages that nobody else asked in these words

_AGENTS: dict[str, str] = json.loads(os.environ.get("LOAD_LOGINS", "{}"))  # login -> password
_IN_QUEUE_S = 300.0  # then a visitor gives up
_LINES = ("My order is 1007 and it has not come.", "那我该怎么办？", "Thank you, one more thing.", "好的")
_ANSWERS = ("Let me look that up.", "请稍等，我查一下。", "It was sent yesterday.", "您还有别的问题吗？")
_ENDS = {"close": 80, "transfer": 7, "hold": 7, "return_to_bot": 6}  # what agents do after a few lines

_random = Random(os.environ.get("LOAD_SEED"))
_logins = iter(_AGENTS)
_clicked: dict[tuple[str, str], float] = {}  # (conversation, agent's name) -> when "accept" was sent


class Questions:
    """What visitors ask: the questions of the shop's suite, some of them again and again."""

    def __init__(self, lines: Iterator[str]) -> None:
        """Take a suite's lines."""
        rows = [json.loads(line) for line in lines]
        texts = list(dict.fromkeys(row["query"] for row in rows if row["relevant_ids"]))
        Random(1).shuffle(texts)
        self._popular, self._others = texts[:_POPULAR], texts[_POPULAR:]
        self._weights = list(accumulate(1 / rank for rank in range(1, len(self._popular) + 1)))
        self._asked = 0

    def one(self) -> str:
        """Give a question."""
        if _random.random() >= _OWN:
            return _random.choices(self._popular, cum_weights=self._weights)[0]
        self._asked += 1
        again, place = divmod(self._asked, len(self._others))
        return f"{self._others[place]} ({again})" if again else self._others[place]


with _SUITE.open(encoding="utf-8") as suite:
    QUESTIONS = Questions(suite)


class Visitor(User):
    """One visitor; who was with a person, or is handed over where none is there, leaves, and the next one comes."""

    wait_time = between(1, 9)  # seconds of thinking

    def on_start(self) -> None:
        """Come to the site."""
        self._client = self._device(Memory())
        self._last: EventFrame | None = None  # of the bot

    def on_stop(self) -> None:
        """Leave."""
        self._client.__exit__(None, None, None)

    @task(60)
    def ask(self) -> None:
        """Ask a question."""
        self._turn([QUESTIONS.one()])

    @task(12)
    def ask_in_fragments(self) -> None:
        """Say it in several messages, as people do."""
        whole = QUESTIONS.one()
        middle = whole.find(" ", len(whole) // 2) + 1 or len(whole) // 2
        parts = (_random.choice(("hi", "你好", "")), whole[:middle].strip(), whole[middle:].strip())
        self._turn([part for part in parts if part])

    @task(10)
    def press_a_choice(self) -> None:
        """Press one of the buttons that the bot offered, or ask where there are none."""
        offered = self._last
        if offered is None or not offered.choices:
            self.ask()
            return
        choice, began = _random.choice(offered.choices), perf_counter()
        stored = self._stored(lambda: self._client.choose(choice.entry_id, offered.id, within_s=_WITHIN_S), began)
        if stored is not None:
            self._await_reply(stored, began)

    @task(8)
    def rate(self) -> None:
        """Press a thumb below the last reply."""
        if self._last is not None:
            about, up, began = self._last.id, _random.random() < 0.8, perf_counter()
            self._stored(lambda: self._client.rate(up=up, about=about, within_s=_WITHIN_S), began)

    @task(6)
    def lose_the_connection(self) -> None:
        """Lose the network, and come back to where one was."""
        memory, began = self._client.core.memory, perf_counter()
        conversation = memory.conversation
        self._client.__exit__(None, None, None)
        self._client = self._device(memory)
        stored = self._stored(lambda: self._client.say(QUESTIONS.one(), within_s=_WITHIN_S), began, name="resume")
        if stored is None:
            return
        if conversation and memory.conversation != conversation:
            self._tell("resume", began, RuntimeError("another conversation was given"))
        self._await_reply(stored, began)

    @task(15 if _AGENTS else 0)
    def ask_for_person(self) -> None:
        """Ask for a person, talk with whoever comes, rate it, and leave."""
        began = perf_counter()
        if self._stored(partial(self._client.ask_for_person, within_s=_WITHIN_S), began) is not None:
            self._with_person(began)

    # -- people

    def _with_person(self, began: float) -> None:
        try:
            self._until_status("joined", within_s=_IN_QUEUE_S)
            self._tell("person -> joined", began)
            while self._until_status("closed", "back_with_bot", or_agent=True, within_s=_IN_QUEUE_S).status == "":
                sleep(_random.uniform(1, 4))
                said = perf_counter()
                self._stored(partial(self._client.say, _random.choice(_LINES), within_s=_WITHIN_S), said)
            rating = Act(client_msg_id=f"rating-{_random.getrandbits(64):x}", action="rate", value="5")
            self._client.core._submit(rating)  # the client has no name for it
            self._client.next(within_s=1.0)
        except TimeoutError as error:
            self._tell("person -> joined", began, error)
        self.on_stop()
        self.on_start()

    def _until_status(self, *statuses: str, within_s: float, or_agent: bool = False) -> EventFrame:
        def wanted(happening: Happening) -> bool:
            if not isinstance(happening, Shown):
                return False
            event = happening.event
            if event.status == "joined":
                self._joined(event)
            return event.status in statuses or (or_agent and event.author.startswith("agent:"))

        return self._client.until(wanted, within_s=within_s).event

    def _joined(self, event: EventFrame) -> None:
        clicked = _clicked.pop((self._client.core.memory.conversation, event.values["name"]), None)
        if clicked is not None:
            self._tell("accept -> visible", clicked)

    # -- turns

    def _device(self, memory: Memory) -> Client:
        address = (self.host or "").replace("http", "ws", 1).rstrip("/")
        return Client(f"{address}/v1/ws", key=_KEY, memory=memory, language=_random.choice(("zh-CN", "en")))

    def _turn(self, parts: list[str]) -> None:
        """Say something in one message or several, and wait for the reply."""
        for part in parts:
            began = perf_counter()
            stored = self._stored(partial(self._client.say, part, within_s=_WITHIN_S), began)
            if stored is None:
                return
        self._await_reply(stored, began)

    def _stored(self, send: Callable[[], Stored], began: float, name: str = "message -> ack") -> Stored | None:
        """Send, and tell how long it took until it was on disk; None if it was not."""
        try:
            stored = send()
        except (NotStored, TimeoutError) as error:
            self._tell(name, began, error)
            return None
        self._tell(name, began)
        return stored

    def _await_reply(self, said: Stored, began: float) -> None:
        """Take what happens until the bot answered the turn that a message began."""
        turn = 0

        def answers(happening: Happening) -> bool:
            nonlocal turn
            if not isinstance(happening, Shown):
                return False
            event = happening.event
            turn = event.turn if event.seq == said.seq else turn
            return bool(turn) and event.author == "bot" and event.turn >= turn

        try:
            shown = self._client.until(answers, within_s=_WITHIN_S)
        except TimeoutError as error:
            self._tell("message -> reply", began, error)
            return
        self._last = shown.event
        self._tell(f"message -> {shown.event.decision}", began)
        if shown.event.decision == "handoff" and _AGENTS:
            self.ask_for_person()  # which also says yes where one is only offered
        elif shown.event.decision == "handoff":
            self.on_stop()
            self.on_start()

    def _tell(self, name: str, began: float, error: Exception | None = None) -> None:
        _tell(self, name, began, error)


class Agent(User):
    """An agent with a tab of the console: takes what rings, answers a few lines, passes on, holds, closes."""

    fixed_count = len(_AGENTS)
    wait_time = constant(0)

    def on_start(self) -> None:
        """Sign in."""
        self._name = next(_logins)
        self._numbers = count()
        self._desk = Desk(self.host or "", self._name, _AGENTS[self._name])
        self._colleagues = [each["id"] for each in self._desk.welcome["agents"]]
        self._epochs: dict[str, int] = {}  # of conversations
        self._asked: dict[str, tuple[str, str, float]] = {}  # client_msg_id -> conversation, verb, when
        self._plans: list[tuple[float, int, Callable[[], None]]] = []  # when, what to do

    def on_stop(self) -> None:
        """Leave."""
        self._desk.close()

    @task
    def work(self) -> None:
        """Do what is due, and take what comes until the next thing is."""
        while self._plans and self._plans[0][0] <= perf_counter():
            heappop(self._plans)[2]()
        wait_s = self._plans[0][0] - perf_counter() if self._plans else 1.0
        frame = self._desk.next(within_s=min(1.0, max(0.0, wait_s)))
        if frame is not None:
            self._take(frame)

    def _take(self, frame: dict[str, Any]) -> None:
        if "case" in frame:
            self._seen(frame["case"]["conversation"], frame["case"]["epoch"])
        match frame["type"]:
            case "ring":
                self._soon(partial(self._act, "accept", frame["conversation"]))
            case "notice" if frame["word"] == "asked_to_take":
                self._soon(partial(self._act, "accept_transfer", frame["conversation"]))
            case "ack" if frame["client_msg_id"] in self._asked:
                conversation, verb, began = self._asked.pop(frame["client_msg_id"])
                self._seen(conversation, frame["epoch"])
                _tell(self, "line -> ack" if verb == "say" else f"{verb} -> ack", began)
                self._go_on(conversation, verb)
            case "error" if frame.get("client_msg_id") in self._asked:
                conversation, verb, began = self._asked.pop(frame["client_msg_id"])
                _clicked.pop((conversation, self._name), None)
                if frame["code"] not in ("already_taken", "stale", "not_allowed"):
                    _tell(self, f"{verb} -> ack", began, RuntimeError(frame["message"]))
                elif verb in ("close", "transfer", "hold", "return_to_bot"):
                    self._soon(partial(self._act, "close", conversation))
            case _:
                pass

    def _go_on(self, conversation: str, verb: str) -> None:
        """Plan what comes after something that was done."""
        if verb in ("accept", "accept_transfer"):
            lines = _random.randint(2, 4)
            for number in range(1, lines + 1):
                self._soon(partial(self._say, conversation), after_s=3.0 * number)
            end = _random.choices(list(_ENDS), list(_ENDS.values()))[0]
            self._soon(partial(self._act, end, conversation), after_s=3.0 * (lines + 1))
        elif verb == "hold":
            self._soon(partial(self._act, "resume", conversation))
        elif verb == "resume":
            self._soon(partial(self._act, "close", conversation))
        elif verb == "close":
            self._soon(partial(self._act, "finish", conversation))

    def _soon(self, do: Callable[[], None], after_s: float = 0.0) -> None:
        heappush(self._plans, (perf_counter() + after_s + _random.uniform(0.3, 2.0), next(self._numbers), do))

    def _seen(self, conversation: str, epoch: int) -> None:
        self._epochs[conversation] = max(epoch, self._epochs.get(conversation, 0))

    def _say(self, conversation: str) -> None:
        name = self._begun("say", conversation)
        self._desk.send(type="say", conversation=conversation, client_msg_id=name, text=_random.choice(_ANSWERS))

    def _act(self, verb: str, conversation: str) -> None:
        more: dict[str, object] = {}
        if verb == "transfer":
            more = {"to_agent": _random.choice(self._colleagues), "note": "please"}
        elif verb == "return_to_bot":
            more = {"note": "a simple one"}
        elif verb == "close":
            more = {"resolution": "solved"}
        name = self._begun(verb, conversation)
        if verb == "accept":
            _clicked[conversation, self._name] = perf_counter()
        epoch = self._epochs.get(conversation, 0)
        self._desk.send(type="desk", verb=verb, conversation=conversation, client_msg_id=name, epoch=epoch, **more)

    def _begun(self, verb: str, conversation: str) -> str:
        name = f"{self._name}-{next(self._numbers)}"
        self._asked[name] = (conversation, verb, perf_counter())
        return name


def _tell(user: User, name: str, began: float, error: Exception | None = None) -> None:
    user.environment.events.request.fire(
        request_type="WS",
        name=name,
        response_time=(perf_counter() - began) * 1000,
        response_length=0,
        exception=error,
        context={},
    )
