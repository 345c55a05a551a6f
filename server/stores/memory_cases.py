"""Who handles which conversation, in memory."""

from collections.abc import Mapping

from msgspec.structs import replace

from server.conversations.events import Millis
from server.conversations.state import Head
from server.handoff.states import State
from server.stores.protocols import Alarm, Append, CaseFilter, Episode, Mark, Page, episode_of

_Key = tuple[str, bytes]


class MemoryCases:
    """See `server.stores.protocols.CaseTable`."""

    def __init__(self, heads: Mapping[_Key, Head]) -> None:
        """Take the states, as they are kept up to date elsewhere."""
        self._heads = heads
        self._alarms: dict[_Key, tuple[Alarm, ...]] = {}
        self._episodes: dict[_Key, dict[int, Episode]] = {}
        self._marks: dict[tuple[str, str, str, bytes], Mark] = {}

    def put(self, append: Append) -> None:
        """Take over what an append changes."""
        head = append.head
        key = (head.workspace, head.conversation)
        if append.timers is not None:
            self._alarms[key] = tuple(
                Alarm(workspace=key[0], conversation=key[1], kind=each.kind, epoch=each.epoch, fire_at=each.fire_at)
                for each in append.timers
            )
        if any(event.kind == "moved" for event in append.events):
            self._episodes.setdefault(key, {})[head.handling.episode] = episode_of(head)

    def scrub(self, keys: set[_Key]) -> None:
        """Take out what was written about erased people."""
        for key in keys & self._episodes.keys():
            self._episodes[key] = {number: _scrubbed(each) for number, each in self._episodes[key].items()}
        for place, mark in tuple(self._marks.items()):
            if mark.kind == "draft" and (mark.workspace, mark.conversation) in keys:
                del self._marks[place]
        for workspace, conversation in keys:
            self._marks[workspace, "", "erased", conversation] = Mark(
                workspace=workspace, agent="", kind="erased", conversation=conversation, value="1"
            )

    async def handled(self) -> list[Head]:
        """List conversations that somebody handles."""
        found = [head for head in self._heads.values() if head.handling.state not in (State.BOT, State.CLOSED)]
        return sorted(found, key=lambda head: (head.workspace, head.conversation))

    async def alarms(self, *, until: Millis, limit: int = 500) -> list[Alarm]:
        """List timers whose time has come."""
        due = [alarm for alarms in self._alarms.values() for alarm in alarms if alarm.fire_at <= until]
        return sorted(due, key=lambda alarm: alarm.fire_at)[:limit]

    async def next_alarm(self) -> Millis | None:
        """Tell when the next timer fires."""
        return min((alarm.fire_at for alarms in self._alarms.values() for alarm in alarms), default=None)

    async def find(self, workspace: str, wanted: CaseFilter, *, offset: int = 0, limit: int = 50) -> Page:
        """List conversations by who handles them."""
        found = [head for head in self._heads.values() if head.workspace == workspace and _matches(head, wanted)]
        found.sort(key=lambda head: (-head.last_at, head.conversation))
        return Page(items=tuple(found[offset : offset + limit]), total=len(found))

    async def said_since(self, at: Millis, *, behind: Head | None = None, limit: int = 500) -> list[Head]:
        """List conversations by their newest event."""

        def place(head: Head) -> tuple[str, int, bytes]:
            return head.workspace, -head.last_at, head.conversation

        found = [head for head in self._heads.values() if head.last_at >= at]
        return sorted((head for head in found if behind is None or place(head) > place(behind)), key=place)[:limit]

    async def episodes(self, workspace: str, conversation: bytes) -> list[Episode]:
        """List a conversation's episodes."""
        return [each for _, each in sorted(self._episodes.get((workspace, conversation), {}).items())]

    async def mark(self, mark: Mark) -> None:
        """Keep what an agent left."""
        place = (mark.workspace, mark.agent, mark.kind, mark.conversation)
        if mark.value:
            self._marks[place] = mark
        else:
            self._marks.pop(place, None)

    async def marks(self) -> list[Mark]:
        """List all that agents left."""
        return list(self._marks.values())


def _matches(head: Head, wanted: CaseFilter) -> bool:
    handling = head.handling
    return (
        (wanted.states is None or handling.state in wanted.states)
        and (wanted.owners is None or handling.owner in wanted.owners)
        and (wanted.departments is None or handling.department in wanted.departments)
        and (wanted.conversations is None or head.conversation in wanted.conversations)
        and wanted.visitor in ("", head.visitor)
        and (not wanted.tag or wanted.tag in handling.tags)
    )


def _scrubbed(episode: Episode) -> Episode:
    return replace(episode, resolution="", tags=())
