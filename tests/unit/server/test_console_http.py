"""The console over HTTP: who gets in, from which page, and who may do what."""

import asyncio
import json
from http.cookies import SimpleCookie

import pytest

from server.console.http import COOKIE
from server.console.parts import STAFF
from server.console.routes import OPERATIONS
from server.console.tickets import Ticketed, Tickets
from server.handoff.staff import Role
from server.parts import CONVERSATIONS
from server.staff.lockout import PAIR
from server.staff.permissions import PERMISSIONS, Permission
from tests.fakes.accounts import PASSWORD
from tests.fakes.api import MINE, THEIRS, publish_shop
from tests.fakes.console_house import open_console
from tests.fakes.files import PDF

UNSAFE = [operation for operation in OPERATIONS if operation.method != "GET"]
BODIES = {
    "session/password": {"old": PASSWORD, "new": "another password"},
    "agents": {"login": "new", "name": "New"},
    "agents/{agent}": {"capacity": 5},
    "departments": {"name_zh": "账单", "name_en": "Billing"},
    "departments/{department}": {"name_zh": "账单", "name_en": "Billing"},
    "canned": {"shortcut": "hi", "text_en": "Hello"},
    "canned/{reply}": {"shortcut": "hi", "text_en": "Hello"},
}
QUERIES = {"search": "?q=parcel", "suggest": "?q=parcel&conversation={conversation}"}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    home = tmp_path_factory.mktemp("published")
    publish_shop(home, MINE)
    publish_shop(home, THEIRS)
    return home


@pytest.fixture
async def house(published, tmp_path):
    async with open_console(published, tmp_path / "home") as house:
        yield house


def name_of(operation):
    return f"{operation.method} {operation.path}"


async def ask(browser, operation, ids=None, **headers):
    """Ask for an operation with values that are good, ids that may not be."""
    path = operation.path + QUERIES.get(operation.path, "")
    for part in ("agent", "department", "reply", "conversation"):
        path = path.replace(f"{{{part}}}", (ids or {}).get(part, "A" * 22))
    return await browser.call(operation.method, path, BODIES.get(operation.path), **headers)


# -- signing in


async def test_signing_in_gives_a_cookie_that_no_script_reads_and_no_other_site_sends(house):
    await house.add("ana")
    browser = await house.stranger()
    body = {"login": "ana", "password": PASSWORD, "workspace": MINE}
    headers = {"X-Kefu-Console": "1", "Origin": house.url}
    async with browser.http.post(f"{house.url}/v1/console/session", json=body, headers=headers) as response:
        cookie = SimpleCookie(response.headers["Set-Cookie"])[COOKIE]
        assert response.headers["Cache-Control"] == "no-store"
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/v1/console")
    assert not cookie["secure"]

    secure = {**headers, "Origin": house.url.replace("http:", "https:")}  # as behind a proxy that speaks TLS
    async with browser.http.post(f"{house.url}/v1/console/session", json=body, headers=secure) as response:
        assert SimpleCookie(response.headers["Set-Cookie"])[COOKIE]["secure"]


async def test_the_session_tells_who_one_is_and_nothing_secret(house):
    browser = await house.signed_in(Role.AGENT)
    session = await browser.get("session")
    assert session["agent"]["role"] == "agent"
    assert session["permissions"] == sorted(PERMISSIONS[Role.AGENT])
    assert [each["id"] for each in session["departments"]] == ["general"]
    assert [each["name"] for each in session["agents"]] == [session["agent"]["name"]]
    assert "argon2" not in json.dumps(session)


async def test_signing_out_ends_the_session_and_takes_the_cookie_away(house):
    browser = await house.signed_in(Role.AGENT)
    token = next(cookie.value for cookie in browser.http.cookie_jar)
    assert (await browser.call("DELETE", "session"))[0] == 200
    assert not list(browser.http.cookie_jar)
    assert (await browser.call("GET", "session", Cookie=f"{COOKIE}={token}"))[0] == 401


async def test_signing_out_elsewhere_leaves_this_session(house):
    await house.add("ana")
    here, there = await house.browser("ana"), await house.browser("ana")
    status, answer = await here.call("DELETE", "sessions")
    assert (status, answer) == (200, {"ended": 1})
    assert (await here.call("GET", "session"))[0] == 200
    assert (await there.call("GET", "session"))[0] == 401


