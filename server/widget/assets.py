"""The widget's files as they are served: read once, compressed once, under an address that changes when they do."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from aiohttp import web

_FOLDER = Path(__file__).parent / "assets"
_LOADER = "widget.js"
_TYPE = "text/javascript"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file's bytes, plain and compressed."""

    plain: bytes
    packed: bytes
    etag: str

    @classmethod
    def of(cls, text: str) -> "Asset":
        """Make one."""
        plain = text.encode()
        # A time stamp in the header would make two processes give different bytes.
        return cls(
            plain=plain, packed=gzip.compress(plain, mtime=0), etag=f'"{hashlib.sha256(plain).hexdigest()[:20]}"'
        )

    def respond(self, request: web.Request, *, content_type: str, headers: dict[str, str]) -> web.Response:
        """Answer a request, with as few bytes as its sender understands."""
        answer = {"ETag": self.etag, "Vary": "Accept-Encoding", "X-Content-Type-Options": "nosniff", **headers}
        if self.etag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=answer)
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            answer["Content-Encoding"] = "gzip"
            return web.Response(body=self.packed, content_type=content_type, charset="utf-8", headers=answer)
        return web.Response(body=self.plain, content_type=content_type, charset="utf-8", headers=answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assets:
    """All of them. The loader knows the version of the others."""

    version: str
    loader: Asset
    modules: dict[str, Asset]


@cache
def assets() -> Assets:
    """Read them."""
    texts = {path.relative_to(_FOLDER).as_posix(): path.read_text("utf-8") for path in sorted(_FOLDER.rglob("*.js"))}
    version = hashlib.sha256("\0".join(f"{name}\0{text}" for name, text in texts.items()).encode()).hexdigest()[:16]
    loader = texts.pop(_LOADER)
    names = "', '".join(texts)
    loader = loader.replace("__VERSION__", version).replace("__FILES__", names)
    return Assets(
        version=version,
        loader=Asset.of(loader),
        modules={name: Asset.of(text) for name, text in texts.items()},
    )


def script(request: web.Request, asset: Asset, *, caching: str) -> web.Response:
    """Answer with a script that pages of any origin may load."""
    headers = {
        "Cache-Control": caching,
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    return asset.respond(request, content_type=_TYPE, headers=headers)
