"""Who is rung for whom, in which order, and what is said about the time that takes."""

import pytest

from server.handoff.routing import MIN_PICKUPS, Pickup, Places, Presence, Seat, Waiting, assign, minutes
from server.handoff.staff import Agent
from server.handoff.states import Handling, State

NOW = 1_000_000_000


def seat(name: str, *, load: int = 0, capacity: int = 4, idle_s: int = 0, misses: int = 0, **agent: object) -> Seat:
    presence = agent.pop("presence", Presence.AVAILABLE)
    who = Agent(id=name, workspace="acme", login=name, name=name, capacity=capacity, **agent)  # type: ignore[arg-type]
    return Seat(agent=who, presence=presence, load=load, idle_since=NOW - idle_s * 1_000, misses=misses)  # type: ignore[arg-type]


def case(name: str, *, at: int = 0, sticky: str = "", state: State = State.QUEUED, **fields: object) -> Waiting:
    handling = Handling(state=state, owner="", enqueued_at=NOW + at, **fields)  # type: ignore[arg-type]
    return Waiting(conversation=name.encode(), handling=handling, sticky=sticky)


def offers(waiting: list[Waiting], seats: list[Seat]) -> dict[str, str]:
    return {offer.conversation.decode(): offer.agent for offer in assign(waiting, seats, NOW)}


def test_nobody_waits_and_nobody_is_there() -> None:
    assert assign([], [], NOW) == []
    assert assign([case("a")], [], NOW) == []
    assert assign([], [seat("ana")], NOW) == []


def test_the_oldest_is_served_first() -> None:
    assert offers([case("young", at=9), case("old", at=1)], [seat("ana", capacity=1)]) == {"old": "ana"}


def test_a_higher_priority_goes_before_and_who_had_an_agent_before_its_own_class() -> None:
    urgent, back, old = case("urgent", at=9, priority=1), case("back", at=8, front=True), case("old", at=1)
    one = [seat("ana", capacity=1)]
    assert offers([old, back, urgent], one) == {"urgent": "ana"}
    assert offers([old, back], one) == {"back": "ana"}


def test_the_same_moment_is_ordered_by_the_conversation_so_that_all_computers_agree() -> None:
    assert offers([case("b"), case("a")], [seat("ana", capacity=1)]) == {"a": "ana"}


def test_the_smallest_share_of_capacity_wins_not_the_smallest_number() -> None:
    busy_but_able, idle_but_small = seat("able", load=2, capacity=8), seat("small", load=1, capacity=2)
    assert offers([case("a")], [idle_but_small, busy_but_able]) == {"a": "able"}


def test_of_equals_the_longest_idle_is_rung() -> None:
    assert offers([case("a")], [seat("ana", idle_s=10), seat("ben", idle_s=90)]) == {"a": "ben"}


def test_several_at_once_are_spread() -> None:
    got = offers(
        [case("a", at=1), case("b", at=2), case("c", at=3)], [seat("ana", capacity=2), seat("ben", capacity=2)]
    )
    assert list(got.values()) == ["ana", "ben", "ana"]


def test_nobody_gets_more_than_there_is_room_for() -> None:
    got = offers([case(str(number), at=number) for number in range(9)], [seat("ana", load=3), seat("ben", load=4)])
    assert list(got.values()) == ["ana"]


def test_the_better_skilled_agent_goes_before_the_idle_one() -> None:
    skilled = seat("skilled", load=2, skills=("refunds", "vip"))
    plain = seat("plain", skills=("refunds",))
    assert offers([case("a", skills=("refunds", "vip"))], [plain, skilled]) == {"a": "skilled"}


def test_who_speaks_the_language_by_name_goes_before_who_speaks_all() -> None:
    chinese, anything = seat("chinese", load=3, languages=("zh",)), seat("anything")
    assert offers([case("a", language="zh-TW")], [anything, chinese]) == {"a": "chinese"}


def test_the_former_agent_comes_first_where_the_reopening_counts() -> None:
    assert offers([case("a", sticky="ben")], [seat("ana"), seat("ben", load=3)]) == {"a": "ben"}


