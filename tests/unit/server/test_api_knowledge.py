"""What programs may do with knowledge: read, edit, publish, roll back and try it, one writer a base."""

import asyncio
import shutil
import threading
from contextlib import contextmanager

import pytest

from knowledge.catalog import Catalog
from knowledge.layout import Layout
from server.access.keys import Scope
from server.api.bases import Bases
from server.parts import BASES
from tests.fakes.api import KB, MINE, open_api, publish_shop, until


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    home = tmp_path_factory.mktemp("published")
    publish_shop(home, MINE)
    return home


@pytest.fixture
async def house(published, tmp_path):
    async with open_api(shutil.copytree(published, tmp_path / "home")) as house:
        yield house


@pytest.fixture
def editor(house):
    return house.program(Scope.KNOWLEDGE, Scope.ASK)


async def test_bases_and_entries_are_listed(editor):
    (base,) = (await editor.get("/v1/kbs")).json["items"]
    assert (base["kb"], base["entries"]) == (KB, 3)
    assert base["version"]
    listed = (await editor.get("/v1/kbs/shop/entries?limit=2")).json
    assert ([entry["id"] for entry in listed["items"]], listed["total"]) == (["returns", "shipping"], 3)
    found = (await editor.get("/v1/kbs/shop/entries?q=SHIPPING")).json
    assert ([entry["id"] for entry in found["items"]], found["total"]) == (["shipping"], 1)
    entry = (await editor.get("/v1/kbs/shop/entries/%E9%80%80%E8%B4%A7")).json
    assert (entry["question"], entry["language"], entry["edited"]) == ("怎么退货", "zh", False)


async def test_an_entry_is_added_changed_and_taken_out_and_each_time_a_version_answers(editor):
    new = {"question": "do you gift wrap", "answer": "Yes, for 2 EUR.", "valid_from": "2026-01-01T00:00:00Z"}
    added = await editor.post("/v1/kbs/shop/entries", new)
    assert (added.status, added.json["entries"]) == (201, 4)
    path = added.headers["Location"]
    assert path == f"/v1/kbs/shop/entries/{added.json['entry_id']}"
    entry = (await editor.get(path)).json
    assert (entry["question"], entry["language"], entry["edited"]) == ("do you gift wrap", "en", True)
    assert entry["valid_from"] == "2026-01-01T00:00:00Z"

    changed = await editor.call("PUT", path, json={**new, "answer": "Yes, for free."})
    assert (changed.status, changed.json["version"] != added.json["version"]) == (200, True)
    assert (await editor.get(path)).json["answer"] == "Yes, for free."
    await answers(editor, "do you gift wrap", "Yes, for free.")

    removed = await editor.call("DELETE", path)
    assert removed.json["entries"] == 3
    assert (await editor.get(path)).status == 404
    assert (await editor.call("DELETE", path)).status == 404


async def answers(program, question, wanted):
    """Wait for the running engine to answer from the new version."""
    async with asyncio.timeout(10):
        while True:
            answer = (await program.post("/v1/ask", {"kb": KB, "text": question})).json["answer"]
            if answer == wanted:
                return
            await asyncio.sleep(0.05)


async def test_the_version_before_answers_again(editor):
    await editor.call("PUT", "/v1/kbs/shop/entries/returns", json={"question": "returns?", "answer": "Never."})
    versions = (await editor.get("/v1/kbs/shop/versions")).json["items"]
    assert [version["state"] for version in versions] == ["live", "kept"]
    back = await editor.post("/v1/kbs/shop/rollback")
    assert back.json["version"] == versions[1]["version"]
    assert (await editor.get("/v1/kbs/shop/entries/returns")).json["answer"] == "Within **30 days**."
    assert (await editor.post("/v1/kbs/shop/rollback", {"version": "nothing"})).status == 404


