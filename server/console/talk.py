"""What an agent's browser and the server say to each other: one socket, many conversations, both audiences.

The browser names what it holds of each conversation that it follows, and gets exactly what it misses; a second tab is
a second session, and neither knows of the other. Rights are looked up again at every frame.
"""

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from engine import trace
from server.connections.connection import Connection
from server.connections.outbox import OutboxLimits
from server.connections.peer import Ended
from server.console.following import Followed
from server.console.gathering import Gathering
from server.console.refusing import problem_of
from server.console.room import Room
from server.conversations.hub import Key
from server.conversations.service import Changed
from server.errors import BadCommand, ConversationNotFound, LogUnavailable, ServerError
from server.handoff import actions as does
from server.handoff.cases import AgentView, Case, Notified
from server.handoff.outcomes import Word
from server.handoff.routing import Presence
from server.handoff.staff import Agent
from server.ids import from_text, to_text
from server.wire import agent_frames as frames
from server.wire.codec import BadFrame
from server.wire.codes import Close
from server.wire.frames import Hello, Ping, Pong

log = logging.getLogger(__name__)

# An agent's browser may be shown hundreds of lines at once, and is trusted with more memory than a visitor's.
_OUTBOX = OutboxLimits(max_bytes=4 * 1024 * 1024, max_frames=4_000)
_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[frames.FromAgent] = msgspec.json.Decoder(frames.FromAgent)

_Verb = Callable[[str, frames.DeskAct], does.ByAgent]
VERBS: Mapping[str, _Verb] = {
    "accept": lambda by, act: does.Accept(by=by, epoch=act.epoch),
    "decline": lambda by, act: does.Decline(by=by, epoch=act.epoch),
    "take_over": lambda by, act: does.TakeOver(by=by, epoch=act.epoch),
    "transfer": lambda by, act: does.Transfer(
        by=by, epoch=act.epoch, note=act.note, to_agent=act.to_agent, to_department=act.to_department, cold=act.cold
    ),
    "accept_transfer": lambda by, act: does.AcceptTransfer(by=by, epoch=act.epoch),
    "decline_transfer": lambda by, act: does.DeclineTransfer(by=by, epoch=act.epoch),
    "hold": lambda by, act: does.Hold(by=by, epoch=act.epoch, until=act.until),
    "resume": lambda by, act: does.Resume(by=by, epoch=act.epoch),
    "return_to_bot": lambda by, act: does.ReturnToBot(by=by, epoch=act.epoch, note=act.note),
    "close": lambda by, act: does.CloseChat(
        by=by, epoch=act.epoch, resolution=act.resolution or "resolved", tags=act.tags
    ),
    "finish": lambda by, act: does.FinishWrapUp(by=by, epoch=act.epoch),
    "tag": lambda by, act: does.SetTags(by=by, epoch=act.epoch, tags=act.tags),
    "assign": lambda by, act: does.Assign(by=by, epoch=act.epoch, agent=act.to_agent),
    "requeue": lambda by, act: does.Requeue(by=by, epoch=act.epoch),
    "block": lambda by, act: does.Block(by=by, epoch=act.epoch),
}


