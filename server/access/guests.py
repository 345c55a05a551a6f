"""Visitors who call the API for themselves, with the token of their last welcome, or with a link to one file."""

from collections.abc import Callable

from aiohttp import web

from server.access.request import Caller, Forbidden, Unauthenticated
from server.connections.credentials import Credential, Gate, Refused
from server.uploads.tickets import Tickets


class Guests:
    """Finds the visitor of a request, as the gate of the WebSocket does at hello."""

    def __init__(self, gate: Gate, tickets: Tickets, may_come_from: Callable[[web.Request], bool]) -> None:
        """Take what checks tokens, links, and pages."""
        self._gate = gate
        self._tickets = tickets
        self._may_come_from = may_come_from

    def check_page(self, request: web.Request) -> None:
        """Let a request pass that comes from a page which may open a socket, or from no page.

        Raises:
            Forbidden: it comes from another page.
        """
        if not self._may_come_from(request):
            raise Forbidden("this page may not connect.")

    async def of(self, request: web.Request) -> Caller:
        """Tell who calls.

        Raises:
            Unauthenticated: there is no token, or it is not a live one.
        """
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        ticket = request.query.get("ticket", "")
        try:
            if ticket and not scheme:
                workspace, file = self._tickets.check(ticket)
                return Caller(workspace=workspace, key="", scopes=frozenset(), file=file)
            if scheme.lower() != "bearer" or not token:
                raise Unauthenticated("this takes a secret key or a visitor's token, as in `Authorization: Bearer …`.")
            grant = await self._gate.admit(
                Credential(token=token.strip(), origin=request.headers.get("Origin", ""))
            )  # fmt: skip
        except Refused as error:
            raise Unauthenticated(f"{error}.") from error
        return Caller(workspace=grant.workspace, key=grant.credential, scopes=frozenset(), visitor=grant.visitor)
