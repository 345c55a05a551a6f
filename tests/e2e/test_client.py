"""The reference client in both shells and both encodings, with a real server that restarts and dies under it."""

import asyncio
import shutil

import pytest

from server.client import aio, blocking
from server.client.happenings import NotStored, Online, Shown, Stopped
from server.wire.codec import JSON, PROTO
from tests.e2e.harness import RunningServer, widget_key

pytestmark = pytest.mark.e2e

ENCODINGS = pytest.mark.parametrize("encoding", [JSON, PROTO])
QUESTION = "原价商品几天内可以退货？"


@pytest.fixture(scope="module")
def key(shop):
    return widget_key(shop)


@pytest.fixture(scope="module")
def server(shop, key):
    with RunningServer(shop) as running:
        yield running


@pytest.fixture
def mortal(shop, key, tmp_path):
    """A server of one test alone, on a copy of the installation."""
    home = shutil.copytree(shop, tmp_path / "home", ignore=shutil.ignore_patterns("*.log", "conversations.db*"))
    with RunningServer(home, drain_s="3") as running:
        yield running


def address(server):
    return f"ws://127.0.0.1:{server.port}/v1/ws"


@ENCODINGS
async def test_a_program_asks_and_is_answered(server, key, encoding):
    async with asyncio.timeout(60), aio.Client(address(server), key=key, encoding=encoding) as client:
        stored = await client.say(QUESTION)
        events = []
        async for event in client.events():
            events.append(event)
            if event.author == "bot":
                break
    assert [event.seq for event in events] == [1, 2, 3]
    assert stored.seq == 2
    assert stored.id == events[1].id
    assert events[2].text


@ENCODINGS
def test_a_blocking_program_asks_and_is_answered(server, key, encoding):
    with blocking.Client(address(server), key=key, encoding=encoding) as client:
        stored = client.say(QUESTION)
        answer = client.until(lambda it: isinstance(it, Shown) and it.event.author == "bot", within_s=60)
        rated = client.rate(up=True, about=answer.event.id)
        left = list(client.events(quiet_s=1))
    assert (stored.seq, answer.event.seq, rated.seq) == (2, 3, 4)
    assert answer.event.text
    assert [(event.action, event.value, event.about) for event in left] == [("feedback", "up", answer.event.id)]


async def test_devices_that_speak_different_encodings_see_the_same(server, key):
    async with asyncio.timeout(60), aio.Client(address(server), key=key) as phone:
        first = await anext(phone.events())
        token = phone.core.memory.token
        async with aio.Client(address(server), token=token, encoding=PROTO) as tablet:
            await tablet.say("hello")
            on_phone = [first, *[await anext(phone.events()) for _ in range(2)]]
            on_tablet = [await anext(tablet.events()) for _ in range(3)]
    assert on_phone == on_tablet


async def test_a_wrong_key_stops_the_client(server):
    async with asyncio.timeout(60), aio.Client(address(server), key="wk_wrong") as client:
        with pytest.raises(NotStored, match="3500"):
            await client.say("let me in")
        assert [happening async for happening in client.happenings()] == [Stopped(code=3500)]


def test_a_wrong_key_stops_the_blocking_client(server):
    with blocking.Client(address(server), key="wk_wrong") as client, pytest.raises(NotStored, match="stopped"):
        client.say("let me in")


@ENCODINGS
async def test_a_program_speaks_on_through_a_rolling_restart(mortal, key, encoding):
    async with asyncio.timeout(180), aio.Client(address(mortal), key=key, encoding=encoding) as client:
        await client.say("first")
        restarting = asyncio.create_task(asyncio.to_thread(mortal.restart))
        said = [f"during {number}" for number in range(6)]
        for text in said:
            await client.say(text)
            await asyncio.wait([restarting], timeout=0.5)
        await restarting
        last = await client.say("last")
        shown = []
        async for event in client.events():
            shown.append(event)
            if event.seq == last.seq:
                break
    assert [event.seq for event in shown] == list(range(1, last.seq + 1))
    assert [event.text for event in shown if event.author == "visitor"] == ["first", *said, "last"]


def test_a_blocking_program_goes_on_after_kill_9_and_so_does_its_successor(mortal, key):
    with blocking.Client(address(mortal), key=key) as client:
        client.say("before")
        mortal.kill_serving()
        client.say("after", within_s=120)
        memory = client.core.memory
        shown = list(client.events(quiet_s=3))
    with blocking.Client(address(mortal), key=key, memory=memory) as client:
        last = client.say("later")
        online = client.until(lambda it: isinstance(it, Online), within_s=10)
        shown += list(client.events(quiet_s=3))
    assert online.recovered
    assert [event.seq for event in shown] == list(range(1, len(shown) + 1))
    assert [event.text for event in shown if event.author == "visitor"] == ["before", "after", "later"]
    assert last.seq <= len(shown)
