"""What peers have done to other servers over a socket, each named after what must not come of it.

After every test the serving process is the same one, has not grown, and greets a visitor.
"""

import asyncio
import base64
import gzip
import json
import os
import socket
import struct
import time
from pathlib import Path

import pytest

from tests.e2e.harness import RunningServer, Visitor, widget_key

pytestmark = pytest.mark.e2e

MOST_GROWTH_KB = 64 * 1024
WITHIN_S = 60
TICKS = os.sysconf("SC_CLK_TCK")


@pytest.fixture(scope="module")
def key(shop):
    return widget_key(shop)


@pytest.fixture(scope="module")
def server(shop, key):
    with RunningServer(shop) as running:
        yield running


@pytest.fixture(autouse=True)
async def unharmed(server, key):
    serving, before = server.serving, memory_kb(server)
    yield
    while Raw.opened:
        Raw.opened.pop().leave()
    await asyncio.sleep(0)
    visitor = await Visitor.connect(server.url, key=key)
    await visitor.until("welcome", within_s=WITHIN_S)
    await visitor.close()
    assert server.serving == serving
    assert memory_kb(server) - before < MOST_GROWTH_KB


def memory_kb(server):
    status = Path(f"/proc/{server.serving}/status").read_text("ascii")
    return int(status.split("VmRSS:")[1].split()[0])


def cpu_s(server):
    fields = Path(f"/proc/{server.serving}/stat").read_text("ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Raw:
    """A TCP connection on which anything can be said."""

    opened = []  # noqa: RUF012 (all of a test, left at its end)

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.opened.append(self)

    @classmethod
    async def connect(cls, server):
        made = cls(*await asyncio.open_connection("127.0.0.1", server.port))
        made.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    @classmethod
    async def upgraded(cls, server, *more):
        made = await cls.connect(server)
        answer = await made.ask(*handshake(*more))
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        return made

    async def ask(self, *lines):
        """Send lines; give the head of the answer."""
        self.writer.write("\r\n".join((*lines, "", "")).encode("latin-1"))
        async with asyncio.timeout(WITHIN_S):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def rest(self):
        """Read until the server closes, or says nothing for a while; give all of it."""
        read = b""
        try:
            async with asyncio.timeout(WITHIN_S):
                while piece := await self.reader.read(65_536):
                    read += piece
        except ConnectionError:
            pass
        return read

    async def push(self, data):
        """Send as much as the server takes; whether it took all."""
        if self.writer.transport.is_closing():
            return False
        try:
            self.writer.write(data)
            async with asyncio.timeout(WITHIN_S):
                await self.writer.drain()
            return True
        except ConnectionError:
            return False

    def leave(self):
        self.writer.transport.abort()


def handshake(*more):
    return (
        "GET /v1/ws HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade",
        "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: kefu.v1.json",
        f"Sec-WebSocket-Key: {base64.b64encode(b'k' * 16).decode()}", *more,
    )  # fmt: skip


def frame(payload, *, opcode=2, fin=True, declared=None, rsv=0):
    """Give a masked frame (with a mask of zeros), and lie about its length if asked to."""
    length = len(payload) if declared is None else declared
    head = bytes([(0x80 if fin else 0) | rsv | opcode])
    if length < 126:
        head += bytes([0x80 | length])
    elif length < 65_536:
        head += bytes([0x80 | 126]) + struct.pack("!H", length)
    else:
        head += bytes([0x80 | 127]) + struct.pack("!Q", length)
    return head + b"\0\0\0\0" + payload


def close_code(said):
    """Give the code of the close frame that was said, None if there was none."""
    return struct.unpack("!H", said[2:4])[0] if len(said) >= 4 and said[0] == 0x88 else None


async def test_a_frame_in_reads_of_one_byte_does_not_cost_an_object_a_byte(server):
    before, peers = memory_kb(server), [await Raw.upgraded(server) for _ in range(4)]
    for peer in peers:
        peer.writer.write(frame(b"", declared=60_000))
    for _ in range(15_000):
        for peer in peers:
            peer.writer.write(b"x")
        await asyncio.sleep(0)
    await asyncio.sleep(0.5)
    assert memory_kb(server) - before < 16 * 1024
    for peer in peers:
        peer.leave()


async def test_a_message_in_fragments_of_one_byte_is_not_gathered_without_end(server):
    peer = await Raw.upgraded(server)
    await peer.push(frame(b"x", fin=False) + frame(b"x", opcode=0, fin=False) * 70_000)
    assert close_code(await peer.rest()) == 1009


@pytest.mark.parametrize("length", [2**63 - 1, 2**63, 2**63 + 1, 2**64 - 1, 2**32, 2**31 - 1])
async def test_a_length_near_the_end_of_64_bits_is_not_taken_for_a_small_one(server, length):
    peer = await Raw.upgraded(server)
    await peer.push(frame(b"x" * 100, declared=length))
    assert close_code(await peer.rest()) in (1002, 1009)


async def test_a_frame_that_declares_too_much_is_not_waited_for(server):
    peer = await Raw.upgraded(server)
    await peer.push(frame(b"x", declared=65_537))
    began = time.monotonic()
    assert close_code(await peer.rest()) == 1009
    assert time.monotonic() - began < 30


async def test_fragments_that_are_too_much_together_are_not_waited_for(server):
    peer = await Raw.upgraded(server)
    await peer.push(frame(b"x" * 40_000, fin=False) + frame(b"x", opcode=0, declared=40_000))
    assert close_code(await peer.rest()) == 1009


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ("Content-Length: {}", b"GET /v1/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("Transfer-Encoding: chunked", b"2f\r\nGET /v1/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n\r\n0\r\n\r\n"),
        ("Content-Length: 0", b""),
    ],
    ids=["length", "chunked", "empty"],
)
async def test_an_upgrade_with_a_body_is_refused_and_its_body_is_no_second_request(server, header, body):
    peer = await Raw.connect(server)
    lines = "\r\n".join((*handshake(header.format(len(body))), "Connection: close", "", "")).encode()
    await peer.push(lines + body)
    said = await peer.rest()
    assert said[9:13] == b"400 "
    assert said.count(b"HTTP/1.") == 1


