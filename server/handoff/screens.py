"""What agents see change: lists, colleagues, rings. Each sees what belongs to the departments the agent is in."""

from msgspec.structs import replace

from server.conversations.hub import Hub, Key
from server.conversations.state import Drafts, Head
from server.handoff import hours
from server.handoff.attendance import Attendance
from server.handoff.cases import (
    AgentView,
    Board,
    Case,
    DepartmentLoad,
    DeskSession,
    Notified,
    case_of,
    view_of,
)
from server.handoff.floors import Floors, limits_of
from server.handoff.left import Left
from server.handoff.outcomes import Notice, Word
from server.handoff.staff import Agent, Role, Staff
from server.handoff.states import TO_AGENT, TO_DEPARTMENT, UNSTAFFED, WAITING, WITH_AGENT, Millis, State, agent_name
from server.handoff.timers import SECOND, Limits
from server.ids import to_text
from server.stores.protocols import CaseFilter

_READS, _DRAFTS = 5_000, 200  # kept of one agent


class Screens:
    """Shows agents what is stored, and answers what they ask to see."""

    def __init__(self, staff: Staff, hub: Hub, attendance: Attendance, floors: Floors) -> None:
        self._staff = staff
        self._hub = hub
        self._attendance = attendance
        self._floors = floors
        self.reads = Left[int](_READS)  # up to where they read
        self.drafts = Left[str](_DRAFTS)  # typed and not sent
        self._viewing: dict[DeskSession, tuple[str, Key]] = {}  # agent, conversation

    # -- telling

    def stored(self, drafts: Drafts) -> None:
        """Show what is on disk, where it concerns agents."""
        before, head = drafts.before, drafts.head
        if before.handling.state not in UNSTAFFED or head.handling.state not in UNSTAFFED:
            self.show(head, before=before)
            for agent in {*before.handling.holds_slot_of} ^ {*head.handling.holds_slot_of}:
                self.agent(head.workspace, agent)
        for notice in drafts.notices:
            self._notice(head, notice)

    def show(self, head: Head, before: Head | None = None) -> None:
        """Show a conversation to all who may see it, and to who could see it before."""
        case = self._case(head)
        for agent, session in self._attendance.sessions(head.workspace):
            if self.may_see(agent, head) or (before is not None and self.may_see(agent, before)):
                session.case_changed(self._as_read_by(case, head, agent.id))

    def agent(self, workspace: str, agent: str) -> None:
        """Show that a colleague came, went or took something on."""
        seat = self._floors.floor(workspace).seat(agent)
        if seat is not None:
            view = view_of(seat)
            for _, session in self._attendance.sessions(workspace):
                session.agent_changed(view)

    def notify(self, head: Head, agent: str, notice: Notified) -> None:
        """Tell an agent something just now."""
        self._notify(self._case(head), head, agent, notice)

    def _notify(self, case: Case, head: Head, agent: str, notice: Notified) -> None:
        for session in self._attendance.sessions_of(head.workspace, agent):
            session.notified(self._as_read_by(case, head, agent), notice)

    def read(self, head: Head, agent: str) -> None:
        """Show an agent who has more than one window what was read in one of them."""
        sessions = self._attendance.sessions_of(head.workspace, agent)
        for session in sessions if len(sessions) > 1 else ():
            session.case_changed(self.case(head, agent))

    def _notice(self, head: Head, notice: Notice) -> None:
        until = self._asks_until(head) if notice.word in (Word.RINGS, Word.ASKED_TO_TAKE) else 0
        told = Notified(word=notice.word.value, by=notice.by, until=until)
        case = self._case(head)
        for agent in self._told(head.workspace, notice):
            self._notify(case, head, agent, told)

    def _told(self, workspace: str, notice: Notice) -> list[str]:
        """Give the agents whom a notice is for."""
        if notice.agent:
            return [notice.agent]
        return [
            agent.id
            for agent in self._staff.agents(workspace)
            if (notice.department in agent.departments or agent.role is Role.ADMIN)
            and (agent.supervises or not notice.supervisors)
        ]

    # -- looking

    def may_see(self, agent: Agent, head: Head) -> bool:
        """Whether a conversation is an agent's to see: of the departments, or given or offered to the agent just now.

        To have had it gives no right to it: who left its department has left it, too.
        """
        handling = head.handling
        if agent.workspace != head.workspace or agent.disabled:
            return False
        kind, _, name = handling.transfer_to.partition(":")
        asked = (
            name in agent.departments if f"{kind}:" == TO_DEPARTMENT else handling.transfer_to == TO_AGENT + agent.id
        )
        return (
            agent.role is Role.ADMIN
            or handling.department in agent.departments
            or agent.id in (handling.agent, handling.offered_to)
            or asked
        )

    def admitted(self, agent: Agent, wanted: CaseFilter) -> CaseFilter:
        """Narrow a list to what an agent may see: the departments, and what the agent has."""
        if agent.role is Role.ADMIN or wanted.owners == (agent_name(agent.id),):
            return wanted
        allowed = agent.departments
        if wanted.departments is not None:
            allowed = tuple(name for name in wanted.departments if name in agent.departments)
        return replace(wanted, departments=allowed)

    def case(self, head: Head, agent: str) -> Case:
        """Show a conversation to an agent."""
        return self._as_read_by(self._case(head), head, agent)

    def mine_and_waiting(self, agent: Agent) -> tuple[Case, ...]:
        """Give what an agent has or is asked to take, and what waits, in the queue's order."""
        found = [
            head
            for head in self._floors.heads(agent.workspace)
            if agent.id in head.handling.holds_slot_of
            or (head.handling.state in WAITING | {State.OFFLINE_FORM, State.TRANSFERRING} and self.may_see(agent, head))
        ]
        found.sort(key=lambda head: head.handling.order)
        return tuple(self.case(head, agent.id) for head in found)

    def agents(self, workspace: str) -> tuple[AgentView, ...]:
        """Show all agents who may work."""
        return tuple(view_of(seat) for seat in self._floors.floor(workspace).seats if not seat.agent.disabled)

    def board(self, agent: Agent, now: Millis) -> Board:
        """Tell how things stand in what an agent may see."""
        heads = [head for head in self._floors.heads(agent.workspace) if self.may_see(agent, head)]
        waiting = sorted(
            (head for head in heads if head.handling.state in WAITING), key=lambda head: head.handling.order
        )
        floor = self._floors.floor(agent.workspace)
        return Board(
            waiting=len(waiting),
            longest_wait_ms=_longest(waiting, now),
            tickets=sum(head.handling.state is State.OFFLINE_FORM for head in heads),
            active=sum(head.handling.state in (State.ACTIVE, State.TRANSFERRING) for head in heads),
            on_hold=sum(head.handling.state is State.ON_HOLD for head in heads),
            late=sum(head.handling.warned and head.handling.state in WITH_AGENT for head in heads),
            agents=self.agents(agent.workspace),
            queue=tuple(self._case(head) for head in waiting),
            departments=tuple(
                DepartmentLoad(
                    id=department.id,
                    waiting=len(of),
                    longest_wait_ms=_longest(of, now),
                    available=sum(seat.free and department.id in seat.agent.departments for seat in floor.seats),
                    open=hours.is_open(department, now),
                )
                for department in floor.departments.values()
                if agent.role is Role.ADMIN or department.id in agent.departments
                for of in [[head for head in waiting if head.handling.department == department.id]]
            ),
        )

    # -- what agents did to see it

    def viewing(self, agent: str, session: DeskSession, key: Key | None) -> None:
        """Note which conversation an agent looks at in one window."""
        _, before = self._viewing.pop(session, ("", None))
        if key is not None:
            self._viewing[session] = (agent, key)
        if before == key:
            return
        for changed in (before, key):
            head = self._floors.head(changed) if changed is not None else None
            if head is not None:
                self.show(head)

    def forget(self, head: Head) -> None:
        """Forget what was typed about a visitor, and let every page forget what it shows of one."""
        self.drafts.drop_all((head.workspace, head.conversation))
        for agent, session in self._attendance.sessions(head.workspace):
            if self.may_see(agent, head):
                session.erased(to_text(head.conversation))
        self.show(head)

    # -- making rows

    def _case(self, head: Head) -> Case:
        key = (head.workspace, head.conversation)
        owner = self._staff.agent(head.workspace, head.handling.agent) if head.handling.agent else None
        viewers = dict.fromkeys(agent for agent, seen in self._viewing.values() if seen == key)
        return case_of(
            head,
            owner_name=owner.name if owner is not None else "",
            here=self._hub.present(key),
            asks_until=self._asks_until(head),
            viewers=tuple(viewers),
        )

    def _as_read_by(self, case: Case, head: Head, agent: str) -> Case:
        read = self.reads.get(head.workspace, agent, head.conversation) or 0
        return replace(case, read_seq=read) if read else case  # the same row for all who read nothing of it

    def _asks_until(self, head: Head) -> Millis:
        """Give when a ring ends, or an offer to a colleague; 0 where it is neither."""
        match head.handling.state:
            case State.RINGING:
                asked_for_s = self._limits(head).ring
            case State.TRANSFERRING:
                asked_for_s = self._limits(head).transfer
            case _:
                return 0
        return head.handling.since + asked_for_s * SECOND

    def _limits(self, head: Head) -> Limits:
        return limits_of(self._floors.floor(head.workspace).departments.get(head.handling.department))


def _longest(waiting: list[Head], now: Millis) -> int:
    return max((now - head.handling.enqueued_at for head in waiting), default=0)
