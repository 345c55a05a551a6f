"""What programs may count on: who is let in, what is refused and how, and conversations over HTTP."""

import asyncio
import gzip
import json
import shutil

import pytest

from engine.errors import EngineOverloaded
from server.access.keys import Keys, Scope
from server.access.request import Callers, Unauthenticated
from server.api import rest
from server.connections.rates import Rate
from server.events.onward import told_outside
from server.ids import from_text
from server.parts import ENGINE
from tests.fakes.api import KB, MINE, THEIRS, open_api, publish_shop, until


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    home = tmp_path_factory.mktemp("published")
    publish_shop(home, MINE)
    publish_shop(home, THEIRS, {"secret": ("what is the codename of globex", "Blue heron.")})
    return home


@pytest.fixture
async def house(published, tmp_path):
    home = shutil.copytree(published, tmp_path / "home")
    async with open_api(home) as house:
        yield house


def is_problem(answer, status, kind):
    assert answer.status == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    problem = answer.json
    assert (problem["type"], problem["status"]) == (f"urn:kefu:problem:{kind}", status)
    assert problem["title"]
    assert problem["detail"]
    return problem


# -- who is let in


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer sk_wrong", "Basic c2tfOg==", "Bearer wk_abc", "sk_wrong", "Bearer sk_é"],
)
async def test_without_a_live_key_nothing_is_said(house, authorization):
    answer = await house.stranger.get("/v1/conversations", headers={"Authorization": authorization})
    is_problem(answer, 401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_key_does_what_its_scopes_allow_and_no_more(house):
    reader = house.program(Scope.READ)
    assert (await reader.get("/v1/conversations")).status == 200
    problem = is_problem(await reader.post("/v1/ask", {"kb": KB, "text": "hello"}), 403, "forbidden")
    assert "'ask'" in problem["detail"]


async def test_a_revoked_key_is_refused_within_a_second(tmp_path):
    keys, now = Keys(tmp_path / "keys.db"), [100.0]
    key, secret = keys.add_secret(MINE, scopes=(Scope.READ,))
    callers = Callers(keys, clock=lambda: now[0])
    caller = await callers.of(f"Bearer {secret}", needs=Scope.READ)
    assert (caller.workspace, caller.key) == (MINE, key.id)
    keys.revoke(MINE, key.id)
    now[0] += 1.0
    with pytest.raises(Unauthenticated):
        await callers.of(f"Bearer {secret}", needs=Scope.READ)
    keys.close()


async def test_who_asks_too_often_is_told_when_to_come_back(published, tmp_path):
    home = shutil.copytree(published, tmp_path / "home")
    async with open_api(home, requests=Rate(burst=2, per_minute=6)) as house:
        program = house.program()
        for _ in range(2):
            assert (await program.get("/v1/kbs")).status == 200
        answer = await program.get("/v1/kbs")
        is_problem(answer, 429, "too-many")
        assert 1 <= int(answer.headers["Retry-After"]) <= 11
        assert (await house.program(workspace=THEIRS).get("/v1/kbs")).status == 200


# -- what is refused, and how


@pytest.mark.parametrize(
    ("query", "field"),
    [("limit=0", "limit"), ("limit=201", "limit"), ("limit=ten", "limit"), ("offset=-1", "offset"),
     ("limit=1&limit=2", "limit"), ("workspace=globex", "workspace"), ("limit=", "limit"), ("limit=1e99", "limit")],
)  # fmt: skip
async def test_a_wrong_parameter_is_named(house, query, field):
    problem = is_problem(await house.program().get(f"/v1/conversations?{query}"), 400, "bad-request")
    assert problem["field"] == field


@pytest.mark.parametrize(
    ("body", "field"),
    [({"kb": KB}, "text"), ({"kb": KB, "text": 5}, "text"), ({"kb": KB, "text": " "}, "text"),
     ({"kb": KB, "text": "x" * 8001}, "text"), ({"kb": KB, "text": "x", "workspace": THEIRS}, "workspace"),
     ({"kb": KB, "text": "x", "history": [{"text": "y"}]}, "history[0].question"), ([], "")],
)  # fmt: skip
async def test_a_wrong_value_in_a_body_is_named(house, body, field):
    problem = is_problem(await house.program().post("/v1/ask", body), 422, "invalid")
    assert problem.get("field", "") == field


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"kb": "shop", "text": "\\ud800"}', b"[" * 50_000])
async def test_what_is_no_json_is_refused(house, body):
    answer = await house.program().call("POST", "/v1/ask", data=body, headers={"Content-Type": "application/json"})
    assert answer.status in (400, 422)
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_another_content_type_is_refused(house):
    answer = await house.program().call("POST", "/v1/ask", data={"kb": KB, "text": "hello"})
    is_problem(answer, 415, "not-json")


