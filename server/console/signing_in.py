"""Signing in and out over HTTP, one's own account, and tickets for the socket."""

import asyncio
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from server.api.operation import Request
from server.api.problems import Kind, Refusal
from server.api.reading import read_body
from server.console.http import add_route, check_origin, response_of
from server.console.operation import ConsoleCall, ConsoleOperation, ConsoleReply, Nothing
from server.console.parts import CONSOLE_TICKETS, STAFF
from server.console.people import AgentFacts, Colleague, DepartmentFacts, colleagues, department_facts, facts_of
from server.console.tickets import Ticketed
from server.parts import CONNECTIONS
from server.staff.errors import SignInRefused
from server.staff.permissions import PERMISSIONS, Permission
from server.staff.running import close_ended

_Typed = Annotated[str, Meta(max_length=500)]


class Credentials(Request, frozen=True):
    """Who wants to sign in."""

    login: _Typed
    password: _Typed
    workspace: Annotated[str, Meta(min_length=1, max_length=100)] = "default"


class NewPassword(Request, frozen=True):
    """Another password for oneself."""

    old: _Typed
    new: _Typed


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a page has to know before it sends something."""

    max_text_chars: int
    max_bytes: int  # of a frame


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Who is signed in, and with whom."""

    agent: AgentFacts
    permissions: tuple[Permission, ...]
    departments: tuple[DepartmentFacts, ...]
    agents: tuple[Colleague, ...]
    settings: Limits


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """For the first frame of a socket; good once, for a minute."""

    ticket: str


class EndedSessions(msgspec.Struct, frozen=True, kw_only=True):
    """How many other sessions ended."""

    ended: int


async def sign_in(request: web.Request) -> web.StreamResponse:
    """Begin a session; the only operation without one."""
    check_origin(request)
    wanted = await read_body(request, Credentials)
    if not isinstance(wanted, Credentials):
        raise TypeError("read_body gives what it is asked for")
    token, agent = await request.app[STAFF].sign_in.sign_in(
        wanted.workspace,
        wanted.login,
        wanted.password,
        address=request.remote or "",
        client=request.headers.get("User-Agent", ""),
    )
    permissions = tuple(sorted(PERMISSIONS[agent.role]))
    return response_of(request, ConsoleReply(body=_session(request.app, facts_of(agent), permissions), cookie=token))


async def show(call: ConsoleCall) -> ConsoleReply:
    """Tell who is signed in."""
    permissions = tuple(sorted(PERMISSIONS[call.agent.role]))
    return ConsoleReply(body=_session(call.app, facts_of(call.agent), permissions))


async def sign_out(call: ConsoleCall) -> ConsoleReply:
    """End this session, and its sockets."""
    await asyncio.to_thread(call.app[STAFF].sessions.end, call.session.id)
    await close_ended(call.app[STAFF], call.app[CONNECTIONS])
    return ConsoleReply(body=Nothing(), cookie="")


async def sign_out_elsewhere(call: ConsoleCall) -> ConsoleReply:
    """End all other sessions of the agent."""
    sessions = call.app[STAFF].sessions
    ended = await asyncio.to_thread(sessions.end_all, call.workspace, call.agent.id, but=call.session.id)
    await close_ended(call.app[STAFF], call.app[CONNECTIONS])
    return ConsoleReply(body=EndedSessions(ended=ended))


async def change_password(call: ConsoleCall) -> ConsoleReply:
    """Set another password for oneself; all other sessions end."""
    wanted = call.body(NewPassword)
    try:
        await call.app[STAFF].sign_in.change_password(
            call.agent, wanted.old, wanted.new, session=call.session.id, address=call.request.remote or ""
        )
    except SignInRefused as error:
        raise Refusal(Kind.NOT_ALLOWED, "the old password is another one.", field="old") from error
    await close_ended(call.app[STAFF], call.app[CONNECTIONS])
    return ConsoleReply(body=Nothing())


async def issue_ticket(call: ConsoleCall) -> ConsoleReply:
    """Give a ticket for a socket."""
    ticketed = Ticketed(
        workspace=call.workspace,
        agent=call.agent.id,
        session=call.session.id,
        origin=call.request.headers.get("Origin", ""),
    )
    return ConsoleReply(body=Ticket(ticket=call.app[CONSOLE_TICKETS].issue(ticketed)))


def _session(app: web.Application, agent: AgentFacts, permissions: tuple[Permission, ...]) -> Session:
    departments = app[STAFF].accounts.departments(agent.workspace)
    settings = app[CONNECTIONS].settings
    return Session(
        agent=agent,
        permissions=permissions,
        departments=tuple(map(department_facts, departments)),
        agents=colleagues(app, agent.workspace),
        settings=Limits(max_text_chars=settings.max_text_chars, max_bytes=settings.max_bytes),
    )


def add_sign_in(app: web.Application) -> None:
    """Add the operation that takes no session."""
    add_route(app, "POST", "session", sign_in)


OPERATIONS = (
    ConsoleOperation(method="GET", path="session", permission=Permission.WORK, handler=show),
    ConsoleOperation(method="DELETE", path="session", permission=Permission.WORK, handler=sign_out),
    ConsoleOperation(method="DELETE", path="sessions", permission=Permission.WORK, handler=sign_out_elsewhere),
    ConsoleOperation(
        method="POST", path="session/password", permission=Permission.WORK, handler=change_password, body=NewPassword
    ),
    ConsoleOperation(method="POST", path="ticket", permission=Permission.WORK, handler=issue_ticket),
)