def test_the_former_agent_without_room_is_not_waited_for() -> None:
    assert offers([case("a", sticky="ben")], [seat("ana"), seat("ben", load=4)]) == {"a": "ana"}


@pytest.mark.parametrize(
    "who",
    [
        pytest.param(seat("x", presence=Presence.BUSY), id="busy"),
        pytest.param(seat("x", presence=Presence.AWAY), id="away"),
        pytest.param(seat("x", presence=Presence.GRACE), id="connection-lost"),
        pytest.param(seat("x", presence=Presence.OFFLINE), id="offline"),
        pytest.param(seat("x", disabled=True), id="disabled"),
        pytest.param(seat("x", load=4), id="full"),
        pytest.param(seat("x", load=5), id="over-full"),
        pytest.param(seat("x", capacity=0), id="no-capacity"),
        pytest.param(seat("x", departments=("billing",)), id="other-department"),
        pytest.param(seat("x", languages=("zh",)), id="other-language"),
        pytest.param(seat("x", skills=("returns",)), id="other-skill"),
        pytest.param(seat("x", skills=("refunds",), misses=2), id="does-not-answer"),
        pytest.param(seat("declined", skills=("refunds",)), id="declined"),
    ],
)
def test_these_are_not_rung(who: Seat) -> None:
    wanted = case("a", language="en-GB", skills=("refunds",), declined=("declined",))
    assert offers([wanted], [who]) == {}
    assert offers([wanted], [who, seat("ana", skills=("refunds",))]) == {"a": "ana"}


def test_what_rings_already_is_left_alone() -> None:
    assert offers([case("a", state=State.RINGING)], [seat("ana")]) == {}


def test_who_cannot_be_served_holds_nobody_up() -> None:
    first = case("chinese", at=1, language="zh")
    assert offers([first, case("english", at=2, language="en")], [seat("ana", languages=("en",))]) == {"english": "ana"}


def test_places_are_counted_within_the_department_and_rings_count() -> None:
    mine = case("mine", at=5)
    queue = [
        mine,
        case("ringing", at=1, state=State.RINGING),
        case("before", at=2),
        case("after", at=9),
        case("elsewhere", at=1, department="billing"),
        case("urgent", at=9, priority=1),
    ]
    assert Places(queue).of(mine) == 4
    assert Places([]).of(mine) == 1


def test_the_place_that_one_would_have_does_not_count_oneself() -> None:
    queue = [
        case("mine", at=5),
        case("before", at=2),
        case("after", at=9),
        case("elsewhere", at=1, department="billing"),
    ]

    assert Places(queue).of(case("mine", at=10)) == 3
    assert Places(queue).of(case("mine", at=10, priority=1)) == 1
    assert Places(queue).of(case("mine", at=5, department="billing")) == 2


def test_too_few_pickups_tell_nothing() -> None:
    pickups = [Pickup(at=NOW, waited_ms=60_000, position=1)] * (MIN_PICKUPS - 1)
    assert minutes(1, pickups, NOW) is None
    assert minutes(1, [*pickups, pickups[0]], NOW) == 1


def test_the_estimate_is_the_median_of_what_a_place_really_took() -> None:
    waits = [(30, 1), (60, 1), (240, 2), (60, 1), (3_600, 1)]
    pickups = [Pickup(at=NOW, waited_ms=seconds * 1_000, position=place) for seconds, place in waits]
    assert minutes(1, pickups, NOW) == 1
    assert minutes(4, pickups, NOW) == 4


def test_old_pickups_do_not_count() -> None:
    old = [Pickup(at=NOW - 3 * 3_600_000, waited_ms=60_000, position=1)] * 9
    assert minutes(1, old, NOW) is None


def test_only_the_newest_fifty_count() -> None:
    slow = [Pickup(at=NOW - 60_000, waited_ms=600_000, position=1)] * 60
    quick = [Pickup(at=NOW, waited_ms=60_000, position=1)] * 50
    assert minutes(1, [*quick, *slow], NOW) == 1
