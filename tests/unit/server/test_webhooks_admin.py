"""What administrators do with webhooks, by hand and by the command line."""

import asyncio
import json
import re
import stat
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random

import pytest
from aiohttp import web
from standardwebhooks.webhooks import Webhook

import kefu
from server.errors import BadCommand
from server.events.deliveries import Deliveries, Wanted
from server.events.guard import AddressRefused, Guard
from server.events.onward import _messages
from server.events.outgoing import Outgoing
from server.events.retries import Breaker, Retries
from server.events.subscriptions import PER_WORKSPACE, Subscriptions
from server.events.webhooks import KINDS, Delivered, Failed, Gone, Sender, Webhooks
from server.ids import derived_id, to_text
from server.stores.protocols import Onward
from tests.fakes.receiver import Receiver, refuse

LOCAL = Guard.allowing(["127.0.0.1"])


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = await Receiver(answer=echo).start()
    yield made
    await made.stop()


@pytest.fixture
async def admin(tmp_path: Path) -> AsyncIterator[Webhooks]:
    subscriptions, deliveries = Subscriptions(tmp_path / "w.db"), Deliveries(tmp_path / "w.db")
    outgoing = Outgoing(LOCAL, deadline_s=0.5)
    yield Webhooks(subscriptions, deliveries, outgoing)
    await outgoing.close()
    subscriptions.close()
    deliveries.close()


async def echo(request: web.Request, body: bytes) -> web.StreamResponse:
    return web.json_response({"challenge": json.loads(body)["challenge"]})


async def echo_as_text(request: web.Request, body: bytes) -> web.StreamResponse:
    return web.Response(text=json.loads(body)["challenge"] + "\n")


async def echo_all(request: web.Request, body: bytes) -> web.StreamResponse:
    return web.Response(body=body + b" ")


@pytest.mark.parametrize("answer", [echo, echo_as_text, echo_all], ids=["json", "text", "the whole body"])
async def test_a_receiver_that_echoes_the_challenge_is_added(admin, receiver, answer):
    receiver.answer = answer
    added = await admin.add("acme", receiver.url, kinds=["reply.created"])

    assert [each.id for each, _ in admin.all("acme")] == [added.id]
    (call,) = receiver.calls
    assert call.json["type"] == "webhook.challenge"
    assert Webhook(added.secrets[0]).verify(call.body.decode(), call.headers)


async def test_a_receiver_that_does_not_know_of_us_is_not_added(admin, receiver):
    async def wrong(request: web.Request, body: bytes) -> web.StreamResponse:
        return web.json_response({"challenge": "something else"})

    async def created(request: web.Request, body: bytes) -> web.StreamResponse:
        response = await echo(request, body)
        response.set_status(202)
        return response

    for answer in (wrong, created, refuse(200), refuse(404), refuse(302, Location="/echo")):
        receiver.answer = answer
        with pytest.raises(BadCommand, match="did not pass the challenge"):
            await admin.add("acme", receiver.url)
    assert admin.all("acme") == []


async def test_a_receiver_that_does_not_answer_is_not_added_unless_the_challenge_is_left_out(admin, receiver):
    await receiver.stop()
    with pytest.raises(BadCommand, match="did not answer the challenge"):
        await admin.add("acme", receiver.url)
    await admin.add("acme", receiver.url, challenge=False)
    assert len(admin.all("acme")) == 1


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/", "https://user:pw@hooks.example/", "https://169.254.169.254/latest", "https://[::1]/"]
)
@pytest.mark.parametrize("challenge", [True, False], ids=["challenge", "no challenge"])
async def test_an_address_inside_is_refused_with_and_without_a_challenge(admin, url, challenge):
    with pytest.raises(AddressRefused):
        await admin.add("acme", url, challenge=challenge)


async def test_the_challenge_is_not_a_way_around_the_guard(admin):
    async def inside(host: str, port: int) -> list[str]:
        return ["169.254.169.254"]

    admin._outgoing = Outgoing(Guard(), lookup=inside)
    with pytest.raises(AddressRefused, match=r"hooks\.example is at 169\.254\.169\.254"):
        await admin.add("acme", "https://hooks.example/")
    await admin._outgoing.close()
    assert admin.all("acme") == []


async def test_an_unknown_kind_of_message_is_refused_with_the_known_ones(admin):
    with pytest.raises(BadCommand, match=r"no kind of message; there are conversation\.opened"):
        await admin.add("acme", "http://127.0.0.1/", kinds=["message.delete"], challenge=False)


def test_every_kind_that_is_told_can_be_subscribed_to():
    source = Path(_messages.__code__.co_filename).read_text("utf-8")
    assert set(re.findall(r'yield \(?\s*"([a-z.]+)"', source)) == set(KINDS)


