"""An operation of the console's HTTP interface: declared once, with the permission that it takes."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec
from aiohttp import web

from server.handoff.staff import Agent
from server.staff.permissions import Permission, may
from server.staff.sessions import SignedIn

Shape = TypeVar("Shape", bound=msgspec.Struct)


class Nothing(msgspec.Struct, frozen=True, kw_only=True):
    """An empty object: it is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleCall:
    """A request that was let in, its parameters and body found valid."""

    request: web.Request
    agent: Agent
    session: SignedIn
    parameters: msgspec.Struct | None
    content: msgspec.Struct | None

    @property
    def workspace(self) -> str:
        """Where all of it happens: the agent's."""
        return self.agent.workspace

    @property
    def actor(self) -> str:
        """How the agent is named in logs."""
        return f"agent:{self.agent.id}"

    @property
    def app(self) -> web.Application:
        """Holds the parts."""
        return self.request.app

    def may(self, permission: Permission) -> bool:
        """Whether the agent has a permission."""
        return may(self.agent, permission)

    def path(self, name: str) -> str:
        """Give a part of the path."""
        return self.request.match_info[name]

    def query(self, kind: type[Shape]) -> Shape:
        """Give the parameters of the query, as the operation declares them."""
        if not isinstance(self.parameters, kind):
            raise TypeError(f"the operation declares no {kind.__name__}")
        return self.parameters

    def body(self, kind: type[Shape]) -> Shape:
        """Give the body, as the operation declares it."""
        if not isinstance(self.content, kind):
            raise TypeError(f"the operation declares no {kind.__name__}")
        return self.content


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
