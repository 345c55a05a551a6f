"""A small server that speaks OpenAI's streaming protocol over a real socket, and can be told to misbehave."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class OpenAIServer:
    def __init__(self, pieces=("Hello", " there."), *, statuses=(), raw=None, hang=False):
        self.pieces, self.statuses, self.raw, self.hang = pieces, list(statuses), raw, hang
        self.requests: list[dict] = []
        self.headers: list[str] = []
        self.url = ""
        self.dropped = asyncio.Event()

    async def handle(self, reader, writer):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = int(
                next(line for line in head.lower().split("\r\n") if line.startswith("content-length")).split(":")[1]
            )
            self.headers.append(head)
            self.requests.append(json.loads(await reader.readexactly(length)))
            status = self.statuses.pop(0) if self.statuses else 200
            writer.write(
                f"HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-type: text/event-stream\r\n\r\n".encode()
            )
            if status == 200:
                for line in self.raw or [*map(self.chunk, self.pieces), "data: [DONE]"]:
                    writer.write(f"{line}\n\n".encode())
                    await writer.drain()
            if self.hang:
                await reader.read()
                self.dropped.set()
        finally:
            writer.close()

    @staticmethod
    def chunk(piece):
        return "data: " + json.dumps({"choices": [{"delta": {"content": piece}}]})


@asynccontextmanager
async def openai_server(**options) -> AsyncIterator[OpenAIServer]:
    fake = OpenAIServer(**options)
    server = await asyncio.start_server(fake.handle, "127.0.0.1", 0)
    fake.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with server:
        yield fake
        server.close()