async def test_a_password_is_changed_by_who_knows_the_old_one(house):
    await house.add("ana")
    here, there = await house.browser("ana"), await house.browser("ana")
    wrong = {"old": "not this one", "new": "another password"}
    assert (await here.call("POST", "session/password", wrong))[0] == 403
    assert (await here.call("POST", "session/password", {"old": PASSWORD, "new": "short"}))[0] == 422
    assert (await there.call("GET", "session"))[0] == 200
    assert (await here.call("POST", "session/password", {"old": PASSWORD, "new": "another password"}))[0] == 200
    assert (await here.call("GET", "session"))[0] == 200
    assert (await there.call("GET", "session"))[0] == 401


async def test_wrong_passwords_are_slowed_down_and_say_nothing_about_the_login(house):
    await house.add("ana")
    browser = await house.stranger()
    answers = []
    for login in ("ana", "nobody"):
        for _ in range(PAIR.free + 1):
            body = {"login": login, "password": "not this one", "workspace": MINE}
            answers.append(await browser.call("POST", "session", body))
    assert [status for status, _ in answers] == ([401] * PAIR.free + [429]) * 2
    assert len({answer["detail"] for status, answer in answers if status == 401}) == 1
    headers = {"X-Kefu-Console": "1", "Origin": house.url}
    body = {"login": "ana", "password": PASSWORD, "workspace": MINE}
    async with browser.http.post(f"{house.url}/v1/console/session", json=body, headers=headers) as response:
        assert (response.status, response.headers["Retry-After"]) in ((429, "1"), (429, "2"))


@pytest.mark.parametrize(
    "body",
    [
        {"login": {"$ne": ""}, "password": {"$ne": ""}}, {"login": ["ana"], "password": PASSWORD},
        {"login": "ana", "password": 1}, {"login": "ana"}, {"login": "ana", "password": PASSWORD, "role": "admin"}, [],
    ],
    ids=["operator", "list", "number", "missing", "more", "no-object"],
)  # fmt: skip
async def test_only_text_is_a_login_or_a_password(house, body):
    await house.add("ana")
    assert (await (await house.stranger()).call("POST", "session", body))[0] == 422


async def test_a_session_that_ended_by_itself_is_none(house):
    browser = await house.signed_in(Role.AGENT)
    with house.app[STAFF].accounts._file.writing() as db:
        db.execute("UPDATE sessions SET seen_at = 0")
    assert (await browser.call("GET", "session"))[0] == 401


# -- from which page


ELSEWHERE = {
    "no header": {"X_Kefu_Console": ""},
    "another header": {"X_Kefu_Console": "0"},
    "no origin": {"Origin": ""},
    "null": {"Origin": "null"},
    "foreign": {"Origin": "https://evil.example"},
    "no port": {"Origin": "http://127.0.0.1"},
    "another port": {"Origin": "http://127.0.0.1:1"},
    "longer": {"Origin": "http://127.0.0.1.evil.example"},
    "another scheme": {"Origin": "ftp://127.0.0.1"},
}


async def test_nothing_is_changed_from_another_page(house):
    browser = await house.signed_in(Role.ADMIN)
    for operation in UNSAFE:
        for why, headers in ELSEWHERE.items():
            status, answer = await ask(browser, operation, **headers)
            assert (status, answer["type"]) == (403, "urn:kefu:problem:cross-site"), (name_of(operation), why)
    assert (await browser.call("GET", "session"))[0] == 200
    assert (await browser.get("audit"))["items"][0]["actor"] == "command"


@pytest.mark.parametrize("headers", [{"X_Kefu_Console": ""}, {"Origin": "https://evil.example"}], ids=str)
async def test_nobody_signs_in_from_another_page(house, headers):
    await house.add("ana")
    browser = await house.stranger()
    body = {"login": "ana", "password": PASSWORD, "workspace": MINE}
    assert (await browser.call("POST", "session", body, **headers))[0] == 403
    assert not list(browser.http.cookie_jar)


async def test_what_is_read_is_for_no_other_pages_script(house):
    browser = await house.signed_in(Role.AGENT)
    async with browser.http.get(f"{house.url}/v1/console/session", headers={"Origin": "https://evil.example"}) as got:
        assert "Access-Control-Allow-Origin" not in got.headers
    async with browser.http.options(
        f"{house.url}/v1/console/session", headers={"Origin": "https://evil.example"}
    ) as got:
        assert "Access-Control-Allow-Origin" not in got.headers


# -- who may do what


async def test_without_a_session_nothing_is_to_be_had(house):
    browser = await house.stranger()
    for operation in OPERATIONS:
        status, answer = await ask(browser, operation)
        assert (status, answer["type"]) == (401, "urn:kefu:problem:signed-out"), name_of(operation)


