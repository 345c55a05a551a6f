"""The checker of what agents did and saw: silent where all is well, and each way of breaking a promise is caught."""

import pytest
from msgspec.structs import replace

from server.console.receipts import agent_event
from server.conversations.events import Audience, Opened, Spoke
from server.conversations.state import SYSTEM, Drafts, opened
from server.handoff.outcomes import Step
from server.handoff.states import Moved, State, Status
from server.ids import to_text
from tests.soak.desk_history import Asked, Denied, Done, Followed, Noticed, Stayed, Wrong, check_desk
from tests.soak.history import Logged

CAPACITY = {"ana": 1, "ben": 1, "cleo": 1}


class Talk:
    """A conversation that waits from a moment on."""

    def __init__(self, number: int, *, asks_at: int) -> None:
        self.id, self.made = bytes([number]) * 16, 0
        self.name = to_text(self.id)
        body = Opened(kb="shop")
        self.head, self.events = opened("acme", self.id, "ann", body, at=asks_at), []
        self.add(SYSTEM, body, at=asks_at)
        self.move(Step.ASKED, State.QUEUED, at=asks_at, owner="", enqueued_at=asks_at)

    def add(self, author, body, *, at, client_msg_id=""):
        self.made += 1
        drafts = Drafts(self.head, at=at)
        event = drafts.add(bytes([self.made]) + self.id[1:], author, body, client_msg_id=client_msg_id)
        self.head = drafts.head
        self.events.append(event)
        return event

    def move(self, step, state, *, at, client_msg_id="", **changes):
        before = self.head.handling
        after = replace(before, state=state, epoch=before.epoch + 1, **changes)
        moved = Moved(transition=step, actor=SYSTEM, from_state=before.state, to_state=state, handling=after)
        return self.add(SYSTEM, moved, at=at, client_msg_id=client_msg_id)

    def ring(self, agent, *, at):
        return self.move(Step.RANG, State.RINGING, at=at, offered_to=agent)

    def accept(self, agent, *, at):
        moved = self.move(Step.ACCEPTED, State.ACTIVE, at=at, offered_to="", owner=f"agent:{agent}")
        self.add(SYSTEM, Status(code="joined", text="", values={"name": agent}), at=at)
        return moved

    def close(self, *, at):
        return self.move(Step.CLOSED, State.CLOSED, at=at, owner="")

    def say(self, agent, name, *, at):
        return self.add(f"agent:{agent}", Spoke(text=name), at=at, client_msg_id=name)


def served_in_order():
    """Two wait; ana takes the first, says a line and closes, then takes the second."""
    first, second = Talk(1, asks_at=1_000), Talk(2, asks_at=2_000)
    first.ring("ana", at=10_000)
    first.accept("ana", at=11_000)
    first.say("ana", "m1", at=12_000)
    first.close(at=13_000)
    second.ring("ana", at=14_000)
    second.accept("ana", at=15_000)
    return first, second


def logged(*talks):
    of = {
        talk.name: {audience: tuple(e for e in talk.events if e.audience is audience) for audience in Audience}
        for talk in talks
    }
    return {
        talk.name: Logged(
            head=talk.head, public=of[talk.name][Audience.PUBLIC], internal=of[talk.name][Audience.INTERNAL]
        )
        for talk in talks
    }


def said(talk, seq):
    return [
        Asked(agent="ana", client_msg_id="m1", conversation=talk.name, verb="say", text="m1"),
        Done(agent="ana", client_msg_id="m1", seq=seq, epoch=talk.head.epoch),
    ]


def watched(talk):
    """What an agent is shown who follows from the beginning."""
    begin = Followed(agent="ana", conversation=talk.name, last_seq=0, last_internal=0, events=())
    shown = [Noticed(agent="ana", event=agent_event(event, conversation=talk.name)) for event in talk.events]
    return [begin, *shown, Stayed(agent="ana", conversation=talk.name)]


def broken(deeds, *talks):
    return {fault.promise for fault in check_desk(deeds, logged(*talks), CAPACITY)}


