"""What a client does when all goes well, and when messages, acknowledgements, connections and the server get lost."""

import subprocess
import sys
from pathlib import Path
from random import Random

import msgspec
import pytest

from server.client.core import LOST, ClientSettings, Core, Status
from server.client.happenings import Memory, Noticed, Offline, Older, Online, Refused, Shown, Stopped, Stored, Voided
from server.wire import frames
from server.wire.codes import Close, Code
from tests.fakes.chat_server import ChatServer

ROOT = Path(__file__).resolve().parents[3]


class Visitor:
    """A core, a server and a clock; nothing moves unless the test says so."""

    def __init__(self, memory=None, *, hello=None, settings=None):
        self.now = 100.0
        self.server = ChatServer()
        names = iter(f"m{number}" for number in range(1, 5000))
        self.core = Core(
            hello or frames.Hello(key="wk_1"), memory, settings,
            random=Random(1), clock=lambda: self.now, make_id=lambda: next(names),
        )  # fmt: skip
        self.happened = []
        self.sent = []

    def connect(self):
        self.now = max(self.now, self.core.connect_at)
        self.core.connecting()
        self.server.open()
        self.core.opened()
        return self

    def go(self):
        """Carry frames in both directions until there are none."""
        while self.send() or self.server.link.up or self.server.link.down:
            while self.server.link.up:
                self.server.take()
            while self.server.link.down:
                self.core.received(self.server.link.down.popleft())
        return self.look()

    def send(self):
        out = self.core.outgoing()
        self.sent += out
        self.server.link.up.extend(out)
        return out

    def look(self):
        self.happened += self.core.happened()
        return self

    def of(self, kind):
        self.look()
        return [happening for happening in self.happened if isinstance(happening, kind)]

    def lose(self, code=LOST):
        self.core.outgoing()
        self.core.closed(code)
        return self.look()

    def pass_time(self, seconds):
        self.now += seconds
        self.core.tick()
        return self.look()


@pytest.fixture
def ann():
    return Visitor().connect().go()


def test_the_first_hello_shows_the_key_and_a_fresh_start_follows(ann):
    assert ann.server.hellos == [frames.Hello(key="wk_1")]
    assert [type(happening) for happening in ann.happened] == [Voided, Shown, Online]
    assert ann.core.memory == Memory(token="t1", conversation=ann.server.conversation, last_seq=1)


def test_what_is_said_is_shown_and_stored_once(ann):
    ann.core.say("hello")
    ann.go()

    assert [stored.client_msg_id for stored in ann.of(Stored)] == ["m1"]
    assert [shown.event.text for shown in ann.of(Shown)] == ["", "hello"]
    assert ann.core.memory.outbox == []


def test_what_was_said_before_the_connection_stands_waits_for_it():
    ann = Visitor()
    ann.core.say("early")
    ann.connect().go()

    assert [event.text for event in ann.server.log] == ["", "early"]


def test_after_a_lost_ack_the_same_id_is_sent_again_and_stored_once(ann):
    ann.core.say("hello")
    ann.send()
    ann.server.take()  # stored; the event and the ack are lost
    ann.lose().connect().go()

    says = [frame for frame in ann.sent if isinstance(frame, frames.Say)]
    assert [say.client_msg_id for say in says] == ["m1"]  # the event among the missed ones was acknowledgement enough
    assert [event.text for event in ann.server.log] == ["", "hello"]
    assert [stored.seq for stored in ann.of(Stored)] == [2]


def test_a_message_that_never_arrived_is_sent_again_under_its_id_before_later_ones(ann):
    ann.core.say("one")
    ann.core.say("two")
    ann.send()
    ann.lose().connect().go()

    assert [(event.client_msg_id, event.text) for event in ann.server.log[1:]] == [("m1", "one"), ("m2", "two")]


def test_one_message_is_on_its_way_at_a_time(ann):
    ann.core.say("one")
    ann.core.say("two")

    assert [frame.client_msg_id for frame in ann.core.outgoing()] == ["m1"]


def test_who_comes_back_shows_the_token_and_where_it_left_off(ann):
    ann.lose().connect().send()
    (hello,) = ann.server.link.up

    assert hello.token == "t1"
    assert hello.resume == frames.Resume(conversation=ann.server.conversation, last_seq=1)


def test_a_token_speaks_for_the_user_so_that_the_signature_is_shown_once():
    ann = Visitor(hello=frames.Hello(key="wk_1", user="ann", signature="ab")).connect().go()
    ann.lose().connect().go()

    assert [hello.user for hello in ann.server.hellos] == ["ann", ""]


def test_what_was_missed_follows_what_was_shown(ann):
    ann.lose()
    ann.server.append("replied", "bot", "missed")
    ann.connect().go()

    assert [shown.event.seq for shown in ann.of(Shown)] == [1, 2]
    assert ann.of(Online)[-1].recovered


