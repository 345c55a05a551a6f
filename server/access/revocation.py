"""Closes the connections of keys that were withdrawn, wherever that was done, within a second."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from server.access.keys import Keys, KeyStoreUnavailable
from server.connections.connection import Connection
from server.connections.endpoint import Connections

log = logging.getLogger(__name__)

_EVERY_S = 0.4
_PASSES = 2  # after a change: a connection that was being admitted at the first one is there at the second


async def follow_revocations(
    keys: Keys,
    connections: Connections,
    *,
    every_s: float = _EVERY_S,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Look for changes of the keys, for ever. While they cannot be read, connections stay as they are."""
    seen, passes = -1, 0
    revoked: frozenset[str] = frozenset()

    def is_revoked(connection: Connection) -> bool:
        return connection.who is not None and connection.who.credential in revoked

    while True:
        try:
            counter = await asyncio.to_thread(keys.change_counter)
            if counter != seen:
                revoked = await asyncio.to_thread(_revoked, keys)
                seen, passes = counter, _PASSES
        except KeyStoreUnavailable as error:
            log.warning("revoked keys cannot be looked for: %s", error)
        if passes:
            passes -= 1
            closed = connections.revoke(is_revoked)
            if closed:
                log.info("%d connections of revoked keys are closed", closed)
        await pause(every_s)


def _revoked(keys: Keys) -> frozenset[str]:
    return frozenset(key.id for key in keys.all() if key.revoked)
