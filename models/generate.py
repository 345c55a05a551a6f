"""Reply generators: an OpenAI-compatible endpoint, or a local `transformers` model in a process of its own."""

import asyncio
import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import httpx

from models.errors import ModelUnavailable

log = logging.getLogger(__name__)

_READY = b'{"ready": true}'  # what a local model's process says once it can answer; anything before is passed over
_RETRIED = frozenset({408, 409, 429, 500, 502, 503, 504})


class TokenBudget:
    """Tokens that may be spent in a day (UTC); four characters a token is an estimate good enough to stop a flood."""

    def __init__(self, daily: int, today: Callable[[], date] = lambda: datetime.now(UTC).date()) -> None:
        self._daily = daily
        self._today = today
        self._day = today()
        self._spent = 0

    def spend(self, chars: int) -> None:
        """Take the tokens of so many characters.

        Raises:
            ModelUnavailable: nothing is left for today.
        """
        if self._today() != self._day:
            self._day, self._spent = self._today(), 0
        if self._spent >= self._daily:
            raise ModelUnavailable(
                f"the budget of {self._daily} tokens is spent for today; raise generator.daily_tokens"
            )
        self._spent += (chars + 3) // 4


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSettings:
    """How an OpenAI-compatible endpoint is reached."""

    url: str  # base address, up to and with /v1
    model: str
    api_key: str = ""
    connect_timeout_s: float = 3.0
    read_timeout_s: float = 10.0  # between two pieces of the stream
    retries: int = 1  # only before the first piece; a reply that began is never asked for twice
    max_chars: int = 20_000  # of one reply; a stream that does not end is cut


