"""The console's pages: one HTML file and the modules that it loads, as they lie in `static/`."""

import gzip
import hashlib
import re
from functools import cache
from pathlib import Path

from aiohttp import web

from server.widget.assets import Asset, assets

_FOLDER = Path(__file__).parent / "static"
_ENTRY = "index.html"
_HOST = re.compile(r"[A-Za-z0-9.:_\[\]-]+")
_SHARED = ("markdown.js", "dom.js")  # of the widget: both show what a stranger wrote with the same functions
_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".mp3": "audio/mpeg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".woff2": "font/woff2",
}
# A page that was loaded asks about each file whether it changed: what is served always fits together.
_CACHING = "no-cache"


def add_routes(app: web.Application) -> None:
    """Serve the pages below /console. An address inside the console is the same page: its script reads the address."""
    app.router.add_get("/console/static/{path:.+}", _file)
    app.router.add_get("/console", _page)
    app.router.add_get("/console/{rest:.*}", _page)


async def _page(request: web.Request) -> web.Response:
    found = files().get(_ENTRY)
    if found is None:
        return web.Response(status=404, text="this installation has no console pages")
    # Older browsers do not take 'self' for the sockets of a page. A strange Host adds nothing to the policy.
    sockets = f"ws://{request.host} wss://{request.host}" if _HOST.fullmatch(request.host) else "'self'"
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
        f"media-src 'self' data:; connect-src 'self' {sockets}; manifest-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": _CACHING,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Referrer-Policy": "no-referrer",
        "X-Frame-Options": "DENY",
    }
    return found.respond(request, content_type="text/html", headers=headers)


async def _file(request: web.Request) -> web.Response:
    name = request.match_info["path"]
    found = files().get(name)
    if found is None:
        return web.Response(status=404, text="there is no such file", headers={"Cache-Control": "no-store"})
    headers = {
        "Cache-Control": _CACHING,
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",  # an image opened alone
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    return found.respond(request, content_type=_TYPES[Path(name).suffix], headers=headers)


@cache
def files() -> dict[str, Asset]:
    """Read all files, once; nothing else below the folder can be asked for, whatever the path."""
    found = {
        path.relative_to(_FOLDER).as_posix(): _asset(path.read_bytes())
        for path in sorted(_FOLDER.rglob("*"))
        if path.is_file() and path.suffix in _TYPES
    }
    shared = {name: asset for name, asset in assets().modules.items() if name in _SHARED}
    return shared | found


def _asset(plain: bytes) -> Asset:
    # A time stamp in the header would make two processes give different bytes.
    packed = gzip.compress(plain, mtime=0)
    return Asset(plain=plain, packed=packed, etag=f'"{hashlib.sha256(plain).hexdigest()[:20]}"')
