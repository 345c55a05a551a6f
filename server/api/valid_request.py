"""A request that was let in, its parameters and body found valid: what the API and the console have in common."""

from dataclasses import dataclass
from typing import TypeVar

import msgspec
from aiohttp import web

Shape = TypeVar("Shape", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidRequest:
    """What was asked for; who asks is told by those who derive from it."""

    request: web.Request
    parameters: msgspec.Struct | None
    content: msgspec.Struct | None

    @property
    def app(self) -> web.Application:
        """Holds the parts."""
        return self.request.app

    def path(self, name: str) -> str:
        """Give a part of the path."""
        return self.request.match_info[name]

    def query(self, kind: type[Shape]) -> Shape:
        """Give the parameters of the query, as the operation declares them."""
        return _declared(self.parameters, kind)

    def body(self, kind: type[Shape]) -> Shape:
        """Give the body, as the operation declares it."""
        return _declared(self.content, kind)


def _declared(given: msgspec.Struct | None, kind: type[Shape]) -> Shape:
    if not isinstance(given, kind):
        raise TypeError(f"the operation declares no {kind.__name__}")
    return given
