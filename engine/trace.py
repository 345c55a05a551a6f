"""Spans through the OpenTelemetry API; without a configured SDK they cost next to nothing and go nowhere."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter

from opentelemetry import context, trace
from opentelemetry.trace import Link, Span

_tracer = trace.get_tracer("kefu.engine")


def current() -> context.Context:
    """The caller's trace context, to be carried to another thread."""
    return context.get_current()


@contextmanager
def span(name: str) -> Iterator[Span]:
    """Time what runs inside as a child of the current span."""
    with _tracer.start_as_current_span(name) as opened:
        yield opened


@contextmanager
def batch_span(name: str, contexts: Sequence[context.Context]) -> Iterator[Span]:
    """Time work that serves several turns at once: child of the first turn's span, linked to all of them."""
    links = [Link(trace.get_current_span(each).get_span_context()) for each in contexts]
    parent = contexts[0] if contexts else None
    with _tracer.start_as_current_span(name, context=parent, links=links) as opened:
        opened.set_attribute("kefu.batch", len(contexts))
        yield opened


class Stopwatch:
    """Milliseconds per named stage, for receipts."""

    def __init__(self) -> None:
        self.stage_ms: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of what runs inside to `name`, and give it a span of its own."""
        started = perf_counter()
        try:
            with _tracer.start_as_current_span(f"kefu.{name}"):
                yield
        finally:
            self.stage_ms[name] = self.stage_ms.get(name, 0.0) + (perf_counter() - started) * 1000
