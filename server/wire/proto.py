"""The binary encoding: protobuf, about two thirds of the bytes of JSON."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError

from server.wire import frames
from server.wire import kefu_pb2 as pb
from server.wire import proto_frames as maps
from server.wire.frames import FromClient, FromServer


class _Way(NamedTuple):
    """How one type of frame is written and read."""

    envelope: type[Any]  # what is common to both envelopes has the same number in both, so that either will do
    name: str  # in the envelope
    write: Callable[[Any, Any], None]
    read: Callable[[Any], Any]


_BOTH: Mapping[type[Any], _Way] = {
    frames.Ping: _Way(pb.FromServer, "ping", maps.write_nothing, maps.read_ping),
    frames.Pong: _Way(pb.FromServer, "pong", maps.write_nothing, maps.read_pong),
    frames.Typing: _Way(pb.FromServer, "typing", maps.write_typing, maps.read_typing),
    frames.Read: _Way(pb.FromServer, "read", maps.write_read, maps.read_read),
}
_FROM_CLIENT: Mapping[type[Any], _Way] = {
    **_BOTH,
    frames.Hello: _Way(pb.FromClient, "hello", maps.write_hello, maps.read_hello),
    frames.Say: _Way(pb.FromClient, "say", maps.write_say, maps.read_say),
    frames.Act: _Way(pb.FromClient, "action", maps.write_action, maps.read_action),
    frames.History: _Way(pb.FromClient, "history", maps.write_history, maps.read_history),
}
_FROM_SERVER: Mapping[type[Any], _Way] = {
    **_BOTH,
    frames.Welcome: _Way(pb.FromServer, "welcome", maps.write_welcome, maps.read_welcome),
    frames.Ack: _Way(pb.FromServer, "ack", maps.write_ack, maps.read_ack),
    frames.EventFrame: _Way(pb.FromServer, "event", maps.write_event, maps.read_event),
    frames.Chunk: _Way(pb.FromServer, "chunk", maps.write_chunk, maps.read_chunk),
    frames.Page: _Way(pb.FromServer, "page", maps.write_page, maps.read_page),
    frames.Goaway: _Way(pb.FromServer, "goaway", maps.write_goaway, maps.read_goaway),
    frames.Problem: _Way(pb.FromServer, "error", maps.write_error, maps.read_error),
}
_WAYS = {**_FROM_CLIENT, **_FROM_SERVER}
_CLIENT_READERS = {way.name: way.read for way in _FROM_CLIENT.values()}
_SERVER_READERS = {way.name: way.read for way in _FROM_SERVER.values()}


def encode(frame: FromClient | FromServer) -> bytes:
    """Give a frame's bytes.

    Raises:
        ValueError: it holds an identifier that is none.
    """
    way = _WAYS[type(frame)]
    envelope = way.envelope()
    message = getattr(envelope, way.name)
    message.SetInParent()
    way.write(message, frame)
    raw: bytes = envelope.SerializeToString()
    return raw


def from_client(raw: bytes) -> FromClient:
    """Read what a client sent.

    Raises:
        ValueError: it is no frame of a client.
    """
    frame: FromClient = _read(pb.FromClient(), raw, _CLIENT_READERS)
    return frame


def from_server(raw: bytes) -> FromServer:
    """Read what a server sent.

    Raises:
        ValueError: it is no frame of a server.
    """
    frame: FromServer = _read(pb.FromServer(), raw, _SERVER_READERS)
    return frame


def _read(envelope: Any, raw: bytes, readers: Mapping[str, Callable[[Any], Any]]) -> Any:
    try:
        envelope.ParseFromString(raw)
    except DecodeError as error:
        raise ValueError("not protobuf") from error
    name = envelope.WhichOneof("frame")
    if name is None:
        raise ValueError("an empty frame, or one of a kind that is not known")
    return readers[name](getattr(envelope, name))
