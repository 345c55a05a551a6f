"""When a department works: hours of the week in its own time zone, and holidays. Right on the days when clocks change.

Hours are wall time. What follows from them are moments: an opening in the hour that clocks skip is the moment of the
change, a closing in the hour that comes twice is its second coming.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from server.handoff.staff import Department
from server.handoff.states import Millis

DAY = 1_440  # minutes
_HORIZON_DAYS = 400  # who does not open within is taken to be closed for good
_AHEAD_MS = 8 * DAY * 60_000  # a closing later than this is none for who waits now
_ALL_DAY = ((0, DAY),)
_WEEKDAYS = {
    "zh": ("周一", "周二", "周三", "周四", "周五", "周六", "周日"),
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo | None:
    """Give a time zone of the IANA database; None if there is no such zone."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder's name, or one that leaves the database
        return None


def is_open(department: Department, now: Millis) -> bool:
    """Whether the department works at a moment. Hours over midnight belong to the day on which they begin."""
    return department.enabled and _running(department, now) is not None


def closes_at(department: Department, now: Millis) -> Millis | None:
    """Give the moment at which an open department closes; None if it is closed, or does not close within days."""
    if not department.enabled or not (department.hours or department.holidays):
        return None
    end = _running(department, now)
    while end is not None:  # hours that go on where others end are one
        later = _running(department, end)
        if later is None:
            return end
        if later - now > _AHEAD_MS:
            return None
        end = later
    return None


def next_opening(department: Department, now: Millis) -> Millis | None:
    """Give the moment at which a department opens next; now if it is open, None if it never does."""
    if not department.enabled:
        return None
    if is_open(department, now):
        return now
    first = _local(department, now).date() - timedelta(days=1)
    for offset in range(_HORIZON_DAYS):
        begins = [begin for begin, end in _spans(department, first + timedelta(days=offset)) if begin > now]
        if begins:
            return min(begins)
    return None


def opening_text(department: Department, at: Millis, now: Millis, *, language: str, visitor_zone: str = "") -> str:
    """Say when it opens, in its own time and, where it differs, the visitor's: "Mon 09:00 (your time 15:00)".

    Args:
        department: whose time zone is meant.
        at: the moment.
        now: for "today" and "tomorrow".
        language: "zh" or "en"; anything else reads English.
        visitor_zone: IANA name, "" if it is not known.
    """
    language = "zh" if language.startswith("zh") else "en"
    here = _local(department, at)
    text = f"{_day(here.date(), _local(department, now).date(), language)} {here:%H:%M}"
    other = zone(visitor_zone) if visitor_zone else None
    if other is None:
        return text
    there = datetime.fromtimestamp(at / 1_000, other)
    if there.utcoffset() == here.utcoffset():
        return text
    today = datetime.fromtimestamp(now / 1_000, other).date()
    theirs = f"{there:%H:%M}" if there.date() == here.date() else f"{_day(there.date(), today, language)} {there:%H:%M}"
    return f"{text}（您那边 {theirs}）" if language == "zh" else f"{text} (your time {theirs})"


def _day(day: date, today: date, language: str) -> str:
    ahead = (day - today).days
    if ahead == 0:
        return "今天" if language == "zh" else "today"
    if ahead == 1:
        return "明天" if language == "zh" else "tomorrow"
    weekday = _WEEKDAYS[language][day.weekday()]
    if ahead < 7:
        return weekday
    return (
        f"{day.month}月{day.day}日（{weekday}）"
        if language == "zh"
        else f"{weekday} {day.day} {_MONTHS[day.month - 1]}"
    )


def _local(department: Department, at: Millis) -> datetime:
    return datetime.fromtimestamp(at / 1_000, zone(department.timezone) or UTC)


def _running(department: Department, now: Millis) -> Millis | None:
    """Give the end of the latest-ending hours that run at a moment."""
    today = _local(department, now).date()
    days = (today - timedelta(days=1), today)  # yesterday's may go over midnight
    return max((end for day in days for begin, end in _spans(department, day) if begin <= now < end), default=None)


def _spans(department: Department, day: date) -> Iterator[tuple[Millis, Millis]]:
    if day in department.holidays:
        return
    for begin, end in department.hours[day.weekday()] if department.hours else _ALL_DAY:
        over_midnight = DAY if end <= begin else 0
        first = _moment(department.timezone, day, begin, last=False)
        yield first, _moment(department.timezone, day, end + over_midnight, last=True)


@lru_cache(maxsize=4_096)
def _moment(timezone: str, day: date, minute: int, *, last: bool) -> Millis:
    """Give the moment of a wall time; of two the first, or the last; of none that at which clocks are set forward."""
    where = zone(timezone) or UTC
    wall = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)  # noqa: DTZ001  (wall time; its zone follows)
    first, second = (wall.replace(tzinfo=where, fold=fold).timestamp() for fold in (0, 1))
    if first <= second:
        return round((second if last else first) * 1_000)
    earlier, later = round(second), round(first)  # the wall time is skipped: the change lies between
    before = datetime.fromtimestamp(earlier, where).utcoffset()
    while later - earlier > 1:
        middle = (earlier + later) // 2
        if datetime.fromtimestamp(middle, where).utcoffset() == before:
            earlier = middle
        else:
            later = middle
    return later * 1_000
