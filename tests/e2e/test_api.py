"""The API as programs meet it: `kefu serve` with a real encoder, keys of `kefu keys`, edits that a visitor sees."""

import time
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.e2e.harness import RunningServer, Visitor, kefu, widget_key
from tests.fakes.api import Program

pytestmark = pytest.mark.e2e

REVOKED = 3505


@pytest.fixture(scope="module")
def secret(shop):
    return kefu(shop, "keys", "add", "--secret", "admin").split()[0]


@pytest.fixture(scope="module")
def server(shop, secret):
    with RunningServer(shop) as running:
        yield running


@asynccontextmanager
async def program(server, secret):
    async with aiohttp.ClientSession() as http:
        yield Program(http, server.url, secret)


async def test_a_program_asks_and_gets_a_sourced_answer(server, secret):
    async with program(server, secret) as caller:
        answer = await caller.post("/v1/ask", {"kb": "shop", "text": "原价商品几天内可以退货？"})
        assert [source["entry_id"] for source in answer.json["sources"]] == ["zh-return-window"]
        streamed = await caller.post(
            "/v1/ask", {"kb": "shop", "text": "原价商品几天内可以退货？"}, headers={"Accept": "text/event-stream"}
        )
        assert streamed.text.startswith("event: outcome\ndata: {")


async def test_a_visitor_of_a_channel_is_answered_and_erased(server, secret):
    async with program(server, secret) as caller:
        opened = await caller.post("/v1/visitors/wechat:ann/conversation", {"kb": "shop", "language": "en"})
        path = f"/v1/conversations/{opened.json['id']}"
        text = "How many days do I have to return something I don't like?"
        assert (await caller.post(f"{path}/messages", {"client_msg_id": "m1", "text": text})).status == 200
        deadline = time.monotonic() + 20
        while (found := (await caller.get(f"{path}/events")).json["items"])[-1]["author"] != "bot":
            assert time.monotonic() < deadline, found
        assert [source["entry_id"] for source in found[-1]["sources"]] == ["en-return-window"]
        assert (await caller.call("DELETE", "/v1/visitors/wechat:ann")).json["events"] == 4
        assert text not in (await caller.get("/v1/visitors/wechat:ann/export")).text


async def test_an_entry_that_was_added_answers_a_visitor_within_seconds(server, secret):
    question = "Do you engrave initials on fountain pens?"
    key = widget_key(server.home)
    async with program(server, secret) as caller:
        entry = {"question": question, "answer": "Yes, up to **three letters**, free of charge."}
        added = await caller.post("/v1/kbs/shop/entries", entry)
        assert added.status == 201, added.text
        deadline = time.monotonic() + 20
        while (await caller.post("/v1/kbs/shop/search", {"text": question})).json["answer"] != entry["answer"]:
            assert time.monotonic() < deadline
    ann = await Visitor.connect(server.url, key=key, language="en")
    await ann.say("m1", question)
    reply = await ann.until("event", author="bot")
    assert [source["entry_id"] for source in reply["sources"]] == [added.json["entry_id"]]
    await ann.close()


async def test_sockets_of_a_key_that_the_command_revokes_close_within_a_second(server):
    key = widget_key(server.home)
    ann = await Visitor.connect(server.url, key=key)
    await ann.until("welcome")
    kefu(server.home, "keys", "revoke", key)
    revoked_at = time.monotonic()
    assert await ann.closed() == REVOKED
    assert time.monotonic() - revoked_at < 1.0
    await ann.close()


async def test_the_document_and_its_page_are_there_without_a_key(server):
    async with program(server, "") as stranger:
        assert (await stranger.get("/openapi.json")).json["openapi"] == "3.1.0"
        page = await stranger.get("/docs")
        assert "<script" not in page.text
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
