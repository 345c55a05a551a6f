"""The REST API: every operation of the table, let in, read, done and answered in one way."""

import re
from collections import Counter

from aiohttp import web
from msgspec import json

from server.access.request import Caller, is_secret
from server.api import asking, conversations, files, knowledge, notes, openapi, page, sharing, visitors, webhooks
from server.api.operation import Call, Operation, Reply
from server.api.problems import PRIVATE, REFUSED, WORKSPACE, Handler, Kind, Refusal, as_problems
from server.api.reading import read_body, read_query
from server.connections.rates import Limiter, Rate
from server.parts import CALLERS, GUESTS

OPERATIONS: tuple[Operation, ...] = (
    *asking.OPERATIONS,
    *conversations.OPERATIONS,
    *notes.OPERATIONS,
    *files.OPERATIONS,
    *visitors.OPERATIONS,
    *knowledge.OPERATIONS,
    *webhooks.OPERATIONS,
)
REQUESTS = Rate(burst=500, per_minute=12_000)  # of one key

_PART = re.compile(r"\{(\w+)\}")
_encoder = json.Encoder()


def add_routes(app: web.Application, *, requests: Rate = REQUESTS) -> None:
    """Add the operations below /v1, their description at /openapi.json, and the same to be read at /docs."""
    limiter = Limiter(requests)
    methods: dict[str, list[str]] = {}  # of what pages may call, by path
    for operation in OPERATIONS:
        handler = _served(operation, limiter)
        path = _PART.sub(r"{\1:[^/]+}", operation.path)  # aiohttp's own parts admit no braces, ids do
        if operation.method == "GET":
            app.router.add_get(path, handler)  # and HEAD
        else:
            app.router.add_route(operation.method, path, handler)
        if operation.visitors:
            methods.setdefault(path, []).append(operation.method)
    sharing.add_routes(app, methods)
    document = openapi.document(OPERATIONS)
    app.router.add_get("/openapi.json", openapi.served(document))
    app.router.add_get("/docs", page.served(page.rendered(document)))
    app[REFUSED] = Counter()
    app.middlewares.append(as_problems)


def _served(operation: Operation, limiter: Limiter) -> Handler:
    async def serve(request: web.Request) -> web.StreamResponse:
        caller = await _caller(request, operation)
        request[WORKSPACE] = caller.workspace
        wait_s = limiter.wait_s(caller.visitor or caller.file or caller.key)
        if wait_s:
            later = {"Retry-After": str(int(wait_s) + 1)}
            raise Refusal(Kind.TOO_MANY, "this key asks too often; come back later.", headers=later)
        call = Call(
            request=request,
            caller=caller,
            parameters=read_query(request, operation.query),
            content=await read_body(request, operation.body),
        )
        reply = await operation.handler(call)
        return reply if isinstance(reply, web.StreamResponse) else _response(operation, reply)

    return serve


async def _caller(request: web.Request, operation: Operation) -> Caller:
    """Tell who calls: a program, or, where the operation is open to them, a visitor on a page that may show us."""
    authorization = request.headers.get("Authorization")
    if not operation.visitors:
        return await request.app[CALLERS].of(authorization, needs=operation.scope)
    guests = request.app[GUESTS]
    guests.check_page(request)
    sharing.share(request)
    if is_secret(authorization):
        return await request.app[CALLERS].of(authorization, needs=operation.scope)
    return await guests.of(request)


def _response(operation: Operation, reply: Reply) -> web.Response:
    return web.Response(
        body=_encoder.encode(reply.body),
        status=operation.status,
        content_type="application/json",
        headers={**PRIVATE, **reply.headers},
    )