@pytest.mark.parametrize("path", ["/v1/ask", "/v1/http/stream", "/v1/http/send"])
async def test_a_multipart_body_without_end_is_neither_kept_nor_read_to_its_end(server, path):
    peer = await Raw.connect(server)
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"y" * 1000 + b"\r\n"
    await peer.push(
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        "Transfer-Encoding: chunked\r\n\r\n".encode()
    )
    chunk = b"%x\r\n%s\r\n" % (len(part) * 60, part * 60)
    for _ in range(600):  # 37 MB
        if not await peer.push(chunk):
            break
    said = await peer.reader.read(100)
    assert said[9:12] in (b"400", b"401", b"408", b"413", b"415"), said
    peer.leave()


async def test_a_body_in_chunks_of_one_byte_does_not_cost_its_square(server):
    costs = []
    for count in (20_000, 60_000):
        before, peer = cpu_s(server), await Raw.connect(server)
        await peer.push(b"POST /v1/http/send HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        await peer.push(b"1\r\nx\r\n" * count + b"0\r\n\r\n")
        assert (await peer.reader.readuntil(b"\r\n"))[9:12] == b"400"
        costs.append(cpu_s(server) - before)
        peer.leave()
    assert costs[1] < max(1.0, 9 * costs[0])


async def test_cookies_that_are_none_do_not_fill_the_log(server):
    before = (server.home / "server.log").stat().st_size
    for _ in range(100):
        peer = await Raw.connect(server)
        cookies = "; ".join(f"\x01bad{number}=,;é" for number in range(300))
        await peer.ask("GET /v1/ws HTTP/1.1", "Host: localhost", f"Cookie: {cookies[:7000]}", "Connection: close")
        peer.leave()
    assert (server.home / "server.log").stat().st_size - before < 250_000  # not a hundred times what one costs


async def test_requests_that_are_none_do_not_fill_the_log(server):
    before = (server.home / "server.log").stat().st_size
    for number in range(300):
        peer = await Raw.connect(server)
        await peer.push(b"\x16\x03\x01 %d\r\n\r\n" % number)
        await peer.rest()
        peer.leave()
    assert (server.home / "server.log").stat().st_size - before < 100_000


async def test_trailers_without_end_are_not_kept(server):
    peer = await Raw.connect(server)
    await peer.push(
        b"POST /v1/http/send HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    )
    for number in range(2000):
        if not await peer.push(b"".join(b"x-%d-%d: %s\r\n" % (number, each, b"y" * 200) for each in range(100))):
            break
    else:
        await peer.push(b"\r\n")
    peer.leave()


async def test_compression_is_not_offered_so_that_nothing_can_swell(server):
    peer = await Raw.connect(server)
    answer = await peer.ask(*handshake("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"))
    assert b"sec-websocket-extensions" not in answer.lower()
    await peer.push(frame(b"\xaa" * 100, rsv=0x40))
    assert close_code(await peer.rest()) == 1002


@pytest.mark.parametrize("path", ["/v1/http/send", "/v1/http/poll", "/v1/ask"])
async def test_a_packed_body_does_not_swell_beyond_the_limit(server, path):
    bomb = gzip.compress(b" " * 200_000_000, 9)  # 200 MB in 200 KB
    peer = await Raw.connect(server)
    await peer.push(
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(bomb)}\r\n\r\n".encode()
        + bomb
    )
    assert (await peer.reader.readuntil(b"\r\n"))[9:12] in (b"400", b"401", b"413")
    peer.leave()


@pytest.mark.parametrize("many", [200, 20_000])
async def test_many_headers_end_no_more_than_their_own_request(server, many):
    peer = await Raw.connect(server)
    await peer.push("\r\n".join((*handshake(*(f"X-{number}: y" for number in range(many))), "", "")).encode())
    said = await peer.reader.read(100)
    assert said[9:12] in (b"101", b"400", b"431"), said
    peer.leave()


async def test_one_long_header_line_is_not_read_to_its_end(server):
    peer = await Raw.connect(server)
    await peer.push(b"GET /v1/ws HTTP/1.1\r\nX: ")
    for _ in range(200):
        if not await peer.push(b"y" * 65_536):
            break
    said = await peer.rest()
    assert said == b"" or said[9:12] in (b"400", b"431")


async def test_heads_that_are_left_half_way_leave_nothing_behind(server):
    peers = [await Raw.connect(server) for _ in range(100)]
    for peer in peers:
        await peer.push(b"GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        peer.leave()


async def test_a_name_of_an_operator_is_no_credential(server):
    for token in ('{"$ne":""}', '{"$regex":".*"}', "[]", "1", "true"):
        visitor = await Visitor.connect(server.url, token=json.loads(token))
        assert await visitor.closed() == 3501
        await visitor.close()
