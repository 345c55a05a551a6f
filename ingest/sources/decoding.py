"""Text encodings: what a file is written in, found by strict trials in a fixed order.

A byte order mark decides. Without one, UTF-16 shows by its zero bytes. Then UTF-8, whose multi-byte sequences hardly
occur by chance, so that a few damaged bytes do not make a file something else. Then the Chinese encodings of old Excel,
GB18030 (which contains GBK and GB2312) and Big5, each only if what it decodes to is the Chinese that people write.
"""

import codecs
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from ingest.records import RejectedField

BAD: Final = "\udcff"  # stands for bytes that do not decode; the row or line that holds it is rejected
_ERRORS: Final = "kefu-bad-bytes"
_BLOCK: Final = 256 * 1024
_SAMPLE: Final = 256 * 1024  # of what is behind the first bytes that are not UTF-8
_MARKS: Final = (  # the marks of UTF-32 first: that of UTF-16 LE is the beginning of one
    (codecs.BOM_UTF8, "utf-8", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
)
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_KINDS: Final = (  # how files begin that are no text, whatever they are called
    (b"PK\x03\x04", "a ZIP archive, an Excel workbook or a Word document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel or Word document, or an encrypted one"),
    (b"%PDF-", "a PDF document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"SQLite format 3\0", "a database"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How a file's bytes become text."""

    codec: str  # as Python calls it
    label: str  # as people call it
    skip: int = 0  # bytes of the byte order mark


def _mark_bad(error: UnicodeError) -> tuple[str, int]:
    if isinstance(error, UnicodeDecodeError):
        return BAD, error.end
    raise error


codecs.register_error(_ERRORS, _mark_bad)
_WIDE_LINE_END = re.compile(rb"\r\0\n\0|\0\r\0\n")


def detect(path: Path) -> Encoding:
    """Find the encoding of a file; all of it is looked at, in constant memory.

    Raises:
        RejectedField: the file is empty, or is not text.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_BLOCK)
        if not head:
            raise RejectedField("the file is empty")
        for start, kind in _KINDS:
            if head.startswith(start):
                raise RejectedField(f"the file is not text but {kind}; give it the name that belongs to its kind")
        for mark, codec, label in _MARKS:
            if head.startswith(mark):
                return Encoding(codec=codec, label=label, skip=len(mark))
        if (wide := _wide(head)) is not None:
            return wide
        if len(_CONTROL.findall(head[:8192])) > max(8, len(head[:8192]) // 20):
            raise RejectedField("the file is not UTF-8 text; it seems to be damaged or a file of another kind")
        return _narrow(head, file.read)


def open_text(path: Path, encoding: Encoding) -> TextIO:
    """Open a file as text.

    Line ends stay as they are; each run of bytes that do not decode is one `BAD`.
    """
    file = path.open("rb")
    file.seek(encoding.skip)
    return io.TextIOWrapper(file, encoding=encoding.codec, errors=_ERRORS, newline="")


def read_text(path: Path, *, max_bytes: int) -> tuple[str, Encoding]:
    """Read a file whole.

    Raises:
        RejectedField: the file is empty, is not text, or is larger than `max_bytes`.
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    if size > max_bytes:
        raise RejectedField(f"the file has {size >> 20} MB; up to {max_bytes >> 20} MB of this kind are read, split it")
    encoding = detect(path)
    return path.read_bytes()[encoding.skip :].decode(encoding.codec, _ERRORS), encoding


def _wide(head: bytes) -> Encoding | None:
    """Tell UTF-16 without a mark: line ends and commas hold zero bytes, and in one order of bytes all makes sense."""
    zeros = head.count(0)
    narrow = zeros * 4 < len(head) and head.decode("utf-8", _ERRORS).count(BAD) * 20 < len(head)
    if zeros < 2 or (narrow and not _WIDE_LINE_END.search(head)):
        return None  # UTF-8 with zero bytes in it: only their rows are damaged
    head = head[: len(head) // 2 * 2]
    shares = {codec: _usual_share(head.decode(codec, _ERRORS)) for codec in ("utf-16-le", "utf-16-be")}
    if zeros * 4 < len(head):
        codec = max(shares, key=lambda each: shares[each])
        clear = shares[codec] >= 0.95 and min(shares.values()) <= 0.9
    else:  # Latin letters: read in the wrong order, they would be Chinese characters
        codec = "utf-16-le" if head[1::2].count(0) > head[0::2].count(0) else "utf-16-be"
        clear = shares[codec] >= 0.95
    return Encoding(codec=codec, label="UTF-16") if clear else None


def _usual_share(text: str) -> float:
    return sum(_is_usual(char) for char in text) / len(text) if text else 0.0


def _is_usual(char: str) -> bool:
    return " " <= char <= "\u024f" or "\u2000" <= char <= "\u9fff" or "\uff00" <= char <= "\uffef" or char in "\t\r\n"


def _narrow(head: bytes, more: Callable[[int], bytes]) -> Encoding:
    """Choose between UTF-8 and the Chinese encodings; `more` gives the bytes behind the head."""
    utf8 = Encoding(codec="utf-8", label="UTF-8")
    strict = codecs.getincrementaldecoder("utf-8")()
    good, block = 0, head
    while True:
        try:
            text = strict.decode(block, final=not block)
        except UnicodeDecodeError:
            break
        good += len(text) - len(text.encode("ascii", "ignore"))
        if not block:
            return utf8
        block = more(_BLOCK)
    sample = strict.getstate()[0] + block
    while len(sample) < _SAMPLE and (block := more(_BLOCK)):
        sample += block
    text = sample.decode("utf-8", _ERRORS)
    bad = text.count(BAD)
    good += len(text) - len(text.encode("ascii", "ignore")) - bad
    if good >= bad:
        return utf8
    return _chinese(sample) or utf8


def _chinese(sample: bytes) -> Encoding | None:
    """Tell GB18030 from Big5 by the share of frequent characters; None if it is neither.

    In both, frequent characters have places of their own: GB2312 level 1 has leading bytes B0 to D7 and trailing ones
    from A1 on, Big5 level 1 has leading bytes A4 to C6. Text in one, read as the other, falls outside of it by half.
    """
    gb = _share(sample, "gb18030", lambda lead, trail: trail >= 0xA1 and (lead <= 0xA3 or 0xB0 <= lead <= 0xF7))
    frequent = _share(sample, "gb18030", lambda lead, trail: trail >= 0xA1 and (lead <= 0xA3 or 0xB0 <= lead <= 0xD7))
    big5 = _share(sample, "cp950", lambda lead, _: 0xA1 <= lead <= 0xC6)
    if big5 > 0.95 and frequent < 0.8:
        return Encoding(codec="cp950", label="Big5")
    # Traditional characters lie outside GB2312, so that half of them inside is enough where Big5 is ruled out.
    if gb > 0.8 or (gb > 0.4 and big5 < 0.8 and _is_chinese(sample)):
        return Encoding(codec="gb18030", label="GB18030")
    return None


def _share(sample: bytes, codec: str, frequent: Callable[[int, int], bool]) -> float:
    """Give the share of frequent pairs among all that is not ASCII when read as `codec`; bad bytes count against it."""
    text = sample.decode(codec, _ERRORS)
    wide = [char for char in text if char > "\x7f"]
    if not wide:
        return 0.0
    good = 0
    for char in wide:
        pair = char.encode(codec, "ignore")
        good += len(pair) == 2 and frequent(pair[0], pair[1])
    return good / len(wide)


def _is_chinese(sample: bytes) -> bool:
    """Tell Chinese from Latin text whose accents pair up with the letters behind them: it comes in runs."""
    text = sample.decode("gb18030", _ERRORS)
    wide = sum(char > "\x7f" for char in text)
    runs = len(re.findall("[\u3000-\u9fff\uff00-\uffef]{2,}", text))
    return text.count(BAD) * 20 < wide and runs * 12 >= wide
