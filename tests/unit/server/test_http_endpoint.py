"""The protocol over HTTP: the same conversation, the same limits, and nothing in addresses."""

import asyncio
import json

import pytest

from server.connections.endpoint import AccessSettings
from server.connections.outbox import OutboxLimits
from server.connections.peer import ConnectionSettings
from server.connections.rates import Rate
from tests.fakes.chat import PAGE, open_chat

WAYS = ("stream", "poll")


@pytest.fixture
async def chat():
    async with open_chat() as chat:
        yield chat


async def greeted(chat, way, *, token="ann", **hello):
    visitor = chat.visitor()
    await getattr(visitor, way)(token=token, **hello)
    welcome = await visitor.until("welcome")
    return visitor, welcome


async def until(condition, within_s=30.0):
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 (of what changes inside)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("way", WAYS)
async def test_a_message_is_acknowledged_shown_and_answered_as_over_a_websocket(chat, way):
    visitor, welcome = await greeted(chat, way)
    assert [event["kind"] for event in welcome["events"]] == ["opened"]

    assert await visitor.say("m1", "你好\u2028!") == 204
    ack = await visitor.until("ack", client_msg_id="m1")
    reply = await visitor.until("event", author="bot")
    assert (ack["seq"], reply["seq"], reply["text"]) == (2, 3, "re: 你好\u2028!")


@pytest.mark.parametrize("way", WAYS)
async def test_who_comes_back_gets_exactly_what_was_missed_by_whatever_way(chat, way):
    visitor, welcome = await greeted(chat, way)
    visitor.leave()
    other, _ = await greeted(chat, "stream")
    await other.say("m1", "hello")
    await other.until("event", author="bot")

    resume = {"conversation": welcome["conversation"], "last_seq": 1}
    _, again = await greeted(chat, way, resume=resume)
    assert again["recovered"]
    assert [event["seq"] for event in again["events"]] == [2, 3]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("hello", "code"),
    [({"token": "old"}, 3005), ({"token": "?"}, 3500), ({"token": {"$ne": ""}}, 3501)],
    ids=["old", "wrong", "operator"],
)
async def test_who_is_not_let_in_is_told_by_the_close_code_of_the_protocol(chat, way, hello, code):
    visitor = chat.visitor()
    await getattr(visitor, way)(**hello)
    assert await visitor.closed() == code
    await until(lambda: not len(chat.endpoint))


@pytest.mark.parametrize("what", ["stream", "poll"])
@pytest.mark.parametrize("body", [b"", b"garbage", b"[]", b"[" * 60_000, b'{"type":"say"}', b'\xff{"type":"hello"}'])
async def test_a_session_is_not_opened_by_anything_but_a_hello(chat, what, body):
    visitor = chat.visitor()
    async with visitor.post(what, body) as answer:
        text = await answer.text()
    assert answer.status == 400 or '"code":3501' in text
    await until(lambda: not len(chat.endpoint))


async def test_a_page_that_may_not_connect_is_refused_and_one_that_may_can_read_the_answer(chat):
    stranger = chat.visitor(origin="https://evil.example")
    assert await stranger.poll(token="ann") == 403
    page = chat.visitor(origin=PAGE)
    async with page.post("poll", {"type": "hello", "token": "ann"}) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        assert answer.headers["Cache-Control"].startswith("no-store")
    assert await stranger.send() == 403


async def test_only_the_page_that_opened_a_session_goes_on_with_it(chat):
    page = chat.visitor(origin=PAGE)
    await page.poll(token="ann")
    thief = chat.visitor()
    thief.session = page.session

    assert await thief.poll() == 404
    assert await thief.say("m1", "I am ann") == 404
    assert await page.say("m1", "I am") == 204


async def test_a_session_is_gone_with_its_stream(chat):
    visitor, _ = await greeted(chat, "stream")
    assert (len(chat.endpoint), len(chat.connections)) == (1, 1)
    visitor.leave()

    await until(lambda: not len(chat.connections))
    assert await visitor.say("m1", "hello?") == 404


async def test_a_goodbye_ends_a_session_at_once(chat):
    visitor, _ = await greeted(chat, "poll")
    await visitor.send(bye=True)

    await until(lambda: not len(chat.connections))
    assert await visitor.poll() == 404


async def test_a_session_that_nobody_polls_is_asked_for_a_sign_of_life_and_ended():
    async with open_chat(ConnectionSettings(ping_s=1, pong_s=1)) as chat:
        heartbeats = asyncio.create_task(chat.connections.watch())
        await greeted(chat, "poll")
        await until(lambda: not len(chat.connections))
        assert chat.connections.closed["no_pong"] == 1
        heartbeats.cancel()


async def test_polls_are_signs_of_life():
    async with open_chat(ConnectionSettings(ping_s=1, pong_s=1)) as chat:
        heartbeats = asyncio.create_task(chat.connections.watch())
        visitor, _ = await greeted(chat, "poll")
        assert [await visitor.poll() for _ in range(4)] == [200] * 4  # each is answered by a ping
        assert visitor.close_code is None
        heartbeats.cancel()