class AgentTalk:
    """An agent's side. Is a `server.handoff.cases.DeskSession`."""

    def __init__(self, connection: Connection, agent: Agent, room: Room) -> None:
        self._connection = connection
        self._agent = agent  # as it was when it came
        self._room = room
        self._followed: OrderedDict[Key, Followed] = OrderedDict()  # the longest followed first
        self._held: list[tuple[bytes, str]] | None = []  # what happens before the welcome comes behind it
        self._rows = Gathering(self._put_all)

    @property
    def agent(self) -> Agent:
        """Whose it is, as it was when it came."""
        return self._agent

    # -- coming and going

    async def begin(self, hello: Hello) -> None:
        """Tell how things stand, and what was missed of what is followed."""
        self._connection.outbox.widen(_OUTBOX)
        desk, settings = self._room.desk, self._connection.settings
        self._room.come(self)
        await desk.connected(self._agent, self)
        following = []
        for held in hello.following[: frames.MAX_FOLLOWED]:
            try:
                following.append(await self._follow(held.conversation, held.last_seq, held.last_internal))
            except ConversationNotFound:
                continue  # it went to another department; the lists say so
        me = self._me()
        opening = desk.opening(me)
        welcome = frames.AgentWelcome(
            session=to_text(self._connection.id),
            role="agent",
            agent=me.id,
            presence=opening.presence,
            cases=opening.cases,
            agents=opening.agents,
            following=tuple(following),
            ping_s=settings.ping_s,
            max_bytes=settings.max_bytes,
        )
        held_back, self._held = self._held or [], None
        self.send(welcome)
        for raw, replaces in held_back:
            self._connection.put(raw, replaces=replaces)

    def leave(self) -> None:
        """Take note that the browser is gone; the desk is told as soon as the loop gets to it."""
        for key, followed in self._followed.items():
            self._room.conversations.leave(key, followed)
        self._followed.clear()
        self._rows.close()
        self._room.gone(self)

    def look_again(self) -> None:
        """Let go of what the agent may not see any more."""
        for key in tuple(self._followed):
            self._look_again_at(key)

    def _look_again_at(self, key: Key) -> None:
        followed = self._followed.get(key)
        if followed is not None:
            me = self._room.accounts.agent(self._agent.workspace, self._agent.id)
            if me is None or not self._room.desk.may_see(me, followed.head):
                self._unfollow(key)

    # -- telling

    def send(self, frame: frames.ToAgent, *, replaces: str = "") -> None:
        """Queue a frame."""
        self.put(_encoder.encode(frame), replaces=replaces)

    def put(self, raw: bytes, *, replaces: str = "") -> None:
        """Queue an encoded frame."""
        if self._held is not None:
            self._held.append((raw, replaces))
        else:
            self._connection.put(raw, replaces=replaces)

    def _put_all(self, encoded: Sequence[tuple[bytes, str]]) -> None:
        if self._held is not None:
            self._held.extend(encoded)
        else:
            self._connection.put_all(encoded)

    def case_changed(self, case: Case) -> None:
        """Show a row."""
        self._rows.add(f"case {case.conversation}", case)
        self._look_again_at(self._key(case.conversation))

    def erased(self, conversation: str) -> None:
        """Let the page forget what was said."""
        self.send(frames.Erased(conversation=conversation))

    def agent_changed(self, view: AgentView) -> None:
        """Show a colleague."""
        self._rows.add(f"agent {view.id}", view)

    def notified(self, case: Case, notice: Notified) -> None:
        """Ring, or tell what else there is to notice."""
        match notice.word:
            case Word.RINGS.value:
                self.send(frames.RingsFor(conversation=case.conversation, case=case, until=notice.until))
            case "mentioned":
                self.send(frames.Mentioned(conversation=case.conversation, by=notice.by))
            case word:
                told = frames.Told(
                    word=word, conversation=case.conversation, case=case, by=notice.by, until=notice.until
                )
                if word == Word.WAITS.value:  # a whole department is told
                    self._rows.add(f"{word} {case.conversation}", told)
                else:
                    self.send(told)

    # -- hearing

    async def take(self, raw: bytes | str) -> None:
        """Do what a frame asks for; every way that it can fail has an answer that names it."""
        try:
            frame = _decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadFrame(f"not a frame: {error}") from error
        name = getattr(frame, "client_msg_id", "")
        try:
            with trace.span("kefu.agent", workspace=self._agent.workspace):
                await self._do(frame)
        except ServerError as error:
            if isinstance(error, LogUnavailable):
                log.error("what an agent asked for was not stored: %s", error)
            problem = problem_of(error, name)
            self._connection.around.refused[self._agent.workspace, problem.code] += 1
            self.send(problem)

    def name_in(self, raw: bytes | str) -> str:
        """Give the id of what a frame asks for."""
        try:
            return str(getattr(_decoder.decode(raw), "client_msg_id", ""))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return ""

    async def _do(self, frame: frames.FromAgent) -> None:
        match frame:
            case frames.Follow(conversation=conversation, last_seq=seq, last_internal=internal):
                self.send(await self._follow(conversation, seq, internal))
            case frames.Unfollow(conversation=conversation):
                self._unfollow(self._key(conversation))
            case frames.AgentSay() | frames.Note() | frames.DeskAct():
                await self._change(frame)
            case frames.SetPresence():
                await self._set_presence(frame)
            case Ping():
                self.put(_PONG, replaces="pong")
            case Pong():
                pass  # it was a sign of life, and taken as one
            case _:
                await self._mention(frame)

    async def _mention(self, frame: frames.AgentTyping | frames.AgentRead | frames.Viewing | frames.Draft) -> None:
        """Do what nobody waits for."""
        me, desk = self._me(), self._room.desk
        if isinstance(frame, frames.Viewing) and not frame.conversation:
            desk.viewing(me, self, None)
            return
        key = self._key(frame.conversation)
        await desk.case_head(me, key)
        match frame:
            case frames.AgentTyping(on=on):
                if followed := self._followed.get(key):
                    desk.typing(me, key, followed, on=on)
            case frames.AgentRead(seq=seq):
                if followed := self._followed.get(key):
                    await desk.read(me, key, followed, seq)
            case frames.Viewing():
                desk.viewing(me, self, key)
            case frames.Draft(text=text):
                await desk.draft(me, key, text)

    async def _change(self, frame: frames.AgentSay | frames.Note | frames.DeskAct) -> None:
        me, desk, key = self._me(), self._room.desk, self._key(frame.conversation)
        name = frame.client_msg_id
        if not name.isprintable():
            raise BadCommand("client_msg_id has 1 to 64 printable characters.")
        changed: Awaitable[Changed]
        match frame:
            case frames.AgentSay(text=text, files=files):
                if (not text.strip() and not files) or "\0" in text:
                    raise BadCommand(f"text has 1 to {self._connection.settings.max_text_chars} characters.")
                changed = desk.say(me, key, name, text, files)
            case frames.Note(text=text, mentions=mentions):
                changed = desk.note(me, key, name, text, mentions)
            case frames.DeskAct(verb=verb):
                if verb not in VERBS:
                    raise BadCommand(f"verbs are {', '.join(VERBS)}.")
                changed = desk.act(me, key, VERBS[verb](me.id, frame), name)
        done = await changed
        seqs = [event.seq for event in done.events if event.client_msg_id == name]
        self.send(frames.AgentAck(client_msg_id=name, seq=seqs[0] if seqs else 0, epoch=done.head.epoch))

    async def _set_presence(self, frame: frames.SetPresence) -> None:
        try:
            wanted = Presence(frame.state)
        except ValueError as error:
            raise BadCommand(f"presence is available, busy or away, not {frame.state!r}.") from error
        await self._room.desk.presence(self._me(), wanted, of=frame.agent)
        if frame.client_msg_id:
            self.send(frames.AgentAck(client_msg_id=frame.client_msg_id))

    # -- following

    async def _follow(self, conversation: str, seq: int, internal: int) -> frames.Following:
        """Give what was missed; what happens from now on comes behind it, because nothing waits in between."""
        me, key = self._me(), self._key(conversation)
        head = await self._room.desk.case_head(me, key)
        self._unfollow(key)
        followed = Followed(self, head, conversation, self._room.receipts)
        missed = await self._room.conversations.watch(key, followed, after=(seq, internal) if seq else None)
        followed.begin(missed.head)
        self._followed[key] = followed
        while len(self._followed) > frames.MAX_FOLLOWED:
            self._unfollow(next(iter(self._followed)))
        return frames.Following(
            conversation=conversation,
            recovered=missed.recovered,
            last_seq=missed.head.seq,
            last_internal=missed.head.internal_seq,
            events=self._room.receipts.shown(missed.events, missed.head),
            draft=self._room.desk.draft_of(me, key),
        )

    def _unfollow(self, key: Key) -> None:
        followed = self._followed.pop(key, None)
        if followed is not None:
            self._room.conversations.leave(key, followed)

    # -- the agent

    def _me(self) -> Agent:
        """Give the agent as of now.

        Raises:
            Ended: the account is gone or disabled.
        """
        agent = self._room.accounts.agent(self._agent.workspace, self._agent.id)
        if agent is None or agent.disabled:
            raise Ended(Close.REVOKED, "access was withdrawn")
        return agent

    def _key(self, conversation: str) -> Key:
        try:
            return self._agent.workspace, from_text(conversation)
        except ValueError as error:
            raise ConversationNotFound("there is no such conversation.") from error


_PONG = _encoder.encode(Pong())
