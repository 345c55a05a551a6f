"""The console's HTTP interface: every request let in, read, done and answered in one way.

A page is known by a cookie that no script can read, that no other site's request carries, and that only goes to this
interface. What changes something also needs a header that no foreign page can set without asking us first, and an
`Origin` that is our own: each of the three alone would do in a browser of this year.
"""

import asyncio
import logging
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from aiohttp import web
from msgspec import json

from server.api.problems import PRIVATE, WORKSPACE, Handler, Kind, Refusal
from server.api.reading import read_body, read_query
from server.connections.rates import Limiter, Rate
from server.console.operation import ConsoleCall, ConsoleOperation, ConsoleReply
from server.console.parts import STAFF
from server.errors import NotAllowed
from server.handoff.staff import Agent
from server.staff.errors import BadValue, LockedOut, NoSuchThing, NotYours, SignInRefused, StaffUnavailable
from server.staff.permissions import may
from server.staff.sessions import SignedIn

log = logging.getLogger(__name__)

BASE = "/v1/console"
COOKIE = "kefu_console"
HEADER = "X-Kefu-Console"
REQUESTS = Rate(burst=300, per_minute=1_200)  # of one session
SAFE = frozenset({"GET", "HEAD"})
_PART = re.compile(r"\{(\w+)\}")
_OURS = (BadValue, LockedOut, NoSuchThing, NotAllowed, NotYours, SignInRefused, StaffUnavailable)
_encoder = json.Encoder()


def add_operation(app: web.Application, operation: ConsoleOperation, limiter: Limiter) -> None:
    """Add one operation."""

    async def serve(request: web.Request) -> web.StreamResponse:
        check_origin(request)
        agent, session = await signed_in(request)
        request[WORKSPACE] = agent.workspace
        wait_s = limiter.wait_s(session.id)
        if wait_s:
            raise Refusal(Kind.TOO_MANY, "this is too fast.", headers={"Retry-After": str(int(wait_s) + 1)})
        if not may(agent, operation.permission):
            raise Refusal(Kind.NOT_ALLOWED, f"this takes the permission {operation.permission.value!r}.")
        call = ConsoleCall(
            request=request,
            agent=agent,
            session=session,
            parameters=read_query(request, operation.query),
            content=await read_body(request, operation.body),
        )
        reply = await operation.handler(call)
        return reply if isinstance(reply, web.StreamResponse) else response_of(request, reply)

    add_route(app, operation.method, operation.path, serve)


def add_route(app: web.Application, method: str, path: str, handler: Handler) -> None:
    """Add a route below /v1/console whose errors of accounts are said as problems."""

    async def serve(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except _OURS as error:
            raise _refusal_of(error) from error

    whole = BASE + "/" + _PART.sub(r"{\1:[^/]+}", path)
    if method == "GET":
        app.router.add_get(whole, serve)  # and HEAD
    else:
        app.router.add_route(method, whole, serve)


async def signed_in(request: web.Request) -> tuple[Agent, SignedIn]:
    """Tell who asks.

    Raises:
        Refusal: nobody who is signed in.
    """
    token = request.cookies.get(COOKIE, "")
    staff = request.app[STAFF]
    session = await asyncio.to_thread(staff.sessions.find, token) if token else None
    agent = staff.accounts.agent(session.workspace, session.agent) if session is not None else None
    if session is None or agent is None or agent.disabled:
        raise Refusal(Kind.SIGNED_OUT, "you are not signed in, or not any more.")
    return agent, session


def check_origin(request: web.Request) -> None:
    """Let what changes something come from our own pages only.

    Raises:
        Refusal: it comes from elsewhere.
    """
    if request.method in SAFE:
        return
    if request.headers.get(HEADER) != "1":
        raise Refusal(Kind.CROSS_SITE, f"this takes the header `{HEADER}: 1`.")
    if not is_own(request, request.headers.get("Origin", "")):
        raise Refusal(Kind.CROSS_SITE, "this takes an Origin that is this server's own.")


def is_own(request: web.Request, origin: str) -> bool:
    """Whether an Origin is this server's, as the browser knows it. A proxy has to pass the Host header on."""
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and parts.netloc == request.host


def response_of(request: web.Request, reply: ConsoleReply) -> web.Response:
    """Give the response."""
    headers: Mapping[str, str] = {**PRIVATE, **reply.headers}
    response = web.Response(
        body=_encoder.encode(reply.body), status=reply.status, content_type="application/json", headers=headers
    )
    if reply.cookie is None:
        return response
    # Behind a proxy that speaks TLS we see plain HTTP; the page's Origin, checked before, tells how it was loaded.
    secure = request.secure or request.headers.get("Origin", "").startswith("https:")
    lasts = request.app[STAFF].sessions.lifetime_s if reply.cookie else 0
    response.set_cookie(COOKIE, reply.cookie, path=BASE, max_age=lasts, httponly=True, samesite="Strict", secure=secure)
    return response


def _refusal_of(error: Exception) -> Refusal:
    match error:
        case LockedOut(retry_after_s=seconds):
            return Refusal(Kind.TOO_MANY, str(error), headers={"Retry-After": str(seconds)})
        case SignInRefused():
            return Refusal(Kind.SIGNED_OUT, str(error))
        case NoSuchThing():
            return Refusal(Kind.NOT_FOUND, str(error))
        case NotYours() | NotAllowed():
            return Refusal(Kind.NOT_ALLOWED, str(error))
        case BadValue():
            return Refusal(Kind.INVALID, str(error))
        case _:
            log.warning("a request of the console could not be served: %s", error)
            detail = "this did not work just now and nothing was changed; try again later."
            return Refusal(Kind.UNAVAILABLE, detail, headers={"Retry-After": "2"})
