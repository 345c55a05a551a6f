"""Visitors of a shift."""

import asyncio
from itertools import count
from time import monotonic
from typing import Any

import msgspec

from server.wire import frames
from tests.bench.lean import LeanSocket, connect
from tests.bench.shift import Person, Shift
from tests.soak.history import Acked, Hailed, Left, Refused, Rested, Saw, Sent, Welcomed

_PER_ADDRESS = 90  # the server admits 100 at once from one
_QUESTIONS = ("How many days do I have to return something I don't like?", "原价商品几天内可以退货？", "运费多少钱")
_LINES = ("My order is 1007 and it has not come.", "那我该怎么办？", "Thank you, one more thing.", "好的")

_decoder: msgspec.json.Decoder[frames.FromServer] = msgspec.json.Decoder(frames.FromServer)


class Visitor(Person):
    """A place on the site: when one visitor has gone the next one comes."""

    def __init__(self, shift: Shift, number: int) -> None:
        super().__init__(shift, f"visitor{number}")
        self._address = f"127.20.{number // _PER_ADDRESS}.1"
        self._lives = count(1)
        self._numbers = count(1)

    async def live(self) -> None:
        """Come, talk and go until the shift is over; the last one stays."""
        while not self.shift.over.is_set():
            await self.come()
            await self._talk()
            if not self.shift.over.is_set():
                self.go()

    async def come(self) -> None:
        """Open the socket as somebody new."""
        self.device = f"{self.name}.{next(self._lives)}/web"
        self.conversation, self.status, self.last_seq = "", "", 0
        self.answered = self.turn = self.agent_lines = 0
        self.unsettled: dict[str, float] = {}
        self.socket = await connect(self.shift.plan.port, "/v1/ws", self._take, address=self._address)
        self.shift.diary.note(Hailed, self.device)
        self.send({"type": "hello", "key": self.shift.plan.key, "language": "en"})
        await self.until(lambda: bool(self.conversation))

    def go(self) -> None:
        """Leave."""
        assert self.socket is not None
        self.shift.diary.note(Left, self.device, code=1000)
        self.socket.close()
        self.socket = None

    def rest(self) -> None:
        """Take note that everything was shown, if this one is still here."""
        if self.socket is not None:
            self.shift.diary.note(Rested, self.device)
            self.socket.close()

    # -- a visit

    async def _talk(self) -> None:
        await self.shift.pause(self.random)
        if self.random.random() < 0.1:
            await self._ask_bot()
        await self._asked_for_person()
        if self.status == "joined":
            await self._with_agent()
        if self.status == "closed" and self.random.random() < 0.6:
            await self._settled(self._act("rate", str(self.random.randint(1, 5))))
        elif self.status == "back_with_bot" and not self.shift.over.is_set():
            await self._ask_bot()

    async def _ask_bot(self) -> None:
        await self._settled(self._say(self.random.choice(_QUESTIONS)))
        await self.until(lambda: self.answered >= self.turn)

    async def _asked_for_person(self) -> None:
        """Ask for a person, and wait; who still waits when the shift is over gives up."""
        await self._settled(self._act("human"))
        over = asyncio.create_task(self.shift.over.wait())
        over.add_done_callback(lambda _: self.changed())
        await self.until(lambda: self.status == "joined" or over.done(), within_s=600)
        over.cancel()
        if self.status != "joined":
            await self._settled(self._act("cancel"))
            await self.until(lambda: self.status in ("joined", "cancelled"))

    async def _with_agent(self) -> None:
        """Say a line for each one of the agent's, until it has ended."""
        self._read = 0
        while not self._ended:
            await self.until(lambda: self.agent_lines > self._read or self._ended)
            self._read = self.agent_lines
            await self.shift.pause(self.random)
            if not self._ended and not self.shift.over.is_set():
                await self._settled(self._say(self.random.choice(_LINES)))

    @property
    def _ended(self) -> bool:
        return self.status in ("closed", "back_with_bot")

    # -- frames

    def _say(self, text: str) -> str:
        return self._submit({"type": "say", "text": text})

    def _act(self, action: str, value: str = "") -> str:
        return self._submit({"type": "action", "action": action, "value": value})

    def _submit(self, frame: dict[str, Any]) -> str:
        name = f"{self.name}-{next(self._numbers)}"
        self.shift.diary.note(Sent, self.device, client_msg_id=name, text=frame.get("text", ""))
        self.unsettled[name] = monotonic()
        self.send({**frame, "client_msg_id": name})
        return name

    async def _settled(self, name: str) -> None:
        await self.until(lambda: name not in self.unsettled)

    def _take(self, socket: LeanSocket, raw: bytes) -> None:
        now, note = monotonic(), self.shift.diary.note
        frame = _decoder.decode(raw)
        self.shift.frames["visitors"] += 1
        match frame:
            case frames.EventFrame():
                note(Saw, self.device, event=frame)
                self._see(frame, now)
            case frames.Ack(client_msg_id=name, seq=seq, id=identifier):
                note(Acked, self.device, client_msg_id=name, seq=seq, id=identifier)
                self.shift.took(self.shift.said, now - self.unsettled.pop(name))
            case frames.Problem(code=code, client_msg_id=name):
                note(Refused, self.device, client_msg_id=name, code=code)
                self.unsettled.pop(name, None)
                if code != "bad_value":  # a button that was pressed a moment too late
                    self.shift.errors[f"visitor {code}"] += 1
            case frames.Welcome(conversation=name, last_seq=last, events=events, recovered=recovered):
                note(Welcomed, self.device, conversation=name, recovered=recovered, last_seq=last, events=events)
                self.conversation, self.last_seq = name, last
            case _:
                return
        self.changed()

    def _see(self, event: frames.EventFrame, now: float) -> None:
        self.last_seq = event.seq
        if event.author == "visitor":
            self.turn = event.turn
        elif event.author == "bot":
            self.answered = event.turn
        elif event.author.startswith("agent:"):
            self.agent_lines += 1
            if (sent := self.shift.lines.pop(event.client_msg_id, None)) is not None:
                self.shift.took(self.shift.heard, now - sent)
        if event.status in _STATUSES:
            self.status = event.status
        if event.status == "joined":
            clicked = self.shift.clicked.pop((self.conversation, event.values["name"]), None)
            if clicked is not None:
                self.shift.took(self.shift.visible, now - clicked)


_STATUSES = frozenset({"queued", "joined", "closed", "back_with_bot", "cancelled", "passed_on"})
