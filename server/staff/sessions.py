"""Who is signed in: sessions that end by themselves, and can be ended at once from anywhere."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from time import time_ns

import msgspec

from server.conversations.events import Millis
from server.ids import new_id, to_text
from server.staff.file import StaffFile
from server.stores.sqlite_file import Row

_TOKEN_BYTES = 32
_COLUMNS = "id, workspace, agent, begun_at, seen_at, client"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """How long somebody stays signed in."""

    idle_s: int = 12 * 3600  # without a request and without a socket
    absolute_s: int = 7 * 86_400  # in any case
    noted_every_s: int = 60  # how exactly it is known when a session was used last
    each: int = 20  # sessions of one agent; one more ends the one that was unused longest


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """A session, without what makes it secret."""

    id: str
    workspace: str
    agent: str
    begun_at: Millis
    seen_at: Millis
    client: str  # what the browser says it is


class Sessions:
    """All sessions of an installation."""

    def __init__(
        self,
        file: StaffFile,
        settings: SessionSettings | None = None,
        now_ms: Callable[[], int] = lambda: time_ns() // 1_000_000,
    ) -> None:
        self._file = file
        self._settings = settings or SessionSettings()
        self._now_ms = now_ms

    @property
    def lifetime_s(self) -> int:
        """How long a session may last at most."""
        return self._settings.absolute_s

    def begin(self, workspace: str, agent: str, client: str = "") -> tuple[str, SignedIn]:
        """Sign an agent in; give the token, which only its holder knows from now on, and the session."""
        token, now = secrets.token_urlsafe(_TOKEN_BYTES), self._now_ms()
        session = SignedIn(
            id=to_text(new_id()), workspace=workspace, agent=agent, begun_at=now, seen_at=now, client=client[:200]
        )
        with self._file.writing() as db:
            self._sweep_in(db.execute)
            db.execute(
                "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE workspace = ? AND agent = ? "
                "ORDER BY seen_at DESC LIMIT -1 OFFSET ?)",
                (workspace, agent, self._settings.each - 1),
            )
            db.execute(
                f"INSERT INTO sessions (token, {_COLUMNS}) VALUES (?,?,?,?,?,?,?)",
                (_hash(token), *msgspec.structs.astuple(session)),
            )
        return token, session

    def find(self, token: str) -> SignedIn | None:
        """Give the live session of a token, and note that it is used."""
        found = self._file.rows(f"SELECT {_COLUMNS} FROM sessions WHERE token = ?", (_hash(token),))
        session = _session(found[0]) if found else None
        if session is None or not self._is_live(session):
            return None
        if self._now_ms() - session.seen_at > self._settings.noted_every_s * 1000:
            self.use([session.id])
        return session

    def live(self) -> dict[str, SignedIn]:
        """Give all live sessions by their ids."""
        sessions = map(_session, self._file.rows(f"SELECT {_COLUMNS} FROM sessions"))
        return {session.id: session for session in sessions if self._is_live(session)}

    def use(self, sessions: list[str]) -> None:
        """Note that sessions are in use."""
        with self._file.writing() as db:
            db.executemany(
                "UPDATE sessions SET seen_at = ? WHERE id = ?", [(self._now_ms(), each) for each in sessions]
            )

    def end(self, session: str) -> None:
        """Sign out."""
        with self._file.writing() as db:
            db.execute("DELETE FROM sessions WHERE id = ?", (session,))

    def end_all(self, workspace: str, agent: str, *, but: str = "") -> int:
        """Sign an agent out everywhere, or everywhere else; give from how many places."""
        with self._file.writing() as db:
            sql = "DELETE FROM sessions WHERE workspace = ? AND agent = ? AND id <> ?"
            return db.execute(sql, (workspace, agent, but)).rowcount

    def _is_live(self, session: SignedIn) -> bool:
        now, settings = self._now_ms(), self._settings
        idle, whole = now - session.seen_at, now - session.begun_at
        return idle < settings.idle_s * 1000 and whole < settings.absolute_s * 1000

    def _sweep_in(self, execute: Callable[..., object]) -> None:
        now, settings = self._now_ms(), self._settings
        limits = (now - settings.idle_s * 1000, now - settings.absolute_s * 1000)
        execute("DELETE FROM sessions WHERE seen_at <= ? OR begun_at <= ?", limits)


def _session(row: Row) -> SignedIn:
    return SignedIn(**dict(zip(SignedIn.__struct_fields__, row, strict=True)))


def _hash(token: str) -> bytes:
    """Hash a token of 256 random bits: there is nothing to guess, so a fast hash does."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