class OpenAIGenerator:
    """Streams chat completions from any endpoint that speaks OpenAI's protocol."""

    def __init__(
        self, settings: EndpointSettings, budget: TokenBudget, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._settings = settings
        self._budget = budget
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(settings.read_timeout_s, connect=settings.connect_timeout_s),
            headers={"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {},
            trust_env=False,  # an address in the environment must not see visitors' text
            transport=transport,
        )

    @property
    def name(self) -> str:
        """The model's name at the endpoint."""
        return self._settings.model

    async def stream(self, *, system: str, user: str, max_tokens: int) -> AsyncIterator[str]:
        """Give the reply in pieces as they arrive; closing the iterator closes the request.

        Raises:
            ModelUnavailable: refused, unreachable, out of time, over budget, or not the protocol.
        """
        self._budget.spend(len(system) + len(user))
        user = user.encode("utf-8", "replace").decode()  # half a character cannot be sent
        body = {
            "model": self._settings.model,
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": user}],
            "max_tokens": max_tokens,
            "temperature": 0,
            "stream": True,
        }
        for attempt in range(self._settings.retries + 1):
            try:
                async with self._client.stream("POST", f"{self._settings.url}/chat/completions", json=body) as response:
                    if response.status_code in _RETRIED and attempt < self._settings.retries:
                        continue
                    if response.status_code != httpx.codes.OK:
                        raise ModelUnavailable(f"the language model answered {response.status_code}")
                    async for piece in self._pieces(response):
                        yield piece
                    return
            except httpx.HTTPError as error:
                if attempt == self._settings.retries or not isinstance(error, httpx.ConnectError):
                    raise ModelUnavailable(f"the language model gave no answer: {type(error).__name__}") from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _pieces(self, response: httpx.Response) -> AsyncIterator[str]:
        length = 0
        async for line in response.aiter_lines():
            if not line.startswith("data:"):
                continue
            data = line[5:].strip()
            if data == "[DONE]":
                return
            piece = _content(data)
            length += len(piece)
            self._budget.spend(len(piece))
            if length > self._settings.max_chars:
                log.warning("the language model's reply was cut at %d characters", self._settings.max_chars)
                return
            if piece:
                yield piece


def _content(data: str) -> str:
    try:
        choices: list[dict[str, Any]] = json.loads(data)["choices"]
        return str(choices[0].get("delta", {}).get("content") or "") if choices else ""
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelUnavailable("the language model's stream is not OpenAI's protocol") from error


class LocalGenerator:
    """A `transformers` model in a child process: torch never enters the serving process, and a crash stays outside.

    The model is loaded in the background, from `start` on; until it is ready, replies are refused at once. One reply at
    a time; further ones wait for their turn. A process that ended is started again by the next reply, one that could
    not load its model not before `retry_s` seconds have passed.
    """

    def __init__(
        self, folder: Path, budget: TokenBudget, *, retry_s: float = 60.0, clock: Callable[[], float] = monotonic
    ) -> None:
        self._folder = folder.expanduser()
        self._budget = budget
        self._retry_s = retry_s
        self._clock = clock
        self._turn = asyncio.Lock()
        self._loading: asyncio.Task[asyncio.subprocess.Process] | None = None
        self._again_at = 0.0
        self._closed = False

    @property
    def name(self) -> str:
        """The folder's name."""
        return self._folder.name

    def start(self) -> None:
        """Begin to load the model, and return at once. To be called where the event loop runs."""
        if self._closed or self._clock() < self._again_at:
            return
        if self._loading is None or (self._loading.done() and not self._loads_or_answers()):
            self._loading = asyncio.create_task(self._load(), name="local-model")

    async def ready(self) -> None:
        """Wait until the model is loaded; cancelling the wait does not stop the loading.

        Raises:
            ModelUnavailable: it cannot be loaded.
        """
        self.start()
        if self._loading is not None:
            await asyncio.shield(self._loading)

    async def stream(self, *, system: str, user: str, max_tokens: int) -> AsyncIterator[str]:
        """Give the reply in pieces; closing the iterator ends the process, and another one begins to load.

        Raises:
            ModelUnavailable: the model is not loaded yet or cannot be, or its process died.
        """
        async with self._turn:
            child = self._child()
            self._budget.spend(len(system) + len(user))
            finished = False
            try:
                request = json.dumps({"system": system, "user": user, "max_tokens": max_tokens})
                async for piece in self._exchange(child, request):
                    yield piece
                finished = True
            finally:
                if not finished:
                    await _end(child)
                    self.start()

    async def close(self) -> None:
        """End the process, loaded or not."""
        self._closed = True
        loading, self._loading = self._loading, None
        if loading is None:
            return
        loading.cancel()
        with suppress(ModelUnavailable, asyncio.CancelledError):
            await _end(await loading)

    def _loads_or_answers(self) -> bool:
        loading = self._loading
        if loading is None or not loading.done():
            return loading is not None
        return not loading.cancelled() and loading.exception() is None and loading.result().returncode is None

    def _child(self) -> asyncio.subprocess.Process:
        """Give the process that has the model loaded."""
        if not self._loads_or_answers():
            self.start()
        if self._loading is None or not self._loading.done():
            raise ModelUnavailable("the local model is still being loaded")
        return self._loading.result()

    async def _load(self) -> asyncio.subprocess.Process:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "models.generate_child", str(self._folder),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"},
            limit=1 << 20,
        )  # fmt: skip
        try:
            while child.stdout is not None and (line := await child.stdout.readline()):
                if line.strip() == _READY:
                    return child
        except BaseException:
            await _end(child)
            raise
        await child.wait()
        self._again_at = self._clock() + self._retry_s
        log.error("the local model in %s cannot be loaded; its process says why on stderr", self._folder)
        raise ModelUnavailable("the local model's process ended before it was ready; see its messages on stderr")

    async def _exchange(self, child: asyncio.subprocess.Process, request: str) -> AsyncIterator[str]:
        if child.stdin is None or child.stdout is None:
            raise ModelUnavailable("the local model's process has no pipes")
        try:
            child.stdin.write(request.encode() + b"\n")
            await child.stdin.drain()
            while line := await child.stdout.readline():
                message = json.loads(line)
                if "error" in message:
                    raise ModelUnavailable(f"the local model failed: {message['error']}")
                if message.get("done"):
                    return
                self._budget.spend(len(message["text"]))
                yield message["text"]
        except (OSError, ValueError) as error:
            raise ModelUnavailable(f"the local model's process broke off: {type(error).__name__}") from error
        raise ModelUnavailable("the local model's process ended; see its messages on stderr")


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.returncode is None:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()
