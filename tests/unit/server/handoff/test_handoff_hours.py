"""When a department works, in its own time, on all days of the year."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from server.handoff.hours import closes_at, is_open, next_opening, opening_text
from server.handoff.staff import Department

NINE_TO_SIX = (540, 1080)


def department(
    *spans: tuple[int, int], zone: str = "Asia/Shanghai", days: range = range(5), holidays: tuple[date, ...] = ()
) -> Department:
    hours = tuple(spans if day in days else () for day in range(7))
    return Department(
        id="d", workspace="acme", name_zh="客服", name_en="Support", timezone=zone, hours=hours, holidays=holidays
    )


def at(text: str, zone: str = "Asia/Shanghai", *, fold: int = 0) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp() * 1_000)


def utc(moment: int | None) -> str:
    assert moment is not None
    return datetime.fromtimestamp(moment / 1_000, UTC).strftime("%Y-%m-%d %H:%M")


OFFICE = department(NINE_TO_SIX)


@pytest.mark.parametrize(
    ("moment", "works"),
    [
        pytest.param("2026-03-02 08:59", False, id="before"),
        pytest.param("2026-03-02 09:00", True, id="at-opening"),
        pytest.param("2026-03-02 17:59", True, id="last-minute"),
        pytest.param("2026-03-02 18:00", False, id="at-closing"),
        pytest.param("2026-03-07 12:00", False, id="saturday"),
    ],
)
def test_hours_begin_at_their_first_minute_and_end_before_their_last(moment: str, works: bool) -> None:
    assert is_open(OFFICE, at(moment)) is works


def test_without_hours_it_is_always_open() -> None:
    always = Department(id="d", workspace="acme", name_zh="", name_en="")
    assert is_open(always, at("2026-03-07 03:00"))
    assert closes_at(always, 0) is None
    assert next_opening(always, 5) == 5


def test_seven_empty_days_are_never_open() -> None:
    never = department(days=range(0))
    assert not is_open(never, at("2026-03-02 12:00"))
    assert next_opening(never, at("2026-03-02 12:00")) is None


def test_a_department_that_is_switched_off_is_closed_and_does_not_open() -> None:
    off = replace(OFFICE, enabled=False)
    noon = at("2026-03-02 12:00")
    assert (is_open(off, noon), closes_at(off, noon), next_opening(off, noon)) == (False, None, None)


def test_on_friday_evening_the_next_opening_is_monday() -> None:
    assert next_opening(OFFICE, at("2026-03-06 19:00")) == at("2026-03-09 09:00")


def test_a_lunch_break_is_closed_and_ends() -> None:
    lunch = department((540, 720), (780, 1080))
    assert not is_open(lunch, at("2026-03-02 12:30"))
    assert next_opening(lunch, at("2026-03-02 12:30")) == at("2026-03-02 13:00")
    assert closes_at(lunch, at("2026-03-02 10:00")) == at("2026-03-02 12:00")


def test_a_holiday_is_closed_also_where_there_are_no_hours() -> None:
    new_year = date(2026, 1, 1)
    assert not is_open(department(NINE_TO_SIX, holidays=(new_year,)), at("2026-01-01 12:00"))
    always = Department(
        id="d", workspace="acme", name_zh="", name_en="", timezone="Asia/Shanghai", holidays=(new_year,)
    )
    assert not is_open(always, at("2026-01-01 12:00"))
    assert closes_at(always, at("2025-12-31 12:00")) == at("2026-01-01 00:00")
    assert next_opening(always, at("2026-01-01 12:00")) == at("2026-01-02 00:00")


def test_a_week_of_holidays_is_skipped() -> None:
    golden_week = tuple(date(2026, 10, day) for day in range(1, 9))
    assert next_opening(department(NINE_TO_SIX, holidays=golden_week), at("2026-10-01 10:00")) == at("2026-10-09 09:00")


def test_a_night_shift_belongs_to_the_day_on_which_it_begins() -> None:
    night = department((1320, 360), days=range(4, 5))  # Friday 22:00 to 06:00
    assert is_open(night, at("2026-03-07 05:59"))
    assert not is_open(night, at("2026-03-07 06:00"))
    assert not is_open(night, at("2026-03-06 05:00"))
    assert closes_at(night, at("2026-03-06 23:00")) == at("2026-03-07 06:00")


def test_shifts_that_meet_at_midnight_are_one() -> None:
    late = department((0, 120), (1200, 1440), days=range(7))
    assert closes_at(late, at("2026-03-02 21:00")) == at("2026-03-03 02:00")


def test_day_and_night_does_not_close() -> None:
    assert closes_at(department((0, 1440), days=range(7)), at("2026-03-02 21:00")) is None


# -- the days on which clocks change: New York, 8 March and 1 November 2026, at 02:00

NEW_YORK = "America/New_York"
EVERY_DAY = department(NINE_TO_SIX, zone=NEW_YORK, days=range(7))


def test_nine_oclock_is_nine_oclock_on_either_side_of_the_change() -> None:
    assert utc(next_opening(EVERY_DAY, at("2026-03-07 20:00", NEW_YORK))) == "2026-03-08 13:00"
    assert utc(next_opening(EVERY_DAY, at("2026-03-06 20:00", NEW_YORK))) == "2026-03-07 14:00"
    assert utc(next_opening(EVERY_DAY, at("2026-10-31 20:00", NEW_YORK))) == "2026-11-01 14:00"


def test_an_opening_in_the_hour_that_is_skipped_is_the_moment_of_the_change() -> None:
    early = department((150, 600), zone=NEW_YORK, days=range(7))  # 02:30
    assert utc(next_opening(early, at("2026-03-08 00:30", NEW_YORK))) == "2026-03-08 07:00"
    assert is_open(early, at("2026-03-08 03:00", NEW_YORK))


def test_a_closing_in_the_hour_that_is_skipped_is_the_moment_of_the_change() -> None:
    late = department((0, 150), zone=NEW_YORK, days=range(7))
    assert utc(closes_at(late, at("2026-03-08 01:00", NEW_YORK))) == "2026-03-08 07:00"


def test_hours_that_end_in_the_hour_that_comes_twice_last_through_both() -> None:
    late = department((0, 90), zone=NEW_YORK, days=range(7))  # to 01:30
    assert is_open(late, at("2026-11-01 01:45", NEW_YORK, fold=0))
    assert is_open(late, at("2026-11-01 01:15", NEW_YORK, fold=1))
    assert not is_open(late, at("2026-11-01 01:30", NEW_YORK, fold=1))


def test_hours_that_begin_in_the_hour_that_comes_twice_begin_in_the_first() -> None:
    early = department((90, 600), zone=NEW_YORK, days=range(7))
    assert is_open(early, at("2026-11-01 01:30", NEW_YORK, fold=0))


# -- what the visitor reads


@pytest.mark.parametrize(
    ("now", "english", "chinese"),
    [
        ("2026-03-02 08:00", "today 09:00", "今天 09:00"),
        ("2026-03-02 19:00", "tomorrow 09:00", "明天 09:00"),
        ("2026-03-06 19:00", "Mon 09:00", "周一 09:00"),
    ],
)
def test_the_next_opening_is_said_as_people_say_it(now: str, english: str, chinese: str) -> None:
    opens = next_opening(OFFICE, at(now))
    assert opens is not None
    assert opening_text(OFFICE, opens, at(now), language="en") == english
    assert opening_text(OFFICE, opens, at(now), language="zh-CN") == chinese


def test_a_far_opening_has_a_date() -> None:
    opens = at("2026-03-16 09:00")
    assert opening_text(OFFICE, opens, at("2026-03-02 09:00"), language="en") == "Mon 16 Mar 09:00"
    assert opening_text(OFFICE, opens, at("2026-03-02 09:00"), language="zh") == "3月16日（周一） 09:00"


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        pytest.param("Asia/Tokyo", "Mon 09:00 (your time 10:00)", id="later"),
        pytest.param("America/Los_Angeles", "Mon 09:00 (your time Sun 18:00)", id="another-day"),
        pytest.param("Asia/Singapore", "Mon 09:00", id="the-same-clock"),
        pytest.param("", "Mon 09:00", id="not-known"),
        pytest.param("Mars/Olympus", "Mon 09:00", id="no-such-zone"),
        pytest.param("../../etc/passwd", "Mon 09:00", id="hostile"),
    ],
)
def test_the_visitors_own_time_is_given_where_it_differs(zone: str, text: str) -> None:
    now = at("2026-03-06 19:00")
    assert opening_text(OFFICE, at("2026-03-09 09:00"), now, language="en", visitor_zone=zone) == text


def test_the_visitors_time_in_chinese() -> None:
    now = at("2026-03-06 19:00")
    said = opening_text(OFFICE, at("2026-03-09 09:00"), now, language="zh", visitor_zone="Asia/Tokyo")
    assert said == "周一 09:00（您那边 10:00）"
