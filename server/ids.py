"""Identifiers: 16 bytes that sort by time (UUID version 7, RFC 9562), 22 characters where text is wanted."""

import binascii
import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from functools import lru_cache
from secrets import token_bytes
from time import time_ns

ID_BYTES = 16
TEXT_CHARS = 22

NewId = Callable[[], bytes]


def new_id(
    now_ms: Callable[[], int] = lambda: time_ns() // 1_000_000, random: Callable[[int], bytes] = token_bytes
) -> bytes:
    """Make an identifier that cannot be guessed: 48 bits of milliseconds, 74 random ones."""
    value = (now_ms() & 0xFFFF_FFFF_FFFF) << 80 | int.from_bytes(random(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76  # version
    value = value & ~(0x3 << 62) | 0x2 << 62  # variant
    return value.to_bytes(ID_BYTES, "big")


def derived_id(*parts: bytes | str | int) -> bytes:
    """Make the identifier that always follows from the same facts: whoever computes it again gets the same one."""
    digest = hashlib.blake2b(digest_size=ID_BYTES)
    for part in parts:
        raw = part if isinstance(part, bytes) else str(part).encode()
        digest.update(len(raw).to_bytes(4, "big") + raw)
    return digest.digest()


def to_text(identifier: bytes) -> str:
    """Write an identifier as URL-safe base64 without padding."""
    return urlsafe_b64encode(identifier).decode().rstrip("=")


@lru_cache(maxsize=4096)  # one change of a conversation is shown to a whole team
def from_text(text: str) -> bytes:
    """Read what `to_text` wrote.

    Raises:
        ValueError: the text is no identifier.
    """
    if len(text) != TEXT_CHARS:
        raise ValueError(f"an identifier has {TEXT_CHARS} characters; got {len(text)}")
    try:
        identifier = urlsafe_b64decode(text + "==")
    except binascii.Error as error:
        raise ValueError("an identifier is URL-safe base64") from error
    if to_text(identifier) != text:
        raise ValueError("an identifier is URL-safe base64")
    return identifier