async def test_another_workspace_cannot_do_anything_with_our_webhook(admin):
    ours = await admin.add("acme", "http://127.0.0.1/", challenge=False)

    assert admin.all("globex") == []
    for act in (admin.get, admin.remove, admin.rotate, admin.retire, admin.enable, admin.dead, admin.redeliver):
        with pytest.raises(BadCommand, match="has no webhook"):
            act("globex", ours.id)
    assert admin.get("acme", ours.id) == ours


async def test_the_same_receiver_is_not_added_twice_and_a_workspace_has_a_limit(admin):
    await admin.add("acme", "http://127.0.0.1/", challenge=False)
    with pytest.raises(BadCommand, match="already"):
        await admin.add("acme", "http://127.0.0.1/", challenge=False)
    for number in range(1, PER_WORKSPACE):
        await admin.add("acme", f"http://127.0.0.1/{number}", challenge=False)
    with pytest.raises(BadCommand, match="at most"):
        await admin.add("acme", "http://127.0.0.1/more", challenge=False)
    await admin.add("globex", "http://127.0.0.1/", challenge=False)


async def test_two_secrets_are_live_at_most(admin):
    first = await admin.add("acme", "http://127.0.0.1/", challenge=False)
    second = admin.rotate("acme", first.id)
    third = admin.rotate("acme", first.id)

    assert second.secrets == (second.secrets[0], first.secrets[0])
    assert third.secrets == (third.secrets[0], second.secrets[0])
    assert admin.retire("acme", first.id).secrets == third.secrets[:1]


async def test_secrets_are_in_a_file_that_others_cannot_read(admin, tmp_path):
    await admin.add("acme", "http://127.0.0.1/", challenge=False)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("w.db*")} == {0o600}


async def test_dead_letters_are_redelivered_by_their_id_only_if_there_are_such(admin):
    ours = await admin.add("acme", "http://127.0.0.1/", challenge=False)
    for message in ("nonsense", to_text(derived_id("another"))):
        with pytest.raises(BadCommand):
            admin.redeliver("acme", ours.id, message)
    assert admin.redeliver("acme", ours.id) == 0


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (200, {}, Delivered()),
        (204, {}, Delivered()),
        (410, {}, Gone()),
        (302, {"Location": "http://169.254.169.254/"}, Failed(reason="HTTP 302; redirects are not followed")),
        (404, {}, Failed(reason="HTTP 404")),
        (503, {"Retry_After": "120"}, Failed(reason="HTTP 503", retry_after_s=120.0)),
        (429, {"Retry_After": "Thu, 01 Jan 1970 00:10:00 GMT"}, Failed(reason="HTTP 429", retry_after_s=540.0)),
        (429, {"Retry_After": "Thu, 01 Jan 1970 00:00:10 -0000"}, Failed(reason="HTTP 429", retry_after_s=0.0)),
        (500, {"Retry_After": "-5"}, Failed(reason="HTTP 500")),
        (500, {"Retry_After": "Mon, 99 Foo 0000"}, Failed(reason="HTTP 500")),
        (500, {"Retry_After": "9" * 400}, Failed(reason="HTTP 500", retry_after_s=999_999_999.0)),
    ],
)
async def test_answers_are_understood(admin, receiver, status, headers, expected):
    receiver.answer = refuse(status, **headers)
    subscription = await admin.add("acme", receiver.url, challenge=False)
    sender = Sender(admin._outgoing, now_ms=lambda: 60_000)

    assert await sender.send(subscription, derived_id("m"), b"{}") == expected


async def test_a_name_that_leads_inside_only_later_is_a_failure_like_others(admin):
    async def inside(host: str, port: int) -> list[str]:
        return ["10.0.0.1"]

    subscription = await admin.add("acme", "https://hooks.example/", challenge=False)
    outgoing = Outgoing(Guard(), lookup=inside)
    outcome = await Sender(outgoing).send(subscription, derived_id("m"), b"{}")
    await outgoing.close()

    assert isinstance(outcome, Failed)
    assert "not on the public internet" in outcome.reason


def test_waits_grow_over_a_day_and_then_end():
    retries, middle = Retries(), lambda: 0.5
    waits = [retries.wait_s(attempts, None, middle) for attempts in range(1, 9)]

    assert waits[0] == 5.0
    assert waits[-1] is None
    assert 23.5 < sum(wait for wait in waits if wait) / 3600 < 24.5
    assert [retries.wait_s(1, asked, middle) for asked in (1.0, 60.0, 10.0**9)] == [5.0, 60.0, 86_400.0]


