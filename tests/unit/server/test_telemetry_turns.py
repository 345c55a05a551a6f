import json
import logging
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.conversations.commands import AskForPerson, Rate, Say, Visitor
from server.conversations.events import Understood, decode_body, encode_body
from server.conversations.hub import Hub
from server.conversations.service import Conversations, ConversationSettings
from server.stores.memory import MemoryLog
from server.telemetry.logging import TURNS, Line
from server.telemetry.metrics import Metrics, Reading, Told
from server.telemetry.readings import of_connections
from server.telemetry.turns import Turns
from tests.fakes.bot import ScriptedBot

RECEIPT = {
    "reason": "confidence 0.93 is at least 0.60",
    "confidence": 0.93123,
    "cached": False,
    "stage_ms": {"encode": 4.0, "search": 1.0},
    "versions": {"knowledge": "c56dce"},
    "degraded": ["lexical"],
}


class Understanding(ScriptedBot):
    """Gives receipts as the engine does."""

    async def reply(self, turn, on_text):
        reply = await super().reply(turn, on_text)
        raw = json.loads(encode_body(reply.understood))
        understood = decode_body(json.dumps({**raw, "receipt": RECEIPT}).encode())
        assert isinstance(understood, Understood)
        return type(reply)(said=reply.said, understood=understood)


class Lines(logging.Handler):
    """Keeps what would be written."""

    def __init__(self):
        super().__init__()
        self.setFormatter(Line("json"))
        self.written = []

    def emit(self, record):
        self.written.append(self.format(record))


@pytest.fixture
def written():
    handler, log = Lines(), logging.getLogger(TURNS)
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield handler.written
    log.removeHandler(handler)
    log.setLevel(level)


class Desk:
    """One conversation whose turns are followed."""

    def __init__(self, *, log_text=False, bot=None):
        self.metrics = Metrics()
        self.bot = bot or Understanding()
        self.bot.gate.set()
        self.log = MemoryLog()
        turns = Turns(self.metrics, log_text=log_text)
        quick = ConversationSettings(quiet_s=0.0, patience_s=0.0)
        self.service = Conversations(self.log, Hub(), self.bot, quick, stored=turns.stored)

    async def open(self, workspace="acme"):
        head = await self.service.open(Visitor(workspace=workspace, id="ann", kb="shop"))
        self.key = (workspace, head.conversation)
        return self

    async def do(self, *commands):
        for command in commands:
            await self.service.submit(self.key, command)
            lane = self.service._lanes.known(self.key)
            if lane is not None and lane.answering is not None:
                await lane.answering

    @property
    def text(self):
        return self.metrics.text()[0].decode()

    def value(self, line):
        found = [each.rsplit(" ", 1)[1] for each in self.text.splitlines() if each.startswith(line + " ")]
        return float(found[0]) if found else None


def say(text, name="m1"):
    return Say(client_msg_id=name, text=text)


async def test_each_turn_is_one_line_with_what_support_asks_for(written):
    desk = await Desk().open()
    await desk.do(say("hello"))
    [line] = [json.loads(each) for each in written]
    assert {"time", "level", "conversation", "ms"} <= line.keys()
    assert (line["workspace"], line["kb"], line["turn"], line["decision"]) == ("acme", "shop", 1, "answer")
    assert (line["confidence"], line["language"], line["cached"]) == (0.9312, "en", False)
    assert (line["degraded"], line["stage_ms"]) == (["lexical"], {"encode": 4.0, "search": 1.0})
    assert line["versions"] == {"knowledge": "c56dce"}
    assert line["ms"] >= 0


async def test_what_the_visitor_wrote_is_in_the_line_only_if_it_is_switched_on_and_then_masked(written):
    await (await Desk().open()).do(say("zebra, call 13812345678"))
    assert "zebra" not in written[0]
    await (await Desk(log_text=True).open()).do(say("zebra, call 13812345678"))
    assert json.loads(written[1])["text"] == "zebra, call [number]"


async def test_turns_messages_thumbs_and_stages_are_counted():
    desk = await Desk().open()
    await desk.do(say("hello"), say("handoff please", "m2"), Rate(client_msg_id="r1", up=True))
    assert desk.value('kefu_turns_total{cached="no",decision="answer",workspace="acme"}') == 1
    assert desk.value('kefu_handoffs_total{reason="",workspace="acme"}') == 1
    assert desk.value('kefu_messages_total{workspace="acme"}') == 2
    assert desk.value('kefu_ratings_total{value="up",workspace="acme"}') == 1
    assert desk.value('kefu_turn_seconds_count{stage="encode"}') == 2
    assert desk.value('kefu_reply_seconds_count{decision="answer",workspace="acme"}') == 1


