"""The staff of a running server: its parts, and what keeps them in step with the file and with the live sockets."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic, time_ns

from server.connections.connection import Connection
from server.connections.endpoint import Connections
from server.conversations.events import Millis
from server.settings import Installation
from server.staff.accounts import Accounts
from server.staff.audit import Audit
from server.staff.canned import Canned
from server.staff.errors import StaffUnavailable
from server.staff.file import StaffFile
from server.staff.lockout import Lockout
from server.staff.passwords import Passwords
from server.staff.sessions import Sessions, SignedIn
from server.staff.signing_in import SignIn

log = logging.getLogger(__name__)

_EVERY_S = 0.4
_PASSES = 2  # after a change: a connection that was being admitted at the first one is there at the second
_TRIM_S = 3600.0  # how often old lines of the audit log are looked for
_DAY_MS = 86_400_000
_USE_S = 60.0  # how often it is noted which sessions have sockets, and looked whether one has grown too old


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningStaff:
    """All about accounts."""

    accounts: Accounts
    audit: Audit
    canned: Canned
    passwords: Passwords
    sessions: Sessions
    sign_in: SignIn

    @classmethod
    def over(cls, file: StaffFile, passwords: Passwords | None = None) -> "RunningStaff":
        """Put the parts together over a file."""
        audit, sessions, passwords = Audit(file), Sessions(file), passwords or Passwords()
        accounts = Accounts(file, audit)
        return cls(
            accounts=accounts,
            audit=audit,
            canned=Canned(file, audit),
            passwords=passwords,
            sessions=sessions,
            sign_in=SignIn(accounts, sessions, Lockout(file), passwords),
        )


@asynccontextmanager
async def running_staff(settings: Installation) -> AsyncIterator[RunningStaff]:
    """Open the accounts of an installation.

    Raises:
        StaffUnavailable: the file cannot be used.
    """
    file = StaffFile(settings.staff_file)
    try:
        staff = RunningStaff.over(file)
        await asyncio.to_thread(staff.accounts.load)
        yield staff
    finally:
        file.close()


async def follow_staff(
    staff: RunningStaff,
    connections: Connections,
    *,
    every_s: float = _EVERY_S,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    clock: Callable[[], float] = monotonic,
) -> None:
    """Follow what is changed, here or by a command, for ever; close the sockets of sessions that ended.

    While the file cannot be read, things stay as they are.
    """
    passes, used_at = _PASSES, clock()
    while True:
        try:
            if await staff.accounts.refresh():
                passes = _PASSES
            if clock() - used_at >= _USE_S:
                used_at, passes = clock(), max(passes, 1)
                await _note_use(staff.sessions, connections)
            if passes:
                passes -= 1
                await close_ended(staff, connections)
        except StaffUnavailable as error:
            log.warning("changes of the staff cannot be looked for: %s", error)
        await pause(every_s)


async def trim_audit(
    audit: Audit,
    kept_days: Callable[[], float],
    *,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    now_ms: Callable[[], Millis] = lambda: time_ns() // 1_000_000,
) -> None:
    """Delete lines of the audit log that are older than the setting keeps them, at once and every hour, for ever."""
    while True:
        days = kept_days()
        try:
            gone = await asyncio.to_thread(audit.trim, before=now_ms() - int(days * _DAY_MS)) if days else 0
            if gone:
                log.info("%d lines of the audit log were older than %g days and are deleted", gone, days)
        except StaffUnavailable as error:
            log.warning("old lines of the audit log are not deleted yet: %s", error)
        await pause(_TRIM_S)


async def close_ended(staff: RunningStaff, connections: Connections) -> int:
    """Close the sockets of sessions that are not live any more, and of disabled agents; give how many."""
    live = await asyncio.to_thread(staff.sessions.live)

    def ended(connection: Connection) -> bool:
        return (
            connection.who is not None
            and is_agent(connection.who.name)
            and not _holds(staff.accounts, live.get(connection.who.credential))
        )

    closed = connections.revoke(ended)
    if closed:
        log.info("%d sockets of agents who were signed out are closed", closed)
    return closed


async def _note_use(sessions: Sessions, connections: Connections) -> None:
    """Count a session with a socket as used."""
    people = (connection.who for connection in connections.live)
    used = {who.credential for who in people if who is not None and is_agent(who.name)}
    if used:
        await asyncio.to_thread(sessions.use, sorted(used))


def is_agent(name: str) -> bool:
    """Whether a connection's name is an agent's; visitors' names never begin so."""
    return name.startswith("agent:")


def _holds(accounts: Accounts, session: SignedIn | None) -> bool:
    if session is None:
        return False
    agent = accounts.agent(session.workspace, session.agent)
    return agent is not None and not agent.disabled
