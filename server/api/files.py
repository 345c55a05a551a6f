"""Files: send one into a conversation, fetch it, get a link to it. Open to programs and to visitors themselves.

Pictures are fetched with the visitor's token and drawn by the page itself, so that neither a token nor a link stands in
its addresses; a link, which is good for minutes, is for what can send no header, such as a new tab.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import msgspec
from aiohttp import web
from msgspec import Meta

from server.access.keys import Scope
from server.api.operation import Call, Operation, Reply, Request
from server.api.problems import Kind, Refusal
from server.conversations.events import Millis
from server.conversations.state import VISITOR, Head
from server.errors import ConversationNotFound
from server.ids import from_text
from server.parts import LOG, UPLOADS
from server.stores.protocols import Upload
from server.uploads.errors import UploadNotFound
from server.uploads.limits import FileLimits
from server.uploads.uploads import Place

ANY_BYTES = "application/octet-stream"
_AT_ONCE = 1 << 16
_CACHED_S = 86_400  # by the browser of who may see it
_TICKET = r"^([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)?$"
_Identifier = Annotated[str, Meta(max_length=22, pattern="^([A-Za-z0-9_-]{21}[AQgw])?$")]


class FileQuery(Request, frozen=True):
    """What the body is."""

    name: Annotated[str, Meta(max_length=300, description="as its sender calls it")] = ""
    conversation: Annotated[_Identifier, Meta(description="where it belongs; a visitor has only one")] = ""


class TicketQuery(Request, frozen=True):
    """How it may be fetched without a header."""

    ticket: Annotated[
        str, Meta(max_length=400, pattern=_TICKET, description="as a link has it; then no key is needed")
    ] = ""


class FileFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A file, as a message's event tells of it."""

    id: str  # for the `files` of a message; one that no message names within a day is deleted
    name: str
    media_type: str
    size: int  # bytes, as it is kept


class FileLink(msgspec.Struct, frozen=True, kw_only=True):
    """Where a file can be fetched without a header."""

    url: str  # on this server
    expires_at: Millis


async def upload(call: Call) -> Reply:
    """Take a file in."""
    wanted, running = call.query(FileQuery), call.app[UPLOADS]
    uploads = running.files
    if not uploads.max_bytes:
        raise Refusal(Kind.FORBIDDEN, "this server takes no files.")
    head = await _conversation(call, wanted.conversation)
    check_headers(call.request, uploads.max_bytes)
    sender = (head.workspace, head.conversation)
    refuse_for(running.limits.enter(sender))
    try:
        place = Place(workspace=head.workspace, conversation=head.conversation, author=VISITOR)
        file = await uploads.receive(place, wanted.name, pieces_of(call.request, running.limits))
    finally:
        running.limits.leave(sender)
    facts = FileFacts(id=file.id, name=file.name, media_type=file.media_type, size=file.size)
    return Reply(body=facts, headers={"Location": f"/v1/files/{file.id}"})


async def fetch(call: Call) -> web.StreamResponse:
    """Give a file's bytes; the browser is told to make nothing of them but a picture or a file to be saved."""
    upload, path = await call.app[UPLOADS].files.find(call.workspace, call.path("file"))
    await _check_owner(call, upload)
    return served(upload, path)


def served(upload: Upload, path: Path) -> web.FileResponse:
    """Give a file's bytes to who was found to be allowed to see it."""
    shown = "inline" if upload.media_type.startswith("image/") else "attachment"
    headers = {
        "Content-Type": upload.media_type,
        "Content-Disposition": f"{shown}; filename*=UTF-8''{quote(upload.name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "same-origin",  # a page shows what it fetched, not what it refers to
        "Referrer-Policy": "no-referrer",
        "Cache-Control": f"private, max-age={_CACHED_S}",
    }
    return web.FileResponse(path, headers=headers)


async def link(call: Call) -> Reply:
    """Make a link."""
    upload, _ = await call.app[UPLOADS].files.find(call.workspace, call.path("file"))
    await _check_owner(call, upload)
    ticket = call.app[UPLOADS].tickets.make(upload)
    url = f"/v1/files/{upload.file.id}?ticket={ticket.text}"
    return Reply(body=FileLink(url=url, expires_at=ticket.expires_at * 1000))


