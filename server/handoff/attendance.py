"""Which agents are there: what they chose, and whether a browser of theirs is connected."""

from collections.abc import Callable, Iterator

from server.handoff.cases import DeskSession
from server.handoff.routing import Presence, Seat
from server.handoff.staff import Agent, Staff
from server.handoff.states import Millis

_Who = tuple[str, str]  # workspace, agent


class Attendance:
    """The agents of all workspaces. What an agent chose counts while a connection is there, or was a moment ago."""

    def __init__(self, staff: Staff) -> None:
        self._staff = staff
        self._sessions: dict[_Who, list[DeskSession]] = {}
        self._chosen: dict[_Who, Presence] = {}  # of those who are signed in, or in their grace
        self._gone_at: dict[_Who, Millis] = {}
        self._idle_since: dict[_Who, Millis] = {}
        self._misses: dict[_Who, int] = {}

    def remember(self, workspace: str, agent: str, chosen: Presence, now: Millis) -> None:
        """Take over somebody who was signed in when the process before this one ended."""
        self._chosen[workspace, agent] = chosen
        self._gone_at[workspace, agent] = now

    # -- coming and going

    def come(self, agent: Agent, session: DeskSession, now: Millis) -> bool:
        """Take note of a connection; tell whether it is the agent's first."""
        who = (agent.workspace, agent.id)
        sessions = self._sessions.setdefault(who, [])
        sessions.append(session)
        self._gone_at.pop(who, None)
        self._chosen.setdefault(who, Presence.AVAILABLE)
        self._idle_since.setdefault(who, now)
        return len(sessions) == 1

    def go(self, agent: Agent, session: DeskSession, now: Millis) -> bool:
        """Take note that a connection is gone; tell whether it was the agent's last."""
        who = (agent.workspace, agent.id)
        if who not in self._sessions:
            return False
        self._sessions[who] = [each for each in self._sessions[who] if each is not session]
        if self._sessions[who]:
            return False
        del self._sessions[who]
        self._gone_at[who] = now
        return True

    def end_of_grace(self, is_over: Callable[[_Who, Millis], bool]) -> list[_Who]:
        """Give up those who went long ago; give who they are.

        Args:
            is_over: tells of an agent who went at a moment.
        """
        over = [who for who, at in self._gone_at.items() if is_over(who, at)]
        for who in over:
            del self._gone_at[who]
            self._chosen.pop(who, None)
            self._idle_since.pop(who, None)
            self._misses.pop(who, None)
        return over

    @property
    def first_gone(self) -> Millis | None:
        """When the first of those went who may still come back."""
        return min(self._gone_at.values(), default=None)

    def choose(self, workspace: str, agent: str, presence: Presence, now: Millis) -> None:
        """Take what an agent who is there wants to be."""
        who = (workspace, agent)
        if who not in self._chosen:
            return
        self._chosen[who] = presence
        self._misses.pop(who, None)
        if presence is Presence.AVAILABLE:
            self._idle_since[who] = now

    # -- at work

    def missed(self, workspace: str, agent: str) -> None:
        """Count a ring that nobody answered."""
        self._misses[workspace, agent] = self._misses.get((workspace, agent), 0) + 1

    def acted(self, workspace: str, agent: str) -> None:
        """Take a sign of life."""
        self._misses.pop((workspace, agent), None)

    def freed(self, workspace: str, agent: str, now: Millis) -> None:
        """Take note that a conversation of an agent's ended."""
        self._idle_since[workspace, agent] = now

    # -- asking

    def presence(self, workspace: str, agent: str) -> Presence:
        """Tell whether an agent is there."""
        who = (workspace, agent)
        if who in self._sessions:
            return self._chosen.get(who, Presence.AVAILABLE)
        return Presence.GRACE if who in self._gone_at else Presence.OFFLINE

    def chosen(self, workspace: str, agent: str) -> Presence | None:
        """Give what an agent chose, None if the agent is not signed in."""
        return self._chosen.get((workspace, agent))

    def seat(self, agent: Agent, load: int) -> Seat:
        """Give an agent's seat."""
        who = (agent.workspace, agent.id)
        return Seat(
            agent=agent,
            presence=self.presence(*who),
            load=load,
            idle_since=self._idle_since.get(who, 0),
            misses=self._misses.get(who, 0),
        )

    def sessions(self, workspace: str) -> Iterator[tuple[Agent, DeskSession]]:
        """Give all connections of a workspace's agents."""
        for (name, identifier), sessions in tuple(self._sessions.items()):
            agent = self._staff.agent(name, identifier) if name == workspace else None
            if agent is not None:
                yield from ((agent, session) for session in tuple(sessions))

    def sessions_of(self, workspace: str, agent: str) -> list[DeskSession]:
        """Give the connections of an agent."""
        return list(self._sessions.get((workspace, agent), ()))
