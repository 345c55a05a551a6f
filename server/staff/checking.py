"""What the values of agents and departments must be like."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from server.handoff.staff import GENERAL, Agent, Department, Span
from server.handoff.timers import limits
from server.staff.errors import BadValue

_DAY = 1440  # minutes
_LOGIN = re.compile(r"\w[\w.@+-]{0,63}")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_LANGUAGES = ("zh", "en")


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise BadValue(sentence)


def plain_login(login: str) -> str:
    """Give the form in which logins are compared."""
    return unicodedata.normalize("NFKC", login).casefold().strip()


def checked_login(login: str) -> str:
    """Give a login as it is kept.

    Raises:
        BadValue: it cannot be one.
    """
    login = plain_login(login)
    _require(_LOGIN.fullmatch(login) is not None, "a login has 1 to 64 letters, digits and . _ @ + -")
    return login


def checked_agent(agent: Agent, departments: Iterable[Department]) -> Agent:
    """Give an agent with orderly values.

    Raises:
        BadValue: one cannot be used.
    """
    known = {department.id for department in departments}
    name = " ".join(agent.name.split())
    _require(0 < len(name) <= 60 and name.isprintable(), "a name has 1 to 60 characters.")
    _require(1 <= agent.capacity <= 100, "capacity is from 1 to 100 conversations.")
    for department in agent.departments:
        _require(department in known, f"there is no department {department!r}.")
    _require(bool(agent.departments), "an agent belongs to one department at least.")
    for language in agent.languages:
        _require(language in _LANGUAGES, f"languages are zh and en, not {language!r}.")
    _require(len(agent.skills) <= 20, "an agent has 20 skills at most.")
    for skill in agent.skills:
        _require(0 < len(skill) <= 40 and skill.isprintable(), "a skill has 1 to 40 characters.")
    return msgspec.structs.replace(
        agent,
        name=name,
        departments=_once(agent.departments),
        languages=_once(agent.languages),
        skills=_once(agent.skills),
    )


def checked_department(department: Department, known: Mapping[str, Department]) -> Department:
    """Give a department with orderly values.

    Raises:
        BadValue: one cannot be used.
    """
    _require(_NAME.fullmatch(department.id) is not None, "a department's id has 1 to 40 of a-z, 0-9, _ and -.")
    for name in (department.name_zh, department.name_en):
        _require(0 < len(name.strip()) <= 60 and name.isprintable(), "a department's names have 1 to 60 characters.")
    try:
        ZoneInfo(department.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadValue(f"{department.timezone!r} is no time zone; name one such as Asia/Shanghai.") from error
    _require(len(department.hours) in (0, 7), "hours are those of seven days from Monday, or none: always open.")
    hours = tuple(map(_checked_day, department.hours))
    _require(len(department.holidays) <= 400, "there are 400 holidays at most.")
    _check_fallback(department, known)
    _require(department.enabled or department.id != GENERAL, "the general department cannot be switched off.")
    try:
        limits(department.timers)
    except ValueError as error:
        raise BadValue(str(error)) from error
    return msgspec.structs.replace(department, hours=hours, holidays=tuple(sorted(set(department.holidays))))


def _checked_day(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    _require(len(spans) <= 10, "a day has 10 spans at most.")
    end = -1
    for span in sorted(spans):
        _require(0 <= span[0] < span[1] <= _DAY, "hours are minutes since midnight, from before to, 1440 at most.")
        _require(span[0] > end, "the spans of a day do not touch each other.")
        end = span[1]
    return tuple(sorted(spans))


def _check_fallback(department: Department, known: Mapping[str, Department]) -> None:
    """Follow the fallbacks: they must exist, and must not lead back."""
    seen, following = {department.id}, department.fallback
    while following:
        _require(following in known, f"there is no department {following!r} to fall back to.")
        _require(following not in seen, "the fallbacks of departments lead in a circle.")
        seen.add(following)
        following = known[following].fallback


def _once(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