def test_who_missed_too_much_starts_afresh(ann):
    ann.lose()
    for number in range(9):
        ann.server.append("replied", "bot", str(number))
    ann.connect().go()

    assert [type(happening) for happening in ann.happened[-5:]] == [Voided, Shown, Shown, Shown, Online]
    assert [shown.event.seq for shown in ann.of(Shown)[-3:]] == [8, 9, 10]
    assert not any(shown.live for shown in ann.of(Shown)[-3:])


def test_another_conversation_than_before_voids_what_was_shown_even_if_it_claims_to_go_on(ann):
    ann.lose().connect()
    ann.core.received(frames.Welcome(session="s", conversation="other", token="t2", recovered=True, last_seq=0))

    assert isinstance(ann.look().happened[-2], Voided)
    assert not ann.of(Online)[-1].recovered


def test_missed_events_with_a_hole_in_them_are_a_fresh_start_never_a_silent_hole(ann):
    ann.server.append("replied", "bot", "a")
    ann.server.append("replied", "bot", "b")
    ann.lose().connect()
    ann.core.received(
        frames.Welcome(
            session="s", conversation=ann.server.conversation, token="t", recovered=True, last_seq=3,
            events=(ann.server.log[2],),
        )
    )  # fmt: skip
    assert isinstance(ann.look().happened[-3], Voided)


def test_a_gap_among_live_events_makes_it_resume(ann):
    ann.server.append("replied", "bot", "lost")
    ann.server.link.down.clear()
    ann.server.append("replied", "bot", "next")
    ann.core.received(ann.server.link.down.popleft())

    assert not ann.core.live
    assert [shown.event.seq for shown in ann.of(Shown)] == [1]
    ann.connect().go()
    assert [shown.event.seq for shown in ann.of(Shown)] == [1, 2, 3]


def test_an_event_that_was_shown_is_not_shown_again(ann):
    ann.core.received(ann.server.log[0])

    assert len(ann.of(Shown)) == 1
    assert ann.core.live


def test_nothing_counts_before_the_welcome():
    ann = Visitor().connect()
    ann.core.received(ann.server.log[0])
    ann.core.received(frames.Ack(client_msg_id="m1", seq=1, id="x", at=0))

    assert ann.look().happened == []


def test_another_devices_message_is_no_acknowledgement_of_ours_nor_is_an_agents(ann):
    ann.core.say("mine")
    ann.send()
    ann.server.link.up.clear()
    ann.server.append("spoke", "agent:ana", "theirs", "m1")
    ann.go()

    assert ann.of(Stored) == []


@pytest.mark.parametrize("code", [Code.BUSY, Code.UNAVAILABLE, Code.RATE_LIMITED])
def test_a_refusal_for_now_is_tried_again_in_time_and_nothing_overtakes_it(ann, code):
    ann.server.refuses.append(code)
    ann.core.say("one")
    ann.go()
    ann.core.say("two")
    ann.go()
    assert len(ann.server.log) == 1
    assert ann.core.deadline == ann.now + 0.3

    ann.pass_time(0.31).go()
    assert [event.text for event in ann.server.log[1:]] == ["one", "two"]
    assert ann.of(Refused) == []


def test_a_refusal_for_good_is_told_and_the_next_goes_on(ann):
    ann.server.refuses.append(Code.BAD_VALUE)
    ann.core.say("bad")
    ann.core.say("good")
    ann.go()

    assert ann.of(Refused) == [Refused(client_msg_id="m1", code="bad_value", message="no")]
    assert [event.text for event in ann.server.log[1:]] == ["good"]


def test_what_the_server_would_not_read_is_refused_here(ann):
    for _ in range(2000):
        ann.core.say("x" * 70_000)
    ann.core.say("short")
    ann.go()

    assert {refused.code for refused in ann.of(Refused)} == {"bad_value"}
    assert [event.text for event in ann.server.log[1:]] == ["short"]


@pytest.mark.parametrize("code", [code for code in Close if 3500 <= code < 4000] + [3999])
def test_a_terminal_close_stops_for_good(code):
    ann = Visitor(hello=frames.Hello(token="t")).connect().lose(code)

    assert ann.of(Stopped) == [Stopped(code=code)]
    assert ann.core.status is Status.STOPPED
    ann.core.connecting()
    ann.core.opened()
    assert not ann.core.live


@pytest.mark.parametrize("code", [1000, 1001, LOST, 1009, 1011, 1012, 3001, 3008, 3012, 3013, 3014, 3499, 4000])
def test_any_other_close_is_come_back_from(code):
    ann = Visitor().connect().lose(code)

    assert ann.of(Offline) == [Offline(code=code)]
    assert ann.core.status is Status.WAITING


