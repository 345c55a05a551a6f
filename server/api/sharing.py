"""What pages of other hosts may call (CORS): only those that may show a widget, and only what is open to visitors."""

from collections.abc import Mapping, Sequence

from aiohttp import web

from server.api.problems import Handler
from server.parts import GUESTS

_FOR_S = "600"
ORIGIN = web.RequestKey("origin", str)  # of the page that may read the answer


def share(request: web.Request) -> None:
    """Let the page that asks read the answer, refusals included. The caller has checked that it may."""
    request[ORIGIN] = request.headers.get("Origin", "")


def add_routes(app: web.Application, methods: Mapping[str, Sequence[str]]) -> None:
    """Answer browsers that ask, before they let a page call these methods of these paths."""
    for path, allowed in methods.items():
        app.router.add_route("OPTIONS", path, _asked(", ".join(allowed)))
    app.on_response_prepare.append(_mark)


def _asked(allowed: str) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        if "Origin" not in request.headers:
            raise web.HTTPForbidden(reason="this is for browsers to ask")
        request.app[GUESTS].check_page(request)
        share(request)
        headers = {
            "Access-Control-Allow-Methods": allowed,
            "Access-Control-Allow-Headers": "Authorization, Content-Type",
            "Access-Control-Max-Age": _FOR_S,
        }
        return web.Response(status=204, headers=headers)

    return answer


async def _mark(request: web.Request, response: web.StreamResponse) -> None:
    origin = request.get(ORIGIN)
    if origin is None:
        return
    response.headers.add("Vary", "Origin")
    if origin:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "Retry-After"
