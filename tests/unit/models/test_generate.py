import asyncio
from contextlib import aclosing
from datetime import date

import pytest

from models.errors import ModelUnavailable
from models.generate import EndpointSettings, OpenAIGenerator, TokenBudget
from tests.fakes.openai_server import OpenAIServer, openai_server


async def said(server, *, budget=None, **settings):
    endpoint = EndpointSettings(url=server.url, model="tiny", **settings)
    generator = OpenAIGenerator(endpoint, budget or TokenBudget(1000))
    try:
        async with aclosing(generator.stream(system="be brief", user="hi", max_tokens=50)) as pieces:
            return [piece async for piece in pieces]
    finally:
        await generator.close()


async def test_the_reply_arrives_in_the_pieces_in_which_it_is_made():
    async with openai_server(pieces=("您", "好")) as server:
        assert await said(server, api_key="secret") == ["您", "好"]
    assert server.requests[0]["messages"][0] == {"role": "system", "content": "be brief"}
    assert "authorization: bearer secret" in server.headers[0].lower()


async def test_a_busy_endpoint_is_asked_once_more():
    async with openai_server(statuses=[503]) as server:
        assert await said(server) == ["Hello", " there."]
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 404, 500])
async def test_an_endpoint_that_refuses_is_unavailable(status):
    async with openai_server(statuses=[status, status]) as server:
        with pytest.raises(ModelUnavailable, match=str(status)):
            await said(server)


@pytest.mark.parametrize("line", ["data: {", 'data: {"choices": 3}', "data: []", 'data: {"choices": [null]}'])
async def test_a_stream_that_is_not_the_protocol_is_unavailable(line):
    async with openai_server(raw=[line]) as server:
        with pytest.raises(ModelUnavailable, match="protocol"):
            await said(server)


async def test_nobody_listening_is_unavailable():
    async with openai_server() as server:
        url = server.url
    gone = OpenAIServer()
    gone.url = url
    with pytest.raises(ModelUnavailable, match="ConnectError"):
        await said(gone)


async def test_a_stream_that_falls_silent_is_unavailable():
    async with openai_server(raw=[OpenAIServer.chunk("He")], hang=True) as server:
        with pytest.raises(ModelUnavailable, match="ReadTimeout"):
            await said(server, read_timeout_s=0.05)


async def test_closing_the_iterator_hangs_up():
    async with openai_server(raw=[OpenAIServer.chunk("He")], hang=True) as server:
        generator = OpenAIGenerator(EndpointSettings(url=server.url, model="tiny"), TokenBudget(1000))
        async with aclosing(generator.stream(system="", user="", max_tokens=5)) as pieces:
            assert await anext(pieces) == "He"
        async with asyncio.timeout(5):
            await server.dropped.wait()
        await generator.close()


async def test_a_reply_without_end_is_cut():
    async with openai_server(pieces=["x" * 10] * 100) as server:
        assert len("".join(await said(server, max_chars=100))) == 100


async def test_a_spent_budget_asks_nobody():
    async with openai_server() as server:
        with pytest.raises(ModelUnavailable, match="budget"):
            await said(server, budget=TokenBudget(0))
    assert server.requests == []


def test_the_budget_is_new_every_day():
    today = date(2026, 1, 1)
    budget = TokenBudget(1, lambda: today)
    budget.spend(4)
    with pytest.raises(ModelUnavailable):
        budget.spend(4)
    today = date(2026, 1, 2)
    budget.spend(4)
