"""An operation of the API: declared once, for the router, for validation and for the OpenAPI document."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import msgspec
from aiohttp import web

from server.access.keys import Scope
from server.access.request import Caller
from server.api.problems import Kind
from server.api.valid_request import ValidRequest

MAX_ID_CHARS = 300  # of a part of a path


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a caller sends; a field that is not known is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(ValidRequest):
    """A request of a program or a visitor."""

    caller: Caller

    @property
    def workspace(self) -> str:
        """Where all of it happens."""
        return self.caller.workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the caller gets: the declared body, as JSON."""

    body: msgspec.Struct
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Call], Awaitable[Reply | web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path."""

    method: str
    path: str  # parts in braces are ids of the caller's workspace
    name: str  # operationId
    tag: str
    summary: str
    scope: Scope
    handler: Handler
    reply: type[msgspec.Struct]
    status: int = 200  # of success
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    problems: tuple[Kind, ...] = ()  # beyond those that follow from the rest
    visitors: bool = False  # also for visitors themselves, and from their pages
    takes: str = ""  # media type of a body that the handler reads
    gives: tuple[str, ...] = ()  # media types of what is given instead of `reply`
    streams: bool = False  # also as server-sent events
    pages: bool = False  # with a Link header

    @property
    def parts(self) -> tuple[str, ...]:
        """The names in the path."""
        pieces = self.path.split("/")
        return tuple(piece[1:-1] for piece in pieces if piece.startswith("{"))

    @property
    def refusals(self) -> tuple[Kind, ...]:
        """All kinds of problems that it may answer with."""
        kinds = {Kind.BAD_REQUEST, Kind.UNAUTHENTICATED, Kind.FORBIDDEN, Kind.TOO_MANY, Kind.INTERNAL, Kind.UNAVAILABLE}
        if self.parts:
            kinds.add(Kind.NOT_FOUND)
        if self.body is not None:
            kinds |= {Kind.SLOW, Kind.TOO_LARGE, Kind.NOT_JSON, Kind.INVALID}
        return tuple(sorted(kinds | set(self.problems), key=lambda kind: (kind.status, kind.name)))
