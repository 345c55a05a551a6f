"""The API's description as a page to be read: plain HTML, no script, nothing from anywhere else."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from aiohttp import web

from server.api.problems import Handler

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem; }
code, .path { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
details { border: 1px solid var(--line); border-radius: 6px; margin: .4rem 0; }
summary { cursor: pointer; padding: .4rem .7rem; }
details > div { border-top: 1px solid var(--line); padding: .2rem .7rem; }
.method { display: inline-block; font-weight: 600; min-width: 4.5rem; }
.quiet { opacity: .75; }
table { border-collapse: collapse; width: 100%; }
td, th { border-bottom: 1px solid var(--line); padding: .25rem .5rem; text-align: left; vertical-align: top; }
h3 { font-size: 1rem; margin: .8rem 0 .2rem; }
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "max-age=300",
}


def served(page: str) -> Handler:
    """Give the handler of /docs."""

    async def serve(_: web.Request) -> web.StreamResponse:
        return web.Response(text=page, content_type="text/html", headers=_HEADERS)

    return serve


def rendered(document: Mapping[str, Any]) -> str:
    """Write an OpenAPI document as a page."""
    info = document["info"]
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(info['title'])} API</title><style>{_STYLE}</style></head><body><main>",
            f"<h1>{escape(info['title'])} API</h1><p>{escape(info['description'])}</p>",
            '<p>For programs: <a href="/openapi.json">openapi.json</a> (OpenAPI 3.1).</p>',
            *(part for tag in document["tags"] for part in _section(document, tag["name"])),
            "<h2>Values</h2>",
            *(part for name, schema in document["components"]["schemas"].items() for part in _value(name, schema)),
            "</main></body></html>",
        )
    )


def _section(document: Mapping[str, Any], tag: str) -> Iterator[str]:
    yield f"<h2>{escape(tag)}</h2>"
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if tag in operation["tags"]:
                yield from _operation(path, method, operation)


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f'<details id="{escape(operation["operationId"])}"><summary><span class="method">{method.upper()}</span>'
        f'<span class="path">{escape(path)}</span><br>{escape(operation["summary"])}</summary><div>'
        f"<p>{escape(operation['description'])}</p>"
    )
    if operation["parameters"]:
        yield "<h3>Parameters</h3><table><tr><th>name</th><th>in</th><th>what</th></tr>"
        for each in operation["parameters"]:
            said = escape(each.get("description", ""))
            yield (
                f"<tr><td><code>{escape(each['name'])}</code></td><td>{each['in']}</td>"
                f'<td>{said} <span class="quiet">{_kind(each["schema"])}</span></td></tr>'
            )
        yield "</table>"
    if "requestBody" in operation:
        yield f"<h3>Body</h3><p>{_content(operation['requestBody']['content'])}</p>"
    yield "<h3>Responses</h3><table>"
    for status, response in operation["responses"].items():
        said = escape(response["description"])
        yield f"<tr><td>{status}</td><td>{said}</td><td>{_content(response['content'])}</td></tr>"
    yield "</table></div></details>"


def _value(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f'<details id="value-{escape(name)}"><summary><code>{escape(name)}</code></summary>'
        f"<div><p>{escape(schema.get('description', ''))}</p><table>"
    )
    required = schema.get("required", ())
    for field, kind in schema.get("properties", {}).items():
        needed = "required" if field in required else ""
        said = escape(kind.get("description", ""))
        yield f"<tr><td><code>{escape(field)}</code></td><td>{_kind(kind)}</td><td>{needed}</td><td>{said}</td></tr>"
    if "enum" in schema:
        yield f"<tr><td>{', '.join(map(escape, map(str, schema['enum'])))}</td></tr>"
    yield "</table></div></details>"


def _content(content: Mapping[str, Any]) -> str:
    return ", ".join(f"<code>{escape(media)}</code> {_kind(each['schema'])}" for media, each in content.items())


def _kind(schema: Mapping[str, Any]) -> str:
    """Say in a few words what a schema admits."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#value-{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(map(_kind, schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}" if isinstance(schema.get("items"), dict) else "list"
    limits = (
        f"{word} {schema[key]}"
        for key, word in (("minimum", "from"), ("maximum", "to"), ("maxLength", "at most"))
        if key in schema
    )
    kinds = ", ".join(map(str, schema["enum"])) if "enum" in schema else str(schema.get("type", "any"))
    return escape(" ".join((kinds, *limits)))
