"""What the two clients have in common: where to go, who speaks, and what happened."""

from collections import deque
from random import Random
from typing import TypedDict, Unpack

from server.client.core import ClientSettings, Core
from server.client.happenings import Happening, Memory
from server.wire.codec import CODECS, JSON
from server.wire.frames import Hello

_KEPT = 10_000  # happenings that nobody took yet; then the oldest go


class Options(TypedDict, total=False):
    """Who speaks, and how; see `server.wire.frames.Hello`. A key or a token is needed."""

    key: str
    """A widget's key."""
    token: str
    """Of an earlier welcome."""
    user: str
    """With a key: who the visitor is, as the embedding site says."""
    signature: str
    """The site's, over `user`."""
    language: str
    """Of the visitor."""
    page: str
    """Where the visitor is."""
    device: str
    """That the visitor has, in a few words."""
    zone: str
    """The visitor's time zone, such as Asia/Shanghai."""
    memory: Memory | None
    """Of an earlier client."""
    encoding: str
    """The subprotocol; JSON by default."""
    settings: ClientSettings | None
    """Of patience."""
    random: Random | None
    """For the jitter of pauses."""


class Shell:
    """A core, and what a program that runs it needs beside."""

    def __init__(self, url: str, **options: Unpack[Options]) -> None:
        """Take where to go (wss://HOST/v1/ws) and who speaks."""
        hello = Hello(
            token=options.get("token", ""),
            key=options.get("key", ""),
            user=options.get("user", ""),
            signature=options.get("signature", ""),
            language=options.get("language", ""),
            page=options.get("page", ""),
            device=options.get("device", ""),
            zone=options.get("zone", ""),
            client="kefu-python",
        )
        self.core = Core(hello, options.get("memory"), options.get("settings"), random=options.get("random"))
        self._url = url
        self._codec = CODECS[options.get("encoding", JSON)]
        self._happenings: deque[Happening] = deque(maxlen=_KEPT)