async def test_a_body_that_does_not_unpack_is_refused(house):
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = await house.program().call("POST", "/v1/ask", data=b"no gzip at all", headers=headers)
    is_problem(answer, 400, "bad-request")


async def test_a_body_that_unpacks_to_more_than_the_limit_is_refused(house):
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    bomb = gzip.compress(b" " * 5_000_000)
    answer = await house.program().call("POST", "/v1/ask", data=bomb, headers=headers)
    is_problem(answer, 413, "too-large")


async def test_a_body_beyond_the_limit_is_refused(house):
    answer = await house.program().post("/v1/ask", {"kb": KB, "text": "x" * 70_000})
    is_problem(answer, 413, "too-large")


async def test_a_path_and_a_method_that_do_not_exist_are_problems_too(house):
    is_problem(await house.program().get("/v1/nothing"), 404, "not-found")
    answer = await house.program().call("DELETE", "/v1/conversations")
    is_problem(answer, 405, "wrong-method")
    assert "GET" in answer.headers["Allow"]


async def test_what_fails_inside_stays_inside(house, caplog):
    del house.log._heads  # the log is broken in a way that nobody foresaw
    answer = await house.program().get("/v1/conversations")
    problem = is_problem(answer, 500, "internal")
    assert "_heads" not in answer.text
    assert problem["detail"].endswith("its log says how.")
    assert "_heads" in caplog.text


async def test_pages_of_other_sites_are_not_let_in(house):
    headers = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    answer = await house.program().call("OPTIONS", "/v1/ask", headers=headers)
    assert answer.status == 405
    answer = await house.program().get("/v1/conversations", headers=headers)
    assert not [name for name in answer.headers if name.startswith("Access-Control")]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


# -- conversations


async def test_a_list_is_cut_by_limit_and_offset_and_links_to_its_parts(house):
    ids = [await house.conversation(f"v{number}") for number in range(5)]
    program = house.program(Scope.READ)
    whole = (await program.get("/v1/conversations?limit=200")).json
    assert {item["id"] for item in whole["items"]} == set(ids)
    found = []
    path = "/v1/conversations?limit=2"
    while path:
        answer = await program.get(path)
        found += [item["id"] for item in answer.json["items"]]
        assert answer.json["total"] == 5
        links = dict(reversed(link.split("; rel=")) for link in answer.headers["Link"].split(", "))
        path = links.get('"next"', "").strip("<>")
    assert found == [item["id"] for item in whole["items"]]
    assert links['"first"'] == "</v1/conversations?limit=2&offset=0>"
    assert links['"prev"'] == "</v1/conversations?limit=2&offset=2>"
    assert links['"last"'] == "</v1/conversations?limit=2&offset=4>"
    only = (await program.get("/v1/conversations?visitor=v3")).json
    assert [item["visitor"] for item in only["items"]] == ["v3"]


