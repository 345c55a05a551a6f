"""The server as visitors meet it: a process of its own, over real sockets, through restarts and kill -9."""

import asyncio
import shutil
import subprocess
import sys

import pytest

from tests.e2e.harness import ROOT, RunningServer, Visitor, environ, widget_key

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def installation(shop):
    return shop, widget_key(shop)


@pytest.fixture
def another(installation, tmp_path):
    """An installation that no server runs on; the key is the same."""
    home, key = installation
    names = ("*.log", "conversations.db*")
    return shutil.copytree(home, tmp_path / "home", ignore=shutil.ignore_patterns(*names)), key


@pytest.fixture(scope="module")
def server(installation):
    with RunningServer(installation[0]) as running:
        yield running


@pytest.fixture(scope="module")
def key(installation):
    return installation[1]


async def test_a_visitor_asks_in_chinese_and_english_and_gets_sourced_answers(server, key):
    ann = await Visitor.connect(server.url, key=key, language="zh-CN")
    await ann.say("m1", "原价商品几天内可以退货？")
    answer = await ann.until("event", author="bot")
    assert [source["entry_id"] for source in answer["sources"]] == ["zh-return-window"]

    await ann.say("m2", "How many days do I have to return something I don't like?")
    answer = await ann.until("event", author="bot")
    assert [source["entry_id"] for source in answer["sources"]] == ["en-return-window"]
    assert [event["seq"] for event in ann.events] == [1, 2, 3, 4, 5]
    await ann.close()


async def test_who_asks_for_a_person_is_not_argued_with(server, key):
    ann = await Visitor.connect(server.url, key=key)
    await ann.say("m1", "转人工")
    reply = await ann.until("event", author="bot")
    assert (reply["decision"], reply["reason"]) == ("handoff", "customer_request")
    await ann.close()


async def test_a_choice_that_is_pressed_is_answered(server, key):
    ann = await Visitor.connect(server.url, key=key, language="en")
    await ann.say("m1", "delivery")
    asked_back = await ann.until("event", author="bot")
    assert asked_back["decision"] == "clarify", asked_back
    await ann.send(type="action", client_msg_id="c1", action="choose", value=asked_back["choices"][0]["entry_id"])
    answer = await ann.until("event", author="bot", turn=2)
    assert answer["decision"] == "answer"
    assert answer["sources"][0]["entry_id"] == asked_back["choices"][0]["entry_id"]
    await ann.close()


async def test_a_token_brings_the_visitor_back_to_the_same_conversation(server, key):
    phone = await Visitor.connect(server.url, key=key)
    welcome = await phone.until("welcome")
    tablet = await Visitor.connect(server.url, token=welcome["token"])
    assert (await tablet.until("welcome"))["conversation"] == welcome["conversation"]

    await phone.say("m1", "hello")
    await phone.until("event", author="bot")
    await tablet.until("event", author="bot")
    assert [event["id"] for event in tablet.events] == [event["id"] for event in phone.events]
    await phone.close()
    await tablet.close()


@pytest.mark.parametrize(
    ("hello", "code"), [({"key": "wk_wrong"}, 3500), ({"token": "x.y.z"}, 3500), ({}, 3500)], ids=str
)
async def test_a_wrong_credential_is_turned_away_for_good(server, hello, code):
    stranger = await Visitor.connect(server.url, **hello)
    assert await stranger.closed() == code
    await stranger.http.close()


async def test_after_sigterm_visitors_are_told_to_come_back_and_the_successor_has_everything(another):
    home, key = another
    with RunningServer(home, drain_s="3") as server:
        ann = await Visitor.connect(server.url, key=key)
        welcome = await ann.until("welcome")
        await ann.say("m1", "hello")
        await ann.until("event", author="bot")

        ending = asyncio.create_task(asyncio.to_thread(server.terminate))
        assert await ann.closed() == 3001
        assert "goaway" in [frame["type"] for frame in ann.frames]
        assert await ending == 0
        await ann.http.close()

        await asyncio.to_thread(server.start)
        resume = {"conversation": welcome["conversation"], "last_seq": 1}
        again = await Visitor.connect(server.url, token=welcome["token"], resume=resume)
        back = await again.until("welcome")
        assert back["recovered"]
        assert [event["seq"] for event in back["events"]] == [2, 3]
        await again.close()


async def test_what_was_acknowledged_survives_kill_9_and_is_answered_by_the_successor(another):
    home, key = another
    with RunningServer(home) as server:
        ann = await Visitor.connect(server.url, key=key)
        welcome = await ann.until("welcome")
        await ann.say("m1", "原价商品几天内可以退货？")
        ack = await ann.until("ack", client_msg_id="m1")
        await asyncio.to_thread(server.kill)
        await ann.http.close()

        await asyncio.to_thread(server.start)
        resume = {"conversation": welcome["conversation"], "last_seq": 1}
        again = await Visitor.connect(server.url, token=welcome["token"], resume=resume)
        await again.until("welcome")
        if not any(event["author"] == "bot" for event in again.events):
            await again.until("event", author="bot")
        await again.say("m1", "原价商品几天内可以退货？")
        assert (await again.until("ack", client_msg_id="m1"))["seq"] == ack["seq"]

        assert [event["author"] for event in again.events] == ["visitor", "bot"]
        await again.close()


async def test_a_rolling_restart_refuses_nobody_and_loses_nothing(another):
    home, key = another
    with RunningServer(home, drain_s="3") as server:
        ann = await Visitor.connect(server.url, key=key)
        welcome = await ann.until("welcome")
        before = server.serving
        restarting = asyncio.create_task(asyncio.to_thread(server.restart))
        assert await ann.closed() == 3001
        again = await Visitor.connect(server.url, token=welcome["token"])  # waits in the backlog, is not refused
        assert (await again.until("welcome"))["conversation"] == welcome["conversation"]
        await restarting

        assert server.serving != before
        await again.close()
        await ann.http.close()


async def test_a_serving_process_that_dies_is_replaced(another):
    home, key = another
    with RunningServer(home) as server:
        ann = await Visitor.connect(server.url, key=key)
        welcome = await ann.until("welcome")
        await asyncio.to_thread(server.kill_serving)
        await ann.http.close()

        again = await Visitor.connect(server.url, token=welcome["token"])
        assert (await again.until("welcome", within_s=60))["conversation"] == welcome["conversation"]
        await again.close()


def test_a_second_server_on_the_same_log_is_refused_in_one_line(installation, server):
    done = serve_in_vain(installation[0], KEFU_SERVER_PORT="0")
    assert "Another process writes to" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_that_is_taken_is_one_clear_line(installation, server):
    done = serve_in_vain(installation[0], KEFU_SERVER_PORT=str(server.port))
    assert f"cannot listen on 127.0.0.1:{server.port}" in done.stderr
    assert "Traceback" not in done.stderr


def serve_in_vain(home, **variables):
    done = subprocess.run(
        [sys.executable, str(ROOT / "kefu.py"), "serve"],
        capture_output=True, text=True, env=environ(home, **variables), timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    return done
