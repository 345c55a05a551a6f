"""Both encodings hold every frame, agree on it, and take any bytes at all without harm."""

from contextlib import suppress
from time import process_time
from typing import get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from server.wire import frames
from server.wire.codec import CODECS, JSON, PROTO, BadFrame
from tests.fakes.frames import CLIENT_FRAMES, SERVER_FRAMES, specimens

JSON_CODEC, PROTO_CODEC = CODECS[JSON], CODECS[PROTO]
MOST_S = 0.5  # CPU of one decoding, on whatever machine


@settings(max_examples=300, deadline=None)
@given(CLIENT_FRAMES)
def test_both_encodings_give_back_what_a_client_said(frame):
    for codec in (JSON_CODEC, PROTO_CODEC):
        raw = codec.encode(frame)
        again = codec.from_client(raw)
        assert again == frame
        assert codec.encode(again) == raw


@settings(max_examples=300, deadline=None)
@given(SERVER_FRAMES)
def test_both_encodings_give_back_what_a_server_said(frame):
    for codec in (JSON_CODEC, PROTO_CODEC):
        raw = codec.encode(frame)
        again = codec.from_server(raw)
        assert again == frame
        assert codec.encode(again) == raw


@settings(max_examples=100, deadline=None)
@given(CLIENT_FRAMES)
def test_what_was_read_from_one_encoding_can_be_said_in_the_other(frame):
    assert PROTO_CODEC.from_client(PROTO_CODEC.encode(JSON_CODEC.from_client(JSON_CODEC.encode(frame)))) == frame
    assert JSON_CODEC.from_client(JSON_CODEC.encode(PROTO_CODEC.from_client(PROTO_CODEC.encode(frame)))) == frame


def test_every_type_of_frame_is_among_those_that_are_tried():
    tried = {type(frame) for kind in specimens() for frame in kind.frames}
    assert tried == {*get_args(frames.FromClient), *get_args(frames.FromServer)}


def damaged(frame, place, byte):
    """Give a frame's bytes, one of them changed."""
    changed = bytearray(frame)
    if changed:
        changed[place % len(changed)] = byte
    return bytes(changed)


MANGLED = st.builds(
    damaged,
    st.sampled_from([CODECS[name].encode(kind.frames[0]) for name in CODECS for kind in specimens()]),
    st.integers(0, 500),
    st.integers(0, 255),
)
CUT = st.builds(lambda raw, end: raw[: end % (len(raw) + 1)], MANGLED, st.integers(0, 600))
NOISE = st.binary(max_size=400) | MANGLED | CUT | st.text(max_size=60)


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("side", ["from_client", "from_server"])
@settings(max_examples=400, deadline=None)
@given(raw=NOISE)
@example(raw=b"[" * 500_000)
@example(raw=b'{"a":' * 100_000)
@example(raw=b'{"type":"read","seq":' + b"9" * 60_000 + b"}")
@example(raw=b"\x2a" * 60_000)
@example(raw=b"\x0b" * 60_000)  # groups in groups
@example(raw=b"\x2a\xff\xff\xff\xff\x0f")  # says that it is long, and ends
@example(raw=b"\x32\x80\x80\x04" + b"\x22\x00" * 32_768)  # many empty identifiers
@example(raw="\ud800")
def test_no_bytes_do_worse_than_to_be_no_frame(name, side, raw):
    began, frame = process_time(), None
    with suppress(BadFrame):
        frame = getattr(CODECS[name], side)(raw)
    if frame is not None:
        CODECS[name].encode(frame)
    assert process_time() - began < MOST_S