async def test_publishing_what_is_live_already_builds_nothing(editor):
    live = (await editor.get("/v1/kbs")).json["items"][0]["version"]
    published = await editor.call("POST", "/v1/kbs/shop/publish")
    assert (published.status, published.json["version"]) == (200, live)


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [({"question": "q"}, 422, "answer"), ({"question": "q", "answer": 5}, 422, "answer"),
     ({"question": "q", "answer": "a", "edited": True}, 422, "edited"),
     ({"question": "q", "answer": "a", "valid_from": "2026-01-01T00:00:00"}, 422, "valid_from"),
     ({"question": "q", "answer": "a", "id": "returns"}, 422, "")],
)  # fmt: skip
async def test_an_entry_that_cannot_be_taken_is_refused_by_its_field(editor, body, status, field):
    answer = await editor.post("/v1/kbs/shop/entries", body)
    assert (answer.status, answer.json.get("field", "")) == (status, field)
    assert (await editor.get("/v1/kbs/shop/entries")).json["total"] == 3


async def test_a_base_that_is_not_there_is_not_made(editor):
    entry = {"question": "q", "answer": "a"}
    for kb in ("nowhere", "..%2F..%2Fetc", "%00"):
        assert (await editor.post(f"/v1/kbs/{kb}/entries", entry)).status == 404
        assert (await editor.call("POST", f"/v1/kbs/{kb}/publish")).status == 404
        assert (await editor.post(f"/v1/kbs/{kb}/rollback")).status == 404
    assert len((await editor.get("/v1/kbs")).json["items"]) == 1


async def test_a_search_shows_what_a_visitor_would_get_and_is_not_counted_as_asked(house, editor):
    found = (await editor.post("/v1/kbs/shop/search", {"text": "how do i return an item"})).json
    asked = (await editor.post("/v1/ask", {"kb": KB, "text": "how do i return an item"})).json
    assert {**found, "receipt": None} == {**asked, "receipt": None}
    assert found["receipt"]["candidates"][0]["score"] > 0
    assert found["receipt"]["thresholds"].keys() == {"answer_at", "clarify_at"}

    tried = await editor.post("/v1/kbs/shop/search", {"text": "who lost the football match"})
    in_vain = await editor.post("/v1/ask", {"kb": KB, "text": "who won the football match"})
    assert {tried.json["decision"], in_vain.json["decision"]} <= {"unknown", "clarify"}
    assert await kept_questions(house) == ["who won the football match"]


async def kept_questions(house):
    catalog = Catalog(Layout(home=house.home).catalog)
    try:
        found = await until(lambda: catalog.unknown_questions(MINE, KB))
        return [question.text for question in found]
    finally:
        catalog.close()


# -- one writer


class SlowOpening:
    """Opens what writes only when the test says so."""

    def __init__(self, bases: Bases) -> None:
        self.opens = bases._open_for_writing
        self.began, self.gate = threading.Event(), threading.Event()

    @contextmanager
    def __call__(self, workspace, kb):
        self.began.set()
        assert self.gate.wait(10)
        with self.opens(workspace, kb) as indexer:
            yield indexer


@pytest.fixture
async def slow(house):
    bases = house.app[BASES]
    opening = SlowOpening(bases)
    house.app[BASES] = Bases(bases._publisher, opening)
    yield opening
    opening.gate.set()
    await house.app[BASES].close()


@pytest.mark.filterwarnings("ignore:Changing state of started:DeprecationWarning")
async def test_a_second_writer_of_a_base_is_refused_at_once_while_readers_go_on(house, editor, slow):
    entry = {"question": "do you gift wrap", "answer": "Yes."}
    first = asyncio.create_task(editor.post("/v1/kbs/shop/entries", entry))
    await asyncio.to_thread(slow.began.wait, 10)
    second = await editor.call("POST", "/v1/kbs/shop/publish")
    assert (second.status, second.json["type"]) == (409, "urn:kefu:problem:base-busy")
    assert second.headers["Retry-After"]
    assert (await editor.post("/v1/kbs/shop/rollback")).status == 409
    assert (await editor.get("/v1/kbs/shop/entries")).json["total"] == 3
    slow.gate.set()
    assert (await first).status == 201
    assert (await editor.call("POST", "/v1/kbs/shop/publish")).status == 200


