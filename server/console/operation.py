"""An operation of the console's HTTP interface: declared once, with the permission that it takes."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import msgspec
from aiohttp import web

from server.api.valid_request import ValidRequest
from server.handoff.staff import Agent
from server.staff.permissions import Permission, may
from server.staff.sessions import SignedIn


class Nothing(msgspec.Struct, frozen=True, kw_only=True):
    """An empty object: it is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleCall(ValidRequest):
    """A request of an agent's page."""

    agent: Agent
    session: SignedIn

    @property
    def workspace(self) -> str:
        """Where all of it happens: the agent's."""
        return self.agent.workspace

    @property
    def actor(self) -> str:
        """How the agent is named in logs."""
        return f"agent:{self.agent.id}"

    def may(self, permission: Permission) -> bool:
        """Whether the agent has a permission."""
        return may(self.agent, permission)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleReply:
    """What the page gets."""

    body: msgspec.Struct
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cookie: str | None = None  # a new session's token; "" takes it away


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleOperation:
    """One method of one path below /v1/console."""

    method: str
    path: str  # parts in braces are ids of the agent's workspace
    permission: Permission
    handler: Callable[[ConsoleCall], Awaitable[ConsoleReply | web.StreamResponse]]
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
