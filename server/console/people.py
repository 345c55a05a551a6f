"""Agents and departments as the console's pages read them."""

from datetime import date

import msgspec
from aiohttp import web

from server.console.parts import STAFF
from server.handoff.staff import Agent, Department, Role, Span


class AgentFacts(msgspec.Struct, frozen=True, kw_only=True):
    """An agent, for oneself and for administrators."""

    id: str
    workspace: str
    login: str
    name: str
    role: Role
    departments: tuple[str, ...]
    languages: tuple[str, ...]
    skills: tuple[str, ...]
    capacity: int
    disabled: bool


class Colleague(msgspec.Struct, frozen=True, kw_only=True):
    """What everybody on the staff may know of an agent."""

    id: str
    name: str
    role: Role
    departments: tuple[str, ...]
    capacity: int
    disabled: bool
    presence: str = "offline"  # "available", "busy", "away", "grace" or "offline"
    load: int = 0  # conversations just now


class DepartmentFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A department."""

    id: str
    name_zh: str
    name_en: str
    timezone: str
    hours: tuple[tuple[Span, ...], ...]
    holidays: tuple[date, ...]
    fallback: str
    timers: dict[str, int]
    enabled: bool


def facts_of(agent: Agent) -> AgentFacts:
    """Give all that may be shown of an agent; the password is not among it."""
    return AgentFacts(**{name: getattr(agent, name) for name in AgentFacts.__struct_fields__})


def department_facts(department: Department) -> DepartmentFacts:
    """Give a department."""
    values = {name: getattr(department, name) for name in DepartmentFacts.__struct_fields__}
    return DepartmentFacts(**{**values, "timers": dict(department.timers)})


def colleagues(app: web.Application, workspace: str) -> tuple[Colleague, ...]:
    """Give everybody, with what they are doing just now."""
    return tuple(
        Colleague(
            id=agent.id,
            name=agent.name,
            role=agent.role,
            departments=agent.departments,
            capacity=agent.capacity,
            disabled=agent.disabled,
        )
        for agent in app[STAFF].accounts.agents(workspace)
    )
