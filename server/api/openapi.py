"""The API described as OpenAPI 3.1, from the declarations that route and validate it."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

from server.api.asking import EVENT_STREAM
from server.api.operation import MAX_ID_CHARS, Operation
from server.api.problems import MEDIA_TYPE, Handler, Kind, Problem

_REF = "#/components/schemas/{name}"
_ABOUT = (
    "Programs talk to kefu with a secret key, made by `kefu keys add --secret SCOPES`. The key names the workspace; "
    "what belongs to another one is not found. Errors follow RFC 9457. Lists take `limit` and `offset`, and give "
    "`total` and a Link header."
)
_PARTS: Mapping[str, str] = {
    "conversation": "id of a conversation",
    "visitor": "id of a visitor, as lists of conversations give it",
    "kb": "name of a knowledge base",
    "entry": "id of an entry",
    "file": "id of a file",
    "webhook": "id of a webhook",
}


def document(operations: Sequence[Operation]) -> dict[str, Any]:
    """Describe operations."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "kefu", "version": "1", "description": _ABOUT},
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.tag for operation in operations)],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "a secret key, `sk_…`"},
                "visitor": {"type": "http", "scheme": "bearer", "description": "a visitor's token, of a welcome"},
            },
            "schemas": _schemas(operations),
        },
    }


def served(description: Mapping[str, Any]) -> Handler:
    """Give the handler of /openapi.json."""
    body = msgspec.json.encode(description)

    async def serve(_: web.Request) -> web.StreamResponse:
        headers = {"Cache-Control": "max-age=300", "X-Content-Type-Options": "nosniff"}
        return web.Response(body=body, content_type="application/json", headers=headers)

    return serve


def _schemas(operations: Iterable[Operation]) -> dict[str, Any]:
    shapes: dict[type[msgspec.Struct], None] = {Problem: None}
    for operation in operations:
        shapes[operation.reply] = None
        if operation.body is not None:
            shapes[operation.body] = None
    _, schemas = msgspec.json.schema_components(list(shapes), ref_template=_REF)
    return schemas


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": f"Takes a key with the scope `{operation.scope.value}`.",
        "parameters": [*map(_path_parameter, operation.parts), *_query_parameters(operation.query)],
        "responses": {str(operation.status): _success(operation), **_refusals(operation.refusals)},
    }
    if operation.visitors:
        described["security"] = [{"key": []}, {"visitor": []}]
    if operation.takes:
        whole = {"type": "string", "format": "binary", "description": "the file itself"}
        described["requestBody"] = {"required": True, "content": {operation.takes: {"schema": whole}}}
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": _json(operation.body)}
    return described


def _path_parameter(name: str) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1, "maxLength": MAX_ID_CHARS}
    return {"name": name, "in": "path", "required": True, "description": _PARTS[name], "schema": schema}


def _query_parameters(query: type[msgspec.Struct] | None) -> list[dict[str, Any]]:
    if query is None:
        return []
    (reference,), schemas = msgspec.json.schema_components([query], ref_template=_REF)
    own = schemas.pop(reference["$ref"].rpartition("/")[2])
    return [_query_parameter(name, schema, schemas) for name, schema in own["properties"].items()]


def _query_parameter(name: str, schema: dict[str, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    inlined = {key: value for key, value in schema.items() if key not in ("$ref", "description")}
    for reference in (schema, *schema.get("allOf", ())):
        if "$ref" in reference:
            named = schemas[reference["$ref"].rpartition("/")[2]]
            inlined.update({key: value for key, value in named.items() if key in ("type", "enum")})
    inlined.pop("allOf", None)
    described = {"description": schema["description"]} if "description" in schema else {}
    return {"name": name, "in": "query", "required": False, **described, "schema": inlined}


def _success(operation: Operation) -> dict[str, Any]:
    content = _bytes(operation.gives) if operation.gives else _json(operation.reply)
    if operation.streams:
        content[EVENT_STREAM] = {"schema": {"type": "string", "description": "events: piece, then outcome or problem"}}
    described: dict[str, Any] = {"description": HTTPStatus(operation.status).phrase, "content": content}
    headers = {}
    if operation.pages:
        headers["Link"] = "the parts around this one (RFC 8288)"
    if operation.status == HTTPStatus.CREATED:
        headers["Location"] = "where it is now"
    if headers:
        described["headers"] = {
            name: {"description": text, "schema": {"type": "string"}} for name, text in headers.items()
        }
    return described


def _refusals(kinds: Iterable[Kind]) -> dict[str, Any]:
    titles: dict[int, list[str]] = {}
    for kind in kinds:
        titles.setdefault(kind.status, []).append(kind.value[2])
    problem = {MEDIA_TYPE: {"schema": {"$ref": _REF.format(name=Problem.__name__)}}}
    return {str(status): {"description": "; ".join(texts), "content": problem} for status, texts in titles.items()}


def _bytes(media_types: Iterable[str]) -> dict[str, Any]:
    return {media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in media_types}


def _json(shape: type[msgspec.Struct]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _REF.format(name=shape.__name__)}}}