@pytest.mark.filterwarnings("ignore:Changing state of started:DeprecationWarning")
async def test_a_server_that_ends_gives_up_what_is_being_published_and_changes_nothing(house, editor, slow):
    entry = {"question": "do you gift wrap", "answer": "Yes."}
    writing = asyncio.create_task(editor.post("/v1/kbs/shop/entries", entry))
    await asyncio.to_thread(slow.began.wait, 10)
    closing = asyncio.create_task(house.app[BASES].close())
    await asyncio.sleep(0)
    slow.gate.set()
    assert (await writing).status == 503
    await closing
    assert (await editor.get("/v1/kbs/shop/entries")).json["total"] == 3


# -- bases


async def test_a_base_is_made_answers_and_is_removed(house, editor):
    entries = [{"question": "what is the wifi password", "answer": "Ask at the **desk**."}]
    made = await editor.post("/v1/kbs", {"kb": "hotel", "entries": entries})
    assert (made.status, made.json["entries"]) == (201, 1)
    (entry,) = (await editor.get(made.headers["Location"])).json["items"]
    assert (entry["question"], entry["edited"], entry["language"]) == ("what is the wifi password", True, "en")
    asked = {"kb": "hotel", "text": "what is the wifi password"}
    assert (await editor.post("/v1/ask", asked)).json["answer"] == "Ask at the **desk**."

    assert (await editor.call("DELETE", "/v1/kbs/hotel")).json == {"kb": "hotel"}
    assert [base["kb"] for base in (await editor.get("/v1/kbs")).json["items"]] == [KB]
    assert not list((house.home / "kb" / MINE / "hotel").rglob("manifest.json"))
    async with asyncio.timeout(30):
        while (await editor.post("/v1/ask", asked)).status != 404:  # noqa: ASYNC110 (let go of at the next look)
            await asyncio.sleep(0.05)
    assert (await editor.post("/v1/ask", {"kb": KB, "text": "how do i return an item"})).status == 200
    assert (await editor.call("DELETE", "/v1/kbs/hotel")).status == 404
    again = await editor.post("/v1/kbs", {"kb": "hotel", "entries": entries})
    assert (again.status, (await editor.post("/v1/ask", asked)).json["decision"]) == (201, "answer")


async def test_a_base_is_made_whole_or_not_at_all(editor):
    one, other = {"question": "a b c", "answer": "a"}, {"question": "d e f", "answer": "b", "id": "x"}
    for body, status, kind in (
        ({"kb": KB, "entries": [one]}, 409, "conflict"),
        ({"kb": "hotel", "entries": []}, 422, "invalid"),
        ({"kb": "../x", "entries": [one]}, 422, "invalid"),
        ({"kb": "hotel", "entries": [one, one]}, 422, "invalid"),
        ({"kb": "hotel", "entries": [one, {**other, "answer": "​"}]}, 422, "invalid"),
    ):
        answer = await editor.post("/v1/kbs", body)
        assert (answer.status, answer.json["type"].rpartition(":")[2]) == (status, kind), body
    assert [base["kb"] for base in (await editor.get("/v1/kbs")).json["items"]] == [KB]


async def test_a_conversation_about_a_base_that_was_removed_goes_on_with_people(house, editor):
    conversation = await house.conversation("ann")
    await editor.call("DELETE", f"/v1/kbs/{KB}")
    program = house.program()
    said = await program.post(f"/v1/conversations/{conversation}/messages", {"client_msg_id": "m1", "text": "hello"})
    assert said.status == 200
    opened = await program.post("/v1/visitors/bob/conversation", {"kb": KB})
    assert opened.status == 404
