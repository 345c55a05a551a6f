"""The driver of the kills, in one process: a sound server passes, one over a log that breaks a promise is caught."""

import pytest

from tests.fakes.broken_logs import (
    AcknowledgesEarly,
    AnswersTwice,
    Around,
    ForgetsWhoSaidWhat,
    Loses,
    PersonTakesOver,
    Reorders,
    TalksOver,
)
from tests.fakes.fragile_server import FragileServer
from tests.soak import kills
from tests.soak.history import Acked, Broken, Welcomed, check
from tests.soak.kills import Kill, haunt, left
from tests.soak.visitors import Crowd, Diary

pytestmark = pytest.mark.integration

KILLS = [Kill(what="all", starting=starting, after_s=0.25) for starting in (False, True, False, False)]


async def lived_through(home, around, kill_list=KILLS):
    """Give what visitors of a server over such a log wrote down, and what is left of the log."""
    server = FragileServer(home, around)
    try:
        crowd = Crowd(server.url, server.key, visitors=4, pause_s=0.02, seed="7", diary=Diary())
        await haunt(server, kill_list, crowd)
    finally:
        server.close()
    return crowd.diary.records, await left(server.log_file)


async def test_a_log_that_keeps_its_promises_passes(tmp_path):
    records, log = await lived_through(tmp_path, Around)

    assert check(records, log) == []
    assert sum(isinstance(record, Acked) for record in records) > 20
    assert sum(isinstance(record, Welcomed) and record.recovered for record in records) > 5


async def test_a_reply_is_given_up_where_a_person_takes_over_just_before_it_is_stored(tmp_path):
    records, log = await lived_through(tmp_path, PersonTakesOver)

    # Who takes over is stored behind the server's back, so that devices notice a hole, and resume: as they should.
    assert {violation.promise for violation in check(records, log)} <= {Broken.HOLE, Broken.MISSED}
    assert {logged.head.owner for logged in log.values()} == {"bot", "agent:ana"}


@pytest.mark.parametrize(
    ("around", "promise"),
    [
        (AcknowledgesEarly, Broken.LOST),
        (Loses, Broken.LOST),
        (ForgetsWhoSaidWhat, Broken.DOUBLED),
        (Reorders, Broken.MOVED),
        (AnswersTwice, Broken.TWICE),
        (TalksOver, Broken.TALKED_OVER),
    ],
)
async def test_a_log_that_breaks_a_promise_is_caught(tmp_path, around, promise, monkeypatch):
    monkeypatch.setattr(kills, "_SETTLED_S", 5.0)

    records, log = await lived_through(tmp_path, around)

    assert promise in {violation.promise for violation in check(records, log)}