async def test_each_role_may_do_what_the_table_says_and_no_more(house):
    conversation = await house.conversation()
    own = {"session", "sessions", "session/password"}  # these end the session that walks
    for role in Role:
        browser = await house.signed_in(role)
        _, reply = await browser.call("POST", "canned", {"shortcut": "mine", "text_en": "Hello", "mine": True})
        ids = {"conversation": conversation, "department": "general", "reply": reply["id"]}
        for operation in OPERATIONS:
            if operation.method != "GET" and operation.path in own:
                continue
            status, answer = await ask(browser, operation, ids)
            allowed = operation.permission in PERMISSIONS[role]
            if operation.path.startswith("canned"):
                allowed = role is not Role.AGENT or operation.method in ("GET", "DELETE")  # "hi" is for everybody
            assert (status == 403) is not allowed, (role, name_of(operation), status, answer)
            assert (answer.get("type") == "urn:kefu:problem:not-allowed") is not allowed


async def test_an_agent_who_is_demoted_may_less_at_once(house):
    root = await house.signed_in(Role.ADMIN)
    agent = await house.add("sue", role=Role.ADMIN)
    sue = await house.browser("sue")
    assert (await sue.call("GET", "agents"))[0] == 200
    assert (await root.call("PATCH", f"agents/{agent.id}", {"role": "agent"}))[0] == 200
    assert (await sue.call("GET", "agents"))[0] == 403


async def test_an_agent_who_is_disabled_is_out_at_once(house):
    root = await house.signed_in(Role.ADMIN)
    agent = await house.add("ana")
    ana = await house.browser("ana")
    desk = await ana.desk()
    assert (await root.call("PATCH", f"agents/{agent.id}", {"disabled": True}))[0] == 200
    assert await desk.closed() == 3505
    assert (await ana.call("GET", "session"))[0] == 401


# -- companies do not see each other


async def test_another_workspaces_ids_name_nothing(house):
    theirs = await house.add("eve", THEIRS, role=Role.ADMIN)
    their_browser = await house.browser("eve", THEIRS)
    _, reply = await their_browser.call("POST", "canned", {"shortcut": "hi", "text_en": "Hello"})
    await their_browser.call("POST", "departments", {"id": "vault", "name_zh": "库", "name_en": "Vault"})
    conversation = await house.conversation("visitor:bob", THEIRS, "the code is heron")
    ids = {"agent": theirs.id, "department": "vault", "reply": reply["id"], "conversation": conversation}
    mine = await house.signed_in(Role.ADMIN)
    for operation in OPERATIONS:
        if "{" not in operation.path + QUERIES.get(operation.path, ""):
            continue
        status, answer = await ask(mine, operation, ids)
        assert (status, answer["type"]) == (404, "urn:kefu:problem:not-found"), (name_of(operation), answer)
        assert "heron" not in json.dumps(answer)


async def test_lists_hold_nothing_of_another_workspace(house):
    await house.signed_in(Role.ADMIN, THEIRS)
    conversation = await house.conversation("visitor:bob", THEIRS, "the code is heron")
    their_browser = house.browsers[-1]
    await until_found(their_browser, "heron")
    mine = await house.signed_in(Role.ADMIN)
    for path in ("cases", "cases?q=heron", "search?q=heron", "agents", "departments", "canned", "audit", "board"):
        answer = json.dumps(await mine.get(path))
        assert conversation not in answer
        assert "heron" not in answer
        assert THEIRS not in answer


@pytest.mark.parametrize("body", [{"workspace": THEIRS}, {"id": "x"}, {"account_id": 1}, {"disabled": "yes"}], ids=str)
async def test_nothing_else_can_be_set_with_what_may_be_set(house, body):
    root = await house.signed_in(Role.ADMIN)
    ana = await house.add("ana")
    status, answer = await root.call("PATCH", f"agents/{ana.id}", body)
    assert status == 422, answer


async def until_found(browser, word):
    for _ in range(600):
        found = await browser.get(f"search?q={word}")
        if found["items"]:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"{word} is never found")


# -- what is asked for


