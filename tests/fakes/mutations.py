"""Frames and bodies as nobody should send them; the same seed gives the same ones."""

import json
import random
from functools import cache
from typing import Any

from server.wire import frames
from server.wire.codec import CODECS, JSON, PROTO
from server.wire.frames import FromClient
from tests.fakes.frames import specimens

_MOST = 200_000  # bytes: more than any reader takes
_NUMBERS = (0, -1, 1, 2**31, 2**53, 2**53 + 1, -(2**63), 2**64, 10**400, 0.5, 1e308, -0.0)
_TEXTS = (
    "", " ", "\0", "\u2028", "\ud83d", "𝕏" * 300, "é" * 5000, "‮", "{{7*7}}", "../../etc/passwd", "'; drop--", "A" * 22,
    "wk_" + "A" * 22, "eyJhbGciOiJub25lIn0.e30.", "9" * 400, "true", "null",
)  # fmt: skip
_TOKENS = (
    b'"', b"\\", b"\\u", b"\\ud800", b"{", b"}", b"[" * 500, b"]", b":", b",", b"\0", b"\xff\xfe", b"\xed\xa0\x80",
    b"1e999", b"-", b"NaN", b'"type":', b'"type":"hello",', b"\x80" * 12, b"\x0b" * 40, b"\x0c", b"\x7f" * 9,
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x2a\xff\xff\xff\xff\x0f", b"\x0a\x00" * 200,
)  # fmt: skip
_NAMES = (
    "type", "token", "key", "user", "resume", "conversation", "last_seq", "client_msg_id", "text", "files", "action",
    "value", "about", "seq", "before", "limit", "session", "frames", "bye", "__proto__", "",
)  # fmt: skip


@cache
def client_frames() -> list[FromClient]:
    """Give typical frames of clients."""
    return [frame for kind in specimens() for frame in kind.frames if isinstance(frame, FromClient)]


class Mutator:
    """Mistreats values and bytes, as often and as badly as its dice say."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self._clients = client_frames()

    def frame(self, codec: str = JSON) -> bytes:
        """Give a client's frame of which something is wrong, or much, or by chance nothing."""
        frame = self.dice.choice(self._clients)
        if codec == PROTO or self.dice.random() < 0.3:
            return self.bytes(CODECS[codec].encode(frame))
        return self.json(json.loads(CODECS[JSON].encode(frame)))

    def hello(self, codec: str = JSON, **sure: object) -> bytes:
        """Give a hello of which something is wrong."""
        hellos = [frame for frame in self._clients if isinstance(frame, frames.Hello)]
        if codec == PROTO:
            return self.bytes(CODECS[PROTO].encode(self.dice.choice(hellos)))
        return self.json({**json.loads(CODECS[JSON].encode(self.dice.choice(hellos))), **sure})

    def json(self, value: Any) -> bytes:
        """Give JSON of a value in which some values are replaced, and some bytes."""
        for _ in range(self.dice.choice((0, 1, 1, 1, 2, 5))):
            value = self._changed(value, 0)
        try:
            raw = json.dumps(value, ensure_ascii=self.dice.random() < 0.3).encode("utf-8", "surrogatepass")
        except (ValueError, RecursionError):
            raw = b"[]"
        return self.bytes(raw) if self.dice.random() < 0.3 else raw[:_MOST]

    def bytes(self, raw: bytes) -> bytes:
        """Give bytes of which some were changed, cut out, doubled, or put in."""
        for _ in range(self.dice.choice((0, 1, 1, 2, 4))):
            raw = self._damaged(raw)
        return raw[:_MOST]

    # -- values

    def _changed(self, value: Any, depth: int) -> Any:
        if depth > 6 or self.dice.random() < 0.2:
            return self._anything()
        if isinstance(value, dict):
            return self._changed_object(dict(value), depth)
        if isinstance(value, list) and value:
            place = self.dice.randrange(len(value))
            return [*value[:place], self._changed(value[place], depth + 1), *value[place + 1 :]]
        return self._anything()

    def _changed_object(self, value: dict[str, Any], depth: int) -> dict[str, Any]:
        way = self.dice.random()
        name = self.dice.choice(list(value)) if value else ""
        if value and way < 0.5:
            value[name] = self._changed(value[name], depth + 1)
        elif value and way < 0.65:
            del value[name]
        elif way < 0.9:
            value[self.dice.choice(_NAMES)] = self._anything()
        else:
            value.update({f"x{number}": number for number in range(self.dice.choice((3, 300)))})
        return value

    def _anything(self) -> Any:
        way = self.dice.randrange(7)
        if way == 0:
            return self.dice.choice(_NUMBERS)
        if way == 1:
            return self.dice.choice((None, True, False))
        if way == 2:
            return {"$ne": ""}
        if way == 3:
            return [self.dice.choice(_TEXTS)] * self.dice.choice((0, 1, 12))
        if way == 4:
            nested: Any = "deep"
            for _ in range(self.dice.choice((3, 60, 900))):
                nested = [nested] if self.dice.random() < 0.5 else {"a": nested}
            return nested
        return self.dice.choice(_TEXTS)

    # -- bytes

    def _damaged(self, raw: bytes) -> bytes:
        way, place = self.dice.randrange(6), self.dice.randint(0, len(raw))
        if way == 0:
            return raw[:place]
        if way == 1:
            return raw[:place] + self.dice.choice(_TOKENS) + raw[place:]
        if way == 2:
            return raw[:place] + self.dice.randbytes(self.dice.choice((1, 4, 60))) + raw[place:]
        if way == 3:
            return raw[:place] + raw[place + self.dice.choice((1, 3, 30)) :]
        if way == 4:
            end = place + self.dice.choice((1, 20, 400))
            return raw[:end] + raw[place:end] * self.dice.choice((1, 50)) + raw[end:]
        changed = bytearray(raw)
        for _ in range(self.dice.choice((1, 3, 20)) if raw else 0):
            changed[self.dice.randrange(len(changed))] ^= 1 << self.dice.randrange(8)
        return bytes(changed)
