"""The two encodings, case by case: sizes, what is refused, what is ignored, and that generated code is up to date."""

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from engine.types import Reason
from server.conversations.events import INTERNAL, Action, Body, kind_of
from server.wire import frames
from server.wire import kefu_pb2 as pb
from server.wire.codec import CODECS, JSON, MAX_CLIENT_BYTES, PROTO, BadFrame
from server.wire.codes import Code
from server.wire.proto_words import ACTIONS, AUTHORS, CODES, DECISIONS, KINDS, REASONS
from tests.fakes.frames import identifier, specimens, token

ROOT = Path(__file__).resolve().parents[3]
JSON_CODEC, PROTO_CODEC = CODECS[JSON], CODECS[PROTO]


@pytest.mark.parametrize("kind", specimens(), ids=lambda kind: kind.name)
def test_the_binary_form_is_as_much_shorter_as_was_promised(kind):
    of_json = sum(len(JSON_CODEC.encode(frame)) for frame in kind.frames)
    of_proto = sum(len(PROTO_CODEC.encode(frame)) for frame in kind.frames)
    sys.stdout.write(f"{kind.name:26}{of_json:9}{of_proto:9}{of_proto / of_json:8.1%}\n")
    assert of_proto <= kind.at_most * of_json


def test_every_single_answer_of_the_samples_is_three_quarters_of_its_json_at_most():
    (answers,) = [kind for kind in specimens() if kind.name == "event, an answer"]
    worst = max(len(PROTO_CODEC.encode(frame)) / len(JSON_CODEC.encode(frame)) for frame in answers.frames)
    assert worst <= 0.75


def test_generated_code_is_what_the_schema_gives(tmp_path):
    pytest.importorskip("grpc_tools")
    done = subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", "-I", str(ROOT), f"--python_out={tmp_path}",
         f"--pyi_out={tmp_path}", "server/wire/kefu.proto"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for name in ("kefu_pb2.py", "kefu_pb2.pyi"):
        made, kept = ((at / "server" / "wire" / name).read_text("utf-8") for at in (tmp_path, ROOT))
        assert without_version(made) == without_version(kept), (
            f"{name} is not of this schema; kefu.proto says how to make it"
        )


def without_version(generated):
    """Another compiler writes another version number, which changes nothing."""
    generated = re.sub(r"# Protobuf Python Version: .*", "", generated)
    return re.sub(r"Domain\.PUBLIC,\s*\d+,\s*\d+,\s*\d+,", "Domain.PUBLIC,", generated)


def test_the_closed_lists_are_those_of_the_code():
    public = {kind_of(body) for body in get_args(Body) if body not in INTERNAL}
    assert KINDS.words == public - {"status"}  # later words travel as text
    assert ACTIONS.words == {Action.CHOOSE, Action.HUMAN, Action.FEEDBACK}
    assert CODES.words == {code.value for code in Code}
    assert REASONS.words == {reason.value for reason in Reason} | {"injection", "off_topic"}
    assert AUTHORS.words == {"visitor", "bot", "system"}
    assert DECISIONS.words == {"answer", "clarify", "small_talk", "unknown", "refuse", "handoff"}


def test_a_word_that_is_not_listed_travels_as_text():
    frame = frames.Typing(author="agent:ana")
    assert PROTO_CODEC.from_server(PROTO_CODEC.encode(frame)) == frame


def test_the_name_of_the_escape_is_a_word_like_any_other():
    frame = frames.Act(client_msg_id="m", action="text")
    assert PROTO_CODEC.from_client(PROTO_CODEC.encode(frame)) == frame


@pytest.mark.parametrize(
    "given",
    [token(), f"{token()}=", token() + "é", "a.b.c", token().rpartition(".")[0], token().replace(".", "..", 1)],
    ids=["ours", "padded", "not-ascii", "foreign", "unsigned", "two-dots"],
)
def test_a_token_comes_back_to_the_letter(given):
    assert PROTO_CODEC.from_client(PROTO_CODEC.encode(frames.Hello(token=given))) == frames.Hello(token=given)


