"""What is done for ever beside all else."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

_AFTER_FAILURE_S = 1.0


async def for_ever(
    work: Callable[[], Awaitable[None]], name: str, *, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Do something that has no end; where it fails for a reason that nobody thought of, it begins anew.

    Without it such a failure would be known at the shutdown only, and nobody would do the work till then.

    Args:
        work: to be done.
        name: of it, for the log.
        pause: waits some seconds.
    """
    while True:
        try:
            await work()
        except Exception:
            log.exception("%s: failed, and begins anew", name)
        await pause(_AFTER_FAILURE_S)
