"""Who calls the API: a program's secret key, what it may do, and the workspace, which comes from here only."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

import msgspec

from server.access.keys import Keys, Scope
from server.errors import ServerError

_REMEMBERED = 10_000  # keys looked up without the file


class Unauthenticated(ServerError):
    """The request names no key, or none that is live. Trying again cannot help."""


class Forbidden(ServerError):
    """The key lacks a scope. Trying again cannot help."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """A program that was let in; or, where an operation is open to them, a visitor or the holder of a link."""

    workspace: str
    key: str  # the key's id, which is no secret
    scopes: frozenset[Scope]  # of programs
    visitor: str = ""  # who calls for themselves
    file: str = ""  # the only one that a link is for

    def may(self, scope: Scope) -> bool:
        """Whether the key has a scope, or all of them."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


class Callers:
    """Finds the caller of a request. Live keys are remembered for less than a second, wrong ones never."""

    def __init__(self, keys: Keys, *, remembered_s: float = 0.8, clock: Callable[[], float] = monotonic) -> None:
        self._keys = keys
        self._remembered_s = remembered_s
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[float, Caller]] = OrderedDict()  # by hash: no secret stays in memory

    async def of(self, authorization: str | None, *, needs: Scope) -> Caller:
        """Tell who calls.

        Args:
            authorization: the header, `Bearer sk_…`.
            needs: the scope that the request takes.

        Raises:
            Unauthenticated: there is no key, or it is not a live one.
            Forbidden: it lacks the scope.
            KeyStoreUnavailable: the keys cannot be read; trying again may work.
        """
        caller = await self._find(_secret(authorization))
        if not caller.may(needs):
            raise Forbidden(f"this takes a key with the scope {needs.value!r}.")
        return caller

    async def _find(self, secret: str) -> Caller:
        digest, now = hashlib.sha256(secret.encode("utf-8", "replace")).digest(), self._clock()
        since, caller = self._known.get(digest, (0.0, None))
        if caller is not None and now - since < self._remembered_s:
            return caller
        key = await asyncio.to_thread(self._keys.secret, secret)
        if key is None:
            self._known.pop(digest, None)
            raise Unauthenticated("this key is not valid.")
        caller = Caller(workspace=key.workspace, key=key.id, scopes=frozenset(key.scopes))
        self._known[digest] = (now, caller)
        self._known.move_to_end(digest)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return caller


def is_secret(authorization: str | None) -> bool:
    """Whether a header claims to hold a program's key."""
    return (authorization or "").partition(" ")[2].strip().startswith("sk_")


def _secret(authorization: str | None) -> str:
    scheme, _, secret = (authorization or "").partition(" ")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not secret.isascii() or not secret.startswith("sk_"):
        raise Unauthenticated("this takes a secret key, as in `Authorization: Bearer sk_…`.")
    return secret
