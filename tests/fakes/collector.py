"""A collector of traces on a real socket: takes what OTLP/HTTP sends, as OpenTelemetry's own definitions read it."""

import asyncio
import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Collector:
    """Keeps every span."""

    bodies: list[bytes] = field(default_factory=list)
    port: int = 0
    _runner: web.AppRunner | None = None
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def spans(self) -> list[Span]:
        return list(self._spans())

    def _spans(self) -> Iterator[Span]:
        for body in self.bodies:
            request = ExportTraceServiceRequest.FromString(body)
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    yield from scope.spans

    async def start(self) -> "Collector":
        app = web.Application()
        app.router.add_post("/v1/traces", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def until(self, names: set[str]) -> list[Span]:
        """Wait until a span of each name has come."""
        async with asyncio.timeout(30):
            while not names <= {span.name for span in self.spans}:
                self._came.clear()
                await self._came.wait()
        return self.spans

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.bodies.append(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)
        self._came.set()
        return web.Response(content_type="application/x-protobuf")
