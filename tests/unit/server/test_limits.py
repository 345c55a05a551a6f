"""How much one visitor, one address and one workspace may do, and how they are told apart."""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from server.access.gate import WidgetGate
from server.access.keys import Keys
from server.access.tokens import Tokens
from server.api.problems import REFUSED, as_problems
from server.api.reading import read_body
from server.api.webhooks import Redelivery
from server.connections.address import Proxies, limited_by
from server.connections.addressing import addressing
from server.connections.endpoint import AccessSettings, Connections
from server.connections.rates import Crowds, Rate
from server.conversations.hub import Hub
from server.conversations.service import Conversations
from server.stores.memory import MemoryLog
from tests.fakes.bot import ScriptedBot

LOOPBACK = Proxies(["127.0.0.0/8", "::1/128"])
CHAIN = Proxies(["127.0.0.0/8", "10.0.0.0/8"])


@pytest.mark.parametrize(
    ("remote", "forwarded", "visitor"),
    [
        ("127.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("127.0.0.1", ["198.51.100.1, 203.0.113.7"], "203.0.113.7"),  # the first is the visitor's own word
        ("127.0.0.1", ["198.51.100.1", "203.0.113.7"], "203.0.113.7"),
        ("203.0.113.7", ["198.51.100.1"], "203.0.113.7"),  # no proxy of ours: nothing of it is believed
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["127.0.0.1"], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.7:4711"], "203.0.113.7"),
        ("127.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("127.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        ("127.0.0.1", ["evil, <script>"], "unknown"),
        ("::1", [" , 203.0.113.7 ,"], "203.0.113.7"),
        ("::ffff:127.0.0.1", ["203.0.113.7"], "203.0.113.7"),
    ],
)
def test_where_a_request_comes_from_is_what_our_proxies_say_and_nothing_before(remote, forwarded, visitor):
    assert LOOPBACK.visitor_of(remote, forwarded) == visitor


def test_a_chain_of_our_proxies_is_followed_to_its_beginning():
    assert CHAIN.visitor_of("127.0.0.1", ["198.51.100.1, 203.0.113.7, 10.1.1.1, 10.2.2.2"]) == "203.0.113.7"


def test_without_proxies_nobody_is_believed():
    assert Proxies().visitor_of("127.0.0.1", ["203.0.113.7"]) == "127.0.0.1"


def test_all_addresses_of_an_ipv6_network_are_one():
    assert limited_by("2001:db8:1:2:3::4") == limited_by("2001:db8:1:2:ffff::") != limited_by("2001:db8:1:3::")
    assert limited_by("203.0.113.7") == "203.0.113.7"
    assert limited_by("::ffff:203.0.113.7") == "::ffff:203.0.113.7"


@pytest.mark.parametrize("wrong", ["10.0.0.1/8", "proxy.example", ""])
def test_a_network_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match=r"does not appear|has host bits"):
        Proxies([wrong])


def test_an_address_a_workspace_and_nobody_else_are_limited_together():
    crowds = Crowds(Rate(burst=2, per_minute=60), Rate(burst=3, per_minute=60))
    assert [crowds.wait_s(workspace="acme", address="a") for _ in range(2)] == [0, 0]
    assert 0 < crowds.wait_s(workspace="acme", address="a") <= 1
    assert crowds.wait_s(workspace="acme", address="b") == 0
    assert crowds.wait_s(workspace="acme", address="c") > 0  # the workspace's three are used up
    assert crowds.wait_s(workspace="globex", address="d") == 0


def test_an_address_that_stands_for_many_is_not_limited():
    crowds = Crowds(Rate(burst=1, per_minute=60), Rate(burst=10, per_minute=60))
    assert [crowds.wait_s(workspace="acme", address="") for _ in range(10)] == [0] * 10


def test_other_rates_hold_at_once():
    crowds = Crowds(Rate(burst=1, per_minute=60), Rate(burst=1, per_minute=60))
    crowds.configure(Rate(burst=1, per_minute=60), Rate(burst=100, per_minute=6000))
    assert crowds.wait_s(workspace="acme", address="") == 0
    assert crowds.wait_s(workspace="acme", address="") < 0.02


# -- over real sockets


@asynccontextmanager
async def door(tmp_path, *proxies, **access):
    """A server; gives what says hello from an address, and gives the status of the handshake and its Retry-After."""
    keys, bot = Keys(tmp_path / "keys.db"), ScriptedBot()
    bot.gate.set()
    service = Conversations(MemoryLog(), Hub(), bot)
    connections = Connections(service, WidgetGate(keys, Tokens(b"s" * 32)), access=AccessSettings(**access))
    app = web.Application(middlewares=[addressing(lambda: proxies)])
    app.router.add_get("/v1/ws", connections.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    key, live = keys.add_widget("acme", kb="shop").id, []
    async with aiohttp.ClientSession() as http:

        async def hello(address=""):
            headers = {"X-Forwarded-For": address} if address else {}
            try:
                url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/ws"
                live.append(await http.ws_connect(url, headers=headers))
            except aiohttp.WSServerHandshakeError as error:
                return error.status, int(error.headers["Retry-After"])
            await live[-1].send_json({"type": "hello", "key": key})
            await live[-1].receive_json(timeout=30)
            return 101, live[-1]

        yield hello
        for socket in live:
            await socket.close()
    await service.close()
    await runner.cleanup()
    keys.close()


async def test_an_address_that_opens_too_many_connections_is_told_when_to_come_back(tmp_path):
    async with door(tmp_path, "127.0.0.0/8", opening=Rate(burst=2, per_minute=12), per_address=50) as hello:
        assert [(await hello("203.0.113.7"))[0] for _ in range(2)] == [101, 101]
        status, after_s = await hello("203.0.113.7")
        assert (status, 1 <= after_s <= 6) == (429, True)
        assert (await hello("203.0.113.8"))[0] == 101


async def test_an_address_has_so_many_live_connections_and_one_that_ends_makes_room(tmp_path):
    async with door(tmp_path, "127.0.0.0/8", per_address=1) as hello:
        _, socket = await hello("2001:db8::1")
        assert (await hello("2001:db8::2"))[0] == 429
        await socket.close()
        async with asyncio.timeout(30):
            while True:
                if (await hello("2001:db8::2"))[0] == 101:
                    break
                await asyncio.sleep(0.01)


async def test_who_is_behind_no_proxy_of_ours_cannot_choose_an_address(tmp_path):
    async with door(tmp_path, per_address=1) as hello:
        assert (await hello("203.0.113.7"))[0] == 101
        assert (await hello("203.0.113.8"))[0] == 429


async def test_all_of_one_address_are_told_when_there_is_room_for_what_they_say(tmp_path):
    rates = {"from_address": Rate(burst=2, per_minute=60), "proxies": Proxies(["127.0.0.0/8"])}
    async with door(tmp_path, "127.0.0.0/8", **rates) as hello:
        sockets = [(await hello("203.0.113.7"))[1] for _ in range(3)]
        said = []
        for number, socket in enumerate([*sockets, (await hello("203.0.113.8"))[1]]):
            await socket.send_json({"type": "say", "client_msg_id": f"m{number}", "text": "hi"})
            while (frame := await socket.receive_json(timeout=30))["type"] not in ("ack", "error"):
                pass
            said.append((frame["type"], 0 < frame.get("retry_after_ms", 0) <= 1001))
        assert said == [("ack", False), ("ack", False), ("error", True), ("ack", False)]


async def test_a_body_that_does_not_arrive_is_given_up():
    async def take(request: web.Request) -> web.Response:
        await read_body(request, Redelivery, within_s=0.05)
        return web.Response()

    app = web.Application(middlewares=[as_problems])
    app[REFUSED] = Counter()
    app.router.add_post("/v1/take", take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    reader, writer = await asyncio.open_connection(*runner.addresses[0][:2])
    writer.write(b"POST /v1/take HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
    async with asyncio.timeout(30):
        assert b" 408 " in await reader.readline()
    writer.close()
    assert app[REFUSED] == {("", "slow"): 1}
    await runner.cleanup()