async def test_agents_are_added_changed_and_shown_their_password_once(house):
    root = await house.signed_in(Role.ADMIN)
    status, made = await root.call("POST", "agents", {"login": "Ana", "name": "Ana", "languages": ["zh", "en"]})
    assert status == 201
    ana = await house.stranger()
    body = {"login": "ana", "password": made["password"], "workspace": MINE}
    assert (await ana.call("POST", "session", body))[0] == 200
    assert "password" not in json.dumps(await root.get("agents"))

    status, again = await root.call("PATCH", f"agents/{made['id']}", {"new_password": True})
    assert (status, again["password"] != made["password"]) == (200, True)
    assert (await ana.call("GET", "session"))[0] == 401


async def test_a_department_gets_an_id_from_its_name(house):
    root = await house.signed_in(Role.ADMIN)
    body = {"name_zh": "售后", "name_en": "After sales", "timezone": "Asia/Shanghai", "holidays": ["2026-10-01"]}
    ids = [(await root.call("POST", "departments", body))[1]["id"] for _ in range(2)]
    assert ids == ["after-sales", "after-sales-2"]
    status, changed = await root.call("PUT", "departments/after-sales", {**body, "fallback": "general"})
    assert (status, changed["fallback"], changed["holidays"]) == (200, "general", ["2026-10-01"])
    assert (await root.call("PUT", "departments/nowhere", body))[0] == 404
    assert [line["action"] for line in (await root.get("audit?limit=3"))["items"]] == [
        "department.changed", "department.added", "department.added",
    ]  # fmt: skip


async def test_values_that_are_wrong_are_refused_by_what_they_should_be(house):
    root = await house.signed_in(Role.ADMIN)
    for body, said in (
        ({"login": "a b", "name": "A"}, "a login has"),
        ({"login": "ok", "name": "A", "departments": ["nowhere"]}, "there is no department"),
        ({"login": "ok", "name": "A", "password": "short"}, "a password has"),
    ):
        status, answer = await root.call("POST", "agents", body)
        assert (status, said in answer["detail"]) == (422, True), answer


async def test_what_was_said_is_found_and_the_base_suggests_answers(house):
    conversation = await house.conversation(text="how do i return an item")
    ana = await house.signed_in(Role.AGENT)
    hit = (await until_found(ana, "return"))["items"]
    assert {each["conversation"] for each in hit} == {conversation}
    found = await ana.get(f"suggest?conversation={conversation}&q=how+do+i+return+an+item")
    assert found["items"][0]["entry_id"] == "returns"
    scores = [item["score"] for item in found["items"]]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == found["confidence"] <= 1
    assert (await ana.get("cases?q=return"))["total"] == 1
    assert (await ana.get("cases?q=bicycle"))["total"] == 0


async def test_words_of_an_erased_visitor_are_not_found(house):
    conversation = await house.conversation(text="my order is Grimhildr")
    ana = await house.signed_in(Role.AGENT)
    await until_found(ana, "grimhildr")
    await house.app[CONVERSATIONS].erase(MINE, "visitor:ann")
    assert (await ana.get("search?q=grimhildr"))["total"] == 0
    assert "Grimhildr" not in json.dumps(await ana.get(f"cases/{conversation}"))


async def test_a_conversation_is_summed_up_with_what_the_bot_tried(house):
    conversation = await house.conversation(text="how do i return an item")
    ana = await house.signed_in(Role.AGENT)
    await until_found(ana, "return")
    facts = await ana.get(f"cases/{conversation}")
    assert facts["visitor"]["verified"] is False
    assert facts["case"]["conversation"] == conversation
    page = await ana.get(f"cases/{conversation}/events?limit=2")
    assert page["more"]
    replied = [event for event in page["events"] if event["kind"] == "replied"]
    assert replied[0]["receipt"]["candidates"][0]["entry_id"] == "returns"
    assert facts["brief"]["question"] == "how do i return an item"
    assert facts["brief"]["tried"][0]["title"] == "how do i return an item"
    older = await ana.get(f"cases/{conversation}/events?before={page['events'][0]['seq']}")
    assert [event["kind"] for event in older["events"]] == ["opened"]
    assert not older["more"]


