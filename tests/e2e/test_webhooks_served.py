"""Webhooks of a real server: what a visitor and the bot say reaches the receiver, also through a kill -9."""

import asyncio
import json
import subprocess
import sys

import pytest
from aiohttp import web
from standardwebhooks.webhooks import Webhook

from tests.e2e.harness import ROOT, RunningServer, Visitor, environ, widget_key
from tests.fakes.receiver import Receiver

pytestmark = pytest.mark.e2e


async def until(condition, *, within_s=30.0):
    async with asyncio.timeout(within_s):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)


async def echo(request: web.Request, body: bytes) -> web.StreamResponse:
    return web.json_response({"challenge": json.loads(body).get("challenge", "")})


def _add(home, url):
    return subprocess.run(
        [sys.executable, str(ROOT / "kefu.py"), "webhooks", "add", url],
        capture_output=True, text=True, timeout=120, check=False,
        env=environ(home, KEFU_SERVER_WEBHOOK_ALLOW="127.0.0.1"),
    )  # fmt: skip


async def test_what_is_said_reaches_a_receiver_in_order_and_a_killed_server_loses_none_of_it(shop):
    key = widget_key(shop)
    receiver = await Receiver(answer=echo).start()
    with RunningServer(shop, webhook_allow="127.0.0.1") as server:
        added = await asyncio.to_thread(_add, shop, receiver.url)  # while the server runs
        assert added.returncode == 0, added.stderr
        secret = added.stdout.split()[3]
        receiver.taken.clear()
        ann = await Visitor.connect(server.url, key=key)
        await ann.say("m1", "转人工, my number is 13800138000")
        await ann.until("event", author="bot")
        kinds = ["conversation.opened", "message.created", "reply.created", "conversation.moved", "handoff.requested"]
        await until(lambda: set(kinds) <= {call.json["type"] for call in receiver.taken})
        assert [call.json["type"] for call in receiver.taken if call.json["type"] != "turn.understood"] == kinds
        assert "13800138000" not in str([call.body for call in receiver.taken])
        for call in receiver.taken:
            Webhook(secret).verify(call.body.decode(), call.headers)

        never = asyncio.Event()

        async def hold(request: web.Request, body: bytes) -> web.StreamResponse:
            await never.wait()
            return web.Response()

        receiver.answer, known, calls = hold, len(receiver.taken), len(receiver.calls)
        await ann.say("m2", "hello")
        await until(lambda: len(receiver.calls) > calls)
        server.kill_serving()  # after the receiver has it, before we know
        receiver.answer = echo
        never.set()
        held = receiver.calls[calls].id
        await until(lambda: any(call.id == held for call in receiver.calls[calls + 1 :]), within_s=60)
        await until(lambda: "message.created" in [call.json["type"] for call in receiver.taken[known:]])
        await ann.close()
    await receiver.stop()
