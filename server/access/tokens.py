"""Visitors' tokens: signed, short-lived, renewed at every welcome; and who a site says that its visitor is."""

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import time

import jwt
import msgspec

from server.connections.credentials import Refused

_ALGORITHM = "HS256"
_AUDIENCE = "kefu.visitor"
_SECRET_BYTES = 32


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a visitor's token says."""

    workspace: str
    visitor: str
    kb: str
    key: str  # the widget key that it came from
    verified: bool
    expires_at: int  # seconds since 1970


class Tokens:
    """Makes and checks visitors' tokens."""

    def __init__(self, secret: bytes, *, lifetime_s: int = 30 * 86_400, now: Callable[[], float] = time) -> None:
        """Take the installation's secret, and how long a token is good for after the visitor was last there."""
        self._secret = secret
        self._lifetime_s = lifetime_s
        self._now = now

    def make(self, *, workspace: str, visitor: str, kb: str, key: str, verified: bool) -> tuple[str, Claims]:
        """Make a token."""
        expires_at = int(self._now()) + self._lifetime_s
        claims = Claims(workspace=workspace, visitor=visitor, kb=kb, key=key, verified=verified, expires_at=expires_at)
        payload = {
            "aud": _AUDIENCE, "exp": expires_at, "sub": visitor, "ws": workspace, "kb": kb, "key": key, "ver": verified
        }  # fmt: skip
        return jwt.encode(payload, self._secret, _ALGORITHM), claims

    def check(self, token: str) -> Claims:
        """Read a token.

        Raises:
            Refused: it is not ours, was changed, or is too old.
        """
        try:
            found = jwt.decode(
                token,
                self._secret,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                options={"require": ["exp", "sub", "aud"], "verify_exp": False},
            )
            claims = Claims(
                workspace=found["ws"],
                visitor=found["sub"],
                kb=found["kb"],
                key=found["key"],
                verified=found["ver"],
                expires_at=found["exp"],
            )
        except (jwt.InvalidTokenError, KeyError, ValueError) as error:
            raise Refused("this token is not valid") from error
        if claims.expires_at <= self._now():
            raise Refused("this token has expired", expired=True)
        return claims


def identity_of(secret: str, user: str) -> str:
    """Sign a user's id, as the embedding site's server does: hex HMAC-SHA256 with the widget's identity secret."""
    return hmac.new(secret.encode(), user.encode(), hashlib.sha256).hexdigest()


def is_identity(secret: str, user: str, signature: str) -> bool:
    """Check a site's word on who its visitor is, in constant time."""
    return hmac.compare_digest(identity_of(secret, user).encode(), signature.encode())


def installation_secret(path: Path) -> bytes:
    """Read the secret that tokens are signed with; the first call makes it, once however many processes call.

    Raises:
        Refused: the file is damaged.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        _write_privately(beside, secrets.token_bytes(_SECRET_BYTES))
        with suppress(FileExistsError):  # another process was first: its secret counts
            os.link(beside, path)
        beside.unlink()
    secret = path.read_bytes()
    if len(secret) != _SECRET_BYTES:
        raise Refused(f"{path} is damaged; remove it, and every visitor gets a new token")
    return secret


def _write_privately(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
