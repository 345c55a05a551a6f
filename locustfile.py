"""Visitors over WebSocket, for locust: think time, popular questions, bursts, lost connections, buttons, thumbs.

    make load                                             a server of its own; the report is in .load/
    make load LOAD_HOST=https://help.shop.example LOAD_KEY=wk_… LOAD_USERS=200 LOAD_SECONDS=120

Locust reports apart: `message -> ack` (on disk), `message -> answer` (confident), `message -> clarify` and
`message -> unknown` (they wait for the visitor to finish), other decisions by their names, and `resume`: from the loss
of a connection to a message that is on disk. Of a burst, times count from its last message.

Locust works with gevent, so it has a virtual environment of its own; visitors are the blocking client of kefu.
"""

import json
import os
from collections.abc import Callable, Iterator
from functools import partial
from itertools import accumulate
from pathlib import Path
from random import Random
from time import perf_counter

from locust import User, between, task

from server.client.blocking import Client
from server.client.happenings import Happening, Memory, NotStored, Shown, Stored
from server.wire.frames import EventFrame

_SUITE = Path(__file__).parent / "evals" / "suites" / "shop" / "queries.jsonl"
_KEY = os.environ.get("LOAD_KEY", "")
_WITHIN_S = 20.0  # for a reply; without one the turn failed
_POPULAR = 200  # of the questions; the n-th is asked in proportion to 1 / n (Zipf)
_OWN = 0.4  # share of messages that nobody else asked in these words

_random = Random(os.environ.get("LOAD_SEED"))


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
    """One visitor; who is handed over to a person leaves, and the next one comes."""

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
        if shown.event.decision == "handoff":
            self.on_stop()
            self.on_start()

    def _tell(self, name: str, began: float, error: Exception | None = None) -> None:
        self.environment.events.request.fire(
            request_type="WS",
            name=name,
            response_time=(perf_counter() - began) * 1000,
            response_length=0,
            exception=error,
            context={},
        )
