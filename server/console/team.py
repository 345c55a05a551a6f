"""Settings: agents, departments, canned replies, and the log of who changed them."""

import asyncio
import re
from datetime import date
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, UnsetType

from server.api.operation import Request
from server.api.paging import Limit, Offset
from server.console.operation import ConsoleCall, ConsoleOperation, ConsoleReply, Nothing
from server.console.parts import STAFF
from server.console.people import AgentFacts, DepartmentFacts, department_facts, facts_of
from server.handoff.staff import GENERAL, Agent, Department, Role, Span
from server.parts import CONNECTIONS
from server.staff.canned import CannedReply
from server.staff.errors import NoSuchThing
from server.staff.passwords import generated
from server.staff.permissions import Permission
from server.staff.running import close_ended

_Short = Annotated[str, Meta(max_length=100)]
_Long = Annotated[str, Meta(max_length=5_000)]
_Names = Annotated[tuple[_Short, ...], Meta(max_length=100)]
_Day = Annotated[tuple[Span, ...], Meta(max_length=10)]
_DETAIL_CHARS = 300


class NewAgent(Request, frozen=True):
    """Somebody who may sign in."""

    login: _Short
    name: _Short
    role: Role = Role.AGENT
    departments: _Names = (GENERAL,)
    languages: _Names = ()
    skills: _Names = ()
    capacity: int = 4
    password: Annotated[str, Meta(max_length=500)] = ""  # none: one is made, and shown this once


class AgentChange(Request, frozen=True):
    """What is to be otherwise; what is left out stays."""

    name: _Short | UnsetType = UNSET
    role: Role | UnsetType = UNSET
    departments: _Names | UnsetType = UNSET
    languages: _Names | UnsetType = UNSET
    skills: _Names | UnsetType = UNSET
    capacity: int | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET
    new_password: bool = False  # make another one, and show it this once; the agent is signed out everywhere


class MadeAgent(AgentFacts, frozen=True, kw_only=True, omit_defaults=True):
    """An agent, and the password if one was made."""

    password: str = ""


class AgentList(msgspec.Struct, frozen=True, kw_only=True):
    """All agents, disabled ones too."""

    items: tuple[AgentFacts, ...]
    total: int


class DepartmentBody(Request, frozen=True):
    """A department."""

    name_zh: _Short
    name_en: _Short
    timezone: _Short = "UTC"
    hours: Annotated[tuple[_Day, ...], Meta(max_length=7)] = ()
    holidays: Annotated[tuple[date, ...], Meta(max_length=400)] = ()
    fallback: _Short = ""
    timers: dict[_Short, int] = msgspec.field(default_factory=dict)
    enabled: bool = True


class NewDepartment(DepartmentBody, frozen=True):
    """A department; without an id it gets one from its English name."""

    id: _Short = ""


class DepartmentList(msgspec.Struct, frozen=True, kw_only=True):
    """All departments."""

    items: tuple[DepartmentFacts, ...]
    total: int


class CannedBody(Request, frozen=True):
    """A reply."""

    shortcut: _Short
    text_zh: _Long = ""
    text_en: _Long = ""
    department: _Short = ""
    mine: bool = False


class CannedList(msgspec.Struct, frozen=True, kw_only=True):
    """The replies that one may use."""

    items: tuple[CannedReply, ...]
    total: int


class AuditSlice(Request, frozen=True):
    """Which part of the log."""

    limit: Limit = 50
    offset: Offset = 0


