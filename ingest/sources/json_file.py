"""JSON: a list of entries, an object with such lists anywhere in it, questions as keys, exports of other bots."""

import json
from collections.abc import Iterator
from typing import Any, Final

from ingest.records import Note, RejectedField, Rejection
from ingest.sources.decoding import read_text
from ingest.sources.dialogflow import dialogflow_halves, is_user_says
from ingest.sources.document import Document, Item, ReadOptions
from ingest.sources.nested import Entries
from ingest.sources.nodes import Node
from ingest.sources.rasa import rasa_items
from knowledge.types import Source

_MAX_BYTES: Final = 64 * 1024 * 1024  # a file is held in memory; longer ones can be written as JSON lines
_LONG_NUMBER: Final = 18  # digits; what is longer is a name, not a number
_SPACE: Final = " \t\r\n"


def _object(pairs: list[tuple[str, Any]]) -> Node:
    node = Node(pairs)
    if len(node) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        node.problem = f"the key {twice[:40]!r} is there twice; remove one"
    return node


def _whole_number(digits: str) -> int | str:
    return int(digits) if len(digits) <= _LONG_NUMBER else digits


# NaN, which is not JSON but what data tools write for an empty cell, is nothing.
_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_whole_number, parse_constant=lambda name: None, strict=False
)


def decode_json(text: str, start: int) -> tuple[Any, int]:
    """Decode the value that begins at a place of a text.

    Returns:
        The value and the place behind it. Objects are Nodes.

    Raises:
        RejectedField: there is no JSON there; the message begins with the place.
    """
    try:
        value, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as exc:
        raise RejectedField(f"not JSON at line {exc.lineno}, column {exc.colno} ({exc.msg})") from exc
    except RecursionError as exc:
        raise RejectedField("lists and objects are nested too deeply") from exc
    return value, end


def read_json(document: Document, options: ReadOptions) -> Iterator[Item]:
    """Read a JSON file; what stands before a place that is not JSON is kept."""
    whole = Source(file=document.name, place="")
    try:
        text, encoding = read_text(document.path, max_bytes=min(_MAX_BYTES, options.limits.max_file_bytes))
        entries = Entries(document, options)
        start = skip_space(text, 0)
        if start == len(text):
            raise RejectedField("the file is empty")
        if encoding.label != "UTF-8":
            yield Note(source=whole, text=f"read as {encoding.label}")
        if text[start] == "[" and not _is_one(text, start):
            yield from _items(text, start, document, entries, options)
        else:
            yield from _values(text, start, document, entries, options)
    except RejectedField as exc:
        yield Rejection(source=whole, reason=str(exc))


def _is_one(text: str, start: int) -> bool:
    """Tell whether a list has to be read as a whole: a list of lists, or what a visitor says to Dialogflow."""
    first = skip_space(text, start + 1)
    if text[first : first + 1] == "[":
        return True
    return text[first : first + 1] == "{" and is_user_says(decode_json(text, first)[0])


def _items(text: str, start: int, document: Document, entries: Entries, options: ReadOptions) -> Iterator[Item]:
    """Read a list element by element, so that the objects of only one are in memory at a time."""
    number, reason = 0, ""
    at = skip_space(text, start + 1)
    while not reason and text[at : at + 1] not in ("]", ""):
        number += 1
        if number > options.limits.max_rows:
            reason = f"the list has more than {options.limits.max_rows} items; split it"
            break
        try:
            value, at = decode_json(text, at)
        except RejectedField as exc:
            reason = f"{exc}; what is behind it was not read"
            break
        yield from entries.within(value, f"item {number}", expected=True)
        at = skip_space(text, at)
        if text[at : at + 1] == ",":
            at = skip_space(text, at + 1)
        elif text[at : at + 1] != "]":
            reason = "the list goes on without a comma or an end; what is behind it was not read"
    if not reason and at >= len(text):
        reason = "the list has no end; the file may have been cut off"
    if reason:
        yield Rejection(source=Source(file=document.name, place=f"item {number}" if number else ""), reason=reason)
    if number > 1 or not reason:
        yield from entries.close()


def _values(text: str, at: int, document: Document, entries: Entries, options: ReadOptions) -> Iterator[Item]:
    """Read one value, or several one after the other, as JSON lines under the name of JSON have them."""
    number = 0
    while at < len(text):
        number += 1
        value, at = decode_json(text, at)
        at = skip_space(text, at)
        halves = dialogflow_halves(value, document, options) if number == 1 else None
        if halves is None and number == 1:
            halves = rasa_items(value, document, options)
        if halves is not None:
            yield from halves
            return
        several = number > 1 or at < len(text)
        yield from entries.within(value, f"object {number}" if several else "", expected=several)
    yield from entries.close()


def skip_space(text: str, at: int) -> int:
    """Give the place of the next character that is not white space."""
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at
