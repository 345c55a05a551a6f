"""docs/PROTOCOL.md tells of every frame, field, verb and code of agents; errors are said in their codes."""

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from server.console.following import Followed
from server.console.receipts import Receipts
from server.console.refusing import problem_of
from server.console.talk import VERBS
from server.conversations.events import Audience, Event, Noted, Spoke
from server.conversations.state import Head
from server.errors import (
    AlreadyTaken,
    BadCommand,
    Busy,
    Conflict,
    ConversationNotFound,
    IdReused,
    LogUnavailable,
    NotAllowed,
    Outdated,
)
from server.wire.agent_frames import AgentCode, AgentEvent, FromAgent, ToAgent
from server.wire.frames import EventFrame, Ping, Pong

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "PROTOCOL.md").read_text("utf-8")
AGENTS = PAGE.partition("\n## Agents\n")[2].partition("\n## ")[0]
OF_VISITORS = {field.name for field in msgspec.structs.fields(EventFrame)}


@pytest.mark.parametrize("frame", sorted({*get_args(FromAgent), *get_args(ToAgent)} - {Ping, Pong}, key=str), ids=str)
def test_every_frame_and_field_is_told_of(frame):
    tag = frame.__struct_config__.tag
    assert f"`{tag}`" in AGENTS or f"`{tag} {{" in AGENTS
    known = OF_VISITORS if frame is AgentEvent else {"turn", "aborted", "text", "author", "seq"}  # as for visitors
    for field in msgspec.structs.fields(frame):
        assert re.search(rf"\b{field.name}\b", AGENTS) or field.name in known, (tag, field.name)


def test_every_verb_and_code_is_told_of():
    assert [verb for verb in VERBS if f"`{verb}`" not in AGENTS] == []
    assert [code for code in AgentCode if f"`{code.value}`" not in AGENTS] == []


class Browser:
    """Keeps what it is shown."""

    def __init__(self):
        self.shown = []

    def put(self, raw, *, replaces=""):
        self.shown.append(msgspec.json.decode(raw))


def test_an_event_that_comes_twice_is_shown_once_in_each_audience():
    head = Head(workspace="acme", conversation=b"c" * 16, visitor="visitor:ann", kb="shop", seq=3, internal_seq=1)
    browser = Browser()
    followed = Followed(browser, head, "c", Receipts(None))
    for audience, seq in [
        ("public", 3),
        ("public", 4),
        ("public", 4),
        ("internal", 1),
        ("internal", 2),
        ("internal", 2),
    ]:
        body = Spoke(text=f"{audience} {seq}") if audience == "public" else Noted(text=f"{audience} {seq}")
        followed.deliver(
            Event(
                id=b"e" * 16, kind="spoke", audience=Audience(audience), seq=seq, epoch=1, turn=1, author="visitor",
                at=1, body=body, after=seq,
            )
        )  # fmt: skip
    assert [frame["text"] for frame in browser.shown] == ["public 4", "internal 2"]
    assert [frame.get("audience", "") for frame in browser.shown] == ["", "internal"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AlreadyTaken("a1", "Ana", 5), "already_taken"), (Outdated("active", 3), "stale"),
        (NotAllowed("no"), "not_allowed"),
        (ConversationNotFound("x"), "not_found"), (IdReused("m1"), "id_reused"), (BadCommand("x"), "bad_value"),
        (Busy("x", 700), "busy"), (LogUnavailable("/secret/path"), "unavailable"), (Conflict("x"), "unavailable"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_an_error_is_said_in_its_code_and_names_what_was_asked(error, code):
    problem = problem_of(error, "m1")
    assert (problem.code, problem.client_msg_id) == (code, "m1")
    assert "/secret" not in problem.message
    assert bool(problem.retry_after_ms) is (code in ("busy", "unavailable"))
    assert (problem.by, problem.at) == (("a1", 5) if code == "already_taken" else ("", 0))
