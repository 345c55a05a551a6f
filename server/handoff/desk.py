"""The desk: what agents do, and what happens by itself. One object for all workspaces, on one event loop.

An action goes to the conversation's own order of events (`Conversations.change`), where the machine decides it against
what is stored. What crosses conversations, an agent's free places, is counted in `Floors` at that very moment, so that
no two conversations take the same one. What is due by time lies in the log; see `server.handoff.clockwork`.
"""

from collections.abc import Callable, Sequence
from time import time_ns

import msgspec

from server.conversations.events import File, Noted, Spoke
from server.conversations.hub import Hub, Key, Session
from server.conversations.service import Changed, Conversations
from server.conversations.signals import ReadSignal, TypingSignal
from server.conversations.state import Drafts, Head
from server.errors import BadCommand, ConversationNotFound, IdReused, NotAllowed
from server.handoff import actions as does
from server.handoff.attendance import Attendance
from server.handoff.cases import ASKABLE, AgentView, Board, Case, DeskSession, FoundPage, Notified, Opening, found_line
from server.handoff.clockwork import Clockwork
from server.handoff.floors import Floors
from server.handoff.following import Following
from server.handoff.routing import Presence
from server.handoff.screens import Screens
from server.handoff.staff import Agent, Role, Staff
from server.handoff.states import Millis, agent_name
from server.ids import new_id
from server.search.search import Search
from server.stores.protocols import CaseFilter, ConversationLog, Mark

MAX_NOTE_CHARS = 8_000
DRAFT_CHARS = 8_000


class CasePage(msgspec.Struct, frozen=True, kw_only=True):
    """Some conversations of a longer list."""

    items: tuple[Case, ...]
    total: int


