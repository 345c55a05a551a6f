"""Passwords: argon2id, checked in the same time whether there is such an account or not."""

import asyncio
import secrets
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from server.errors import Busy
from server.staff.errors import BadPassword

MIN_CHARS, MAX_CHARS = 10, 200
# OWASP's password storage cheat sheet (2024): argon2id with 19 MiB, two passes, one lane; about 30 ms.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_AT_ONCE = 2  # hashes in the making: a flood of sign-ins costs 40 MiB and no more
_QUEUE = 60  # and those that wait for them: two seconds' work
# Without these, nothing is to be mistaken for something else when a password is read out or typed from paper.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


class Passwords:
    """Hashes and checks passwords, on threads, a few at a time. Used from one event loop, or from a command."""

    def __init__(self, hasher: PasswordHasher = _HASHER) -> None:
        self._hasher = hasher
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0  # those whose turn it is included

    def hash(self, password: str) -> str:
        """Give what is kept of a password.

        Raises:
            BadPassword: it is too short, or too long.
        """
        if not MIN_CHARS <= len(password) <= MAX_CHARS:
            raise BadPassword(f"a password has {MIN_CHARS} to {MAX_CHARS} characters.")
        return self._hasher.hash(_prepared(password))

    async def hashed(self, password: str) -> str:
        """Give what is kept of a password, without holding up others.

        Raises:
            BadPassword: it is too short, or too long.
            Busy: too many sign-ins wait already.
        """
        async with self._my_turn():
            return await asyncio.to_thread(self.hash, password)

    async def fits(self, kept: str, password: str) -> bool:
        """Tell whether a password is the one; as slowly where there is no account (`kept` is "").

        Raises:
            Busy: too many sign-ins wait already.
        """
        async with self._my_turn():
            return await asyncio.to_thread(self._fits, kept, password)

    @asynccontextmanager
    async def _my_turn(self) -> AsyncIterator[None]:
        if self._waiting >= _QUEUE:
            raise Busy("too many sign in at once", 2000)
        self._waiting += 1
        try:
            async with self._turn:
                yield
        finally:
            self._waiting -= 1

    def _fits(self, kept: str, password: str) -> bool:
        try:
            self._hasher.verify(kept or self._nobodys, _prepared(password[:MAX_CHARS]))
        except (VerificationError, InvalidHashError):
            return False
        return bool(kept)

    def is_outdated(self, kept: str) -> bool:
        """Whether a hash was made with other parameters than ours."""
        return self._hasher.check_needs_rehash(kept)

    @cached_property
    def _nobodys(self) -> str:
        return self._hasher.hash(secrets.token_urlsafe(16))


def generated() -> str:
    """Make a password of 79 random bits, in groups that can be typed from paper."""
    word = "".join(secrets.choice(_LETTERS) for _ in range(16))
    return "-".join(word[at : at + 4] for at in range(0, 16, 4))


def _prepared(password: str) -> str:
    """Give the form that is hashed: the same characters typed on another system may come composed otherwise."""
    return unicodedata.normalize("NFKC", password)