def test_waits_differ_by_a_tenth_either_way():
    random = Random(3)
    waits = [Retries().wait_s(3, None, random.random) or 0.0 for _ in range(500)]
    middle = 5 * 4.9**2
    assert 0.9 * middle <= min(waits) < 0.92 * middle
    assert 1.08 * middle < max(waits) <= 1.1 * middle


def test_after_five_failures_in_a_row_one_call_at_a_time_tries_whether_the_receiver_is_back():
    breaker, never = Breaker(), lambda: 0.0
    for _ in range(4):
        breaker.failed(1000, never)
    assert breaker.allowed(1000, 8) == 8
    for _ in range(4):  # all of them were on their way together
        breaker.failed(1000, never)
    assert (breaker.allowed(1001, 8), breaker.until) == (0, 16_000)
    assert breaker.allowed(16_000, 8) == 1
    breaker.failed(16_000, never)
    assert breaker.until == 46_000
    assert breaker.succeeded()
    assert breaker.allowed(46_000, 8) == 8
    assert not breaker.succeeded()


def test_a_queue_gives_one_message_of_each_conversation_and_the_next_when_that_is_done(tmp_path):
    deliveries = Deliveries(tmp_path / "w.db")
    rows = [
        Onward(
            id=derived_id(number), workspace="acme", conversation=conversation, kind="k", at=1, body=b"",
            position=number,
        )
        for number, conversation in enumerate([b"a", b"a", b"b", b"a"], start=1)
    ]  # fmt: skip
    wanted = [Wanted(message=row, subscriptions=("one", "two")) for row in rows]

    assert deliveries.take(wanted, 5) == []
    assert deliveries.take(wanted, 6) == []  # again: nothing changes
    first, other = deliveries.due("one", 5, 10)
    assert (first.position, other.position) == (1, 3)
    assert not deliveries.done(first, 7)  # "two" waits for it
    assert [each.position for each in deliveries.due("one", 7, 10)] == [3, 2]
    assert deliveries.done(deliveries.due("two", 7, 10)[0], 8)
    assert [place.position for place in deliveries.take(wanted, 9)] == [1]
    assert deliveries.next_at("one", 9) is None
    deliveries.close()


class _Loop:
    """A receiver in a thread of its own, for commands, which run a loop themselves."""

    def __init__(self) -> None:
        self.receiver = Receiver(answer=echo)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        asyncio.run_coroutine_threadsafe(self.receiver.start(), self.loop).result(10)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.receiver.stop(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("KEFU_HOME", str(tmp_path))
    monkeypatch.setenv("KEFU_SERVER_WEBHOOK_ALLOW", "127.0.0.1")
    monkeypatch.setenv("COLUMNS", "200")
    made = _Loop()
    yield made.receiver
    made.close()


def test_the_command_line_adds_lists_rotates_and_removes(outside, capsys):
    assert kefu.main(["webhooks", "add", outside.url, "--kind", "reply.created"]) == 0
    printed = capsys.readouterr().out
    name, secret = printed.split()[1], printed.split()[3]
    Webhook(secret).verify(outside.calls[0].body.decode(), outside.calls[0].headers)

    assert kefu.main(["webhooks", "rotate", name]) == 0
    assert capsys.readouterr().out.split()[1] not in ("", secret)
    assert kefu.main(["webhooks", "list"]) == 0
    listed = capsys.readouterr().out
    assert name in listed
    assert "2 secrets" in listed
    assert secret not in listed
    assert kefu.main(["webhooks", "rotate", name, "--retire"]) == 0
    assert kefu.main(["webhooks", "dead", name]) == 0
    assert kefu.main(["webhooks", "redeliver", name]) == 0
    assert kefu.main(["webhooks", "disable", name]) == 0
    assert kefu.main(["webhooks", "list"]) == 0
    printed = capsys.readouterr().out
    assert "0 messages are sent again" in printed
    assert "disabled by hand" in printed
    assert kefu.main(["webhooks", "enable", name]) == 0
    assert kefu.main(["webhooks", "remove", name]) == 0
    assert kefu.main(["webhooks", "remove", name]) == 2
    assert "has no webhook" in capsys.readouterr().err


def test_the_command_line_says_why_an_address_is_refused(outside, capsys):
    assert kefu.main(["webhooks", "add", "http://10.0.0.1/"]) == 2
    assert "10.0.0.1 is at 10.0.0.1, which is not on the public internet" in capsys.readouterr().err
    outside.answer = refuse(404)
    assert kefu.main(["webhooks", "add", outside.url]) == 2
    assert "did not pass the challenge (HTTP 404)" in capsys.readouterr().err
    assert kefu.main(["webhooks", "add", outside.url, "--no-challenge"]) == 0
