"""Has requests come from their visitors' addresses, where proxies stand in between."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from server.connections.address import proxies_of

_HEADER = "X-Forwarded-For"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def addressing(networks: Callable[[], tuple[str, ...]]) -> Callable[..., Awaitable[web.StreamResponse]]:
    """Make the middleware that has `request.remote` be the visitor's address.

    Args:
        networks: gives those of the proxies, at each request.
    """

    @web.middleware
    async def address(request: web.Request, handler: Handler) -> web.StreamResponse:
        forwarded = request.headers.getall(_HEADER, ())
        if not forwarded or request.remote is None:
            return await handler(request)
        found = proxies_of(networks()).visitor_of(request.remote, forwarded)
        return await handler(request if found == request.remote else request.clone(remote=found))

    return address
