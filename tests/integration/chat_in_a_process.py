"""Holds a conversation on this process's terminal, with the engine over its small stand-ins."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rich.console import Console

from engine.engine import DialogEngine
from server.terminal import chat
from tests.fakes.engine import Bench


@asynccontextmanager
async def opened() -> AsyncIterator[DialogEngine]:
    """Open the engine and close it."""
    bench = Bench({"return": (0.5, ("returns", "sale"))})
    yield bench.engine
    await bench.engine.close()


if __name__ == "__main__":
    try:
        chat(opened(), "default", Console())
    except KeyboardInterrupt:
        raise SystemExit(0) from None