class AuditLine(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what, and when."""

    id: int
    at: int
    actor: str  # "agent:ID", or "command"
    action: str
    subject: str  # the id of what was changed
    detail: str  # what it was and is, in short
    change: dict[str, Any]  # field -> [before, after]


class AuditLog(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the log, newest first."""

    items: tuple[AuditLine, ...]
    total: int


# -- agents


async def list_agents(call: ConsoleCall) -> ConsoleReply:
    """List agents."""
    agents = tuple(map(facts_of, call.app[STAFF].accounts.agents(call.workspace)))
    return ConsoleReply(body=AgentList(items=agents, total=len(agents)))


async def add_agent(call: ConsoleCall) -> ConsoleReply:
    """Add an agent."""
    wanted, staff = call.body(NewAgent), call.app[STAFF]
    password = wanted.password or generated()
    kept = await staff.passwords.hashed(password)
    agent = Agent(
        id="",
        workspace=call.workspace,
        login=wanted.login,
        name=wanted.name,
        role=wanted.role,
        departments=wanted.departments,
        languages=wanted.languages,
        skills=wanted.skills,
        capacity=wanted.capacity,
    )
    agent = await asyncio.to_thread(staff.accounts.add, agent, kept, actor=call.actor)
    await _took_effect(call.app)
    return ConsoleReply(body=_made(agent, "" if wanted.password else password), status=201)


async def change_agent(call: ConsoleCall) -> ConsoleReply:
    """Change an agent."""
    wanted, staff = call.body(AgentChange), call.app[STAFF]
    agent = staff.accounts.agent(call.workspace, call.path("agent"))
    if agent is None:
        raise NoSuchThing("there is no such agent.")
    changed = {name: value for name, value in msgspec.structs.asdict(wanted).items() if value is not UNSET}
    new_password = changed.pop("new_password")
    if changed:
        agent = msgspec.structs.replace(agent, **changed)
        agent = await asyncio.to_thread(staff.accounts.change, agent, actor=call.actor)
    password = generated() if new_password else ""
    if password:
        kept = await staff.passwords.hashed(password)
        await asyncio.to_thread(staff.accounts.set_password, agent.workspace, agent.id, kept, actor=call.actor)
    await _took_effect(call.app)
    return ConsoleReply(body=_made(agent, password))


def _made(agent: Agent, password: str) -> MadeAgent:
    return MadeAgent(**msgspec.structs.asdict(facts_of(agent)), password=password)


# -- departments


async def list_departments(call: ConsoleCall) -> ConsoleReply:
    """List departments."""
    departments = tuple(map(department_facts, call.app[STAFF].accounts.departments(call.workspace)))
    return ConsoleReply(body=DepartmentList(items=departments, total=len(departments)))


async def add_department(call: ConsoleCall) -> ConsoleReply:
    """Add a department."""
    wanted = call.body(NewDepartment)
    taken = {each.id for each in call.app[STAFF].accounts.departments(call.workspace)}
    return await _put_department(call, wanted.id or _name_for(wanted.name_en, taken), wanted, new=True)


async def change_department(call: ConsoleCall) -> ConsoleReply:
    """Put new values in the place of a department's."""
    return await _put_department(call, call.path("department"), call.body(DepartmentBody), new=False)


async def _put_department(call: ConsoleCall, name: str, wanted: DepartmentBody, *, new: bool) -> ConsoleReply:
    values = {field: getattr(wanted, field) for field in DepartmentBody.__struct_fields__}
    department = Department(id=name, workspace=call.workspace, **values)
    accounts = call.app[STAFF].accounts
    department = await asyncio.to_thread(accounts.put_department, department, actor=call.actor, new=new)
    await _took_effect(call.app)
    return ConsoleReply(body=department_facts(department), status=201 if new else 200)


def _name_for(title: str, taken: set[str]) -> str:
    stem = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:36] or "department"
    names = (stem if number == 1 else f"{stem}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


# -- canned replies


async def list_canned(call: ConsoleCall) -> ConsoleReply:
    """List the replies that one may use."""
    replies = await asyncio.to_thread(call.app[STAFF].canned.seen_by, call.agent)
    return ConsoleReply(body=CannedList(items=tuple(replies), total=len(replies)))


async def add_canned(call: ConsoleCall) -> ConsoleReply:
    """Add a reply."""
    return await _put_canned(call, "", new=True)


async def change_canned(call: ConsoleCall) -> ConsoleReply:
    """Put new values in the place of a reply's."""
    return await _put_canned(call, call.path("reply"), new=False)


async def remove_canned(call: ConsoleCall) -> ConsoleReply:
    """Remove a reply."""
    await asyncio.to_thread(call.app[STAFF].canned.remove, call.agent, call.path("reply"))
    return ConsoleReply(body=Nothing())


async def _put_canned(call: ConsoleCall, name: str, *, new: bool) -> ConsoleReply:
    wanted, staff = call.body(CannedBody), call.app[STAFF]
    reply = CannedReply(id=name, **msgspec.structs.asdict(wanted))
    departments = [each.id for each in staff.accounts.departments(call.workspace)]
    reply = await asyncio.to_thread(staff.canned.put, call.agent, reply, departments, new=new)
    return ConsoleReply(body=reply, status=201 if new else 200)


# -- the log


async def show_audit(call: ConsoleCall) -> ConsoleReply:
    """Show who changed what."""
    wanted, audit = call.query(AuditSlice), call.app[STAFF].audit
    lines, total = await asyncio.to_thread(audit.lines, call.workspace, limit=wanted.limit, offset=wanted.offset)
    items = tuple(
        AuditLine(
            id=line.position,
            at=line.at,
            actor=line.actor,
            action=line.action,
            subject=line.about,
            detail=_detail(line.change),
            change=line.change,
        )
        for line in lines
    )
    return ConsoleReply(body=AuditLog(items=items, total=total))


def _detail(change: dict[str, Any]) -> str:
    said = (f"{name}: {_value(pair[0])} → {_value(pair[1])}" for name, pair in change.items())
    return "; ".join(said)[:_DETAIL_CHARS]


def _value(value: Any) -> str:
    return "–" if value in (None, "", []) else msgspec.json.encode(value).decode().strip('"')


async def _took_effect(app: web.Application) -> None:
    """Take over at once what was written; who was disabled is gone before the answer."""
    await app[STAFF].accounts.refresh()
    await close_ended(app[STAFF], app[CONNECTIONS])


_OWN, _ADMIN = Permission.CANNED_OWN, Permission.CONFIGURE
OPERATIONS = (
    ConsoleOperation(method="GET", path="agents", permission=_ADMIN, handler=list_agents),
    ConsoleOperation(method="POST", path="agents", permission=_ADMIN, handler=add_agent, body=NewAgent),
    ConsoleOperation(
        method="PATCH", path="agents/{agent}", permission=_ADMIN, handler=change_agent, body=AgentChange
    ),
    ConsoleOperation(method="GET", path="departments", permission=Permission.WORK, handler=list_departments),
    ConsoleOperation(
        method="POST", path="departments", permission=_ADMIN, handler=add_department, body=NewDepartment
    ),
    ConsoleOperation(
        method="PUT", path="departments/{department}", permission=_ADMIN, handler=change_department,
        body=DepartmentBody,
    ),
    ConsoleOperation(method="GET", path="canned", permission=_OWN, handler=list_canned),
    ConsoleOperation(method="POST", path="canned", permission=_OWN, handler=add_canned, body=CannedBody),
    ConsoleOperation(method="PUT", path="canned/{reply}", permission=_OWN, handler=change_canned, body=CannedBody),
    ConsoleOperation(method="DELETE", path="canned/{reply}", permission=_OWN, handler=remove_canned),
    ConsoleOperation(
        method="GET", path="audit", permission=Permission.AUDIT, handler=show_audit, query=AuditSlice
    ),
)  # fmt: skip
