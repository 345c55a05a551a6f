"""Calls to addresses that users gave: over real sockets, to receivers that mean no good."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from server.events.guard import AddressRefused, Guard
from server.events.outgoing import CallFailed, Outgoing, look_up
from tests.fakes.receiver import Receiver, refuse

SERVER = Path(__file__).resolve().parents[3] / "server"
LOCAL = Guard.allowing(["127.0.0.0/8", "hooks.test"])


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = await Receiver().start()
    yield made
    await made.stop()


class Names:
    """A name server that answers what it is told to, the last answer for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def post(outgoing: Outgoing, url: str) -> aiohttp.ClientResponse:
    try:
        return await outgoing.post(url, b"{}", {"webhook-id": "m1"})
    finally:
        await outgoing.close()


async def test_a_call_goes_to_the_address_that_the_name_has_with_the_name_in_it(receiver):
    answer = await post(Outgoing(LOCAL, lookup=Names(["127.0.0.1"])), f"http://hooks.test:{receiver.port}/a?b=1")

    assert (answer.status, answer.complete) == (204, True)
    assert receiver.calls[0].host == f"hooks.test:{receiver.port}"


async def test_a_public_name_that_leads_inside_is_refused_and_nobody_is_called(receiver):
    for address in ("127.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"):
        with pytest.raises(AddressRefused):
            await post(Outgoing(Guard(), lookup=Names([address])), "https://169.254.169.254.nip.test/latest")
    assert receiver.calls == []


async def test_a_name_with_one_address_inside_is_refused_before_any_is_tried():
    outgoing = Outgoing(Guard.allowing(["127.0.0.1"]), lookup=Names(["127.0.0.1", "10.0.0.1"]))
    with pytest.raises(AddressRefused, match=r"mixed\.test is at 10\.0\.0\.1"):
        await post(outgoing, "https://mixed.test/")


async def test_a_name_that_answers_differently_the_second_time_is_not_asked_a_second_time(receiver):
    """The address that was checked is the one that is called: with this port, only loopback would answer."""
    names = Names(["127.0.0.9", "127.0.0.1"], ["10.0.0.1"])  # nobody listens at the first
    guard = Guard.allowing(["127.0.0.0/8", "rebound.test"])

    answer = await post(Outgoing(guard, lookup=names), f"http://rebound.test:{receiver.port}/")

    assert answer.status == 204
    assert names.asked == ["rebound.test"]


async def test_a_rebound_name_is_checked_again_for_the_next_connection():
    names = Names(["203.0.113.1"], ["127.0.0.1"])
    outgoing = Outgoing(Guard.allowing(["203.0.113.0/24"]), lookup=names, deadline_s=0.05)
    with pytest.raises(CallFailed):  # a documentation address: no machine has it
        await outgoing.post("https://rebound.test/", b"", {})
    with pytest.raises(AddressRefused, match=r"127\.0\.0\.1"):
        await post(outgoing, "https://rebound.test/")


async def test_a_socket_to_a_private_address_is_never_made_however_it_is_asked_for(receiver):
    """Addresses in digits do not pass the resolver; the last check stands where sockets are made."""
    outgoing = Outgoing(Guard())
    with pytest.raises(AddressRefused):
        await outgoing._open().get(f"http://127.0.0.1:{receiver.port}/")
    await outgoing.close()
    assert receiver.calls == []


async def test_a_redirect_is_not_followed(receiver):
    receiver.answer = refuse(307, Location="/secret")

    answer = await post(Outgoing(LOCAL), receiver.url)

    assert (answer.status, len(receiver.calls)) == (307, 1)


async def test_proxies_of_the_environment_are_not_used(receiver, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)

    assert (await post(Outgoing(LOCAL), receiver.url)).status == 204


async def test_cookies_are_not_kept_and_nothing_of_ours_is_told(receiver):
    receiver.answer = refuse(200, Set_Cookie="a=b")
    outgoing = Outgoing(LOCAL)
    await outgoing.post(receiver.url, b"{}", {})
    await post(outgoing, receiver.url)

    assert "cookie" not in receiver.calls[1].headers
    assert "authorization" not in receiver.calls[1].headers
    assert receiver.calls[1].headers["user-agent"] == "kefu"


async def test_of_an_endless_answer_only_the_beginning_is_read(receiver):
    sent = 0

    async def endless(request: web.Request, body: bytes) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(16_384))
            sent += 16_384

    receiver.answer = endless
    answer = await post(Outgoing(LOCAL), receiver.url)

    assert (answer.status, len(answer.body), answer.complete) == (200, 64 * 1024, False)
    assert sent < 30_000_000  # what fits into socket buffers


async def test_a_compressed_answer_is_not_unpacked(receiver):
    receiver.answer = refuse(200, Content_Encoding="gzip")
    assert (await post(Outgoing(LOCAL), receiver.url)).status == 200


async def test_a_receiver_that_never_answers_is_given_up(receiver):
    never = asyncio.Event()

    async def silent(request: web.Request, body: bytes) -> web.StreamResponse:
        await never.wait()
        return web.Response()

    receiver.answer = silent
    with pytest.raises(CallFailed, match="no answer within"):
        await post(Outgoing(LOCAL, deadline_s=0.1), receiver.url)
    never.set()


async def test_a_name_server_that_never_answers_counts_towards_the_same_deadline():
    async def silent(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    with pytest.raises(CallFailed, match="no answer within"):
        await post(Outgoing(Guard(), lookup=silent, deadline_s=0.05), "https://hooks.test/")


@pytest.mark.parametrize("names", [Names([]), look_up], ids=["no address", "unknown name"])
async def test_a_name_without_addresses_is_a_failed_call(names):
    with pytest.raises(CallFailed):
        await post(Outgoing(Guard(), lookup=names), "https://hooks.invalid/")


async def test_a_refused_connection_is_a_failed_call(receiver):
    await receiver.stop()
    with pytest.raises(CallFailed):
        await post(Outgoing(LOCAL), receiver.url)


def test_no_other_client_in_the_server_calls_addresses_that_users_gave():
    """Addresses of the operator's own, such as a language model's, are not users'."""
    clients = re.compile(r"ClientSession\(|import (httpx|requests)|from (httpx|requests|urllib\.request)|urlopen\(")
    found = {str(path.relative_to(SERVER)) for path in SERVER.rglob("*.py") if clients.search(path.read_text("utf-8"))}

    assert found - {"client/aio.py", "client/blocking.py"} == {"events/outgoing.py"}  # visitors' side calls the server
