"""What agents leave at conversations: up to where they read, what they typed and did not send."""

from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from typing import Generic, TypeVar

from server.conversations.hub import Key

Value = TypeVar("Value")
_Who = tuple[str, str]  # workspace, agent


class Left(Generic[Value]):
    """One thing for each agent and conversation; of each agent the newest, so that years of work do not pile up."""

    def __init__(self, most: int) -> None:
        """Take how many are kept of one agent."""
        self._most = most
        self._of: dict[_Who, OrderedDict[bytes, Value]] = defaultdict(OrderedDict)  # the longest untouched first

    def get(self, workspace: str, agent: str, conversation: bytes) -> Value | None:
        """Give what an agent left, None for nothing."""
        return self._of[workspace, agent].get(conversation) if (workspace, agent) in self._of else None

    def put(self, workspace: str, agent: str, conversation: bytes, value: Value) -> list[Key]:
        """Take something; give the conversations of which is forgotten what the agent left there."""
        of = self._of[workspace, agent]
        of[conversation] = value
        of.move_to_end(conversation)
        return [(workspace, of.popitem(last=False)[0]) for _ in range(len(of) - self._most)]

    def drop(self, workspace: str, agent: str, conversation: bytes) -> None:
        """Forget what an agent left."""
        self._of[workspace, agent].pop(conversation, None)

    def drop_all(self, key: Key) -> None:
        """Forget what all agents left at a conversation."""
        for of in self._of_workspace(key[0]):
            of.pop(key[1], None)

    def _of_workspace(self, workspace: str) -> Iterator[OrderedDict[bytes, Value]]:
        return (of for (name, _), of in self._of.items() if name == workspace)
