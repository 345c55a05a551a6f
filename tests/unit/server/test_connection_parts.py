"""The parts that connections share: outbox, limiter, wheel."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.connections.outbox import Outbox, OutboxFull, OutboxLimits
from server.connections.rates import Limiter, Rate
from server.connections.wheel import Wheel


def test_frames_leave_in_the_order_in_which_they_came():
    outbox = Outbox(OutboxLimits())
    for frame in (b"a", b"b", b"c"):
        outbox.put(frame)

    assert [outbox.take() for _ in range(4)] == [b"a", b"b", b"c", None]


def test_of_what_may_be_replaced_only_the_newest_waits_at_its_new_place():
    outbox = Outbox(OutboxLimits())
    outbox.put(b"typing", replaces="typing")
    outbox.put(b"event")
    outbox.put(b"stopped", replaces="typing")

    assert [outbox.take(), outbox.take(), outbox.take()] == [b"event", b"stopped", None]


def test_a_lone_frame_fits_however_long_it_is():
    outbox = Outbox(OutboxLimits(max_bytes=10))
    outbox.put(b"a long welcome")
    with pytest.raises(OutboxFull):
        outbox.put(b"")

    assert outbox.take() == b"a long welcome"


@given(st.lists(st.one_of(st.binary(max_size=30), st.none()), max_size=60))
def test_an_outbox_never_holds_more_than_its_limits_and_counts_what_it_holds(steps):
    outbox, model = Outbox(OutboxLimits(max_bytes=100, max_frames=7)), []
    for step in steps:
        if step is None:
            assert outbox.take() == (model.pop(0) if model else None)
            continue
        fits = not model or (sum(map(len, model)) + len(step) <= 100 and len(model) < 7)
        if fits:
            outbox.put(step)
            model.append(step)
        else:
            with pytest.raises(OutboxFull):
                outbox.put(step)
        assert (len(outbox), outbox.waiting_bytes) == (len(model), sum(map(len, model)))


def test_a_burst_is_let_through_and_then_one_at_a_time():
    now = 0.0
    limiter = Limiter(Rate(burst=3, per_minute=60), clock=lambda: now)

    assert [limiter.wait_s("ann") for _ in range(4)] == [0, 0, 0, 1]
    assert limiter.wait_s("bob") == 0
    now = 1.0
    assert [limiter.wait_s("ann") for _ in range(2)] == [0, 1]


def test_a_limiter_remembers_a_bounded_number_of_people():
    limiter = Limiter(Rate(burst=1, per_minute=1), keys=10, clock=lambda: 0.0)
    for number in range(1000):
        limiter.wait_s(number)

    assert len(limiter._buckets) == 10


def test_a_timer_is_due_once_when_its_time_has_come():
    due = []
    wheel = Wheel(due.append, slots=8)
    wheel.set("ann", 3)
    wheel.set("bob", 3)
    wheel.drop("bob")
    wheel.set("eve", 5)
    wheel.set("eve", 6)

    when = []
    for turn in range(1, 20):
        wheel.turn()
        when += [(turn, key) for key in due]
        due.clear()

    assert when == [(3, "ann"), (6, "eve")]
    assert len(wheel) == 0


def test_a_wheel_says_how_far_it_reaches():
    with pytest.raises(ValueError, match=r"beyond the wheel's 7\.0 s"):
        Wheel(lambda key: None, slots=8).set("ann", 8)


def test_what_is_due_may_set_itself_again():
    wheel = Wheel(lambda key: wheel.set(key, 2), slots=8)
    wheel.set("ann", 2)
    for _ in range(9):
        wheel.turn()

    assert len(wheel) == 1
