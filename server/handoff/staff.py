"""The people of a company and how they are grouped: the values, and where they are asked for."""

from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from typing import Protocol

import msgspec

GENERAL = "general"  # the department that every workspace has


class Role(StrEnum):
    """What somebody may do; each may do what the one before may."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """A person who answers."""

    id: str
    workspace: str
    login: str
    name: str  # that visitors see
    role: Role = Role.AGENT
    departments: tuple[str, ...] = (GENERAL,)
    languages: tuple[str, ...] = ()  # "zh", "en"; none: all
    skills: tuple[str, ...] = ()
    capacity: int = 4  # conversations at once
    disabled: bool = False

    @property
    def supervises(self) -> bool:
        """Whether the rights of a supervisor are there."""
        return self.role is not Role.AGENT


Span = tuple[int, int]  # minutes since midnight: from, to; 1440 is the day's end


class Department(msgspec.Struct, frozen=True, kw_only=True):
    """A group of agents with hours of its own."""

    id: str
    workspace: str
    name_zh: str
    name_en: str
    timezone: str = "UTC"  # of the IANA database
    hours: tuple[tuple[Span, ...], ...] = ()  # seven days from Monday; none at all: always open
    holidays: tuple[date, ...] = ()
    fallback: str = ""  # the department that takes over when it cannot
    timers: Mapping[str, int] = {}  # seconds, other than the defaults of `server.handoff.timers`
    enabled: bool = True

    def name(self, language: str) -> str:
        """Give its name in a language."""
        return self.name_zh if language.startswith("zh") else self.name_en


class Staff(Protocol):
    """Who works here. Answers from memory: asked at every routing decision."""

    def agent(self, workspace: str, agent: str) -> Agent | None:
        """Give an agent, also a disabled one."""

    def agents(self, workspace: str) -> list[Agent]:
        """Give all agents, disabled ones too, by their ids."""

    def departments(self, workspace: str) -> list[Department]:
        """Give all departments by their ids; `GENERAL` is always among them."""

    def follow(self, changed: Callable[[str], None]) -> None:
        """Have a function called with the workspace in which something changed, after the change."""
