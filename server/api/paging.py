"""Parts of long lists: `limit` and `offset` with a total, and links to the parts around (RFC 8288)."""

from collections.abc import Mapping
from typing import Annotated

from aiohttp import web
from msgspec import Meta
from yarl import URL

from server.api.operation import Request

MAX_LIMIT = 200
Limit = Annotated[int, Meta(ge=1, le=MAX_LIMIT, description="how many at most")]
Offset = Annotated[int, Meta(ge=0, le=10**9, description="how many to pass over")]


class Slice(Request, frozen=True):
    """Which part of a list."""

    limit: Limit = 20
    offset: Offset = 0


def links(request: web.Request, wanted: Slice, total: int) -> dict[str, str]:
    """Give the Link header of a part: first, prev, next and last, as far as they exist."""
    limit, offset = wanted.limit, wanted.offset
    last = max(total - 1, 0) // limit * limit
    starts = {"first": 0, "last": last}
    if offset:
        starts["prev"] = max(min(offset, total) - limit, 0)
    if offset + limit < total:
        starts["next"] = offset + limit
    return link_header(request, {rel: {"limit": limit, "offset": start} for rel, start in starts.items()})


def link_header(request: web.Request, relations: Mapping[str, Mapping[str, int]]) -> dict[str, str]:
    """Give a Link header; the targets are relative, so that they hold behind any proxy."""
    kept = {name: value for name, value in request.query.items() if name not in ("after", "before", "limit", "offset")}
    path = URL.build(path=request.rel_url.raw_path, encoded=True)
    targets = [f'<{path.with_query({**kept, **more})}>; rel="{rel}"' for rel, more in relations.items()]
    return {"Link": ", ".join(targets)} if targets else {}
