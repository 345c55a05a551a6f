"""Spans through the OpenTelemetry API; where no SDK is set up they go nowhere and cost next to nothing."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import perf_counter
from typing import Any

from opentelemetry import context, trace
from opentelemetry.environment_variables import OTEL_PYTHON_TRACER_PROVIDER
from opentelemetry.trace import INVALID_SPAN, Link, NoOpTracerProvider, ProxyTracerProvider, Span, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_tracer = trace.get_tracer("kefu.engine")
_propagator = TraceContextTextMapPropagator()
_NO_SPAN = nullcontext(INVALID_SPAN)
_NAMED = OTEL_PYTHON_TRACER_PROVIDER in os.environ  # then OpenTelemetry sets one up when it is asked for it
_SILENT = (ProxyTracerProvider, NoOpTracerProvider)  # what stands in for an SDK where there is none


def current() -> context.Context:
    """The caller's trace context, to be carried to another thread."""
    return context.get_current()


def span(name: str, *, parent: Mapping[str, str] | None = None, **attributes: str) -> AbstractContextManager[Span]:
    """Time what runs inside as a child of the current span, or of one in another place that `carrier` named."""
    if not recorded():
        return _NO_SPAN
    return _named(name, _propagator.extract(parent) if parent else None, attributes=_prefixed(attributes))


def carrier() -> dict[str, str]:
    """Name the current span for another process or a later time, as W3C Trace Context does; {} where there is none."""
    names: dict[str, str] = {}
    if recorded():
        _propagator.inject(names)
    return names


def batch_span(name: str, contexts: Sequence[context.Context]) -> AbstractContextManager[Span]:
    """Time work that serves several turns at once: child of the first turn's span, linked to all of them."""
    if not recorded():
        return _NO_SPAN
    links = [Link(trace.get_current_span(each).get_span_context()) for each in contexts]
    parent = contexts[0] if contexts else None
    size = {"kefu.batch": len(contexts)}
    return _named(name, parent, links=links, attributes=size)


@contextmanager
def _named(name: str, parent: context.Context | None, **options: Any) -> Iterator[Span]:
    """Open a span. Of an error it keeps the kind only: messages may quote what a visitor wrote."""
    told = {"record_exception": False, "set_status_on_exception": False, **options}
    with _tracer.start_as_current_span(name, context=parent, **told) as opened:
        try:
            yield opened
        except Exception as error:
            opened.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


def _prefixed(attributes: Mapping[str, str]) -> dict[str, str]:
    return {f"kefu.{name}": value for name, value in attributes.items()}


def recorded() -> bool:
    """Whether the program around us has set up an SDK; asked each time, for it may do so after we are imported."""
    if trace._TRACER_PROVIDER is None and not _NAMED:  # what the public function would find, at a fiftieth of its time
        return False
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
