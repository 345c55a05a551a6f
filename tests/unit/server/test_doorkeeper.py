"""What reaches the server from connections that take their time; over real sockets."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from server.connections.doorkeeper import DoorSettings, Hall

REQUEST = b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@asynccontextmanager
async def door(**limits):
    """A server behind a door; gives the hall and what opens a connection."""

    async def hello(request: web.Request) -> web.Response:
        return web.Response(text=f"{request.path} {(await request.read()).decode()}")

    app = web.Application()
    app.router.add_route("*", "/hello", hello)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    hall = Hall(runner.server, DoorSettings(**limits))
    listener = await asyncio.get_running_loop().create_server(hall, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    opened = []

    async def connect():
        opened.append(await asyncio.open_connection("127.0.0.1", port))
        return opened[-1]

    yield hall, connect
    for _, writer in opened:
        writer.close()
    listener.close()
    hall.close()
    await runner.cleanup()


async def gone(reader):
    """Wait for the end of a connection; give what came before."""
    async with asyncio.timeout(30):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def until(condition):
    async with asyncio.timeout(30):
        while True:
            if condition():
                return
            await asyncio.sleep(0.001)


async def test_a_request_in_one_piece_is_served_and_nobody_waits():
    async with door() as (hall, connect):
        reader, writer = await connect()
        writer.write(REQUEST)
        assert b"/hello" in await gone(reader)
        assert len(hall) == 0


async def test_a_connection_that_says_nothing_is_closed_after_the_time_for_a_head():
    async with door(head_s=0.05) as (hall, connect):
        reader, _ = await connect()
        assert await gone(reader) == b""
        assert hall.turned_away == 1


async def test_a_head_that_comes_a_byte_at_a_time_does_not_prolong_its_time():
    async with door(head_s=0.1) as (hall, connect):
        reader, writer = await connect()
        ended = asyncio.create_task(gone(reader))
        while not ended.done():  # each byte is a sign of life, and there is always another one
            writer.write(b"a")
            await asyncio.sleep(0.002)
        assert (await ended, hall.turned_away) == (b"", 1)


async def test_empty_lines_in_front_do_not_end_a_head():
    async with door(head_s=0.05) as (hall, connect):
        reader, writer = await connect()
        writer.write(b"\r\n\r\n\n\n")
        assert await gone(reader) == b""
        assert hall.turned_away == 1
        reader, writer = await connect()
        writer.write(b"\r\n\r\n" + REQUEST)
        assert b"/hello" in await gone(reader)


async def test_of_too_many_the_one_that_waits_longest_makes_room_and_who_speaks_is_heard():
    async with door(waiting=3) as (hall, connect):
        silent = []
        for number in range(3):
            silent.append(await connect())
            await until(lambda number=number: len(hall) == number + 1)
        reader, writer = await connect()
        writer.write(REQUEST)
        assert b"/hello" in await gone(reader)
        assert await gone(silent[0][0]) == b""
        assert (len(hall), hall.turned_away) == (2, 1)


async def test_a_head_without_end_is_refused_and_not_kept():
    async with door(head_bytes=20_000) as (hall, connect):
        reader, writer = await connect()
        writer.write(b"GET /" + b"a" * 30_000)
        assert b"400" in (await gone(reader)).splitlines()[0]
        assert len(hall) == 0


async def test_who_hangs_up_is_forgotten():
    async with door() as (hall, connect):
        _, writer = await connect()
        await until(lambda: len(hall) == 1)
        writer.close()
        await until(lambda: len(hall) == 0)
        assert hall.turned_away == 0


@pytest.mark.parametrize("end", [b"\r\n\r\n", b"\n\n"], ids=["crlf", "lf"])
async def test_a_body_behind_the_head_arrives_whole(end):
    head = end[: len(end) // 2].join((b"POST /hello HTTP/1.1", b"Host: x", b"Connection: close", b"Content-Length: 4"))
    async with door() as (_, connect):
        reader, writer = await connect()
        writer.write(head + end + b"ab")
        await asyncio.sleep(0)
        writer.write(b"cd")
        said = await gone(reader)
        assert b"abcd" in said or b"400" in said.splitlines()[0]  # not all parsers take bare line feeds


@given(cuts=st.lists(st.integers(1, len(REQUEST) - 1), max_size=6).map(sorted))
@settings(max_examples=30, deadline=None)
def test_however_a_request_is_cut_it_is_served_alike(cuts):
    async def run():
        async with door() as (_, connect):
            reader, writer = await connect()
            for start, stop in zip([0, *cuts], [*cuts, len(REQUEST)], strict=True):
                writer.write(REQUEST[start:stop])
                await writer.drain()
                await asyncio.sleep(0)
            assert (await gone(reader)).endswith(b"/hello ")

    asyncio.run(run())
