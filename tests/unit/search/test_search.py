"""What was said is found, by who may see it; what was erased is not, and is not on the disk either."""

import sqlite3
from pathlib import Path
from typing import ClassVar

import pytest

from server.conversations.commands import Say, Visitor
from server.conversations.events import Audience
from server.conversations.hub import Hub, Key
from server.conversations.service import Conversations
from server.conversations.state import Head
from server.errors import LogUnavailable
from server.search.index import Line, Progress, SearchIndex
from server.search.search import Search
from server.stores.memory import MemoryLog
from server.stores.memory_cases import MemoryCases
from server.stores.sqlite import SqliteLog
from tests.fakes.bot import ScriptedBot
from tests.fakes.desk import Company, agent


async def company(folder: Path) -> Company:
    log = await SqliteLog.open(folder / "log.db")
    here = await Company(agent("ana"), agent("out", 2, "elsewhere"), log=log, folder=folder).open()
    await here.sign_in("ana")
    return here


async def found(here: Company, text: str, by: str = "ana", **page: int) -> list[str]:
    await here.search.work()
    return [line.snippet for line in (await here.desk.search(here.who(by), text, **page)).items]


async def test_what_anybody_said_is_found_in_both_languages_the_newest_first(tmp_path: Path) -> None:
    here = await company(tmp_path)
    await here.served("ann", "ana", "您好，我是人工客服")
    await here.say("ann", "my tents leaked")
    await here.desk.note(here.who("ana"), here.keys["ann"], "n1", "knows about tent poles")

    assert await found(here, "tent") == ["knows about tent poles", "my tents leaked"]
    assert await found(here, "人工") == ["您好，我是人工客服"]
    assert await found(here, "tent poles") == ["knows about tent poles"]
    assert await found(here, "小舟") == []
    line = (await here.desk.search(here.who("ana"), "leak")).items[0]
    assert (line.author, line.audience, line.marks) == ("visitor", "public", ((9, 15),))
    await here.close()


async def test_nothing_is_found_of_conversations_that_one_may_not_see(tmp_path: Path) -> None:
    here = await company(tmp_path)
    await here.served("ann", "ana")
    await here.say("ann", "a secret tent")

    assert await found(here, "tent", by="out") == []
    assert await found(here, "tent") == ["a secret tent"]
    await here.close()


async def test_pages_do_not_overlap_and_the_total_counts_all(tmp_path: Path) -> None:
    here = await company(tmp_path)
    await here.served("ann", "ana")
    for number in range(5):
        await here.say("ann", f"tent {number}")

    first, second = await found(here, "tent", limit=3), await found(here, "tent", offset=3, limit=3)
    assert [*first, *second] == [f"tent {number}" for number in (4, 3, 2, 1, 0)]
    assert (await here.desk.search(here.who("ana"), "tent", limit=1)).total == 5
    await here.close()


async def test_what_was_erased_is_neither_found_nor_left_in_the_file(tmp_path: Path) -> None:
    here = await company(tmp_path)
    await here.served("ann", "ana")
    await here.served("bob", "ana")
    await here.say("ann", "my word is xylophone")
    await here.say("bob", "mine is a tuba")
    await here.desk.draft(here.who("ana"), here.keys["ann"], "xylophone, you say")
    assert await found(here, "xylophone") != []

    await here.service.erase("acme", "visitor:ann")
    assert await found(here, "xylophone") == []
    assert here.desk.draft_of(here.who("ana"), here.keys["ann"]) == ""
    assert (await here.desk.case(here.who("ana"), here.keys["ann"])).last_text == ""
    assert await found(here, "tuba") == ["mine is a tuba"]
    await here.say("ann", "hello again")
    assert await found(here, "again") == ["hello again"]
    await here.close()
    assert b"xylophon" not in _bytes_below(tmp_path)  # as the index holds it: stemmed


