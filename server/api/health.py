"""Is the process alive, and may it be sent visitors?"""

from aiohttp import web


class Readiness:
    """Whether visitors may be sent here: not before all parts have started, not after the process was told to end."""

    def __init__(self) -> None:
        self._ready = False

    def __bool__(self) -> bool:
        """Whether it is ready."""
        return self._ready

    def set(self, ready: bool) -> None:
        """Turn it on or off."""
        self._ready = ready


def add_routes(app: web.Application, readiness: web.AppKey[Readiness]) -> None:
    """Add /healthz and /readyz."""

    async def alive(_: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def ready(request: web.Request) -> web.Response:
        if request.app[readiness]:
            return web.json_response({"status": "ready"})
        return web.json_response({"status": "not ready"}, status=503, headers={"Retry-After": "1"})

    app.router.add_get("/healthz", alive)
    app.router.add_get("/readyz", ready)