def test_fields_of_a_newer_client_are_ignored():
    say = frames.Say(client_msg_id="m1", text="hi")
    newer = pb.FromClient.FromString(PROTO_CODEC.encode(say)).say.SerializeToString() + b"\xfa\x07\x02hi"  # field 127
    envelope = pb.FromClient(say=pb.Say.FromString(newer)).SerializeToString() + b"\xf8\x3f\x01"
    assert PROTO_CODEC.from_client(envelope) == say
    assert JSON_CODEC.from_client(b'{"type":"say","client_msg_id":"m1","text":"hi","mood":"good"}') == say


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xfa\x07\x02hi",
        b"\xff\xff",
        "text",
        pb.FromServer(goaway=pb.Goaway(after_ms=2)).SerializeToString(),
        pb.FromClient(hello=pb.Hello(key=b"short")).SerializeToString(),
        pb.FromClient(hello=pb.Hello(signature=b"short")).SerializeToString(),
        pb.FromClient(hello=pb.Hello(resume=pb.Resume(last_seq=3))).SerializeToString(),
        pb.FromClient(hello=pb.Hello(resume=pb.Resume(conversation=b"x" * 17))).SerializeToString(),
        pb.FromClient(say=pb.Say(client_msg_id=b"x" * 15, text="hi")).SerializeToString(),
        pb.FromClient(say=pb.Say(client_msg_id_text="m", text="hi", files=[b""])).SerializeToString(),
        pb.FromClient(action=pb.Act(client_msg_id_text="m", action=9)).SerializeToString(),
        pb.FromClient(action=pb.Act(client_msg_id_text="m", about=b"x")).SerializeToString(),
        pb.FromClient(read=pb.Read(seq=2**53 + 1)).SerializeToString(),
        pb.FromClient(history=pb.History(before=1, limit=-(2**53) - 1)).SerializeToString(),
        pb.FromClient(typing=pb.Typing(author=7)).SerializeToString(),
        b"\x32\x03\x1a\x01\xff",  # text that is no UTF-8
        bytes(MAX_CLIENT_BYTES + 1),
    ],
    ids=["nothing", "an-unknown-kind", "noise", "a-text-message", "a-servers-frame", "short-key", "short-signature",
         "no-conversation", "long-conversation", "short-name", "empty-file-id", "no-such-action", "short-about",
         "large-number", "small-number", "no-such-author", "not-utf-8", "too-long"],
)  # fmt: skip
def test_what_is_no_frame_of_a_client_is_refused(raw):
    with pytest.raises(BadFrame):
        PROTO_CODEC.from_client(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"type":"read","seq":9007199254740993}',
        b'{"type":"history","before":-9007199254740993}',
        b'{"type":"hello","resume":{"conversation":"x","last_seq":1e300}}',
        b" " * (MAX_CLIENT_BYTES + 1),
    ],
    ids=["large", "small", "fraction", "too-long"],
)
def test_numbers_that_no_other_encoding_holds_are_refused_in_json_too(raw):
    with pytest.raises(BadFrame):
        JSON_CODEC.from_client(raw)


@pytest.mark.parametrize(
    "frame",
    [
        frames.Hello(resume=frames.Resume(conversation="mine", last_seq=0)),
        frames.Say(client_msg_id="m", text="hi", files=("f1",)),
        frames.Act(client_msg_id="m", action="choose", about="e1"),
        frames.Ack(client_msg_id="m", seq=1, id=identifier(1)[:-1] + "!", at=0),
        frames.Say(client_msg_id="m", text="\ud800"),
        frames.Read(seq=2**64),
    ],
    ids=["conversation", "file", "about", "id", "surrogate", "number"],
)
def test_a_frame_that_the_schema_cannot_hold_is_not_sent(frame):
    with pytest.raises(BadFrame):
        PROTO_CODEC.encode(frame)
