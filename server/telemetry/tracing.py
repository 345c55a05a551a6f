"""Traces to a collector, through the OpenTelemetry SDK. Off unless an endpoint is set; then nothing of it is imported.

One trace follows a message: `kefu.message` from the frame, `kefu.commit` to the disk, `kefu.turn` with the engine's
stages, the reply's `kefu.commit`, and whatever is told outside. Spans carry no text.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import msgspec

from engine.trace import recorded
from server.settings import ServerSettings

_TIMEOUT_S = 5.0


@contextmanager
def traced(settings: ServerSettings) -> Iterator[None]:
    """Send the traces of this process to the configured collector; at the end, those that still wait.

    A collector that is away costs traces, never a turn: they are sent by a thread, from a bounded queue.
    """
    if not settings.otlp_endpoint:
        yield
        return
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    provider = TracerProvider(
        resource=Resource.create({"service.name": "kefu"}),
        sampler=ParentBased(TraceIdRatioBased(settings.otlp_ratio)),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(endpoint=_address(settings.otlp_endpoint), timeout=_TIMEOUT_S)
    provider.add_span_processor(BatchSpanProcessor(exporter, export_timeout_millis=_TIMEOUT_S * 1000))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()


class _Named(msgspec.Struct):
    """What an onward message says of its trace."""

    traceparent: str = ""


def named_in(message: bytes) -> dict[str, str]:
    """Find the span in which an onward message was stored, for the one in which it is delivered; {} without traces."""
    if not recorded():
        return {}
    try:
        return {"traceparent": msgspec.json.decode(message, type=_Named).traceparent}
    except msgspec.DecodeError:
        return {}


def _address(endpoint: str) -> str:
    """Give the address for traces; a collector's base address gets the path that OTLP prescribes."""
    return endpoint if urlsplit(endpoint).path.strip("/") else f"{endpoint.rstrip('/')}/v1/traces"