async def test_a_program_opens_a_visitors_conversation_once_and_speaks_for_them(house):
    program = house.program(Scope.READ, Scope.WRITE)
    path = "/v1/visitors/wechat%3Aann%2F1/conversation"
    opened = (await program.post(path, {"kb": KB, "language": "en"})).json
    assert opened["visitor"] == "wechat:ann/1"
    assert (await program.post(path, {"kb": KB})).json["id"] == opened["id"]

    message = {"client_msg_id": "m1", "text": "where is my parcel"}
    stored = await program.post(f"/v1/conversations/{opened['id']}/messages", message)
    assert stored.status == 200
    again = await program.post(f"/v1/conversations/{opened['id']}/messages", message)
    assert again.json == stored.json
    reused = await program.post(f"/v1/conversations/{opened['id']}/messages", {**message, "text": "another"})
    is_problem(reused, 409, "conflict")

    events = await eventually(program, opened["id"], 3)
    assert [(event["seq"], event["kind"], event["author"]) for event in events] == [
        (1, "opened", "system"), (2, "spoke", "visitor"), (3, "replied", "bot")
    ]  # fmt: skip
    assert [event["text"] for event in events[1:]] == ["where is my parcel", "re: where is my parcel"]
    internal = (await program.get(f"/v1/conversations/{opened['id']}/events?audience=internal")).json["items"]
    assert [event["understood"]["decision"] for event in internal] == ["answer"]

    rated = await program.post(
        f"/v1/conversations/{opened['id']}/feedback", {"client_msg_id": "f1", "up": False, "about": events[2]["id"]}
    )
    assert rated.status == 200
    facts = (await program.get(f"/v1/conversations/{opened['id']}")).json
    assert (facts["turns"], facts["last_seq"], facts["owner"]) == (1, 4, "bot")


async def eventually(program, conversation, count):
    async with asyncio.timeout(5):
        while True:
            events = (await program.get(f"/v1/conversations/{conversation}/events")).json["items"]
            if len(events) >= count:
                return events
            await asyncio.sleep(0.01)


async def test_history_pages_both_ways(house):
    program, conversation = house.program(), await house.conversation()
    for number in range(4):
        message = {"client_msg_id": f"m{number}", "text": f"question {number}"}
        await program.post(f"/v1/conversations/{conversation}/messages", message)
        await eventually(program, conversation, 3 + 2 * number)

    async def page(query):
        answer = (await program.get(f"/v1/conversations/{conversation}/events?{query}")).json
        return [event["seq"] for event in answer["items"]], answer["more_before"], answer["more_after"]

    assert await page("") == ([1, 2, 3, 4, 5, 6, 7, 8, 9], False, False)
    assert await page("limit=3") == ([7, 8, 9], True, False)
    assert await page("limit=3&before=7") == ([4, 5, 6], True, True)
    assert await page("limit=3&after=6") == ([7, 8, 9], True, False)
    assert await page("limit=3&after=1") == ([2, 3, 4], True, True)
    assert await page("limit=9&after=2&before=5") == ([3, 4], True, True)
    assert await page("after=9") == ([], False, False)
    answer = await program.get(f"/v1/conversations/{conversation}/events?limit=3&before=7")
    assert "before=4" in answer.headers["Link"]
    assert "after=6" in answer.headers["Link"]


@pytest.mark.parametrize("wrong", ["x", "A" * 22, "A" * 21 + "B", "%00", "..%2F.."])
async def test_a_conversation_that_is_not_there_is_not_found(house, wrong):
    is_problem(await house.program().get(f"/v1/conversations/{wrong}"), 404, "not-found")


async def test_a_conversation_needs_a_base_that_answers(house):
    answer = await house.program().post("/v1/visitors/ann/conversation", {"kb": "nowhere"})
    is_problem(answer, 404, "not-found")
    assert (await house.program().get("/v1/conversations")).json["total"] == 0


# -- notes


async def test_a_note_is_for_agents_and_neither_the_visitor_nor_the_bot_hears_of_it(house):
    program, conversation = house.program(), await house.conversation("ann")
    path = f"/v1/conversations/{conversation}"
    told = {"client_msg_id": "n1", "text": "Gold **customer**", "name": "CRM"}
    stored = await program.post(f"{path}/notes", told)
    assert (stored.status, stored.json["seq"]) == (200, 1)
    assert [event["kind"] for event in (await program.get(f"{path}/events")).json["items"]] == ["opened"]
    (event,) = (await program.get(f"{path}/events?audience=internal")).json["items"]
    assert (event["kind"], event["text"], event["name"]) == ("noted", "Gold **customer**", "CRM")
    assert event["author"].startswith("key:")
    assert house.bot.turns == []
    head = await house.log.head(MINE, from_text(conversation))
    assert [message.kind for message in told_outside(head, house.stored)] == ["conversation.opened"]


