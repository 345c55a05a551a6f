"""The protocol over HTTP, for networks that let no WebSocket through. docs/PROTOCOL.md explains it under "Over HTTP".

Three requests, all of them POST, so that nothing secret is in an address and nothing is kept on the way: `stream` opens
a session and is answered by server-sent events, `poll` is answered by those that wait, and `send` carries frames up.
They need no leave of a browser (CORS calls such requests simple); the page is looked at as with a WebSocket.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec
from aiohttp import web

from server.connections.endpoint import Connections
from server.connections.http_socket import HttpSocket
from server.connections.rates import Limiter, Rate
from server.wire.codec import CODECS, JSON
from server.wire.codes import Close
from server.wire.frames import Ping

Answer = TypeVar("Answer", bound=web.StreamResponse)

_POLL_S: Final = 20.0  # a poll without anything to give; shorter than the silence that is taken for an end
_LOOK_S: Final = 2.0  # how often it is looked whether the peer of a silent stream is still there
_BODY_S: Final = 15.0  # for a request's body to arrive
_AROUND_FRAMES: Final = 4096  # bytes of a body beside its frames
_FRAMES: Final = 16  # of one request
_POLLS: Final = Rate(burst=100, per_minute=1200)  # of one session; more are answered later
_PADDING: Final = b":" + b" " * 2048 + b"\n\n"  # what some proxies want to have before they let anything through

_STREAM_HEADERS: Final = {
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",  # says nginx
    "X-Content-Type-Options": "nosniff",
}


class Upward(msgspec.Struct, frozen=True, kw_only=True):
    """The body of `send`, and of a `poll` that goes on."""

    session: str = ""
    frames: tuple[msgspec.Raw, ...] = ()
    bye: bool = False  # the client leaves


@dataclass(slots=True, kw_only=True)
class _Session:
    socket: HttpSocket
    origin: str  # of the page that opened it; others may not go on with it
    fetching: bool = False
    sending: bool = False


class HttpEndpoint:
    """All sessions of this process that are carried by requests."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._codec = CODECS[JSON]
        self._sessions: dict[str, _Session] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._polls = Limiter(_POLLS)
        self._upward = msgspec.json.Decoder(Upward)

    def __len__(self) -> int:
        """Sessions."""
        return len(self._sessions)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Open a session by a hello, and give its frames as they come."""
        body = await self._body(request)
        if self._read(body).session:
            raise web.HTTPBadRequest(text="a stream begins with a hello; go on by polls")
        refused = self._connections.refusal(request)
        if refused is not None:
            return _allowed(request, refused)
        name, session = await self._open(request, body)
        session.fetching = True
        response = _allowed(request, web.StreamResponse(headers=_STREAM_HEADERS))
        response.content_type = "text/event-stream"
        try:
            await response.prepare(request)
            await response.write(_PADDING + _opened(name))
            await self._pour(request, response, session.socket)
        except (TimeoutError, ConnectionResetError):  # the peer does not read, or left
            if request.transport is not None:
                request.transport.abort()
        finally:
            session.socket.abort()
        return response

    async def poll(self, request: web.Request) -> web.StreamResponse:
        """Give the frames that wait, or the first that comes; a hello opens the session first."""
        body = await self._body(request)
        name = self._read(body).session
        if name:
            session = self._known(request, name)
            session.socket.on_pong()
            await asyncio.sleep(self._polls.wait_s(name))
        else:
            refused = self._connections.refusal(request)
            if refused is not None:
                return _allowed(request, refused)
            name, session = await self._open(request, body)
        if session.fetching:
            raise web.HTTPConflict(text="one poll at a time")
        session.fetching = True
        try:
            frames, end = await session.socket.fetch(within_s=_POLL_S)
        finally:
            session.fetching = False
        if end is not None:
            session.socket.told()
        answer = web.Response(body=_opened(name) + _events(frames, end), headers=_STREAM_HEADERS)
        answer.content_type = "text/event-stream"
        return _allowed(request, answer)

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Take frames; the answer says that they arrived in their order, and nothing of what became of them."""
        body = self._read(await self._body(request))
        session = self._known(request, body.session)
        if session.sending:
            raise web.HTTPConflict(text="one request at a time")
        limit = self._connections.settings.max_bytes
        if len(body.frames) > _FRAMES or any(len(bytes(frame)) > limit for frame in body.frames):
            raise web.HTTPRequestEntityTooLarge(max_size=limit, actual_size=request.content_length or limit)
        session.sending = True
        try:
            await session.socket.say([bytes(frame) for frame in body.frames])
        finally:
            session.sending = False
        if body.bye:
            session.socket.abort()
        return _allowed(request, web.Response(status=204, headers={"Cache-Control": "no-store"}))

    async def close(self) -> None:
        """End what is left."""
        for session in self._sessions.values():
            session.socket.abort()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    # -- sessions

    async def _open(self, request: web.Request, hello: bytes) -> tuple[str, _Session]:
        name = secrets.token_urlsafe(24)
        socket = HttpSocket(ping=self._codec.encode(Ping()))
        origin = request.headers.get("Origin", "")
        self._sessions[name] = session = _Session(socket=socket, origin=origin)
        await socket.say([hello])
        serving = self._connections.serve_socket(socket, self._codec, origin=origin, address=request.remote or "")
        task = asyncio.get_running_loop().create_task(serving, name="http session")
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            self._sessions.pop(name, None)
            socket.abort()

        task.add_done_callback(ended)
        return name, session

    def _known(self, request: web.Request, name: str) -> _Session:
        """Give a session to the page that opened it.

        Raises:
            web.HTTPNotFound: there is none of that name, or no more.
        """
        session = self._sessions.get(name)
        if session is None or session.origin != request.headers.get("Origin", ""):
            raise web.HTTPNotFound(text="no such session; say hello again")
        return session

    async def _pour(self, request: web.Request, response: web.StreamResponse, socket: HttpSocket) -> None:
        """Write frames as they come, as fast as the peer reads, until one of the two ends it."""
        end = None
        while end is None and not socket.gone:
            frames, end = await socket.fetch(within_s=_LOOK_S)
            if request.transport is None or request.transport.is_closing():
                return
            if frames or end is not None:
                async with asyncio.timeout(self._connections.settings.write_s):
                    await response.write(_events(frames, end))
        if end is not None:
            await response.write_eof()
            socket.told()

    # -- requests

    async def _body(self, request: web.Request) -> bytes:
        """Read a body, of a bounded size and in a bounded time.

        Raises:
            web.HTTPException: it is too large, too slow, or may not come from that page.
        """
        if not self._connections.may_come_from(request):
            raise web.HTTPForbidden(text="this page may not connect")
        limit = self._connections.settings.max_bytes + _AROUND_FRAMES
        body = bytearray()
        try:
            async with asyncio.timeout(_BODY_S):
                async for piece in request.content.iter_any():
                    body += piece
                    if len(body) > limit:
                        raise web.HTTPRequestEntityTooLarge(max_size=limit, actual_size=len(body))
        except TimeoutError:
            raise web.HTTPRequestTimeout(text="the body did not arrive in time") from None
        except web.RequestPayloadError as error:
            raise web.HTTPBadRequest(text="the body is not what its headers say") from error
        return bytes(body)

    def _read(self, body: bytes) -> Upward:
        """Read what is around frames.

        Raises:
            web.HTTPBadRequest: it is not what it should be.
        """
        try:
            return self._upward.decode(body)
        except (ValueError, RecursionError) as error:
            raise web.HTTPBadRequest(text=f"not what was expected: {error}"[:300]) from error


