"""The checker itself: silent where all promises were kept, and each way of breaking one is caught."""

from collections.abc import Callable
from random import Random

import pytest
from msgspec.structs import replace

from server.conversations.events import Event, Replied, Spoke
from server.conversations.state import BOT, VISITOR
from server.ids import to_text
from tests.fakes.histories import DEVICES, NAME, World, honest
from tests.soak.history import (
    Acked,
    Broken,
    Hailed,
    Log,
    Record,
    Refused,
    Saw,
    Sent,
    Welcomed,
    check,
    load,
    save,
)

SEEDS = range(8)


def promises(world: World, records: list[Record] | None = None, log: Log | None = None) -> set[Broken]:
    found = check(world.records if records is None else records, world.log if log is None else log)
    return {violation.promise for violation in found}


def with_public(world: World, public: list[Event], *, renumbered: bool = False) -> Log:
    """Give the log with other public events."""
    if renumbered:
        public = [replace(event, seq=seq) for seq, event in enumerate(public, 1)]
    turn = max((event.turn for event in public if event.author == VISITOR), default=0)
    logged = world.log[NAME]
    head = replace(logged.head, seq=len(public), turn=turn)
    return {NAME: replace(logged, head=head, public=tuple(public))}


def public(world: World) -> list[Event]:
    return list(world.log[NAME].public)


def acknowledged(world: World) -> list[Event]:
    return [event for event in public(world) if event.author == VISITOR]


def said_by_bot(world: World, event: Event, **more: object) -> Event:
    return replace(
        event, id=b"x" * 16, author=BOT, kind="replied", body=Replied(text="again", decision="answer"),
        client_msg_id="", **more,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(30))
def test_a_history_in_which_all_went_well_is_found_sound(seed):
    world = honest(seed)

    assert check(world.records, world.log) == []


def test_the_made_up_histories_have_in_them_what_is_to_be_checked():
    worlds = [honest(seed) for seed in SEEDS]
    records = [record for world in worlds for record in world.records]

    assert sum(isinstance(record, Welcomed) and record.recovered for record in records) > 50
    assert sum(isinstance(record, Saw) for record in records) > 200
    assert len({world.head.owner for world in worlds}) == 2


# -- mutants: each takes an honest world and breaks it; given are the records and the log that are left


def lost(world: World, random: Random) -> tuple[list[Record], Log]:
    gone = random.choice(acknowledged(world)[:-1])
    return world.records, with_public(world, [event for event in public(world) if event is not gone])


def lost_and_hushed_up(world: World, random: Random) -> tuple[list[Record], Log]:
    """The rest is numbered anew, as if nothing had been."""
    gone = random.choice(acknowledged(world))
    return world.records, with_public(world, [event for event in public(world) if event is not gone], renumbered=True)


def acknowledged_early(world: World, random: Random) -> tuple[list[Record], Log]:
    """The server acknowledged, was killed, and nothing of it is on disk: the log ends before, and goes on soundly."""
    message = Sent(device=DEVICES[0], client_msg_id="early", text="never stored")
    ack = Acked(device=DEVICES[0], client_msg_id="early", seq=world.head.seq + 1, id=to_text(b"e" * 16))
    return [*world.records, message, ack], world.log


def doubled(world: World, random: Random) -> tuple[list[Record], Log]:
    """Sent again after a restart, and stored again: everybody is shown both."""
    event = random.choice(acknowledged(world))
    copy = replace(event, id=b"y" * 16, seq=world.head.seq + 1)
    return world.records, with_public(world, [*public(world), copy])


def reordered(world: World, random: Random) -> tuple[list[Record], Log]:
    events = public(world)
    one, other = sorted(random.sample([place for place, e in enumerate(events) if e.author == VISITOR], 2))
    events[one], events[other] = (
        replace(events[other], seq=events[one].seq), replace(events[one], seq=events[other].seq)
    )  # fmt: skip
    return world.records, with_public(world, events)


def swapped_in_two_numbers(world: World, random: Random) -> tuple[list[Record], Log]:
    """The log gives its events in another order than their numbers."""
    events = public(world)
    place = random.randrange(1, len(events) - 1)
    events[place], events[place + 1] = events[place + 1], events[place]
    return world.records, with_public(world, events)


def shown_in_another_order(world: World, random: Random) -> tuple[list[Record], Log]:
    """One device is shown an event under a later number than the others."""
    place = random.choice([place for place, record in enumerate(world.records) if isinstance(record, Saw)])
    records, event = list(world.records), world.records[place].event
    records[place] = replace(records[place], event=replace(event, seq=event.seq + 1))
    return records, world.log


def shown_before_it_was_stored(world: World, random: Random) -> tuple[list[Record], Log]:
    """A reader saw what a crash then took back."""
    ghost = replace(world.frames()[-1], seq=world.head.seq + 1, id=to_text(b"g" * 16))
    return [*world.records, Saw(device=DEVICES[0], event=ghost)], world.log


def shown_twice(world: World, random: Random) -> tuple[list[Record], Log]:
    place = random.choice([place for place, record in enumerate(world.records) if isinstance(record, Saw)])
    return [*world.records[: place + 1], world.records[place], *world.records[place + 1 :]], world.log


def resumed_with_a_hole(world: World, random: Random) -> tuple[list[Record], Log]:
    holed = [place for place, it in enumerate(world.records) if isinstance(it, Welcomed) and it.recovered and it.events]
    place, records = random.choice(holed), list(world.records)
    records[place] = replace(records[place], events=records[place].events[1:])
    return records, world.log