class Desk:
    """See the module. `open` it before anything else; `rules` are what `Conversations` follows."""

    def __init__(
        self,
        staff: Staff,
        store: ConversationLog,
        hub: Hub,
        search: Search,
        *,
        now_ms: Callable[[], Millis] = lambda: time_ns() // 1_000_000,
    ) -> None:
        """Take the parts.

        Args:
            staff: who works here.
            store: the log.
            hub: knows the live sessions of visitors, and shows agents what happens.
            search: over what was said.
            now_ms: the time of day.
        """
        self._staff = staff
        self._store = store
        self._hub = hub
        self._search = search
        self._now_ms = now_ms
        self._attendance = Attendance(staff)
        self._floors = Floors(staff, self._attendance, now_ms)
        self._screens = Screens(staff, hub, self._attendance, self._floors)
        self.rules = Following(self._floors, self._stored, self._forget)
        self._conversations: Conversations | None = None
        self._clockwork = Clockwork(store, hub, self._attendance, self._floors, self.rules, self._screens, now_ms)

    async def open(self, conversations: Conversations) -> None:
        """Begin where the process before this one ended.

        Raises:
            LogUnavailable: the log cannot be read.
        """
        self._conversations = conversations
        for mark in await self._store.cases.marks():
            if mark.kind == "presence":
                self._attendance.remember(mark.workspace, mark.agent, Presence(mark.value), self._now_ms())
            elif mark.kind == "read":
                self._screens.reads.put(mark.workspace, mark.agent, mark.conversation, int(mark.value))
            elif mark.kind == "draft":
                self._screens.drafts.put(mark.workspace, mark.agent, mark.conversation, mark.value)
        for head in await self._store.cases.handled():
            self._floors.take(head)
        self._staff.follow(self._clockwork.staff_changed)
        await self._clockwork.open(conversations)

    async def run(self) -> None:
        """Do what is due, for ever."""
        await self._clockwork.run()

    async def work(self) -> None:
        """Do what is due now, and what follows from it."""
        await self._clockwork.work()

    # -- coming and going

    async def connected(self, agent: Agent, session: DeskSession) -> None:
        """Take note of a connection of an agent; it is shown what changes from now on."""
        if self._attendance.come(agent, session, self._now_ms()):
            self._came_or_went(agent.workspace, agent.id)

    async def disconnected(self, agent: Agent, session: DeskSession) -> None:
        """Take note that it is gone; after the last one there is a while to come back in."""
        self._screens.viewing(agent.id, session, None)
        if self._attendance.go(agent, session, self._now_ms()):
            self._came_or_went(agent.workspace, agent.id)

    def opening(self, agent: Agent) -> Opening:
        """Give what an agent sees at first."""
        return Opening(
            presence=self._attendance.presence(agent.workspace, agent.id).value,
            cases=self._screens.mine_and_waiting(agent),
            agents=self._screens.agents(agent.workspace),
        )

    async def presence(self, agent: Agent, state: Presence, *, of: str = "") -> None:
        """Set what an agent is: one's own, or, by supervisors, somebody else's.

        Raises:
            NotAllowed: it is not the agent's to say, or cannot be chosen.
        """
        if state not in ASKABLE:
            raise NotAllowed(f"presence is one of {', '.join(ASKABLE)}.")
        if of not in ("", agent.id):
            self._require_supervises(agent, of)
        self._attendance.choose(agent.workspace, of or agent.id, state, self._now_ms())
        self._came_or_went(agent.workspace, of or agent.id)

    def _require_supervises(self, agent: Agent, of: str) -> None:
        other = self._staff.agent(agent.workspace, of)
        together = other is not None and not set(agent.departments).isdisjoint(other.departments)
        if not agent.supervises or not (together or (other is not None and agent.role is Role.ADMIN)):
            raise NotAllowed("only supervisors set the presence of others, of those in their departments.")

    def _came_or_went(self, workspace: str, agent: str) -> None:
        self._clockwork.agent_moved(workspace, agent)
        self._screens.agent(workspace, agent)

    # -- what agents do with a conversation

    async def act(self, agent: Agent, key: Key, action: does.ByAgent, client_msg_id: str = "") -> Changed:
        """Do what an agent asks for: any of `does.ByAgent` but speaking. The same id again changes nothing.

        Raises:
            AlreadyTaken: another agent was faster.
            Outdated: it is no longer as the agent saw it.
            NotAllowed: not by this agent, or not as things stand.
            ConversationNotFound: there is no such conversation that the agent may see.
            LogUnavailable, Busy: nothing was stored.
        """
        await self.case_head(agent, key)
        self._attendance.acted(agent.workspace, agent.id)
        try:
            return await self._service.change(
                key,
                lambda drafts: self._follow(drafts, action, client_msg_id),
                author=agent_name(agent.id),
                client_msg_id=client_msg_id,
            )
        finally:
            self._clockwork.hint()

    def _follow(self, drafts: Drafts, action: does.Action, client_msg_id: str) -> None:
        self.rules.follow(drafts, action, client_msg_id=client_msg_id)

    # -- what agents say

    async def say(self, agent: Agent, key: Key, client_msg_id: str, text: str, files: Sequence[str] = ()) -> Changed:
        """Say something to the visitor.

        Raises:
            IdReused: the id belongs to another message.
            BadCommand: a file is not known.
            NotAllowed: another agent has the conversation, or none.
            ConversationNotFound: there is no such conversation that the agent may see.
            LogUnavailable, Busy: nothing was stored.
        """
        await self.case_head(agent, key)
        named: tuple[File, ...] = await self._service.files(key, files) if files else ()
        said = Spoke(text=text, files=named, name=agent.name)
        self._attendance.acted(agent.workspace, agent.id)

        def decide(drafts: Drafts) -> None:
            self.rules.follow(
                drafts,
                does.AgentSpoke(by=agent.id),
                lambda: drafts.add(new_id(), agent_name(agent.id), said, client_msg_id=client_msg_id),
            )

        changed = await self._service.change(key, decide, author=agent_name(agent.id), client_msg_id=client_msg_id)
        body = next((each.body for each in changed.events if each.client_msg_id == client_msg_id), said)
        if body is not None and (not isinstance(body, Spoke) or (body.text, body.files) != (said.text, said.files)):
            raise IdReused(client_msg_id)
        await self.draft(agent, key, "")
        return changed

    async def note(
        self, agent: Agent, key: Key, client_msg_id: str, text: str, mentions: Sequence[str] = ()
    ) -> Changed:
        """Write something that the visitor does not see, and call colleagues to it. Raises as `say`."""
        head = await self.case_head(agent, key)
        if not text.strip() or len(text) > MAX_NOTE_CHARS:
            raise BadCommand(f"a note has 1 to {MAX_NOTE_CHARS} characters.")
        known = {each.id for each in self._staff.agents(agent.workspace) if not each.disabled}
        called = tuple(dict.fromkeys(name for name in mentions if name in known))
        noted = Noted(text=text, name=agent.name, mentions=called)

        def decide(drafts: Drafts) -> None:
            drafts.add(new_id(), agent_name(agent.id), noted, client_msg_id=client_msg_id)

        changed = await self._service.change(key, decide, author=agent_name(agent.id), client_msg_id=client_msg_id)
        body = changed.events[0].body if changed.events else None
        if body is not None and body != noted:
            raise IdReused(client_msg_id)
        for name in called:
            self._screens.notify(head, name, Notified(word="mentioned", by=agent.id))
        return changed

    def typing(self, agent: Agent, key: Key, session: Session, *, on: bool) -> None:
        """Tell colleagues that the agent types; the visitor, too, where the agent has the conversation."""
        head = self._floors.head(key)
        owns = head is not None and head.handling.agent == agent.id
        signal = TypingSignal(author=agent_name(agent.id), on=on)
        self._hub.signal(key, signal, but=session, agents_only=not owns)

    async def read(self, agent: Agent, key: Key, session: Session, seq: int) -> None:
        """Note up to where the agent read; the visitor sees it where the agent has the conversation."""
        if seq <= (self._screens.reads.get(key[0], agent.id, key[1]) or 0):
            return
        gone = self._screens.reads.put(key[0], agent.id, key[1], seq)
        head = self._floors.head(key)
        owns = head is not None and head.handling.agent == agent.id
        signal = ReadSignal(author=agent_name(agent.id), seq=seq)
        self._hub.signal(key, signal, but=session, agents_only=not owns)
        if head is not None:
            self._screens.read(head, agent.id)
        await self._keep(agent, "read", key, str(seq), gone)

    def viewing(self, agent: Agent, session: DeskSession, key: Key | None) -> None:
        """Tell colleagues which conversation an agent looks at in one window; None: at none."""
        self._screens.viewing(agent.id, session, key)

    async def draft(self, agent: Agent, key: Key, text: str) -> None:
        """Keep what the agent typed and did not send; "" forgets it."""
        text, gone = text[:DRAFT_CHARS], list[Key]()
        if self.draft_of(agent, key) == text:
            return
        if text:
            gone = self._screens.drafts.put(key[0], agent.id, key[1], text)
        else:
            self._screens.drafts.drop(key[0], agent.id, key[1])
        await self._keep(agent, "draft", key, text, gone)

    def draft_of(self, agent: Agent, key: Key) -> str:
        """Give what the agent typed and did not send."""
        return self._screens.drafts.get(key[0], agent.id, key[1]) or ""

    async def _keep(self, agent: Agent, kind: str, key: Key, value: str, gone: Sequence[Key]) -> None:
        """Let what an agent left outlive the process, and forget what was pushed out by it."""
        for (workspace, conversation), left in ((key, value), *((each, "") for each in gone)):
            mark = Mark(workspace=workspace, agent=agent.id, kind=kind, conversation=conversation, value=left)
            await self._store.cases.mark(mark)

    # -- looking

    async def cases(self, agent: Agent, wanted: CaseFilter, *, offset: int = 0, limit: int = 50) -> CasePage:
        """List conversations that an agent may see, the one with the newest event first."""
        page = await self._store.cases.find(
            agent.workspace, self._screens.admitted(agent, wanted), offset=offset, limit=limit
        )
        return CasePage(items=tuple(self._screens.case(head, agent.id) for head in page.items), total=page.total)

    async def case(self, agent: Agent, key: Key) -> Case:
        """Show a conversation.

        Raises:
            ConversationNotFound: there is no such conversation that the agent may see.
        """
        return self._screens.case(await self.case_head(agent, key), agent.id)

    async def case_head(self, agent: Agent, key: Key) -> Head:
        """Give where a conversation stands, if the agent may see it.

        Raises:
            ConversationNotFound: there is no such conversation that the agent may see.
        """
        head = self._floors.head(key) or await self._store.head(*key)
        if head is None or key[0] != agent.workspace or not self._screens.may_see(agent, head):
            raise ConversationNotFound("there is no such conversation.")
        return head

    def may_see(self, agent: Agent, head: Head) -> bool:
        """Whether a conversation is an agent's to see."""
        return self._screens.may_see(agent, head)

    async def search(self, agent: Agent, text: str, *, offset: int = 0, limit: int = 20) -> FoundPage:
        """Find what was said in conversations that an agent may see, the newest first.

        Raises:
            LogUnavailable: the index or the log cannot be read.
        """
        found = [
            each for each in await self._search.find(agent.workspace, text) if self._screens.may_see(agent, each.head)
        ]
        shown = await self._search.shown(found[offset : offset + limit], text)
        return FoundPage(items=tuple(map(found_line, shown)), total=len(found))

    async def conversations_saying(self, agent: Agent, text: str, *, limit: int) -> tuple[bytes, ...]:
        """Find conversations by what was said in them, for `cases`, which leaves out what the agent may not see.

        Raises:
            LogUnavailable: the index cannot be read.
        """
        return tuple(await self._search.conversations(agent.workspace, text, limit=limit))

    def agents(self, workspace: str) -> tuple[AgentView, ...]:
        """Show all agents who may work."""
        return self._screens.agents(workspace)

    def presence_of(self, agent: Agent) -> Presence:
        """Tell whether an agent is there."""
        return self._attendance.presence(agent.workspace, agent.id)

    def board(self, agent: Agent) -> Board:
        """Tell how things stand, as far as an agent may see it."""
        return self._screens.board(agent, self._now_ms())

    # -- told by the rules

    def _stored(self, drafts: Drafts) -> None:
        self._search.stored(drafts.head)
        self._screens.stored(drafts)
        self._clockwork.stored(drafts)

    async def _forget(self, head: Head) -> None:
        """Forget drafts about a visitor whose words are deleted, and that they could be found."""
        self._screens.forget(head)
        await self._search.forget(head)

    @property
    def _service(self) -> Conversations:
        if self._conversations is None:
            raise RuntimeError("the desk was not opened")
        return self._conversations