def add_routes(app: web.Application, of: Callable[[web.Request], HttpEndpoint]) -> None:
    """Serve the protocol over HTTP; `of` gives the endpoint of a running application."""

    async def stream(request: web.Request) -> web.StreamResponse:
        return await of(request).stream(request)

    async def poll(request: web.Request) -> web.StreamResponse:
        return await of(request).poll(request)

    async def send(request: web.Request) -> web.StreamResponse:
        return await of(request).send(request)

    app.router.add_post("/v1/http/stream", stream)
    app.router.add_post("/v1/http/poll", poll)
    app.router.add_post("/v1/http/send", send)


def _allowed(request: web.Request, response: Answer) -> Answer:
    """Let the page read the answer; it was looked at before."""
    origin = request.headers.get("Origin")
    if origin is not None:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Vary"] = "Origin"
    return response


def _opened(name: str) -> bytes:
    return b'event: open\ndata: {"session":"%s"}\n\n' % name.encode()


def _events(frames: Sequence[bytes], end: tuple[Close, str] | None) -> bytes:
    """Write frames and the end as server-sent events; JSON has no line breaks of its own."""
    written = b"".join(b"data: %s\n\n" % frame for frame in frames)
    if end is None:
        return written
    close = msgspec.json.encode({"code": int(end[0]), "reason": end[1]})
    return written + b"event: close\ndata: %s\n\n" % close