async def _conversation(call: Call, identifier: str) -> Head:
    """Give the conversation that a file goes into: a visitor's own, or the one that a program names."""
    log, caller = call.app[LOG], call.caller
    head = await (
        log.current(caller.workspace, caller.visitor)
        if caller.visitor
        else log.head(caller.workspace, _from(identifier))
    )
    if head is None or (identifier and head.conversation != _from(identifier)):
        raise ConversationNotFound("there is no such conversation.")
    return head


async def _check_owner(call: Call, upload: Upload) -> None:
    """Let a program fetch all files of its workspace, a visitor those of their conversation, a link its own.

    Raises:
        UploadNotFound: it is not for the caller to see.
    """
    caller, allowed = call.caller, True
    if caller.file:
        allowed = caller.file == upload.file.id
    elif caller.visitor:
        refuse_for(call.app[UPLOADS].limits.fetched.wait_s((caller.workspace, caller.visitor)))
        head = await call.app[LOG].current(caller.workspace, caller.visitor)
        allowed = head is not None and head.conversation == upload.conversation
    if not allowed:
        raise UploadNotFound("there is no such file.")


def check_headers(request: web.Request, max_bytes: int) -> None:
    """Refuse what can be refused before a byte of it is read."""
    if request.content_type.startswith("multipart/"):
        raise Refusal(Kind.UNKNOWN_KIND, "send the file itself as the body, not as a part of a form.")
    if "Content-Encoding" in request.headers:
        raise Refusal(Kind.UNKNOWN_KIND, "send the file as it is, without a Content-Encoding.")
    if (request.content_length or 0) > max_bytes:
        raise Refusal(Kind.TOO_LARGE, f"a file may have {max_bytes:,} bytes.")


async def pieces_of(request: web.Request, limits: FileLimits) -> AsyncIterator[bytes]:
    """Give the body as it comes; who sends it too slowly is not waited for."""
    loop = asyncio.get_running_loop()
    began, received = loop.time(), 0
    while True:
        try:
            async with asyncio.timeout_at(began + limits.patience_s + received / limits.slowest):
                piece = await request.content.read(_AT_ONCE)
        except TimeoutError as error:
            raise Refusal(Kind.SLOW, f"the body comes with less than {limits.slowest // 1024} KB a second.") from error
        except web.RequestPayloadError as error:  # it breaks off
            raise Refusal(Kind.BAD_REQUEST, "the body is not what its headers say.") from error
        if not piece:
            return
        received += len(piece)
        yield piece


def refuse_for(wait_s: float) -> None:
    """Refuse who must wait.

    Raises:
        Refusal: it is more than nothing.
    """
    if wait_s:
        later = {"Retry-After": str(int(wait_s) + 1)}
        raise Refusal(Kind.TOO_MANY, "too many files in too short a time; come back later.", headers=later)


def _from(identifier: str) -> bytes:
    try:
        return from_text(identifier)
    except ValueError:
        return b""  # names none


_ONE = "/v1/files/{file}"
OPERATIONS = (
    Operation(
        method="POST", path="/v1/uploads", name="uploadFile", tag="Files", scope=Scope.WRITE, visitors=True,
        handler=upload, query=FileQuery, takes=ANY_BYTES, reply=FileFacts, status=201,
        problems=(Kind.NOT_FOUND, Kind.SLOW, Kind.TOO_LARGE, Kind.UNKNOWN_KIND, Kind.INVALID),
        summary="Send a picture (PNG, JPEG, WebP, GIF) or PDF, as the body itself; pictures are drawn anew.",
    ),
    Operation(
        method="GET", path=_ONE, name="fetchFile", tag="Files", scope=Scope.READ, visitors=True, handler=fetch,
        query=TicketQuery, reply=FileFacts, gives=("image/png", "image/jpeg", "image/webp", "application/pdf"),
        summary="Fetch a file.",
    ),
    Operation(
        method="POST", path=f"{_ONE}/link", name="linkFile", tag="Files", scope=Scope.READ, visitors=True,
        handler=link, reply=FileLink,
        summary="Make a link to a file that needs no header, and is good for five minutes.",
    ),
)  # fmt: skip
