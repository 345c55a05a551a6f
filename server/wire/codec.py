"""Frames to bytes and back. Two encodings of one protocol; a client names the one it wants as WebSocket subprotocol."""

from collections.abc import Mapping
from typing import Final, Protocol

import msgspec

from server.errors import ServerError
from server.wire import proto
from server.wire.frames import FromClient, FromServer

JSON: Final = "kefu.v1.json"
PROTO: Final = "kefu.v1.proto"
MAX_CLIENT_BYTES: Final = 1024 * 1024  # no matter what a connection allows
MAX_SERVER_BYTES: Final = 16 * 1024 * 1024  # a welcome with many long events

_NO_FRAME = (ValueError, RecursionError)  # msgspec's own errors and those of broken UTF-8 are ValueErrors


class BadFrame(ServerError):
    """The bytes are no frame; the message says what is wrong with them. Trying again cannot help."""


class Codec(Protocol):
    """One encoding."""

    @property
    def subprotocol(self) -> str:
        """The name that it is negotiated by."""

    @property
    def binary(self) -> bool:
        """Whether its messages are binary ones."""

    def encode(self, frame: FromClient | FromServer) -> bytes:
        """Give a frame's bytes."""

    def from_client(self, raw: bytes | str) -> FromClient:
        """Read what a client sent.

        Raises:
            BadFrame: it is no frame of a client.
        """

    def from_server(self, raw: bytes | str) -> FromServer:
        """Read what a server sent.

        Raises:
            BadFrame: it is no frame of a server.
        """


class JsonCodec:
    """Compact UTF-8 JSON: one object a frame, its kind under "type"."""

    subprotocol = JSON
    binary = False

    def __init__(self) -> None:
        self._encoder = msgspec.json.Encoder()
        self._from_client: msgspec.json.Decoder[FromClient] = msgspec.json.Decoder(FromClient)
        self._from_server: msgspec.json.Decoder[FromServer] = msgspec.json.Decoder(FromServer)

    def encode(self, frame: FromClient | FromServer) -> bytes:
        """Give a frame's bytes."""
        return self._encoder.encode(frame)

    def from_client(self, raw: bytes | str) -> FromClient:
        """Read what a client sent."""
        try:
            return self._from_client.decode(_checked(raw, MAX_CLIENT_BYTES))
        except _NO_FRAME as error:
            raise BadFrame(f"not a frame: {error}") from error

    def from_server(self, raw: bytes | str) -> FromServer:
        """Read what a server sent."""
        try:
            return self._from_server.decode(_checked(raw, MAX_SERVER_BYTES))
        except _NO_FRAME as error:
            raise BadFrame(f"not a frame: {error}") from error


class ProtoCodec:
    """Protobuf: one envelope of kefu.proto a frame, in a binary message."""

    subprotocol = PROTO
    binary = True

    def encode(self, frame: FromClient | FromServer) -> bytes:
        """Give a frame's bytes.

        Raises:
            BadFrame: it holds an identifier that is none.
        """
        try:
            return proto.encode(frame)
        except ValueError as error:
            raise BadFrame(f"{type(frame).__name__} cannot be sent: {error}") from error

    def from_client(self, raw: bytes | str) -> FromClient:
        """Read what a client sent."""
        try:
            return proto.from_client(_binary(_checked(raw, MAX_CLIENT_BYTES)))
        except _NO_FRAME as error:
            raise BadFrame(f"not a frame: {error}") from error

    def from_server(self, raw: bytes | str) -> FromServer:
        """Read what a server sent."""
        try:
            return proto.from_server(_binary(_checked(raw, MAX_SERVER_BYTES)))
        except _NO_FRAME as error:
            raise BadFrame(f"not a frame: {error}") from error


def _checked(raw: bytes | str, limit: int) -> bytes | str:
    if len(raw) > limit:
        raise BadFrame(f"a frame has at most {limit} bytes")
    return raw


def _binary(raw: bytes | str) -> bytes:
    if isinstance(raw, str):
        raise ValueError("this encoding is sent in binary messages")
    return raw


CODECS: Mapping[str, Codec] = {JSON: JsonCodec(), PROTO: ProtoCodec()}
