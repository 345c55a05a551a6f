"""What every log promises of who handles a conversation, of timers and of episodes; memory is the oracle."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from server.conversations.events import Audience, Noted, Opened, Replied, Spoke, Understood, in_order
from server.conversations.state import BOT, SYSTEM, VISITOR, Drafts, Head, opened
from server.handoff.states import Handling, Moved, State
from server.handoff.timers import Kind, Timer
from server.ids import new_id
from server.stores.memory import MemoryLog
from server.stores.migrations import STEPS
from server.stores.protocols import Append, CaseFilter, ConversationLog, Mark
from server.stores.sqlite import SqliteLog

AT = 1_790_000_000_000


@pytest.fixture(params=["memory", "sqlite"])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ConversationLog]:
    made: ConversationLog = MemoryLog() if request.param == "memory" else await SqliteLog.open(tmp_path / "log.db")
    yield made
    await made.close()


async def started(log: ConversationLog, visitor: str = "ann", workspace: str = "acme", at: int = AT) -> Head:
    body = Opened(kb="shop", language="en", page="https://shop.example/5-elm-street")
    drafts = Drafts(opened(workspace, new_id(), visitor, body, at=at), at=at)
    drafts.add(new_id(), SYSTEM, body)
    await log.append(Append(head=drafts.head, events=tuple(drafts.events), opens=True))
    return drafts.head


async def moved(
    log: ConversationLog, head: Head, state: State, timers: tuple[Timer, ...] | None = (), **changes: object
) -> Head:
    before = head.handling
    after = replace(before, state=state, epoch=before.epoch + 1, **changes)
    drafts = Drafts(head, at=head.last_at + 1)
    body = Moved(transition="test", actor="system", from_state=before.state, to_state=state, handling=after)
    drafts.add(new_id(), SYSTEM, body)
    await log.append(Append(head=drafts.head, events=tuple(drafts.events), timers=timers))
    return drafts.head


def timer(kind: Kind, at: int, epoch: int = 2) -> Timer:
    return Timer(kind=kind, epoch=epoch, fire_at=at)


async def test_a_transition_changes_the_state_the_fence_and_the_owner(log: ConversationLog) -> None:
    head = await started(log)
    head = await moved(log, head, State.ACTIVE, owner="agent:ana", owner_epoch=2)

    read = await log.head("acme", head.conversation)
    assert read == head
    assert read is not None
    assert (read.owner, read.epoch, read.fence.owner_epoch, read.seq) == ("agent:ana", 2, 2, 1)
    assert [event.epoch for event in await log.events("acme", head.conversation, audience=Audience.INTERNAL)] == [2]


async def test_both_audiences_have_one_order(log: ConversationLog) -> None:
    drafts = Drafts(await started(log), at=AT)
    drafts.add(new_id(), "agent:ana", Noted(text="before"))
    drafts.add(new_id(), VISITOR, Spoke(text="hello"), turn=1)
    drafts.add(new_id(), "agent:ana", Noted(text="one", mentions=("ben",)))
    drafts.add(new_id(), "agent:ana", Noted(text="two"))
    drafts.add(new_id(), "agent:ana", Spoke(text="hi", name="Ana"))
    await log.append(Append(head=drafts.head, events=tuple(drafts.events)))

    key = ("acme", drafts.head.conversation)
    both = [*await log.events(*key, audience=Audience.INTERNAL), *await log.events(*key)]

    assert in_order(both)[1:] == drafts.events
    assert [event.after for event in drafts.events] == [1, 0, 2, 2, 0]


async def test_who_is_handled_is_found_at_the_start_and_who_is_not_is_not(log: ConversationLog) -> None:
    queued, closed, bot = [await started(log, name) for name in ("queued", "closed", "bot")]
    queued = await moved(log, queued, State.QUEUED, owner="")
    await moved(log, await moved(log, closed, State.ACTIVE, owner="agent:ana"), State.CLOSED, owner="bot")
    await moved(log, await moved(log, bot, State.OFFER), State.BOT)

    assert await log.cases.handled() == [queued]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (CaseFilter(), ["closed", "mine", "queued", "other", "bot"]),
        (CaseFilter(states=(State.QUEUED, State.RINGING)), ["queued"]),
        (CaseFilter(owners=("agent:ana",)), ["mine"]),
        (CaseFilter(owners=("agent:ana", "")), ["mine", "queued"]),
        (CaseFilter(departments=("billing",)), ["queued"]),
        (CaseFilter(states=(State.CLOSED, State.BOT)), ["closed", "bot"]),
        (CaseFilter(tag="vip"), ["mine"]),
        (CaseFilter(tag="vi"), []),
        (CaseFilter(visitor="other"), ["other"]),
        (CaseFilter(conversations=()), []),
        (CaseFilter(states=(State.ACTIVE,), owners=("agent:ana",)), ["mine"]),
    ],
)
async def test_lists_admit_who_is_wanted_the_newest_first(
    log: ConversationLog, wanted: CaseFilter, expected: list[str]
) -> None:
    heads = {name: await started(log, name, at=AT + at) for at, name in enumerate(("bot", "other", "queued"))}
    heads |= {name: await started(log, name, at=AT + at) for at, name in enumerate(("mine", "closed"), 100)}
    await started(log, "bot", "elsewhere", at=AT + 500)
    await moved(log, heads["queued"], State.QUEUED, owner="", department="billing")
    await moved(log, heads["mine"], State.ACTIVE, owner="agent:ana", tags=("refund", "vip"))
    await moved(log, heads["other"], State.ACTIVE, owner="agent:ben")
    await moved(log, heads["closed"], State.CLOSED, owner="bot")

    page = await log.cases.find("acme", wanted)

    assert [head.visitor for head in page.items] == expected
    assert page.total == len(expected)
    part = await log.cases.find("acme", wanted, offset=1, limit=2)
    assert ([head.visitor for head in part.items], part.total) == (expected[1:3], len(expected))


async def test_conversations_are_looked_up_by_their_ids(log: ConversationLog) -> None:
    heads = [await started(log, f"visitor-{number}") for number in range(3)]

    page = await log.cases.find("acme", CaseFilter(conversations=(heads[0].conversation, heads[2].conversation)))

    assert {head.visitor for head in page.items} == {"visitor-0", "visitor-2"}


async def test_timers_fire_in_the_order_of_their_time(log: ConversationLog) -> None:
    one, two = await started(log, "one"), await started(log, "two", "other")
    assert await log.cases.next_alarm() is None
    await moved(log, one, State.RINGING, (timer(Kind.RING, AT + 25), timer(Kind.QUEUE_MAX, AT + 300)))
    await moved(log, two, State.QUEUED, (timer(Kind.NOTICE, AT + 10),))

    due = await log.cases.alarms(until=AT + 25)

    assert await log.cases.next_alarm() == AT + 10
    assert [(alarm.workspace, alarm.kind, alarm.epoch, alarm.fire_at) for alarm in due] == [
        ("other", Kind.NOTICE, 2, AT + 10),
        ("acme", Kind.RING, 2, AT + 25),
    ]
    assert due[1].conversation == one.conversation
    assert len(await log.cases.alarms(until=AT + 25, limit=1)) == 1
    assert await log.cases.alarms(until=AT + 9) == []


async def test_timers_replace_those_of_before_unless_nothing_is_said_of_them(log: ConversationLog) -> None:
    head = await moved(log, await started(log), State.RINGING, (timer(Kind.RING, AT + 25),))
    head = await moved(log, head, State.QUEUED, None)
    assert [alarm.kind for alarm in await log.cases.alarms(until=AT + 99)] == [Kind.RING]

    head = await moved(log, head, State.QUEUED, (timer(Kind.NOTICE, AT + 45, 4), timer(Kind.QUEUE_MAX, AT + 90, 4)))
    assert [alarm.kind for alarm in await log.cases.alarms(until=AT + 99)] == [Kind.NOTICE, Kind.QUEUE_MAX]

    await moved(log, head, State.CLOSED, ())
    assert await log.cases.next_alarm() is None


async def test_timers_alone_can_be_stored(log: ConversationLog) -> None:
    head = await started(log)
    await log.append(Append(head=head, events=(), timers=(timer(Kind.IDLE, AT + 5, 1),)))

    assert await log.cases.next_alarm() == AT + 5
    assert await log.head("acme", head.conversation) == head


async def test_episodes_tell_who_had_them_and_how_they_ended(log: ConversationLog) -> None:
    head = await started(log)
    assert await log.cases.episodes("acme", head.conversation) == []
    head = await moved(log, head, State.ACTIVE, owner="agent:ana", trail=("ana",), reason="customer_request")
    head = await moved(
        log, head, State.CLOSED, owner="bot", closed_at=AT + 9, close_reason="resolved", resolution="refunded",
        tags=("refund", "vip"),
    )  # fmt: skip
    head = await moved(log, head, State.BOT, episode=2, begun_at=AT + 50, trail=(), tags=(), resolution="", reason="")

    first, second = await log.cases.episodes("acme", head.conversation)

    assert (first.number, first.agent, first.reason, first.resolution) == (1, "ana", "customer_request", "refunded")
    assert (first.opened_at, first.closed_at, first.tags, first.close_reason) == (
        AT, AT + 9, ("refund", "vip"), "resolved",
    )  # fmt: skip
    assert (second.number, second.opened_at, second.closed_at, second.tags) == (2, AT + 50, 0, ())


async def test_what_was_written_about_an_erased_person_is_gone_too(log: ConversationLog) -> None:
    head = await started(log)
    drafts = Drafts(head, at=AT)
    drafts.add(new_id(), VISITOR, Spoke(text="I live at 5 Elm Street"), turn=1)
    await log.append(Append(head=drafts.head, events=tuple(drafts.events)))
    head = await moved(
        log, drafts.head, State.TRANSFERRING, (timer(Kind.TRANSFER, AT + 60),), owner="agent:ana",
        transfer_note="lives at 5 Elm Street", email="ann@example.com", resolution="5 Elm Street", tags=("elm",),
    )  # fmt: skip

    assert await log.erase_visitor("acme", "ann") == 3

    after = await log.head("acme", head.conversation)
    assert after is not None
    assert (after.last_text, after.page, after.handling.transfer_note, after.handling.email) == ("", "", "", "")
    assert (after.seq, after.internal_seq, after.handling.state, after.epoch) == (2, 1, State.TRANSFERRING, 2)
    assert (await log.cases.find("acme", CaseFilter(tag="elm"))).total == 0
    assert [(each.resolution, each.tags) for each in await log.cases.episodes("acme", head.conversation)] == [("", ())]
    assert await log.cases.next_alarm() == AT + 60


async def test_conversations_are_found_by_when_something_was_said_in_them(log: ConversationLog) -> None:
    for at in (5, 1, 9):
        await started(log, f"visitor-{at}", f"workspace-{at}", at=AT + at)

    assert [head.visitor for head in await log.cases.said_since(AT + 5)] == ["visitor-5", "visitor-9"]


async def test_what_agents_leave_is_kept_until_it_is_taken_away(log: ConversationLog) -> None:
    head = await started(log)
    presence = Mark(workspace="acme", agent="ana", kind="presence", value="away")
    draft = Mark(workspace="acme", agent="ana", kind="draft", conversation=head.conversation, value="Dear An")
    for mark in (presence, draft, replace(draft, value="Dear Ann"), replace(presence, agent="ben")):
        await log.cases.mark(mark)
    await log.cases.mark(replace(presence, agent="ben", value=""))

    assert sorted(await log.cases.marks(), key=lambda mark: mark.kind) == [replace(draft, value="Dear Ann"), presence]

    await log.erase_visitor("acme", "ann")
    erased = Mark(workspace="acme", agent="", kind="erased", conversation=head.conversation, value="1")  # for the index
    assert sorted(await log.cases.marks(), key=lambda mark: mark.kind) == [erased, presence]


async def test_a_log_from_before_there_were_agents_is_read_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with sqlite3.connect(path) as db:
        for step in STEPS[:2]:
            for statement in step:
                db.execute(statement)
        db.execute("PRAGMA user_version = 2")
    db.close()
    conversation = new_id()
    old_head = {"workspace": "acme", "conversation": conversation, "visitor": "ann", "kb": "shop", "owner": "bot",
                "epoch": 1, "owner_epoch": 1, "seq": 3, "internal_seq": 1, "turn": 1, "answered": 1}  # fmt: skip
    _write_old(path, old_head)

    log = await SqliteLog.open(path)

    head = await log.head("acme", conversation)
    assert head is not None
    assert (head.handling, head.seq, head.waits_for_bot) == (Handling(), 3, False)
    assert [event.after for event in await log.events("acme", conversation, audience=Audience.INTERNAL)] == [3]
    assert (await log.cases.find("acme", CaseFilter(states=(State.BOT,)))).total == 1
    await log.close()


def _write_old(path: Path, head: dict[str, object]) -> None:
    import msgspec

    from server.conversations.events import encode_body

    bodies = [
        (0, 1, SYSTEM, 0, Opened(kb="shop")),
        (0, 2, VISITOR, 1, Spoke(text="hello")),
        (0, 3, BOT, 1, Replied(text="hi", decision="answer")),
        (1, 1, SYSTEM, 1, Understood(
            decision="answer", text="hello", question="hello", language="en", edits=(), sentiment="neutral",
            sentiment_score=0.0, intent="", talk="", entry_ids=(), receipt={},
        )),
    ]  # fmt: skip
    with sqlite3.connect(path) as db:
        db.execute(
            "INSERT INTO conversations VALUES (?,?,?,?,?,?)",
            ("acme", head["conversation"], "ann", AT, 0, msgspec.msgpack.encode(head)),
        )
        for audience, seq, author, turn, body in bodies:
            kind = type(body).__name__.lower()
            values = ("acme", head["conversation"], audience, seq, new_id(), kind, 1, turn, author, AT, None)
            db.execute("INSERT INTO events VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", (*values, encode_body(body)))
    db.close()


async def test_conversations_by_their_newest_event_are_read_in_parts_over_all_workspaces(log: ConversationLog) -> None:
    for workspace, number, at in (("b", 1, 30), ("a", 2, 10), ("b", 3, 50), ("b", 4, 30), ("c", 5, 9), ("c", 6, 40)):
        await started(log, f"visitor-{number}", workspace, at=AT + at)
    whole = await log.cases.said_since(AT + 10)
    assert [(head.workspace, head.last_at - AT) for head in whole] == [
        ("a", 10), ("b", 50), ("b", 30), ("b", 30), ("c", 40)
    ]  # fmt: skip
    for limit in (1, 2, 3, 100):
        read, part = list[Head](), await log.cases.said_since(AT + 10, limit=limit)
        while part:
            read += part
            part = await log.cases.said_since(AT + 10, behind=part[-1], limit=limit)
        assert read == whole