def taken_back_in_time(world: World, random: Random) -> tuple[list[Record], Log]:
    """A device that comes anew is shown an older state than one that was shown before."""
    old = world.frames()[:-1]
    return [
        *world.records,
        Hailed(device="ann/laptop"),
        Welcomed(
            device="ann/laptop", conversation=NAME, recovered=False, last_seq=old[-1].seq, events=tuple(old)
        ),
    ], world.log  # fmt: skip


def overtaken(world: World, random: Random) -> tuple[list[Record], Log]:
    """A message was sent after an event was seen, and is stored before it; everybody is shown this same order."""
    late = [it for it in world.records if isinstance(it, Sent | Acked) and it.client_msg_id == "m0"]
    return [*(it for it in world.records if it not in late), *late], world.log


def answered_twice(world: World, random: Random) -> tuple[list[Record], Log]:
    reply = next(event for event in reversed(public(world)) if event.author == BOT)
    return world.records, with_public(world, [*public(world), replace(reply, id=b"x" * 16, seq=world.head.seq + 1)])


def never_answered(world: World, random: Random) -> tuple[list[Record], Log]:
    return world.records, with_public(world, public(world)[:-1])


def answered_before_it_was_asked(world: World, random: Random) -> tuple[list[Record], Log]:
    events = public(world)
    events[-1], events[-2] = replace(events[-2], seq=events[-1].seq), replace(events[-1], seq=events[-2].seq)
    return world.records, with_public(world, events)


def answers_what_was_said_before(world: World, random: Random) -> tuple[list[Record], Log]:
    """The visitor went on, and the reply to what came before is stored all the same."""
    world.say(DEVICES[0])
    world.say(DEVICES[0])
    stale = said_by_bot(world, public(world)[-1], seq=world.head.seq + 1, turn=world.head.turn - 1)
    return world.records, with_public(world, [*public(world), stale])


def bot_talks_over_a_person(world: World, random: Random) -> tuple[list[Record], Log]:
    """A reply that was in the making when a person took over is stored all the same."""
    line = said_by_bot(world, public(world)[-1], seq=world.head.seq + 1)
    return world.records, with_public(world, [*public(world), line])


def bot_talks_in_an_epoch_that_is_over(world: World, random: Random) -> tuple[list[Record], Log]:
    line = said_by_bot(world, public(world)[-1], seq=world.head.seq + 1, epoch=1)
    return world.records, with_public(world, [*public(world), line])


def stored_though_refused(world: World, random: Random) -> tuple[list[Record], Log]:
    event = random.choice(acknowledged(world))
    refusal = Refused(device=DEVICES[0], client_msg_id=event.client_msg_id, code="bad_value")
    return [*world.records, refusal], world.log


def made_up(world: World, random: Random) -> tuple[list[Record], Log]:
    event = random.choice(acknowledged(world))
    forged = replace(event, body=Spoke(text="something else"))
    return world.records, with_public(world, [forged if it is event else it for it in public(world)])


def left_out(world: World, random: Random) -> tuple[list[Record], Log]:
    """A device is connected, and is not shown what happens last."""
    reply = public(world)[-1]
    late = said_by_bot(world, replace(reply, at=reply.at + 1), seq=world.head.seq + 1, turn=reply.turn + 1)
    return world.records, with_public(world, [*public(world), late])


def given_anothers_conversation(world: World, random: Random) -> tuple[list[Record], Log]:
    last = next(it for it in reversed(world.records) if isinstance(it, Welcomed))
    welcome = replace(last, device=DEVICES[1], conversation=to_text(b"d" * 16), recovered=False)
    return [*world.records, Hailed(device=DEVICES[1]), welcome], world.log


Mutant = Callable[[World, Random], tuple[list[Record], Log]]
BOTS, ANAS = BOT, "agent:ana"
MUTANTS: list[tuple[Mutant, str, Broken]] = [
    (lost, "", Broken.LOST),
    (lost, "", Broken.GAP),
    (lost_and_hushed_up, "", Broken.LOST),
    (acknowledged_early, "", Broken.LOST),
    (doubled, "", Broken.DOUBLED),
    (reordered, "", Broken.MOVED),
    (reordered, "", Broken.DISAGREE),
    (swapped_in_two_numbers, "", Broken.GAP),
    (shown_in_another_order, "", Broken.HOLE),
    (shown_before_it_was_stored, "", Broken.DISAGREE),
    (shown_twice, "", Broken.HOLE),
    (resumed_with_a_hole, "", Broken.HOLE),
    (left_out, "", Broken.MISSED),
    (taken_back_in_time, "", Broken.BACK),
    (overtaken, "", Broken.OVERTOOK),
    (answered_twice, BOTS, Broken.TWICE),
    (never_answered, BOTS, Broken.NEVER),
    (answered_before_it_was_asked, BOTS, Broken.MISPLACED),
    (answers_what_was_said_before, BOTS, Broken.MISPLACED),
    (bot_talks_over_a_person, ANAS, Broken.TALKED_OVER),
    (bot_talks_in_an_epoch_that_is_over, ANAS, Broken.TALKED_OVER),
    (stored_though_refused, "", Broken.REFUSED),
    (made_up, "", Broken.UNSAID),
    (given_anothers_conversation, "", Broken.STRANGER),
]


@pytest.mark.parametrize(("mutant", "ends_with", "promise"), MUTANTS, ids=lambda each: getattr(each, "__name__", None))
@pytest.mark.parametrize("seed", SEEDS)
def test_a_broken_history_is_caught(mutant, ends_with, promise, seed):
    world = honest(seed, ends_with=ends_with)

    assert promise in promises(world, *mutant(world, Random(seed)))


def test_a_history_that_was_kept_is_judged_the_same(tmp_path):
    world = honest(3)
    records, log = doubled(world, Random(3))
    save(tmp_path / "history.json", records, log)

    assert check(*load(tmp_path / "history.json")) == check(records, log) != []