async def test_a_silent_stream_is_asked_for_a_sign_of_life_and_stays_if_it_gives_one():
    async with open_chat(ConnectionSettings(ping_s=1, pong_s=1)) as chat:
        heartbeats = asyncio.create_task(chat.connections.watch())
        visitor, _ = await greeted(chat, "stream")
        for _ in range(2):
            await visitor.until("ping")
            await visitor.send({"type": "pong"})
        assert len(chat.connections) == 1
        await until(lambda: not len(chat.connections))
        heartbeats.cancel()


@pytest.mark.parametrize("way", WAYS)
async def test_who_does_not_fetch_is_ended_and_loses_nothing(way):
    outbox = OutboxLimits(max_frames=5)
    async with open_chat(ConnectionSettings(outbox=outbox, write_s=0.5)) as chat:
        slow, _ = await greeted(chat, "poll", token="ann")
        phone, _ = await greeted(chat, way, token="ann")
        for number in range(60):
            await phone.say(f"m{number}", "x" * 4000)
            await phone.until("ack", client_msg_id=f"m{number}")
            if chat.connections.closed["slow"]:
                break
        assert chat.connections.closed["slow"] == 1
        assert await slow.poll() == 404
        _, again = await greeted(chat, "poll", token="ann")
        assert again["last_seq"] >= number


async def test_frames_of_one_connection_are_limited_and_refused_by_name():
    access = AccessSettings(frames=Rate(burst=2, per_minute=2))
    async with open_chat(access=access) as chat:
        visitor, _ = await greeted(chat, "stream")
        says = [{"type": "say", "client_msg_id": f"m{number}", "text": "hi"} for number in range(3)]
        await visitor.send(*says)
        refused = await visitor.until("error")
        assert (refused["code"], refused["client_msg_id"]) == ("rate_limited", "m2")


async def test_connections_of_an_address_and_of_a_visitor_are_counted_whatever_carries_them():
    async with open_chat(access=AccessSettings(per_address=2)) as chat:
        await greeted(chat, "stream")
        await greeted(chat, "poll")
        third = chat.visitor()
        assert await third.poll(token="ann") == 429
        assert (await third.stream(token="ann")).answer.status == 429
        assert chat.connections.refused["", "http_429"] == 2
    async with open_chat(access=AccessSettings(per_visitor=1)) as chat:
        await greeted(chat, "poll")
        second = await chat.visitor().stream(token="ann")
        assert await second.closed() == 3504


async def test_a_body_larger_than_a_frame_may_be_is_refused(chat):
    visitor, _ = await greeted(chat, "poll")
    for text in ("x" * 70_000, "x" * 65_536):
        assert await visitor.say("m1", text) == 413
    assert await visitor.send(*[{"type": "ping"}] * 17) == 413
    assert await visitor.say("m1", "x" * 8000) == 204
    await visitor.until("ack", client_msg_id="m1")


async def test_bad_frames_are_forgiven_a_few_times_and_then_end_the_session(chat):
    visitor, _ = await greeted(chat, "poll")
    await visitor.send(*[{"type": "nonsense"}] * 6)
    assert await visitor.closed() == 3501
    assert [frame["code"] for frame in visitor.frames if frame["type"] == "error"] == ["bad_frame"] * 5


async def test_one_request_of_a_kind_at_a_time(chat):
    visitor, _ = await greeted(chat, "poll")
    first = asyncio.create_task(visitor.poll())
    await until(lambda: any(session.fetching for session in chat.endpoint._sessions.values()))
    assert await visitor.poll() == 409
    await visitor.say("m1", "hello")
    assert await first == 200


async def test_everybody_is_sent_away_with_the_time_to_come_back():
    async with open_chat() as chat:
        streaming, _ = await greeted(chat, "stream", token="ann")
        polling, _ = await greeted(chat, "poll", token="bob")
        held = asyncio.create_task(polling.closed())
        await until(lambda: all(session.fetching for session in chat.endpoint._sessions.values()))
        await chat.connections.drain(within_s=10)

        assert await streaming.closed() == 3001
        assert await held == 3001
        for visitor in (streaming, polling):
            assert visitor.frames[-1]["type"] == "goaway"
        assert await chat.visitor().poll(token="ann") == 503


async def test_a_revoked_key_ends_sessions(chat):
    visitor, _ = await greeted(chat, "stream")
    assert chat.connections.revoke(lambda connection: True) == 1
    assert await visitor.closed() == 3505


async def test_what_is_written_of_a_reply_comes_piece_by_piece(chat):
    chat.bot.pieces = ("Re", "turns")
    visitor, _ = await greeted(chat, "stream")
    await visitor.say("m1", "hello")
    await visitor.until("event", author="bot")
    assert "".join(frame["text"] for frame in visitor.frames if frame["type"] == "chunk") == "Returns"


async def test_no_secret_is_in_an_address_and_no_proxy_may_keep_an_answer(chat):
    visitor, _ = await greeted(chat, "stream")
    assert visitor.answer.url.path == "/v1/http/stream"
    assert not visitor.answer.url.query
    assert visitor.answer.headers["X-Accel-Buffering"] == "no"
    assert "no-transform" in visitor.answer.headers["Cache-Control"]
    assert len(visitor.session) >= 32
    assert json.dumps(visitor.session) not in str(visitor.answer.headers)
