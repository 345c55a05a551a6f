"""A shop page with the widget, for looking at it: served only where a knowledge base is named for it."""

import asyncio
import secrets
from functools import cache
from pathlib import Path

from aiohttp import web

from server.access.keys import Keys
from server.parts import KEYS
from server.widget.assets import Asset

_FOLDER = Path(__file__).parent / "demo"
_WORKSPACE = "default"
_NAME = "demonstration page"
_LANGUAGES = ("zh", "en")


def add_routes(app: web.Application, kb: str) -> None:
    """Serve the shop at `/`, with a widget that answers from a knowledge base."""

    async def page(request: web.Request) -> web.Response:
        key = await asyncio.to_thread(demo_key, request.app[KEYS], kb)
        return _page(request, key)

    app.router.add_get("/", page)
    app.router.add_get("/demo.css", _style)


def demo_key(keys: Keys, kb: str) -> str:
    """Give the page's widget key; the first call makes it."""
    for key in keys.all(_WORKSPACE):
        if (key.kind, key.name, key.kb) == ("widget", _NAME, kb) and not key.revoked:
            return key.id
    return keys.add_widget(_WORKSPACE, kb=kb, name=_NAME).id


def _page(request: web.Request, key: str) -> web.Response:
    """Give the page under a policy as strict as a careful shop's, so that the widget is seen to work under it."""
    nonce = secrets.token_urlsafe(16)
    text = _texts()[f"shop_{_language(request)}.html"].replace("{{key}}", key).replace("{{nonce}}", nonce)
    sockets = f"ws://{request.host} wss://{request.host}"
    policy = (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; "
        f"connect-src 'self' {sockets}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Vary": "Accept-Language",
    }
    return web.Response(text=text, content_type="text/html", headers=headers)


async def _style(request: web.Request) -> web.Response:
    asset = Asset.of(_texts()["shop.css"])
    return asset.respond(request, content_type="text/css", headers={"Cache-Control": "no-cache"})


def _language(request: web.Request) -> str:
    """Take the one that was asked for, else the one that the browser prefers among ours."""
    asked = request.query.get("lang", "")
    if asked in _LANGUAGES:
        return asked
    preferred = request.headers.get("Accept-Language", "").lower()
    places = {language: preferred.find(language) for language in _LANGUAGES if language in preferred}
    return min(places, key=places.__getitem__, default="en")


@cache
def _texts() -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in _FOLDER.iterdir() if path.is_file()}
