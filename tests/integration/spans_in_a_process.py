"""Answers one turn with a tracer provider set up after the engine was imported, and prints the names of the spans."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace

from engine.types import Turn
from tests.fakes.engine import Bench

NAMES: list[str] = []


class Remembering(trace.NoOpTracer):
    """A tracer that remembers the names of its spans."""

    @contextmanager
    def start_as_current_span(self, name: str, *args: Any, **options: Any) -> Iterator[trace.Span]:
        """Remember one."""
        NAMES.append(name)
        yield trace.INVALID_SPAN


class Provider(trace.TracerProvider):
    """Gives tracers that remember."""

    def get_tracer(self, *args: Any, **options: Any) -> trace.Tracer:
        """Give one."""
        return Remembering()


async def main() -> None:
    """Answer before and after the provider is there."""
    bench = Bench({"return": (0.9, ("returns",))})
    await bench.engine.reply(Turn(text="before"))
    trace.set_tracer_provider(Provider())
    await bench.engine.reply(Turn(text="return"))
    await bench.engine.close()


if __name__ == "__main__":
    asyncio.run(main())
    sys.stdout.write(" ".join(NAMES))
