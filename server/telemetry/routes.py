"""/metrics, for those who are near: the figures name workspaces and tell how much business there is."""

from collections.abc import Callable, Sequence
from ipaddress import ip_address, ip_network

from aiohttp import web

from server.telemetry.metrics import Metrics

_BY_A_PROXY = ("Forwarded", "X-Forwarded-For", "X-Real-IP")


def add_routes(app: web.Application, metrics: Metrics, allowed: Callable[[], Sequence[str]]) -> None:
    """Add /metrics.

    Args:
        app: to add it to.
        metrics: what is told.
        allowed: gives the networks whose clients may read it, at each request; `*`: any.
    """

    async def tell(request: web.Request) -> web.Response:
        if not _is_near(request, allowed()):
            return web.Response(status=403, text="metrics are not for this address; see server.metrics_from\n")
        body, media_type = metrics.text()
        return web.Response(body=body, headers={"Content-Type": media_type, "Cache-Control": "no-store"})

    app.router.add_get("/metrics", tell)


def _is_near(request: web.Request, networks: Sequence[str]) -> bool:
    if "*" in networks:
        return True
    if request.remote is None or any(name in request.headers for name in _BY_A_PROXY):
        return False
    address = ip_address(request.remote)
    mapped = getattr(address, "ipv4_mapped", None)  # an IPv4 client of a socket that listens for both
    return any((mapped or address) in ip_network(network) for network in networks)
