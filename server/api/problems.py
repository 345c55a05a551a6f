"""What a program is told when something cannot be done: RFC 9457, one form for every error, no internals."""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum

import msgspec
from aiohttp import web

from engine.errors import EngineClosed, EngineOverloaded
from ingest.errors import BaseExists, EntryNotFound, EntryRefused
from ingest.gate import GateFailed
from knowledge.errors import (
    CatalogUnavailable,
    InvalidName,
    KnowledgeBaseNotFound,
    NothingPublished,
    StoreUnavailable,
    VersionCorrupt,
    VersionNotFound,
    WriterBusy,
)
from models.errors import ModelUnavailable
from server.access.keys import KeyStoreUnavailable
from server.access.request import Forbidden, Unauthenticated
from server.api.bases import Interrupted
from server.errors import BadCommand, Busy, Conflict, ConversationNotFound, IdReused, LogUnavailable
from server.events.subscriptions import WebhookNotFound
from server.events.webhook_file import WebhooksUnavailable
from server.uploads.errors import (
    TOO_MUCH_TODAY_S,
    DamagedFile,
    FilesUnavailable,
    FileTooLarge,
    TooManyFiles,
    UnknownKind,
    UploadNotFound,
)

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
PRIVATE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_RETRY_S = 2


class Kind(Enum):
    """All kinds of problems: the last part of the type's URN, the status, the title."""

    BAD_REQUEST = ("bad-request", 400, "The request cannot be read")
    UNAUTHENTICATED = ("unauthenticated", 401, "A live key is needed")
    SIGNED_OUT = ("signed-out", 401, "Sign in first")
    FORBIDDEN = ("forbidden", 403, "The key may not do this")
    NOT_ALLOWED = ("not-allowed", 403, "This is not yours to do")
    CROSS_SITE = ("cross-site", 403, "Only our own pages may ask for this")
    NOT_FOUND = ("not-found", 404, "There is no such thing")
    WRONG_METHOD = ("wrong-method", 405, "This cannot be done to it")
    SLOW = ("slow", 408, "The body took too long")
    CONFLICT = ("conflict", 409, "This contradicts what is there")
    BASE_BUSY = ("base-busy", 409, "The knowledge base is being published")
    TOO_LARGE = ("too-large", 413, "The body is too large")
    NOT_JSON = ("not-json", 415, "The body must be JSON")
    UNKNOWN_KIND = ("unknown-kind", 415, "Files of this kind are not taken")
    INVALID = ("invalid", 422, "A value is not as it must be")
    TOO_MANY = ("too-many", 429, "Too many requests")
    INTERNAL = ("internal", 500, "The server failed")
    UNAVAILABLE = ("unavailable", 503, "Not available just now")

    @property
    def status(self) -> int:
        """The status."""
        return self.value[1]


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem, as RFC 9457 has it."""

    type: str  # a URN; the same one means the same kind of problem
    title: str
    status: int
    detail: str
    field: str = ""  # the parameter, or the path of the value in the body, that is to be mended


class Refusal(Exception):
    """Ends a request with a problem."""

    def __init__(self, kind: Kind, detail: str, *, field: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.kind = kind
        self.field = field
        self.headers = dict(headers or {})


def problem_of(kind: Kind, detail: str, *, field: str = "") -> Problem:
    """Give a problem's body."""
    slug, status, title = kind.value
    return Problem(type=f"urn:kefu:problem:{slug}", title=title, status=status, detail=detail, field=field)


