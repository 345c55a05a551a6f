"""What every conversation log promises; memory is the oracle."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from server.conversations.events import Audience, Opened, Replied, Spoke, Understood
from server.conversations.state import BOT, SYSTEM, VISITOR, Drafts, Head, opened
from server.errors import BadCommand, Conflict, LogUnavailable
from server.ids import derived_id, new_id
from server.stores.memory import MemoryLog
from server.stores.protocols import Append, ConversationLog, Onward, Upload
from server.stores.sqlite import SqliteLog

AT = 1_790_000_000_000


@pytest.fixture(params=["memory", "sqlite"])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ConversationLog]:
    made: ConversationLog = MemoryLog() if request.param == "memory" else await SqliteLog.open(tmp_path / "log.db")
    yield made
    await made.close()


def opening(visitor: str = "ann", workspace: str = "acme") -> Append:
    conversation = new_id()
    body = Opened(kb="shop", language="en")
    drafts = Drafts(opened(workspace, conversation, visitor, body, at=AT), at=AT)
    drafts.add(new_id(), SYSTEM, body)
    return Append(head=drafts.head, events=tuple(drafts.events), opens=True)


def saying(
    head: Head, text: str, client_msg_id: str = "", *, at: int = AT + 1, onward: tuple[Onward, ...] = ()
) -> Append:
    drafts = Drafts(head, at=at)
    drafts.add(new_id(), VISITOR, Spoke(text=text), turn=head.turn + 1, client_msg_id=client_msg_id)
    return Append(head=drafts.head, events=tuple(drafts.events), onward=onward)


def answering(head: Head, text: str) -> Append:
    drafts = Drafts(head, at=AT + 2)
    reply = derived_id(head.conversation, head.turn)
    drafts.add(reply, BOT, Replied(text=text, decision="answer"))
    drafts.add(new_id(), SYSTEM, understood(text))
    return Append(head=drafts.head, events=tuple(drafts.events))


def understood(text: str) -> Understood:
    return Understood(
        decision="answer", text=text, question=text, language="en", edits=(("teh", "the"),), sentiment="neutral",
        sentiment_score=0.0, intent="", talk="", entry_ids=("e1",), receipt={"confidence": 0.5},
    )  # fmt: skip


def message(head: Head, kind: str) -> Onward:
    return Onward(id=new_id(), workspace=head.workspace, conversation=head.conversation, kind=kind, at=AT, body=b"{}")


async def started(log: ConversationLog, visitor: str = "ann", workspace: str = "acme") -> Head:
    append = opening(visitor, workspace)
    await log.append(append)
    return append.head


async def test_what_was_appended_is_read_back_as_it_was(log: ConversationLog) -> None:
    head = await started(log)
    said = saying(head, "退货要几天？", "m1")
    await log.append(said)
    answered = answering(said.head, "七天。")
    await log.append(answered)

    public = await log.events("acme", head.conversation)
    internal = await log.events("acme", head.conversation, audience=Audience.INTERNAL)

    assert public[1:] == [*said.events, answered.events[0]]
    assert internal == [answered.events[1]]
    assert await log.head("acme", head.conversation) == answered.head
    assert await log.current("acme", "ann") == answered.head


async def test_numbers_that_do_not_follow_are_refused_and_nothing_of_the_append_is_kept(log: ConversationLog) -> None:
    head = await started(log)
    first, late = saying(head, "one"), saying(head, "two", onward=(message(head, "message.created"),))
    await log.append(first)

    with pytest.raises(Conflict):
        await log.append(late)

    assert [event.seq for event in await log.events("acme", head.conversation)] == [1, 2]
    assert await log.onward() == []
    assert await log.head("acme", head.conversation) == first.head


async def test_of_many_appends_at_once_only_the_bad_one_fails(log: ConversationLog) -> None:
    heads = [await started(log, f"visitor-{number}") for number in range(20)]
    stale = saying(heads[3], "stale")
    await log.append(saying(heads[3], "first"))

    appends = [stale if number == 3 else saying(head, "hello") for number, head in enumerate(heads)]
    results = await asyncio.gather(*(log.append(append) for append in appends), return_exceptions=True)

    assert [type(result) for result in results] == [Conflict if number == 3 else type(None) for number in range(20)]


async def test_a_client_gives_an_id_to_one_message_only(log: ConversationLog) -> None:
    head = await started(log)
    said = saying(head, "hello", "m1")
    await log.append(said)

    with pytest.raises(Conflict):
        await log.append(saying(said.head, "hello again", "m1"))
    assert await log.by_client_msg_id("acme", head.conversation, VISITOR, "m1") == said.events[0]
    assert await log.by_client_msg_id("acme", head.conversation, "agent:ana", "m1") is None


async def test_a_turn_is_answered_once(log: ConversationLog) -> None:
    head = await started(log)
    said = saying(head, "hello")
    await log.append(said)
    answered = answering(said.head, "hi")
    await log.append(answered)

    again = Drafts(answered.head, at=AT + 9)
    again.add(new_id(), BOT, Replied(text="hi!", decision="smalltalk"), turn=1)
    with pytest.raises(Conflict):
        await log.append(Append(head=again.head, events=tuple(again.events)))


async def test_a_visitor_has_one_conversation_however_many_open_it_at_once(log: ConversationLog) -> None:
    results = await asyncio.gather(*(log.append(opening()) for _ in range(5)), return_exceptions=True)

    assert sorted(type(result).__name__ for result in results) == ["Conflict"] * 4 + ["NoneType"]
    assert (await log.conversations("acme")).total == 1


async def test_the_same_visitor_name_in_two_workspaces_is_two_people(log: ConversationLog) -> None:
    ours, theirs = await started(log), await started(log, workspace="other")

    assert await log.current("acme", "ann") == ours
    assert await log.current("other", "ann") == theirs


async def test_another_workspace_finds_nothing_of_ours(log: ConversationLog) -> None:
    head = await started(log)
    said = saying(head, "secret", "m1")
    await log.append(said)

    assert await log.head("other", head.conversation) is None
    assert await log.events("other", head.conversation) == []
    assert await log.by_client_msg_id("other", head.conversation, VISITOR, "m1") is None
    assert (await log.conversations("other")).total == 0
    assert await log.erase_visitor("other", "ann") == 0
    intruding = saying(msgspec.structs.replace(said.head, workspace="other"), "mine")
    with pytest.raises(Conflict):
        await log.append(intruding)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"after": 4}, [5, 6, 7, 8, 9, 10]),
        ({"before": 4}, [1, 2, 3]),
        ({"limit": 3}, [1, 2, 3]),
        ({"limit": 3, "newest": True}, [8, 9, 10]),
        ({"before": 8, "limit": 2, "newest": True}, [6, 7]),
        ({"after": 10}, []),
        ({"before": 1}, []),
    ],
)
async def test_history_is_read_from_either_end(
    log: ConversationLog, asked: dict[str, int], expected: list[int]
) -> None:
    head = await started(log)
    for number in range(9):
        append = saying(head, str(number))
        await log.append(append)
        head = append.head

    found = await log.events("acme", head.conversation, **asked)  # type: ignore[arg-type]

    assert [event.seq for event in found] == expected


async def test_unanswered_turns_are_found_the_longest_waiting_first(log: ConversationLog) -> None:
    late, early, done = [await started(log, name) for name in ("late", "early", "done")]
    await log.append(saying(late, "hello", at=AT + 50))
    await log.append(saying(early, "hello", at=AT + 10))
    said = saying(done, "hello")
    await log.append(said)
    await log.append(answering(said.head, "hi"))

    assert [head.visitor for head in await log.unanswered()] == ["early", "late"]
    assert [head.visitor for head in await log.unanswered(limit=1)] == ["early"]


async def test_conversations_are_listed_newest_first_and_counted(log: ConversationLog) -> None:
    heads = [await started(log, f"visitor-{number}") for number in range(5)]
    await log.append(saying(heads[2], "hello", at=AT + 99))

    page = await log.conversations("acme", offset=0, limit=2)
    rest = await log.conversations("acme", offset=2, limit=10)

    assert page.total == 5
    assert page.items[0].visitor == "visitor-2"
    assert {head.visitor for head in (*page.items, *rest.items)} == {head.visitor for head in heads}
    assert [head.visitor for head in (await log.conversations("acme", visitor="visitor-4")).items] == ["visitor-4"]


async def test_messages_for_outside_keep_their_order_until_they_are_let_go(log: ConversationLog) -> None:
    head = await started(log)
    said = saying(head, "one", onward=(message(head, "first"), message(head, "second")))
    await log.append(said)
    await log.append(saying(said.head, "two", onward=(message(head, "third"),)))

    first, second, third = await log.onward()
    assert [first.kind, second.kind, third.kind] == ["first", "second", "third"]
    assert first.position < second.position < third.position
    assert await log.onward(after=first.position, limit=1) == [second]

    await log.forget_onward([first.position, third.position])
    assert await log.onward() == [second]


async def test_erasing_a_person_empties_the_words_and_keeps_the_numbers(log: ConversationLog) -> None:
    mine, other = await started(log), await started(log, "bob")
    said = saying(mine, "my address is 5 Elm Street", "m1", onward=(message(mine, "message.created"),))
    await log.append(said)
    await log.append(saying(other, "hello"))

    assert await log.erase_visitor("acme", "ann") == 2
    assert [(event.seq, event.kind, event.body) for event in await log.events("acme", mine.conversation)] == [
        (1, "opened", None),
        (2, "spoke", None),
    ]
    assert await log.onward() == []
    assert (await log.events("acme", other.conversation))[1].body == Spoke(text="hello")
    await log.append(saying(said.head, "hello again"))


async def test_a_sqlite_log_that_was_closed_and_opened_again_holds_all_of_it(tmp_path: Path) -> None:
    log = await SqliteLog.open(tmp_path / "log.db")
    head = await started(log)
    await log.append(saying(head, "hello"))
    await log.close()
    with pytest.raises(LogUnavailable):
        await log.append(saying(head, "too late"))

    again = await SqliteLog.open(tmp_path / "log.db")

    assert [event.kind for event in await again.events("acme", head.conversation)] == ["opened", "spoke"]
    await again.close()


async def test_words_of_an_erased_person_are_not_left_in_the_file(tmp_path: Path) -> None:
    log = await SqliteLog.open(tmp_path / "log.db")
    await log.append(saying(await started(log), "my secret word is xylophone"))
    await log.erase_visitor("acme", "ann")
    await log.close()  # the last connection folds the write-ahead log into the file

    assert b"xylophone" not in _bytes_below(tmp_path)


def _bytes_below(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


# -- files


def upload(head: Head, *, size: int = 100, at: int = AT, author: str = VISITOR) -> Upload:
    return Upload(
        id=new_id(), workspace=head.workspace, conversation=head.conversation, author=author, name="a.pdf",
        media_type="application/pdf", size=size, at=at,
    )  # fmt: skip


async def added(log: ConversationLog, head: Head, **more: Any) -> Upload:
    one = upload(head, **more)
    assert await log.files.add(one, since=0, most_bytes=10_000, most_files=100)
    return one


def showing(head: Head, *uploads: Upload) -> Append:
    drafts = Drafts(head, at=AT + 1)
    files = tuple(each.file for each in uploads)
    drafts.add(new_id(), VISITOR, Spoke(text="see", files=files), turn=head.turn + 1)
    return Append(head=drafts.head, events=tuple(drafts.events))


async def test_a_file_is_found_in_its_own_workspace_only(log: ConversationLog) -> None:
    head = await started(log)
    one = await added(log, head)
    assert await log.files.find("acme", one.id) == one
    assert await log.files.find("globex", one.id) is None
    assert await log.files.find("acme", new_id()) is None
    assert await log.files.of_conversation("acme", head.conversation) == [one]
    assert await log.files.of_conversation("globex", head.conversation) == []


async def test_files_are_counted_by_conversation_and_author_since_a_moment(log: ConversationLog) -> None:
    ann, bob = await started(log), await started(log, "bob")
    await added(log, ann, size=60, at=AT)

    async def may_add(head: Head, size: int, *, since: int = 0, most_files: int = 100, author: str = VISITOR) -> bool:
        one = upload(head, size=size, at=AT + 1, author=author)
        return await log.files.add(one, since=since, most_bytes=100, most_files=most_files)

    assert not await may_add(ann, 41)
    assert not await may_add(ann, 1, most_files=1)
    assert await may_add(ann, 40)
    assert await may_add(bob, 100)
    assert await may_add(ann, 60, since=AT)
    assert await may_add(ann, 100, author="agent:eve")
    assert len(await log.files.of_conversation("acme", ann.conversation)) == 4


async def test_a_file_that_a_message_names_does_not_expire(log: ConversationLog) -> None:
    head = await started(log)
    named, other, young = await added(log, head), await added(log, head), await added(log, head, at=AT + 10)
    await log.append(showing(head, named))
    assert await log.files.expire(before=AT + 5) == [other.id]
    assert await log.files.expire(before=AT + 5) == []
    assert await log.files.known([named.id, other.id, young.id, new_id()]) == {named.id, young.id}


async def test_a_message_that_names_a_file_of_somebody_else_is_not_stored_and_others_beside_it_are(
    log: ConversationLog,
) -> None:
    ann, bob, eve = await started(log), await started(log, "bob"), await started(log, "eve", "globex")
    mine, foreign = await added(log, ann), await added(log, eve)
    wrong = [showing(bob, mine), showing(bob, foreign), showing(bob, upload(bob))]
    for append in wrong:
        with pytest.raises(BadCommand):
            await log.append(append)
    done = await asyncio.gather(log.append(wrong[0]), log.append(showing(ann, mine)), return_exceptions=True)
    assert [type(each) for each in done] == [BadCommand, type(None)]
    assert [event.kind for event in await log.events("acme", bob.conversation)] == ["opened"]
    assert (await log.head("acme", bob.conversation)) == bob


async def test_an_erasure_forgets_the_files_of_the_visitor_only(log: ConversationLog) -> None:
    ann, bob, eve = await started(log), await started(log, "bob"), await started(log, "ann", "globex")
    gone, kept, foreign = await added(log, ann), await added(log, bob), await added(log, eve)
    await log.append(showing(ann, gone))
    await log.erase_visitor("acme", "ann")
    assert await log.files.known([gone.id, kept.id, foreign.id]) == {kept.id, foreign.id}
    with pytest.raises(BadCommand):
        await log.append(showing((await log.head("acme", ann.conversation)) or ann, gone))
