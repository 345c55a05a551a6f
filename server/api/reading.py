"""Reads what a caller sends, strictly: a string is a string, and what is not known is refused by its name."""

import asyncio
import re

import msgspec
from aiohttp import web

from server.api.problems import Kind, Refusal

_BODY_S = 15.0  # for a body to arrive
_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_NAMED = re.compile(r"field `([^`]*)`")


def read_query(request: web.Request, kind: type[msgspec.Struct] | None) -> msgspec.Struct | None:
    """Read the parameters of the query.

    Raises:
        Refusal: one is unknown, given twice, or not as it must be.
    """
    values: dict[str, str] = {}
    for name, value in request.query.items():
        if name in values or kind is None or name not in kind.__struct_fields__:
            why = "is given more than once" if name in values else "is not known here"
            raise Refusal(Kind.BAD_REQUEST, f"the parameter {name[:100]!r} {why}.", field=name[:100])
        values[name] = value
    if kind is None:
        return None
    try:
        return msgspec.convert(values, type=kind, strict=False)
    except msgspec.ValidationError as error:
        field, what = _explained(error)
        raise Refusal(Kind.BAD_REQUEST, f"the parameter {field!r}: {what}.", field=field) from error


async def read_body(
    request: web.Request, kind: type[msgspec.Struct] | None, *, within_s: float = _BODY_S
) -> msgspec.Struct | None:
    """Read a JSON body.

    Raises:
        Refusal: it is no JSON, or a value in it is not as it must be.
        HTTPRequestEntityTooLarge: it is larger than the application takes.
    """
    if kind is None:
        return None
    if request.content_type != "application/json":
        raise Refusal(Kind.NOT_JSON, "send the body as JSON, with `Content-Type: application/json`.")
    try:
        async with asyncio.timeout(within_s):
            raw = await request.read()
    except TimeoutError as error:
        raise Refusal(Kind.SLOW, f"the body did not arrive within {within_s:g} s.") from error
    except web.RequestPayloadError as error:  # it does not unpack, or breaks off
        raise Refusal(Kind.BAD_REQUEST, "the body is not what its headers say.") from error
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        field, what = _explained(error)
        raise Refusal(Kind.INVALID, f"{field or 'the body'}: {what}.", field=field) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(Kind.BAD_REQUEST, "the body is not valid JSON in UTF-8.") from error


def _explained(error: msgspec.ValidationError) -> tuple[str, str]:
    """Split msgspec's sentence into where and what: "Expected `int`, got `str` - at `$.limit`"."""
    found = _AT.match(str(error))
    what, path = (found["what"], found["path"] or "") if found else (str(error), "")
    missing = _NAMED.search(what)
    if missing is not None:  # a field that is unknown or missing is named in the sentence
        path = f"{path}.{missing[1]}"
    return path.removeprefix(".")[:200], what[:1].lower() + what[1:400].replace("`", "")