def _bytes_below(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def _delete(path: Path) -> None:
    path.unlink()


def _overwrite(path: Path) -> None:
    path.write_bytes(b"this is no database, but it is long enough to look like one" * 100)


@pytest.mark.parametrize("damage", ["gone", "broken", "older", "behind"])
async def test_an_index_that_is_lost_is_made_anew_from_the_log(damage: str, tmp_path: Path) -> None:
    here = await company(tmp_path)
    await here.served("ann", "ana")
    await here.say("ann", "my tents leaked")
    if damage != "behind":
        await here.search.work()
    await here.index.close()
    path = tmp_path / "search.db"
    match damage:
        case "gone":
            _delete(path)
        case "broken":
            _overwrite(path)
        case "older":
            with sqlite3.connect(path) as db:
                db.execute("PRAGMA user_version = 0")
            db.close()
        case _:
            pass

    here.index = SearchIndex(path)
    await here.index.open()
    search = Search(here.index, here.log)
    await search.catch_up()
    await search.work()

    assert len(await search.find("acme", "tent")) == 1
    assert len(await search.find("elsewhere", "tent")) == 0
    await here.close()


async def test_an_erasure_holds_though_the_index_fails_and_the_next_process_clears_it(tmp_path: Path) -> None:
    here = await company(tmp_path)
    await here.served("ann", "ana")
    await here.say("ann", "my word is xylophone")
    assert await found(here, "xylophone") != []

    await here.index.close()  # it can do nothing more
    assert await here.service.erase("acme", "visitor:ann") > 0
    await here.say("ann", "hello again")
    await here.restart()
    await here.search.catch_up()

    assert await found(here, "xylophone") == []
    assert await found(here, "again") == ["hello again"]
    assert [mark for mark in await here.log.cases.marks() if mark.kind == "erased"] == []
    await here.close()
    assert b"xylophon" not in _bytes_below(tmp_path)


class _Stumbles(SearchIndex):
    """An index that fails the first time."""

    failures = 1

    async def progress(self, key: Key) -> Progress:
        if self.failures:
            self.failures -= 1
            raise LogUnavailable("the disk is full.")
        return await super().progress(key)


async def test_what_could_not_be_indexed_is_tried_again_without_another_message(tmp_path: Path) -> None:
    here = await company(tmp_path)
    await here.served("ann", "ana")
    await here.say("ann", "my tents leaked")
    index = _Stumbles(tmp_path / "other.db")
    search = Search(index, here.log)
    await search.catch_up()

    assert await search.find("acme", "tent") == []
    assert await search.work()
    assert len(await search.find("acme", "tent")) == 1
    await index.close()
    await here.close()


class _Parts(MemoryCases):
    """Notes how many conversations it was asked for at once."""

    asked: ClassVar[list[int]] = []

    async def said_since(self, at: int, *, behind: Head | None = None, limit: int = 500) -> list[Head]:
        some = await super().said_since(at, behind=behind, limit=limit)
        self.asked.append(len(some))
        return some


async def test_an_index_that_is_made_anew_reads_the_conversations_in_parts(tmp_path: Path) -> None:
    log = MemoryLog()
    log.cases.__class__ = _Parts
    service = Conversations(log, Hub(), ScriptedBot())
    for number in range(450):
        head = await service.open(Visitor(workspace="acme", id=f"visitor:{number}", kb="shop"))
        await service.submit(("acme", head.conversation), Say(client_msg_id="m1", text=f"tent{number}"))
    await service.close()
    index = SearchIndex(tmp_path / "other.db")
    search = Search(index, log)
    await search.catch_up()
    assert _Parts.asked == [200, 200, 50, 0]
    for number in (0, 200, 449):
        assert len(await search.find("acme", f"tent{number}")) == 1
    await index.close()


async def test_conversations_are_found_by_their_words_each_once_the_newest_line_first(tmp_path: Path) -> None:
    index = SearchIndex(tmp_path / "search.db")
    said = [
        ("a", 1, "red tent"),
        ("b", 1, "red tent"),
        ("a", 2, "a red tent again"),
        ("c", 1, "blue tent"),
        ("b", 2, "x"),
    ]
    for place, (name, seq, text) in enumerate(said):
        line = Line(audience=Audience.PUBLIC, seq=seq, at=place, author="visitor", text=text)
        await index.add(("acme", name.encode()), [line], Progress(seq=seq))
    assert await index.conversations("acme", "red tent", limit=10) == [b"a", b"b"]
    assert await index.conversations("acme", "tent", limit=2) == [b"c", b"a"]
    assert await index.conversations("globex", "tent", limit=10) == []
    assert await index.conversations("acme", "  ", limit=10) == []
    await index.close()