async def test_a_note_that_is_sent_again_is_one_note_and_its_id_is_for_no_other(house):
    program, conversation = house.program(), await house.conversation("ann")
    path = f"/v1/conversations/{conversation}/notes"
    first = await program.post(path, {"client_msg_id": "n1", "text": "Gold customer"})
    assert (await program.post(path, {"client_msg_id": "n1", "text": "Gold customer"})).json == first.json
    is_problem(await program.post(path, {"client_msg_id": "n1", "text": "Silver customer"}), 409, "conflict")
    is_problem(await program.post(path, {"client_msg_id": "n2", "text": "  "}), 422, "invalid")
    is_problem(await program.post(path, {"client_msg_id": "n3", "text": "a\0b"}), 422, "invalid")


# -- what is kept of a visitor


async def test_all_that_is_kept_of_a_visitor_can_be_had_and_erased(house):
    program, conversation = house.program(), await house.conversation("ann")
    text = "my card is 4111 1111 1111 1111"
    await program.post(f"/v1/conversations/{conversation}/messages", {"client_msg_id": "m1", "text": text})
    await eventually(program, conversation, 3)
    answer = await program.get("/v1/visitors/ann/export")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    (found,) = answer.json["conversations"]
    assert [event.get("text", "") for event in found["events"]] == ["", text, f"re: {text}"]
    assert found["internal"][0]["understood"]["question"] == text

    erased = await program.call("DELETE", "/v1/visitors/ann")
    assert erased.json == {"visitor": "ann", "events": 4, "files": 0}
    assert (await program.call("DELETE", "/v1/visitors/ann")).json["events"] == 0
    answer = await program.get("/v1/visitors/ann/export")
    assert "4111" not in answer.text
    assert [event["erased"] for event in answer.json["conversations"][0]["events"]] == [True] * 3
    is_problem(await program.get("/v1/visitors/nobody/export"), 404, "not-found")


async def test_what_was_erased_is_not_told_to_the_bot_again(house):
    program, conversation = house.program(), await house.conversation("ann")
    path = f"/v1/conversations/{conversation}/messages"
    await program.post(path, {"client_msg_id": "m1", "text": "my name is ann"})
    await eventually(program, conversation, 3)
    await program.call("DELETE", "/v1/visitors/ann")
    await program.post(path, {"client_msg_id": "m2", "text": "hello"})
    await eventually(program, conversation, 5)
    assert (house.bot.turns[-1].text, house.bot.turns[-1].history) == ("hello", ())


async def test_an_answer_in_the_making_does_not_bring_back_what_was_erased(house):
    program, conversation = house.program(), await house.conversation("ann")
    house.bot.gate.clear()
    path = f"/v1/conversations/{conversation}/messages"
    await program.post(path, {"client_msg_id": "m1", "text": "my name is ann"})
    await until(lambda: house.bot.turns)
    await program.call("DELETE", "/v1/visitors/ann")
    house.bot.gate.set()
    await program.post(path, {"client_msg_id": "m2", "text": "hello"})
    events = await eventually(program, conversation, 4)
    assert [event.get("text", "") for event in events] == ["", "", "hello", "re: hello"]


# -- asking


async def test_a_question_is_answered_with_its_sources(house):
    answer = await house.program(Scope.ASK).post("/v1/ask", {"kb": KB, "text": "how do i return an item"})
    asked = answer.json
    assert (asked["decision"], asked["answer"]) == ("answer", "Within **30 days**.")
    assert asked["sources"] == [{"entry_id": "returns", "title": "how do i return an item"}]
    assert 0 <= asked["confidence"] <= 1
    assert asked["receipt"] is None
    again = {"kb": KB, "text": "how do i return an item", "history": [asked["exchange"]]}
    assert (await house.program(Scope.ASK).post("/v1/ask", again)).status == 200


async def test_who_may_see_the_knowledge_sees_what_was_weighed(house):
    program = house.program(Scope.ASK, Scope.KNOWLEDGE)
    receipt = (await program.post("/v1/ask", {"kb": KB, "text": "how do i return an item"})).json["receipt"]
    assert receipt["candidates"][0]["entry_id"] == "returns"
    assert receipt["versions"]["knowledge"]


