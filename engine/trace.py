"""Spans through the OpenTelemetry API; where no SDK is set up they go nowhere and cost next to nothing."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import perf_counter

from opentelemetry import context, trace
from opentelemetry.trace import INVALID_SPAN, Link, NoOpTracerProvider, ProxyTracerProvider, Span

_tracer = trace.get_tracer("kefu.engine")
_NO_SPAN = nullcontext(INVALID_SPAN)
_SILENT = (ProxyTracerProvider, NoOpTracerProvider)  # what stands in for an SDK where there is none


def current() -> context.Context:
    """The caller's trace context, to be carried to another thread."""
    return context.get_current()


def span(name: str) -> AbstractContextManager[Span]:
    """Time what runs inside as a child of the current span."""
    return _tracer.start_as_current_span(name) if _recorded() else _NO_SPAN


def batch_span(name: str, contexts: Sequence[context.Context]) -> AbstractContextManager[Span]:
    """Time work that serves several turns at once: child of the first turn's span, linked to all of them."""
    if not _recorded():
        return _NO_SPAN
    links = [Link(trace.get_current_span(each).get_span_context()) for each in contexts]
    parent = contexts[0] if contexts else None
    size = {"kefu.batch": len(contexts)}
    return _tracer.start_as_current_span(name, context=parent, links=links, attributes=size)


def _recorded() -> bool:
    """Whether the program around us has set up an SDK; asked each time, for it may do so after we are imported."""
    return not isinstance(trace.get_tracer_provider(), _SILENT)


class Stopwatch:
    """Milliseconds per named stage, for receipts."""

    def __init__(self) -> None:
        self.stage_ms: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of what runs inside to `name`, and give it a span of its own."""
        started = perf_counter()
        try:
            with span(f"kefu.{name}"):
                yield
        finally:
            self.stage_ms[name] = self.stage_ms.get(name, 0.0) + (perf_counter() - started) * 1000
