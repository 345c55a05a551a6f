"""Cleaning what documents hold: invisible characters go, what a reader sees stays as it was."""

import re

from ingest.records import RejectedField
from knowledge.markup import sanitise

# Control characters but tab and line feed, byte order marks, zero-width spaces, direction overrides that reorder
# what is shown. Zero-width joiners stay: emoji and Indic scripts need them.
_INVISIBLE = re.compile("[\x01-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ufeff\u200b\u202a-\u202e\u2066-\u2069]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_EMPTY_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*){2,}")


def clean_block(text: str, *, field: str, max_bytes: int) -> str:
    """Clean a text of several lines.

    Args:
        text: as the file has it.
        field: its name, for the reason of a rejection.
        max_bytes: in UTF-8.

    Raises:
        RejectedField: the text is too long, is not valid UTF-8 or holds NUL characters.
    """
    if text.isprintable() and len(text) * 4 <= max_bytes:  # most texts: nothing below would change them
        return text.strip()
    if len(text) > max_bytes or len(text) * 4 > max_bytes < len(text.encode("utf-8", "surrogatepass")):
        raise RejectedField(f"the {field} is longer than {max_bytes // 1024} KB; split it into several entries")
    if "\0" in text:
        raise RejectedField(f"the {field} holds NUL characters; the file may be damaged or not be text")
    if _SURROGATE.search(text):
        raise RejectedField(f"the {field} is not valid UTF-8; save the file as UTF-8")
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    return _EMPTY_LINES.sub("\n\n", _INVISIBLE.sub("", text)).strip()


def clean_line(text: str, *, field: str, max_bytes: int) -> str:
    """Clean a text that belongs on one line: runs of white space become one space.

    Raises:
        RejectedField: as `clean_block`.
    """
    return " ".join(clean_block(text, field=field, max_bytes=max_bytes).split())


def clean_answer(text: str) -> tuple[str, tuple[str, ...]]:
    """Make an answer safe to show: Markdown and simple HTML without scripts.

    Returns:
        The answer, and what was taken out of it, for people: "a script".
    """
    clean = sanitise(text)
    return clean.text if clean.text == text else clean.text.strip(), clean.removed
