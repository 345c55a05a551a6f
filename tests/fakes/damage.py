"""Ways in which files are damaged, by accident or on purpose; the same seed gives the same damage."""

import random
import zlib

_TOKENS = [
    b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b"'", b",", b"\n", b"\r", b"\t" * 50, b"<script>alert(1)</script>",
    b"<", b"</", b"&", b"&#x0;", b"<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]>", b"&b;", b"<!--", b"]]>",
    b"[" * 300, b"{" * 300, b'{"question":', b"*a " * 200, b"&x " * 50, b"- " * 300, b"> " * 200, b"|" * 2000,
    b"<div>" * 500, b"=cmd|' /C calc'!A0", b"\xf0\x9f\x98\x80", b"\xed\xa0\x80", b"9" * 400, b"1e999", b"NaN",
    b"!!python/object:os.system [x]", b"obj", b"endobj", b"stream", b"PK\x03\x04", b"\x80" * 20, b"\x1b[2J",
]  # fmt: skip


def damaged(data: bytes, seed: int) -> bytes:
    """Give the file with one to six things done to it."""
    dice = random.Random(seed)
    for _ in range(dice.randint(1, 6)):
        data = dice.choice(_WAYS)(data, dice)
    return data


def _random(data: bytes, dice: random.Random) -> bytes:
    return dice.randbytes(dice.randint(0, 2000))


def _cut(data: bytes, dice: random.Random) -> bytes:
    return data[: dice.randint(0, len(data))]


def _without_middle(data: bytes, dice: random.Random) -> bytes:
    start = dice.randint(0, len(data))
    return data[:start] + data[start + dice.randint(1, 500) :]


def _flipped(data: bytes, dice: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(dice.choice((1, 3, 30)) if changed else 0):
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _with_token(data: bytes, dice: random.Random) -> bytes:
    for _ in range(dice.choice((1, 1, 20))):
        at = dice.randint(0, len(data))
        data = data[:at] + dice.choice(_TOKENS) + data[at:]
    return data


def _repeated(data: bytes, dice: random.Random) -> bytes:
    start = dice.randint(0, len(data))
    part = data[start : start + dice.randint(1, 200)]
    return data[:start] + part * dice.choice((2, 50)) + data[start:]


def _repacked(data: bytes, dice: random.Random) -> bytes:
    """Damage what is compressed inside: parts of ZIP-based formats and streams of PDF."""
    at = data.find(b"x\x9c", dice.randint(0, len(data)))
    if at < 0:
        return _flipped(data, dice)
    try:
        opened = zlib.decompressobj()
        inside = opened.decompress(data[at:], 1 << 20)
        packed = len(data) - at - len(opened.unused_data)
    except zlib.error:
        return _flipped(data, dice)
    return data[:at] + zlib.compress(_with_token(inside, dice)) + data[at + packed :]


_WAYS = (_random, _cut, _without_middle, _flipped, _flipped, _with_token, _with_token, _repeated, _repacked)
