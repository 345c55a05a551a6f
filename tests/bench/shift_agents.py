"""Agents of a shift."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from itertools import count
from time import monotonic
from typing import Any, Self

import aiohttp
import msgspec

from server.wire import agent_frames, frames
from tests.bench.lean import LeanSocket, connect
from tests.bench.shift import Person, Shift
from tests.soak import desk_history as desk

_ANSWERS = ("Let me look that up.", "请稍等，我查一下。", "It was sent yesterday.", "您还有别的问题吗？")
_MOST_FOLLOWED = agent_frames.MAX_FOLLOWED // 2
_ENDS = {"close": 74, "transfer": 7, "pass_on": 5, "hold": 7, "return_to_bot": 7}  # what agents do after a few lines


class _Row(msgspec.Struct, frozen=True):
    """Of a row of a list, what an agent here looks at; the rest is not even decoded."""

    conversation: str
    epoch: int


class _CaseChanged(msgspec.Struct, frozen=True, tag="case"):
    case: _Row


_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
    agent_frames.AgentWelcome | agent_frames.Following | agent_frames.AgentAck | agent_frames.AgentEvent
    | agent_frames.AgentChunk | agent_frames.AgentTyping | agent_frames.AgentRead | _CaseChanged
    | agent_frames.AgentChanged | agent_frames.RingsFor | agent_frames.Mentioned | agent_frames.Told
    | agent_frames.AgentProblem | frames.Pong
)  # fmt: skip


class Page:
    """A page of the console, signed in by its cookie."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/v1/console"
        headers = {"X-Kefu-Console": "1", "Origin": url}
        jar = aiohttp.CookieJar(unsafe=True)  # the address is a number
        self._http = aiohttp.ClientSession(cookie_jar=jar, headers=headers)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._http.close()

    async def post(self, path: str, **body: object) -> Any:
        """Ask for something, and again where it was too fast."""
        while True:
            async with self._http.post(f"{self._url}/{path}", json=body) as answer:
                if answer.status != 429:
                    answer.raise_for_status()
                    return await answer.json()
            await asyncio.sleep(int(answer.headers["Retry-After"]))


class Chat:
    """A conversation that an agent has, as its window shows it."""

    def __init__(self, conversation: str, epoch: int) -> None:
        self.conversation, self.epoch = conversation, epoch
        self.visitor_lines = 0
        self.followed = False