async def test_asking_for_a_person_counts_as_a_message():
    desk = await Desk().open()
    await desk.do(AskForPerson(client_msg_id="p1"))
    assert desk.value('kefu_messages_total{workspace="acme"}') == 1


async def test_an_answer_to_what_an_earlier_process_heard_has_no_time_but_a_line(written):
    desk = Desk(bot=Understanding())
    desk.bot.gate.clear()
    await desk.open()
    await desk.service.submit(desk.key, say("hello"))
    await desk.service.close()

    successor = Desk()
    successor.service = Conversations(
        desk.log, Hub(), successor.bot, ConversationSettings(), stored=Turns(successor.metrics).stored
    )
    await successor.service.recover()
    await successor.service._lanes.known(desk.key).answering
    assert json.loads(written[-1])["ms"] is None
    assert successor.value('kefu_turns_total{cached="no",decision="answer",workspace="acme"}') == 1


def told(**changes):
    values = {"workspace": "acme", "decision": "answer", "reason": "", "ms": 3.0, "cached": False}
    return Told(**{**values, "stage_ms": {}, "degraded": (), **changes})


def test_stages_that_the_cache_spared_are_not_counted():
    metrics = Metrics()
    metrics.turn(told(cached=True, stage_ms={"encode": 4.0}))
    assert b'stage="encode"' not in metrics.text()[0]


def test_however_many_workspaces_there_are_the_series_stay_few():
    metrics = Metrics(workspaces=3)
    for number in range(50):
        metrics.heard(f"w{number}")
        metrics.turn(told(workspace=f"w{number}", reason=f"r{number}", decision="handoff"))
    text = metrics.text()[0].decode()
    assert 'kefu_messages_total{workspace="other"} 47.0' in text
    assert 'workspace="w3"' not in text
    assert len(text.splitlines()) < 500


def test_what_is_looked_up_is_as_new_as_the_scrape():
    metrics, waiting = Metrics(), [3]
    metrics.read_from(lambda: [Reading(name="engine_waiting", help="Turns that wait.", value=waiting[0])])
    assert b"kefu_engine_waiting 3.0" in metrics.text()[0]
    waiting[0] = 5
    assert b"kefu_engine_waiting 5.0" in metrics.text()[0]


def test_two_servers_in_one_process_count_apart():
    one, other = Metrics(), Metrics()
    one.heard("acme")
    assert b"acme" not in other.text()[0]


canary = st.text("qzxjv", min_size=12, max_size=20)
secret = st.one_of(
    st.builds("4929{}".format, st.text("0123456789", min_size=9, max_size=15)),
    st.builds("sk_{}".format, st.text("abcdefXYZ123", min_size=24, max_size=40)),
    st.builds("{}@example.com".format, st.text("abc", min_size=3, max_size=9)),
    st.builds("138{}".format, st.text("0123456789", min_size=8, max_size=8)),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(canary, secret, st.booleans())
async def test_what_visitors_write_is_in_no_line_and_no_metric_and_no_number_of_theirs_in_any_onward_message(
    written, canary, secret, log_text
):
    written.clear()
    desk = await Desk(log_text=log_text).open()
    await desk.do(say(f"{canary} {secret}"), say(f"handoff 我的{secret}", "m2"))
    onward = b"".join(message.body for message in await desk.log.onward()).decode()
    told = "".join(written) + desk.text
    assert len(written) == 2
    assert (canary in told) == log_text
    assert secret not in told
    assert canary in onward
    assert secret not in "".join(
        message.body.decode() for message in await desk.log.onward() if message.kind != "reply.created"
    )


class Busy:
    """Stands in for the connections of a server."""

    def __init__(self):
        self.waiting = (3, 400)
        self.refused = Counter({("", "http_429"): 1, ("w1", "busy"): 2, ("w2", "busy"): 3, ("w3", "busy"): 4})
        self.closed = Counter(slow=5)

    def __len__(self):
        return 7


def test_refusals_of_the_workspaces_that_share_a_series_are_summed():
    metrics = Metrics(workspaces=1)
    metrics.read_from(lambda: of_connections(Busy(), metrics.workspace))
    lines = metrics.text()[0].decode().splitlines()
    assert 'kefu_refused_total{reason="http_429",workspace=""} 1.0' in lines
    assert 'kefu_refused_total{reason="busy",workspace="w1"} 2.0' in lines
    assert 'kefu_refused_total{reason="busy",workspace="other"} 7.0' in lines
    assert 'kefu_closed_total{reason="slow"} 5.0' in lines
    assert "kefu_outbox_bytes 400.0" in lines