@pytest.mark.parametrize("code", [Close.EXPIRED, Close.BAD_TOKEN])
def test_a_token_that_is_not_taken_any_more_is_given_up_for_the_key_once(ann, code):
    ann.core.say("unsent")
    ann.lose().connect().lose(code)
    assert ann.core.connect_at == ann.now
    assert ann.core.memory.token == ""

    ann.connect().lose(code)
    assert ann.core.status is Status.STOPPED
    assert [item.text for item in ann.core.memory.outbox] == ["unsent"]


def test_a_token_that_ran_out_without_a_key_stops():
    assert Visitor(Memory(token="t"), hello=frames.Hello()).connect().lose(3005).core.status is Status.STOPPED


def test_pauses_double_to_a_limit_and_half_of_each_is_chance():
    ann = Visitor()
    pauses = []
    for _ in range(12):
        ann.connect().lose()
        pauses.append(ann.core.connect_at - ann.now)
    for pause, most in zip(pauses, [0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30, 30, 30], strict=True):
        assert most / 2 <= pause < most
    assert len(set(pauses)) == len(pauses)


def test_a_connection_that_lasted_sets_the_pauses_back():
    ann = Visitor()
    for _ in range(8):
        ann.connect().lose()
    ann.connect().go().pass_time(4.9).lose()
    assert ann.core.connect_at - ann.now > 10

    ann.connect().go().pass_time(5).lose()
    assert ann.core.connect_at - ann.now <= 0.5


def test_goaway_says_when_to_come_back(ann):
    ann.core.received(frames.Goaway(after_ms=1234))
    ann.lose(Close.SHUTDOWN)

    assert ann.core.connect_at == ann.now + 1.234


def test_a_goaway_counts_for_one_close_only(ann):
    ann.core.received(frames.Goaway(after_ms=60_000))
    ann.lose(Close.SHUTDOWN).connect().lose()

    assert ann.core.connect_at - ann.now <= 1


def test_silence_is_asked_about_and_then_taken_for_the_end(ann):
    ann.pass_time(24.9)
    assert ann.core.outgoing() == []
    ann.pass_time(0.1)
    assert ann.core.outgoing() == [frames.Ping()]
    ann.pass_time(9.9)
    assert ann.core.live
    ann.pass_time(0.1)
    assert not ann.core.live


def test_any_sign_of_life_is_an_answer(ann):
    ann.pass_time(25)
    ann.core.received(frames.Typing(author="bot"))
    ann.pass_time(20)

    assert ann.core.live


def test_a_ping_is_answered(ann):
    ann.core.received(frames.Ping())
    assert ann.core.outgoing() == [frames.Pong()]


def test_a_message_that_is_not_acknowledged_in_time_gives_the_connection_up(ann):
    ann.core.say("hello")
    ann.send()
    ann.core.received(frames.Pong())
    assert ann.core.deadline == ann.now + 15
    ann.pass_time(15)

    assert not ann.core.live


def test_a_welcome_that_does_not_come_is_not_waited_for_for_ever():
    ann = Visitor(settings=ClientSettings(welcome_s=3)).connect()
    assert ann.core.deadline == ann.now + 3
    assert ann.pass_time(3).of(Offline) == [Offline(code=LOST)]


def test_typing_is_said_every_three_seconds_and_its_end_at_once(ann):
    for _ in range(7):
        ann.core.typing()
        ann.pass_time(0.5)
    ann.core.typing(on=False)
    ann.core.typing(on=False)

    assert ann.core.outgoing() == [frames.Typing(), frames.Typing(), frames.Typing(on=False)]


def test_what_passes_is_told_and_older_events_are_given_as_asked_for(ann):
    ann.core.received(frames.Chunk(turn=1, text="a"))
    ann.core.older(2)
    ann.go()

    assert ann.of(Noticed) == [Noticed(frame=frames.Chunk(turn=1, text="a"))]
    assert ann.of(Older) == [Older(events=(ann.server.log[0],), more=False)]


def test_stopped_by_the_program_it_keeps_what_was_not_stored(ann):
    ann.core.say("unsent")
    ann.core.stop()
    kept = msgspec.json.decode(msgspec.json.encode(ann.core.memory), type=Memory)

    after = Visitor(kept)
    after.server = ann.server
    after.connect().go()
    assert [event.text for event in ann.server.log] == ["", "unsent"]
    assert after.server.hellos[-1].resume.last_seq == 1


def test_a_frame_that_the_encoding_cannot_hold_is_refused_and_does_not_block_the_next(ann):
    ann.core.choose("e1", about="no identifier")
    ann.core.say("next")
    (frame,) = ann.core.outgoing()
    ann.core.unsendable(frame, "no identifier")
    ann.go()

    assert [refused.client_msg_id for refused in ann.of(Refused)] == ["m1"]
    assert [event.text for event in ann.server.log[1:]] == ["next"]


def test_the_core_needs_neither_a_transport_nor_the_engine():
    program = (
        "import sys; import server.client.core; "
        "print([name for name in ('aiohttp', 'websocket', 'engine', 'numpy', 'google') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