def test_a_shift_in_which_all_went_well_is_found_sound():
    first, second = served_in_order()

    assert check_desk([*said(first, 3), *watched(first), *watched(second)], logged(first, second), CAPACITY) == []


def test_a_line_that_was_acknowledged_and_is_gone_or_elsewhere_is_found():
    first, second = served_in_order()

    assert broken(said(first, 4), first, second) == {Wrong.LOST}
    first.events = [event for event in first.events if event.client_msg_id != "m1"]
    assert broken(said(first, 3), first, second) == {Wrong.LOST}


def test_a_line_that_nobody_said_or_that_was_refused_is_found():
    first, second = served_in_order()
    asked, _ = said(first, 3)

    assert broken([], first, second) == {Wrong.UNSAID}
    assert broken([asked, Denied(agent="ana", client_msg_id="m1", code="stale")], first, second) == {Wrong.REFUSED}


@pytest.mark.parametrize("place", [1, 3, 5])
def test_an_event_that_was_not_shown_or_shown_twice_is_found(place):
    first, second = served_in_order()
    shown = watched(first)

    without, twice = [*shown[:place], *shown[place + 1 :]], [*shown[:place], shown[place], *shown[place:]]
    assert Wrong.HOLE in broken([*said(first, 3), *without], first, second)
    assert Wrong.HOLE in broken([*said(first, 3), *twice], first, second)


def test_a_last_event_that_was_not_shown_is_found():
    first, second = served_in_order()
    shown = watched(first)

    assert broken([*said(first, 3), *shown[:-2], shown[-1]], first, second) == {Wrong.MISSED}


def test_an_event_that_was_shown_otherwise_is_found():
    first, second = served_in_order()
    shown = watched(first)
    shown[1] = Noticed(agent="ana", event=replace(shown[1].event, author="agent:ben"))

    assert broken([*said(first, 3), *shown], first, second) == {Wrong.DISAGREE}


def test_somebody_behind_who_is_served_first_is_found():
    first, second = Talk(1, asks_at=1_000), Talk(2, asks_at=2_000)
    second.ring("ana", at=10_000)
    first.ring("ben", at=12_000)

    assert broken([], first, second) == {Wrong.OVERTAKEN}


def test_who_declined_and_who_rings_a_moment_later_are_not_overtaken():
    first, second, third = Talk(1, asks_at=1_000), Talk(2, asks_at=2_000), Talk(3, asks_at=3_000)
    first.move(Step.RING_DECLINED, State.QUEUED, at=3_500, declined=("ana",))
    second.ring("ana", at=10_000)
    third.ring("cleo", at=20_000)
    first.ring("ben", at=20_100)

    assert broken([], first, second, third) == set()


def test_one_more_than_there_is_room_for_is_found():
    first, second = served_in_order()
    third = Talk(3, asks_at=2_500)
    third.ring("ana", at=15_500)

    assert broken(said(first, 3), first, second, third) == {Wrong.FULL}


def test_two_who_have_it_at_once_are_found():
    first, second = served_in_order()
    second.say("ben", "m2", at=16_000)
    deeds = [*said(first, 3), Asked(agent="ben", client_msg_id="m2", conversation=second.name, verb="say", text="m2")]

    assert broken(deeds, first, second) == {Wrong.TWO_OWNERS}


def test_an_accept_that_was_acknowledged_to_who_does_not_have_it_is_found():
    first, second = served_in_order()
    second.move(Step.TAGGED, State.ACTIVE, at=16_000, client_msg_id="a1")
    deeds = [
        *said(first, 3),
        Asked(agent="ben", client_msg_id="a1", conversation=second.name, verb="accept"),
        Done(agent="ben", client_msg_id="a1", seq=0, epoch=second.head.epoch),
    ]

    assert Wrong.TWO_OWNERS in broken(deeds, first, second)


def test_an_agent_who_comes_unannounced_is_found():
    first = Talk(1, asks_at=1_000)
    first.ring("ana", at=2_000)
    first.move(Step.ACCEPTED, State.ACTIVE, at=3_000, offered_to="", owner="agent:ana")

    assert broken([], first) == {Wrong.UNTOLD}
