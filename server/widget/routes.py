"""Where the widget is found."""

from aiohttp import web

from server.widget import demo
from server.widget.assets import Asset, assets, script

# The loader's address never changes, so that its copy in a browser is asked about after five minutes; but for a week
# an old copy serves at once while the browser asks, and whatever the network does to that question.
_LOADER_CACHING = "public, max-age=300, stale-while-revalidate=604800, stale-if-error=2592000"
_FOREVER = "public, max-age=31536000, immutable"


def add_routes(app: web.Application, *, demo_kb: str = "") -> None:
    """Serve the widget, and a shop page that shows it if a knowledge base is named for it."""
    app.router.add_get("/widget.js", _loader)
    app.router.add_get("/client.js", _client)
    app.router.add_get("/widget/{version}/{name:.+}", _module)
    if demo_kb:
        demo.add_routes(app, demo_kb)


async def _loader(request: web.Request) -> web.Response:
    return script(request, assets().loader, caching=_LOADER_CACHING)


async def _client(request: web.Request) -> web.Response:
    """Give the protocol client alone, under an address that stays, for programs that are not our widget.

    It names those of the version that is served now, so that its parts always fit together.
    """
    stub = Asset.of(f"export * from './widget/{assets().version}/client.js';\n")
    return script(request, stub, caching="no-cache")


async def _module(request: web.Request) -> web.Response:
    """Give one of the widget's modules; those of another version are gone, and its loader fetches its successor."""
    files = assets()
    asset = files.modules.get(request.match_info["name"])
    if asset is None or request.match_info["version"] != files.version:
        headers = {"Cache-Control": "no-store", "Access-Control-Allow-Origin": "*"}
        return web.Response(status=404, text="not of this version", headers=headers)
    return script(request, asset, caching=_FOREVER)