class Agent(Person):
    """An agent with one tab of the console."""

    def __init__(self, shift: Shift, login: str, password: str) -> None:
        super().__init__(shift, login)
        self._password = password
        self.id = ""
        self.colleagues: Sequence[Agent] = ()
        self.chats: dict[str, Chat] = {}
        self.working: set[asyncio.Task[None]] = set()
        self._answers: dict[str, agent_frames.AgentAck | agent_frames.AgentProblem | None] = {}
        self._numbers = count(1)

    async def begin(self) -> None:
        """Sign in as the console does, and open its socket."""
        async with Page(self.shift.plan.url) as page:
            session = await page.post("session", login=self.name, password=self._password)
            self.id = session["agent"]["id"]
            ticket = (await page.post("ticket"))["ticket"]
        self.socket = await connect(self.shift.plan.port, "/v1/ws", self._take)
        self.welcomed = False
        self.send({"type": "hello", "ticket": ticket})
        await self.until(lambda: self.welcomed)

    def rest(self) -> None:
        """Take note that everything was shown of what is followed."""
        for chat in self.chats.values():
            if chat.followed:
                self._note(desk.Stayed, conversation=chat.conversation)
        assert self.socket is not None
        self.socket.close()

    # -- work

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self.working.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self.working.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.shift.errors[f"agent {type(error).__name__} {error}"] += 1

    async def _rung(self, conversation: str, epoch: int) -> None:
        """Take what rings, as a rule; now and then a colleague, by mistake, does so in the same moment."""
        await self.shift.pause(self.random)
        if self.random.random() < 0.04 and not self.shift.over.is_set():
            await self._do("decline", conversation, epoch)
            return
        if self.random.random() < 0.05:
            rival = self.random.choice(self.colleagues)
            rival._start(rival._grab(conversation, epoch))
        self.shift.clicked[conversation, self.name] = monotonic()
        done = await self._do("accept", conversation, epoch)
        if done is None:
            self.shift.clicked.pop((conversation, self.name), None)
            return
        await self._serve(conversation, done.epoch)

    async def _grab(self, conversation: str, epoch: int) -> None:
        done = await self._do("accept", conversation, epoch)
        if done is not None:  # nobody else was quicker: then it is this one's
            await self._serve(conversation, done.epoch)

    async def _asked_to_take(self, conversation: str, epoch: int) -> None:
        await self.shift.pause(self.random)
        done = await self._do("accept_transfer", conversation, epoch)
        if done is not None:
            await self._serve(conversation, done.epoch)

    async def _serve(self, conversation: str, epoch: int) -> None:
        """Answer a few lines, then let go of it."""
        chat = self.chats.setdefault(conversation, Chat(conversation, epoch))
        chat.epoch = max(chat.epoch, epoch)
        if not chat.followed:
            self.send({"type": "follow", "conversation": conversation})
            await self.until(lambda: chat.followed)
        for heard in range(1, 1 + self.random.randint(2, 4)):
            await self.shift.pause(self.random)
            await self._say(chat)
            with suppress(TimeoutError):
                await self._answered(chat, heard)
            if self.shift.over.is_set():
                break
        await self._let_go(chat)

    async def _answered(self, chat: Chat, heard: int) -> None:
        over = self.shift.over
        await self.until(lambda: chat.visitor_lines >= heard or over.is_set(), within_s=3 * self.shift.plan.pause_s)

    async def _let_go(self, chat: Chat) -> None:
        end = self.random.choices(list(_ENDS), list(_ENDS.values()))[0]
        if self.shift.over.is_set():
            end = "close"
        done: agent_frames.AgentAck | None = None
        match end:
            case "transfer":
                other = self.random.choice(self.colleagues)
                done = await self._do("transfer", chat.conversation, chat.epoch, to_agent=other.id, note="please")
            case "pass_on":
                more = {"to_department": "general", "note": "please", "cold": True}
                done = await self._do("transfer", chat.conversation, chat.epoch, **more)
            case "return_to_bot":
                done = await self._do("return_to_bot", chat.conversation, chat.epoch, note="a simple one")
            case "hold":
                done = await self._do("hold", chat.conversation, chat.epoch)
                await self.shift.pause(self.random)
                await self._say(chat)  # which ends the hold
                done = None
            case _:
                pass
        if done is None:
            await self._close(chat)
            end = end if end == "hold" else "close"
        self.shift.ends[end] += 1
        await self._leave(chat)

    async def _close(self, chat: Chat) -> None:
        for _ in range(5):  # what the visitor does meanwhile may change the epoch
            done = await self._do("close", chat.conversation, chat.epoch, resolution="solved", tags=["load"])
            if done is not None:
                await self.shift.pause(self.random, least=0.1, most=0.5)
                await self._do("finish", chat.conversation, max(done.epoch, chat.epoch))
                return
            await asyncio.sleep(0.05)
        self.shift.errors["not closed"] += 1

    async def _leave(self, chat: Chat) -> None:
        """Look at it no more, half of the time; the end is seen of the others, as far as the server shows so many."""
        if (self.random.random() < 0.5 or len(self.chats) > _MOST_FOLLOWED) and not self.shift.over.is_set():
            self._note(desk.Unfollowed, conversation=chat.conversation)
            chat.followed = False
            self.send({"type": "unfollow", "conversation": chat.conversation})
            del self.chats[chat.conversation]

    # -- frames

    async def _say(self, chat: Chat) -> None:
        text = self.random.choice(_ANSWERS)
        await self._ask({"type": "say", "conversation": chat.conversation, "text": text}, "say", text)

    async def _do(self, verb: str, conversation: str, epoch: int, **more: object) -> agent_frames.AgentAck | None:
        """Ask for something; None if it was refused."""
        frame = {"type": "desk", "verb": verb, "conversation": conversation, "epoch": epoch, **more}
        return await self._ask(frame, verb)

    async def _ask(self, frame: Mapping[str, object], verb: str, text: str = "") -> agent_frames.AgentAck | None:
        name = f"{self.name}-{next(self._numbers)}"
        conversation = str(frame["conversation"])
        self._note(desk.Asked, client_msg_id=name, conversation=conversation, verb=verb, text=text)
        self._answers[name] = None
        if verb == "say":
            self.shift.lines[name] = monotonic()
        self.send({**frame, "client_msg_id": name})
        await self.until(lambda: self._answers[name] is not None)
        answer = self._answers.pop(name)
        if isinstance(answer, agent_frames.AgentAck):
            if (chat := self.chats.get(conversation)) is not None:
                chat.epoch = max(chat.epoch, answer.epoch)
            return answer
        self.shift.errors[f"refused: {verb} {answer and answer.code}"] += 1
        return None

    def _take(self, socket: LeanSocket, raw: bytes) -> None:
        frame = _decoder.decode(raw)
        self.shift.frames["agents"] += 1
        match frame:
            case _CaseChanged(case=row):
                if (chat := self.chats.get(row.conversation)) is not None:
                    chat.epoch = max(chat.epoch, row.epoch)
            case agent_frames.AgentChanged():
                return
            case agent_frames.AgentEvent():
                if (chat := self.chats.get(frame.conversation)) is not None and chat.followed:  # not on its way still
                    self._note(desk.Noticed, event=frame)
                    chat.visitor_lines += frame.kind == "spoke" and frame.author == "visitor"
            case agent_frames.AgentAck(client_msg_id=name, seq=seq, epoch=epoch):
                self._note(desk.Done, client_msg_id=name, seq=seq, epoch=epoch)
                self._answers[name] = frame
            case agent_frames.AgentProblem(client_msg_id=name, code=code):
                self._note(desk.Denied, client_msg_id=name, code=code)
                self._answers[name] = frame
            case agent_frames.RingsFor(conversation=name, case=case):
                self._start(self._rung(name, case.epoch))
            case agent_frames.Told(word="asked_to_take", conversation=name, case=case):
                self._start(self._asked_to_take(name, case.epoch))
            case agent_frames.Following(conversation=name):
                self._followed(frame)
            case agent_frames.AgentWelcome():
                self.welcomed = True
            case _:
                return
        self.changed()

    def _followed(self, frame: agent_frames.Following) -> None:
        chat = self.chats[frame.conversation]
        chat.followed = True
        last, internal = frame.last_seq, frame.last_internal
        events = tuple(msgspec.structs.replace(event, conversation=frame.conversation) for event in frame.events)
        self._note(desk.Followed, conversation=frame.conversation, last_seq=last, last_internal=internal, events=events)

    def _note(self, kind: Callable[..., desk.Deed], **more: object) -> None:
        self.shift.deeds.append(kind(agent=self.id, at=round(self.shift.diary.now, 4), **more))
