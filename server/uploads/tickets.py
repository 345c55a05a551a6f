"""Short-lived links to one file, for what can send no header: a new tab, an image element, a program's downloader."""

from collections.abc import Callable
from time import time

import jwt
import msgspec

from server.connections.credentials import Refused
from server.ids import to_text
from server.stores.protocols import Upload

_ALGORITHM = "HS256"
_AUDIENCE = "kefu.file"  # a visitor's token is no ticket, and a ticket no token


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """What lets its holder see one file for a while."""

    text: str
    expires_at: int  # seconds since 1970


class Tickets:
    """Makes and checks tickets. They hold the workspace and the file, signed with the installation's secret."""

    def __init__(self, secret: bytes, *, lifetime_s: int = 300, now: Callable[[], float] = time) -> None:
        """Take the installation's secret, and how long a ticket is good for."""
        self._secret = secret
        self._lifetime_s = lifetime_s
        self._now = now

    def make(self, upload: Upload) -> Ticket:
        """Make a ticket."""
        expires_at = int(self._now()) + self._lifetime_s
        payload = {"aud": _AUDIENCE, "exp": expires_at, "ws": upload.workspace, "file": to_text(upload.id)}
        return Ticket(text=jwt.encode(payload, self._secret, _ALGORITHM), expires_at=expires_at)

    def check(self, ticket: str) -> tuple[str, str]:
        """Give the workspace and the file that a ticket is for.

        Raises:
            Refused: it is not ours, was changed, or is too old.
        """
        try:
            found = jwt.decode(
                ticket,
                self._secret,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                options={"require": ["exp", "aud"], "verify_exp": False},
            )
            workspace, file, expires_at = found["ws"], found["file"], found["exp"]
        except (jwt.InvalidTokenError, KeyError, ValueError) as error:
            raise Refused("this link is not valid") from error
        if expires_at <= self._now():
            raise Refused("this link has expired", expired=True)
        return str(workspace), str(file)