# The detail is the error's own sentence where it was written for the caller (""), else this one; what went wrong
# inside is logged.
_SAID: Mapping[type[Exception], tuple[Kind, str]] = {
    Unauthenticated: (Kind.UNAUTHENTICATED, ""),
    Forbidden: (Kind.FORBIDDEN, ""),
    ConversationNotFound: (Kind.NOT_FOUND, "there is no such conversation."),
    KnowledgeBaseNotFound: (Kind.NOT_FOUND, "there is no such knowledge base."),
    InvalidName: (Kind.NOT_FOUND, "there is no such knowledge base."),
    NothingPublished: (Kind.NOT_FOUND, "the knowledge base has no live version yet."),
    EntryNotFound: (Kind.NOT_FOUND, "there is no such entry."),
    VersionNotFound: (Kind.NOT_FOUND, "there is no such version, or it is not kept any more."),
    WebhookNotFound: (Kind.NOT_FOUND, "there is no such webhook."),
    IdReused: (Kind.CONFLICT, ""),
    BadCommand: (Kind.CONFLICT, ""),
    GateFailed: (Kind.CONFLICT, ""),
    WriterBusy: (Kind.BASE_BUSY, "another process is publishing this knowledge base; try again later."),
    EntryRefused: (Kind.INVALID, ""),
    BaseExists: (Kind.CONFLICT, ""),
    UploadNotFound: (Kind.NOT_FOUND, ""),
    FileTooLarge: (Kind.TOO_LARGE, ""),
    UnknownKind: (Kind.UNKNOWN_KIND, ""),
    DamagedFile: (Kind.INVALID, ""),
    TooManyFiles: (Kind.TOO_MANY, ""),
}
_AWAY = "this did not work just now and nothing was changed; try again later."
_UNAVAILABLE: tuple[type[Exception], ...] = (
    Busy, CatalogUnavailable, Conflict, EngineClosed, EngineOverloaded, FilesUnavailable, Interrupted,
    KeyStoreUnavailable, LogUnavailable, ModelUnavailable, StoreUnavailable, VersionCorrupt, WebhooksUnavailable,
)  # fmt: skip
_OF_AIOHTTP = {404: Kind.NOT_FOUND, 405: Kind.WRONG_METHOD, 413: Kind.TOO_LARGE}


def refusal_of(error: Exception) -> Refusal:
    """Say an error the way a caller may hear it; what is not known is an internal one, and logged."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, web.HTTPException):
        return _refusal_of_http(error)
    for kind_of_error, (kind, detail) in _SAID.items():
        if isinstance(error, kind_of_error):
            return Refusal(kind, detail or str(error), headers=_HEADERS.get(kind, {}))
    if isinstance(error, _UNAVAILABLE):
        log.warning("a request could not be served: %s", error)
        return Refusal(Kind.UNAVAILABLE, _AWAY, headers=_HEADERS[Kind.UNAVAILABLE])
    log.error("a request failed", exc_info=error)
    return Refusal(Kind.INTERNAL, "the server failed at this request; its log says how.")


_HEADERS: Mapping[Kind, Mapping[str, str]] = {
    Kind.UNAUTHENTICATED: {"WWW-Authenticate": 'Bearer realm="kefu"'},
    Kind.BASE_BUSY: {"Retry-After": str(_RETRY_S)},
    Kind.TOO_MANY: {"Retry-After": str(TOO_MUCH_TODAY_S)},
    Kind.UNAVAILABLE: {"Retry-After": str(_RETRY_S)},
}


def _refusal_of_http(error: web.HTTPException) -> Refusal:
    kind = _OF_AIOHTTP.get(error.status, Kind.BAD_REQUEST)
    detail = "the body is larger than the server takes." if kind is Kind.TOO_LARGE else f"{error.reason}."
    allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    return Refusal(kind, detail, headers=allow)


def problem_response(refusal: Refusal) -> web.Response:
    """Give the response of a refused request."""
    body = problem_of(refusal.kind, str(refusal), field=refusal.field)
    return web.Response(
        body=msgspec.json.encode(body),
        status=body.status,
        content_type=MEDIA_TYPE,
        headers={**PRIVATE, **refusal.headers},
    )


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
REFUSED = web.AppKey("refused", Counter[tuple[str, str]])  # by workspace ("" before it is known) and kind
WORKSPACE = web.RequestKey("workspace", str)  # once it is known


@web.middleware
async def as_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error below /v1 into a problem."""
    if not request.path.startswith("/v1/"):
        return await handler(request)
    try:
        return await handler(request)
    except ConnectionResetError:  # the caller went away: there is nobody to tell
        raise
    except Exception as error:  # the edge of the API: nothing inside gets out
        if isinstance(error, web.HTTPException) and error.status < 400:
            raise
        refusal = refusal_of(error)
        request.app[REFUSED][request.get(WORKSPACE, ""), refusal.kind.value[0]] += 1
        return problem_response(refusal)
