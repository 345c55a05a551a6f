"""What all agents' connections share."""

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Protocol

from server.console.receipts import Receipts
from server.conversations.service import Conversations
from server.errors import ServerError
from server.handoff.cases import DeskSession
from server.handoff.desk import Desk
from server.handoff.staff import Agent
from server.staff.accounts import Accounts

log = logging.getLogger(__name__)


class Looker(DeskSession, Protocol):
    """A connection that follows conversations."""

    @property
    def agent(self) -> Agent:
        """Whose it is, as it was when it came."""

    def look_again(self) -> None:
        """Let go of what the agent may not see any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """The parts that an agent's talk needs, and the talks that go on."""

    accounts: Accounts
    conversations: Conversations
    desk: Desk
    receipts: Receipts
    talks: set[Looker] = field(default_factory=set)
    leaving: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Follow who may see what."""
        self.accounts.follow(self._staff_changed)

    def come(self, talk: Looker) -> None:
        """Take note of a connection."""
        self.talks.add(talk)

    def gone(self, talk: Looker) -> None:
        """Take note that it is gone, and tell the desk."""
        if talk not in self.talks:
            return
        self.talks.discard(talk)
        task = asyncio.get_running_loop().create_task(self._tell(talk), name="agent gone")
        self.leaving.add(task)
        task.add_done_callback(self.leaving.discard)

    async def close(self) -> None:
        """Wait until the desk knows of all who left."""
        while self.leaving:
            await asyncio.gather(*self.leaving, return_exceptions=True)

    async def _tell(self, talk: Looker) -> None:
        try:
            await self.desk.disconnected(talk.agent, talk)
        except ServerError as error:
            log.warning("that an agent left could not be noted: %s", error)

    def _staff_changed(self, workspace: str) -> None:
        for talk in tuple(self.talks):
            if talk.agent.workspace == workspace:
                talk.look_again()
