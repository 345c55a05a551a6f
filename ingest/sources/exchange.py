"""What passes between an ingest and the worker that reads for it: lines of JSON, each checked where it arrives."""

import os
import types
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any, Final, get_type_hints
from zoneinfo import ZoneInfo

import orjson

from ingest.limits import Limits
from ingest.records import Note, Record, Rejection
from ingest.sources.document import Document, Item, ReadOptions
from ingest.sources.registry import Format
from knowledge.types import Source

DONE: Final = b"D"  # the file was read; then the worker's memory in KB
FAILED: Final = b"F"  # the reader raised; then why
NO_MEMORY: Final = b"M"  # the reader needed more than it may have
_KINDS: Final[Mapping[bytes, type[Item]]] = {b"r": Record, b"j": Rejection, b"n": Note}
_LETTERS: Final = {kind: letter for letter, kind in _KINDS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One file to be read by a worker."""

    document: Document
    options: ReadOptions
    format: Format


def request_line(request: Request) -> bytes:
    """Write a request."""
    document, options = request.document, request.options
    values = {
        "path": os.fsencode(document.path.absolute()).decode("latin-1"),
        "name": document.name,
        "limits": asdict(options.limits),
        "zone": _zone_to_json(options.zone),
        "columns": dict(options.columns),
        "format": asdict(request.format),
    }
    return orjson.dumps(values) + b"\n"


def read_request(line: bytes) -> Request:
    """Read what `request_line` wrote."""
    values = orjson.loads(line)
    return Request(
        document=Document(path=Path(os.fsdecode(values["path"].encode("latin-1"))), name=values["name"]),
        options=ReadOptions(
            limits=Limits(**values["limits"]), zone=_zone_from_json(values["zone"]), columns=values["columns"]
        ),
        format=Format(**values["format"]),
    )


def item_line(item: Item) -> bytes:
    """Write an item.

    Raises:
        TypeError: a text of it is not Unicode.
    """
    values = {field.name: getattr(item, field.name) for field in fields(item) if field.name != "source"}
    return _LETTERS[type(item)] + orjson.dumps([item.source.place, values]) + b"\n"


def read_item(line: bytes, file: str) -> Item:
    """Read what `item_line` wrote, trusting nothing of it.

    Args:
        line: with its letter, without the line break.
        file: the name of the file that is being read; a worker cannot claim another.

    Raises:
        ValueError: it is no such line.
    """
    kind = _KINDS.get(line[:1])
    try:
        place, values = orjson.loads(line[1:])
        wanted = _SHAPES[kind] if kind else {}
        if kind is None or not isinstance(place, str) or values.keys() != wanted.keys():
            raise ValueError("neither record, rejection nor note")
        given = {name: read(values[name]) for name, read in wanted.items()}
    except (TypeError, AttributeError, ValueError) as exc:
        raise ValueError(f"The worker sent what is no item ({exc}).") from exc
    return kind(source=Source(file=file, place=place), **given)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError("no list")
    return tuple(_text(each) for each in value)


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("neither true nor false")
    return value


def _moment(value: object) -> datetime | None:
    return None if value is None else datetime.fromisoformat(_text(value))


_READ: Final[Mapping[object, Callable[[object], Any]]] = {
    str: _text,
    bool: _truth,
    tuple[str, ...]: _texts,
    datetime | types.NoneType: _moment,
}


def _shape(kind: type[Item]) -> dict[str, Callable[[object], Any]]:
    return {name: _READ[hint] for name, hint in get_type_hints(kind).items() if name != "source"}


_SHAPES: Final = {kind: _shape(kind) for kind in _LETTERS}


def _zone_to_json(zone: tzinfo) -> str | float:
    """Name a time zone, or give its distance from UTC in seconds."""
    if isinstance(zone, ZoneInfo) and zone.key:
        return zone.key
    offset = zone.utcoffset(None)
    if offset is None:
        raise ValueError(f"The zone {zone!r} has neither a name nor a fixed offset.")
    return offset.total_seconds()


def _zone_from_json(value: str | float) -> tzinfo:
    if isinstance(value, str):
        return ZoneInfo(value)
    return timezone(timedelta(seconds=value)) if value else UTC