async def test_an_answer_is_streamed_as_server_sent_events(house):
    headers = {"Accept": "text/event-stream"}
    answer = await house.program(Scope.ASK).post("/v1/ask", {"kb": KB, "text": "怎么退货"}, headers=headers)
    assert answer.headers["Content-Type"] == "text/event-stream"
    (event,) = answer.text.strip().split("\n\n")
    kind, data = event.split("\n")
    assert kind == "event: outcome"
    assert json.loads(data.removeprefix("data: "))["sources"][0]["entry_id"] == "退货"


async def test_a_stream_that_cannot_begin_is_an_ordinary_problem(house):
    headers = {"Accept": "text/event-stream"}
    answer = await house.program(Scope.ASK).post("/v1/ask", {"kb": "nowhere", "text": "x"}, headers=headers)
    is_problem(answer, 404, "not-found")


def test_every_operation_is_declared_once():
    routes = [(operation.method, operation.path) for operation in rest.OPERATIONS]
    names = [operation.name for operation in rest.OPERATIONS]
    assert len(set(routes)) == len(routes)
    assert len(set(names)) == len(names)


class WordingEngine:
    """An engine whose answers are worded piece by piece; goes on, fails or waits after the pieces as it is told."""

    def __init__(self, engine, *, error=None, gate=None):
        self.engine, self.error, self.gate = engine, error, gate
        self.gone = asyncio.Event()

    async def reply(self, turn, on_text=None, *, recorded=True):
        if on_text is not None:
            on_text("Within ")
            on_text("30 days.")
        try:
            if self.gate is not None:
                await self.gate.wait()
        except asyncio.CancelledError:
            self.gone.set()
            raise
        if self.error is not None:
            raise self.error
        return await self.engine.reply(turn, recorded=recorded)

    def entry(self, *names):
        return self.engine.entry(*names)


def worded(house, **how):
    house.app[ENGINE] = engine = WordingEngine(house.app[ENGINE], **how)
    return engine


QUESTION = {"kb": KB, "text": "how do i return an item"}
STREAMED = {"Accept": "text/event-stream"}
replaces_a_part = pytest.mark.filterwarnings("ignore:Changing state of started:DeprecationWarning")


@replaces_a_part
async def test_pieces_come_before_the_outcome_that_replaces_them(house):
    worded(house)
    answer = await house.program(Scope.ASK).post("/v1/ask", QUESTION, headers=STREAMED)
    events = [event.split("\n") for event in answer.text.strip().split("\n\n")]
    assert events[:2] == [["event: piece", 'data: {"text":"Within "}'], ["event: piece", 'data: {"text":"30 days."}']]
    assert events[2][0] == "event: outcome"
    assert json.loads(events[2][1].removeprefix("data: "))["answer"] == "Within **30 days**."


@replaces_a_part
async def test_what_fails_in_the_middle_of_a_stream_is_its_last_event(house):
    worded(house, error=EngineOverloaded(9, 9))
    answer = await house.program(Scope.ASK).post("/v1/ask", QUESTION, headers=STREAMED)
    kind, data = answer.text.strip().split("\n\n")[-1].split("\n")
    assert kind == "event: problem"
    assert json.loads(data.removeprefix("data: "))["status"] == 503


@replaces_a_part
async def test_an_engine_that_is_overloaded_says_when_to_come_back(house):
    worded(house, error=EngineOverloaded(9, 9))
    answer = await house.program(Scope.ASK).post("/v1/ask", QUESTION)
    is_problem(answer, 503, "unavailable")
    assert answer.headers["Retry-After"] == "2"


@replaces_a_part
async def test_nothing_is_worded_for_a_program_that_went_away(house):
    gate = asyncio.Event()
    engine = worded(house, gate=gate)
    program = house.program(Scope.ASK)
    headers = {**STREAMED, "Authorization": f"Bearer {program.secret}"}
    response = await house.http.post(f"{house.url}/v1/ask", json=QUESTION, headers=headers)
    assert (await response.content.readline()).startswith(b"event: piece")
    response.close()
    await asyncio.wait_for(engine.gone.wait(), 5)
