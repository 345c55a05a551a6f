"""Every workspace as decisions need to see it: who is there, who has how much, who waits. Rebuilt at the start."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator

from server.conversations.hub import Key
from server.conversations.state import Head
from server.handoff.attendance import Attendance
from server.handoff.routing import PICKUPS, Pickup, Waiting
from server.handoff.scene import Floor
from server.handoff.staff import Department, Staff
from server.handoff.states import UNSTAFFED, WAITING, Handling, Millis
from server.handoff.timers import DEFAULTS, SECOND, Limits, limits


def limits_of(department: Department | None) -> Limits:
    """Give a department's limits; the usual ones where there is no such department."""
    return limits(department.timers) if department is not None and department.timers else DEFAULTS


class Floors:
    """Kept up to date with what is stored. A place that is about to be taken counts as taken."""

    def __init__(self, staff: Staff, attendance: Attendance, now_ms: Callable[[], Millis]) -> None:
        self._staff = staff
        self._attendance = attendance
        self._now_ms = now_ms
        self._heads: dict[str, dict[bytes, Head]] = defaultdict(dict)  # that concern the staff
        self._reserved: dict[Key, tuple[str, ...]] = {}
        self._held: dict[Key, tuple[str, ...]] = {}  # agents with a place taken by a conversation
        self._load: dict[str, Counter[str]] = defaultdict(Counter)
        self._pickups: dict[str, dict[str, deque[Pickup]]] = defaultdict(dict)
        self._floors: dict[str, Floor] = {}

    # -- keeping up

    def take(self, head: Head) -> None:
        """Take over a state that is stored."""
        key, heads = (head.workspace, head.conversation), self._heads[head.workspace]
        before = heads.get(head.conversation)
        if head.handling.state in UNSTAFFED:
            heads.pop(head.conversation, None)
        else:
            heads[head.conversation] = head
        self._reserved.pop(key, None)
        self._hold(key, head.handling)
        if head.handling.state in WAITING or (before is not None and before.handling.state in WAITING):
            self.look_again(head.workspace)

    def reserve(self, key: Key, handling: Handling) -> None:
        """Count the places that a transition takes, before it is stored; `take` or `release` ends it."""
        new = handling.holds_slot_of
        if set(new) - set(self._held.get(key, ())):
            self._reserved[key] = new
            self._hold(key, None)

    def release(self, key: Key) -> None:
        """Forget a reservation: the transition was not stored."""
        if self._reserved.pop(key, None) is not None:
            head = self._heads[key[0]].get(key[1])
            self._hold(key, head.handling if head is not None else None)

    def look_again(self, workspace: str) -> None:
        """Take note that the staff, or who is there, has changed."""
        self._floors.pop(workspace, None)

    def picked_up(self, head: Head, waited_ms: int, position: int) -> None:
        """Remember how long somebody waited."""
        of = self._pickups[head.workspace].setdefault(head.handling.department, deque(maxlen=PICKUPS))
        of.append(Pickup(at=self._now_ms(), waited_ms=waited_ms, position=position))
        self.look_again(head.workspace)

    # -- asking

    def floor(self, workspace: str) -> Floor:
        """Give the workspace as it is now."""
        floor = self._floors.get(workspace)
        if floor is None:
            load = self._load[workspace]
            floor = self._floors[workspace] = Floor(
                departments={each.id: each for each in self._staff.departments(workspace)},
                seats=tuple(self._attendance.seat(agent, load[agent.id]) for agent in self._staff.agents(workspace)),
                queue=tuple(self._waiting(workspace)),
                pickups={name: tuple(of) for name, of in self._pickups[workspace].items()},
            )
        return floor

    def head(self, key: Key) -> Head | None:
        """Give the state of a conversation that concerns the staff."""
        return self._heads[key[0]].get(key[1])

    def heads(self, workspace: str) -> list[Head]:
        """Give all of them."""
        return list(self._heads[workspace].values())

    @property
    def workspaces(self) -> list[str]:
        """Those in which somebody is handled."""
        return [workspace for workspace, heads in self._heads.items() if heads]

    def of_agent(self, workspace: str, agent: str) -> list[Head]:
        """Give the conversations that an agent has."""
        return [head for head in self.heads(workspace) if head.handling.agent == agent]

    def _waiting(self, workspace: str) -> Iterator[Waiting]:
        departments = {each.id: each for each in self._staff.departments(workspace)}
        now = self._now_ms()
        for head in self._heads[workspace].values():
            handling = head.handling
            if handling.state not in WAITING:
                continue
            window = limits_of(departments.get(handling.department)).reopen
            sticky = handling.former if handling.closed_at > 0 and now < handling.closed_at + window * SECOND else ""
            yield Waiting(conversation=head.conversation, handling=handling, sticky=sticky)

    def _hold(self, key: Key, handling: Handling | None) -> None:
        """Count the places that a conversation takes: those stored, and those reserved."""
        workspace = key[0]
        if handling is None:
            head = self._heads[workspace].get(key[1])
            handling = head.handling if head is not None else None
        stored = handling.holds_slot_of if handling is not None and handling.state not in UNSTAFFED else ()
        now = tuple(dict.fromkeys((*stored, *self._reserved.get(key, ()))))
        before = self._held.get(key, ())
        if now == before:
            return
        load = self._load[workspace]
        load.subtract(before)
        load.update(now)
        if now:
            self._held[key] = now
        else:
            self._held.pop(key, None)
        for agent in set(before) - set(now):
            self._attendance.freed(workspace, agent, self._now_ms())
        self.look_again(workspace)
