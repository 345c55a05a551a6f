"""Some kills and restarts of what `make soak` does hundreds of times: visitors talk, and the log keeps its promises."""

import pytest

from tests.e2e.harness import widget_key
from tests.soak import kills, restarts
from tests.soak.history import Acked, Welcomed, check

pytestmark = pytest.mark.e2e


@pytest.fixture
def installation(shop):
    for file in shop.glob("conversations.db*"):
        file.unlink()
    return shop, widget_key(shop)


async def test_kills_at_any_moment_lose_double_and_reorder_nothing(installation):
    schedule = [
        kills.Kill(what="serving", starting=False, after_s=0.6),
        kills.Kill(what="all", starting=False, after_s=0.3),
        kills.Kill(what="all", starting=True, after_s=2.5),
        kills.Kill(what="parent", starting=False, after_s=0.4),
        kills.Kill(what="serving", starting=True, after_s=1.0),
    ]

    diary, log, done = await kills.run(*installation, schedule, seed=5, visitors=5)

    assert check(diary.records, log) == []
    assert done == len(schedule)
    assert sum(isinstance(record, Acked) for record in diary.records) > 15
    assert sum(isinstance(record, Welcomed) and record.recovered for record in diary.records) > 5


async def test_rolling_restarts_are_no_error_to_anybody(installation):
    done = await restarts.run(*installation, restarts=2, seed=5, visitors=5, pause_s=0.3)

    assert done.errors == []
    assert check(done.diary.records, done.log) == []
    assert len(done.waits_across) > 3


def test_the_kills_of_a_seed_are_always_the_same():
    assert kills.schedule(50, 1) == kills.schedule(50, 1) != kills.schedule(50, 2)
    assert {kill.what for kill in kills.schedule(50, 1)} == {"serving", "all", "parent"}
