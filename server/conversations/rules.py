"""What else follows from what is said: who answers from now on, and what the visitor is told of it."""

from collections.abc import Callable
from typing import Protocol

from server.conversations.bot import Reply
from server.conversations.commands import Command
from server.conversations.events import Event
from server.conversations.recent import Recent
from server.conversations.state import Drafts, Head

Put = Callable[[], Event]  # adds the very event to the drafts
PutReply = Callable[[Reply], Event]


class Rules(Protocol):
    """Adds to the events of one append. Called under the turnstile; only `erased` may wait."""

    def heard(self, drafts: Drafts, command: Command, put: Put, recent: Recent) -> Event:
        """Put what the visitor did, and before and after it what follows.

        Raises:
            BadCommand: it cannot be done as things stand.
        """

    def replied(self, drafts: Drafts, reply: Reply, put: PutReply, recent: Recent) -> None:
        """Put the bot's reply, or what is said in its place, and what follows."""

    def stored(self, drafts: Drafts) -> None:
        """Take note that the drafts are stored and shown."""

    def dropped(self, drafts: Drafts) -> None:
        """Take note that they are not."""

    async def erased(self, head: Head) -> None:
        """Take over a state whose words are gone from the log, and forget what is kept of them elsewhere."""


class BotAlone:
    """Nobody but the bot answers; nothing follows from anything."""

    def heard(self, drafts: Drafts, command: Command, put: Put, recent: Recent) -> Event:
        """Put what the visitor did."""
        return put()

    def replied(self, drafts: Drafts, reply: Reply, put: PutReply, recent: Recent) -> None:
        """Put the reply."""
        put(reply)

    def stored(self, drafts: Drafts) -> None:
        """Nobody needs to know."""

    def dropped(self, drafts: Drafts) -> None:
        """Nobody needs to know."""

    async def erased(self, head: Head) -> None:
        """Nothing is kept."""