async def test_agents_send_files_and_fetch_those_of_conversations_that_they_see(house):
    conversation = await house.conversation()
    ana, eve = await house.signed_in(Role.AGENT), await house.signed_in(Role.ADMIN, THEIRS)
    headers = {"X-Kefu-Console": "1", "Origin": house.url, "Content-Type": "application/octet-stream"}

    async def send(browser, **changed):
        url = f"{house.url}/v1/console/cases/{conversation}/files?name=invoice.pdf"
        async with browser.http.post(url, data=PDF, headers={**headers, **changed}) as response:
            return response.status, await response.json()

    status, file = await send(ana)
    assert (status, file["name"], file["media_type"]) == (201, "invoice.pdf", "application/pdf")
    assert (await send(eve))[0] == 404
    assert (await send(ana, Origin="https://evil.example"))[0] == 403
    async with ana.http.get(f"{house.url}/v1/console/files/{file['id']}") as response:
        assert (response.status, await response.read()) == (200, PDF)
        assert response.headers["Content-Disposition"].startswith("attachment")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    for stranger in (eve, await house.stranger()):
        async with stranger.http.get(f"{house.url}/v1/console/files/{file['id']}") as response:
            assert response.status in (401, 404)


@pytest.mark.parametrize("query", ["box=nowhere", "state=asleep", "limit=0", "limit=1000", "box=all&box=mine", "x=1"])
async def test_a_list_is_asked_for_in_words_of_closed_lists(house, query):
    ana = await house.signed_in(Role.AGENT)
    assert (await ana.call("GET", f"cases?{query}"))[0] in (400, 422)


# -- pages and tickets


async def test_the_pages_come_under_a_strict_policy_and_only_the_files_that_are_there(house):
    browser = await house.stranger()
    for path in ("/console", "/console/", "/console/cases/abc"):
        async with browser.http.get(house.url + path) as got:
            text, policy = await got.text(), got.headers["Content-Security-Policy"]
            assert (got.status, "<!doctype html>" in text) == (200, True)
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            etag = got.headers["ETag"]
    async with browser.http.get(house.url + "/console", headers={"Host": "x; script-src *"}) as got:
        assert "*" not in got.headers.get("Content-Security-Policy", "")
    async with browser.http.get(house.url + "/console", headers={"If-None-Match": etag}) as got:
        assert got.status == 304
    async with browser.http.get(house.url + "/console/static/main.js") as got:
        assert (got.status, got.content_type, got.headers["X-Content-Type-Options"]) == (
            200,
            "text/javascript",
            "nosniff",
        )
    for name in ("markdown.js", "dom.js"):
        async with browser.http.get(f"{house.url}/console/static/{name}") as got:
            assert got.status == 200
    for path in ("../pages.py", "%2e%2e/pages.py", "..%2fpages.py", "nothing.js", "views", "/etc/passwd"):
        async with browser.http.get(f"{house.url}/console/static/{path}") as got:
            assert got.status == 404 or "<!doctype html>" in await got.text()


def test_a_ticket_is_good_once_and_for_a_minute():
    now = 0.0
    tickets = Tickets(lambda: now)
    mine = Ticketed(workspace="acme", agent="ana", session="s", origin="https://kefu.example")
    first, second = tickets.issue(mine), tickets.issue(mine)
    assert tickets.redeem(first) == mine
    assert tickets.redeem(first) is None
    now = 60.0
    assert tickets.redeem(second) is None
    assert tickets.redeem("") is None


async def test_a_ticket_opens_one_socket_and_only_its_own_pages(house):
    browser = await house.signed_in(Role.AGENT)
    ticket = await browser.ticket()

    async def hello(ticket, origin):
        headers = {"Origin": origin} if origin else {}
        socket = await browser.http.ws_connect(f"{house.url}/v1/ws", protocols=["kefu.v1.json"], headers=headers)
        await socket.send_json({"type": "hello", "ticket": ticket})
        answer = await socket.receive(timeout=20)
        code = socket.close_code
        await socket.close()
        return json.loads(answer.data)["type"] if code is None else code

    assert await hello(ticket, house.url) == "welcome"
    assert await hello(ticket, house.url) == 3500
    assert await hello("made-up", house.url) == 3500
    assert await hello(await browser.ticket(), None) == "welcome"
    ended = await browser.ticket()
    await browser.call("DELETE", "session")
    assert await hello(ended, house.url) == 3500


async def test_sockets_close_when_their_session_ends_whoever_ended_it(house):
    await house.add("ana")
    here, there = await house.browser("ana"), await house.browser("ana")
    mine, theirs = await here.desk(), await there.desk()
    await here.call("DELETE", "sessions")
    assert await theirs.closed() == 3505
    await mine.send(type="ping")
    await mine.until("pong")
    await here.call("DELETE", "session")
    assert await mine.closed() == 3505


def test_each_operation_takes_a_permission_that_somebody_has():
    assert {operation.permission for operation in OPERATIONS} <= set(Permission)
    assert len({(operation.method, operation.path) for operation in OPERATIONS}) == len(OPERATIONS)
