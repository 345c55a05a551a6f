"""Progress as people see it: rate, time left, and a line now and then where there is no terminal."""

import io

import pytest
from rich.console import Console

from ingest.progress import Pace, shown_on


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_a_stage_says_how_far_it_is_how_fast_and_how_long_it_will_take():
    clock = Clock()
    pace = Pace(clock)
    assert pace.text("encode", 0, 2000) == "encoding 0 of 2,000 texts (0 %)"
    clock.now += 4
    assert pace.text("encode", 400, 2000) == "encoding 400 of 2,000 texts (20 %), 100/s, 0:16 left"
    clock.now += 3600
    assert pace.text("encode", 401, 2000).endswith("0.1/s, 3:59:31 left")


def test_the_rate_is_that_of_the_stage_alone():
    clock = Clock()
    pace = Pace(clock)
    pace.text("read", 500, 0)
    clock.now += 10
    assert pace.text("read", 1500, 0) == "reading 1,500 records, 100/s"
    pace.text("encode", 0, 10)
    clock.now += 1
    assert "5.0/s" in pace.text("encode", 5, 10)


@pytest.mark.parametrize("stage", ["words", "index", "calibration", "switch"])
def test_a_stage_of_one_step_has_a_name_only(stage):
    assert not any(char.isdigit() for char in Pace(Clock()).text(stage, 0, 1))


def test_where_there_is_no_terminal_a_line_comes_every_few_seconds():
    clock, out = Clock(), io.StringIO()
    with shown_on(Console(file=out, width=80), clock) as show:
        for done in range(120):
            show("encode", done, 1000)
            clock.now += 0.1
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert all(line.startswith("encoding ") and "/s" in line for line in lines)


def test_on_a_terminal_a_bar_is_shown_and_gone_afterwards():
    out = io.StringIO()
    with shown_on(Console(file=out, force_terminal=True, width=100)) as show:
        show("read", 0, 0)
        show("encode", 10, 1000)
    assert "encoding 10 of 1,000 texts" in out.getvalue()
