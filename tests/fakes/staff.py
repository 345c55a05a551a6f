"""The people of a company, in memory."""

from collections.abc import Callable, Iterable

from server.handoff.staff import GENERAL, Agent, Department

GENERAL_DEPARTMENT = Department(id=GENERAL, workspace="acme", name_zh="客服", name_en="Support")


class MemoryStaff:
    """A `Staff` that is told who works here."""

    def __init__(self, agents: Iterable[Agent] = (), departments: Iterable[Department] = ()) -> None:
        self._agents = {(agent.workspace, agent.id): agent for agent in agents}
        self._departments = {(each.workspace, each.id): each for each in departments}
        self._followers: list[Callable[[str], None]] = []

    def agent(self, workspace: str, agent: str) -> Agent | None:
        return self._agents.get((workspace, agent))

    def agents(self, workspace: str) -> list[Agent]:
        return [agent for (where, _), agent in sorted(self._agents.items()) if where == workspace]

    def departments(self, workspace: str) -> list[Department]:
        found = {name: each for (where, name), each in self._departments.items() if where == workspace}
        if GENERAL not in found:
            found[GENERAL] = Department(id=GENERAL, workspace=workspace, name_zh="客服", name_en="Support")
        return [found[name] for name in sorted(found)]

    def follow(self, changed: Callable[[str], None]) -> None:
        self._followers.append(changed)

    def put(self, who: Agent | Department) -> None:
        """Add somebody or change them, and tell all followers."""
        if isinstance(who, Agent):
            self._agents[who.workspace, who.id] = who
        else:
            self._departments[who.workspace, who.id] = who
        for changed in self._followers:
            changed(who.workspace)
