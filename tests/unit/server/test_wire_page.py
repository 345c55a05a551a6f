"""docs/PROTOCOL.md tells the truth: every frame, field, example, error code and close code of it is the code's."""

import json
import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from server.connections.endpoint import AccessSettings
from server.connections.peer import ConnectionSettings
from server.conversations.service import ConversationSettings
from server.wire.codec import CODECS, JSON
from server.wire.codes import Close, Code
from server.wire.frames import FromClient, FromServer

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "PROTOCOL.md").read_text("utf-8")
CLIENT = {frame.__struct_config__.tag: frame for frame in get_args(FromClient)}
SERVER = {frame.__struct_config__.tag: frame for frame in get_args(FromServer)}


def part(title):
    """Give what stands below a title of the second order."""
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def frames_of(title):
    """Give the text about each frame of a part."""
    sections = re.split(r"^### ", part(title), flags=re.MULTILINE)[1:]
    return {section.partition("\n")[0]: section for section in sections}


def rows_of(text):
    rows = [[cell.strip(" `") for cell in row.strip("|").split("|")] for row in re.findall(r"^\|.*\|$", text, re.M)]
    return rows[2:]


def test_every_frame_has_its_section():
    assert set(frames_of("From the client")) == set(CLIENT) - set(SERVER)
    assert set(frames_of("From the server")) == set(SERVER) - set(CLIENT)
    assert set(frames_of("Both ways")) == set(CLIENT) & set(SERVER)


SECTIONS = {**frames_of("From the client"), **frames_of("From the server"), **frames_of("Both ways")}


@pytest.mark.parametrize("tag", SECTIONS)
def test_every_field_is_explained(tag):
    frame = {**CLIENT, **SERVER}[tag]
    missing = [field.name for field in msgspec.structs.fields(frame) if f"`{field.name}`" not in SECTIONS[tag]]
    assert not missing


@pytest.mark.parametrize("tag", SECTIONS)
def test_the_example_is_a_frame_of_that_kind_and_holds_no_field_that_is_none(tag):
    (example,) = re.findall(r"```json\n(.*?)\n```", SECTIONS[tag], re.DOTALL)
    read = CODECS[JSON].from_client if tag in CLIENT else CODECS[JSON].from_server
    frame = read(example)
    assert json.loads(CODECS[JSON].encode(frame)) == json.loads(example)
    assert frame.__struct_config__.tag == tag


def test_the_close_codes_are_those_of_the_code_and_say_who_comes_back():
    stated = {int(row[0]): (row[1], row[3].startswith("yes")) for row in rows_of(part("Close codes"))}
    assert stated == {code.value: (code.name.lower(), code.comes_back) for code in Close}


def test_the_error_codes_are_those_of_the_code():
    rows = rows_of(SECTIONS["error"])
    assert [row[0] for row in rows] == [code.value for code in Code]


def test_limits_are_as_configured_by_default():
    connection, access, conversations = ConnectionSettings(), AccessSettings(), ConversationSettings()
    limits, resuming = part("Limits"), part("Resuming")
    assert f"{connection.max_bytes:,} bytes" in limits
    assert f"{connection.max_text_chars:,} characters" in limits
    assert f"{connection.outbox.max_bytes // 1024} KB, {connection.outbox.max_frames} frames" in limits
    for rate in (access.frames, access.messages, access.opening, access.from_address, access.of_workspace):
        assert f"{rate.burst} at once, then {rate.per_minute:.0f} a minute" in limits
    assert f"| connections of a visitor | {access.per_visitor} |" in limits
    assert f"| connections from one address | {access.per_address};" in limits
    assert f"| connections of a server | {access.connections:,} |" in limits
    assert f"more than {conversations.missed_events} missed events" in resuming
    assert f"the newest {conversations.first_events})" in resuming
    assert f"within {connection.hello_s:.0f} s" in part("Order")
    heartbeat = part("Heartbeat")
    assert f"After {connection.ping_s} s" in heartbeat
    assert f"within {connection.pong_s} s" in heartbeat
