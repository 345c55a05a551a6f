"""Holes that other products of this kind had. Each test is named after the lesson; docs/SECURITY.md has the list."""

import asyncio
import json
import re
import shutil
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from server.access.gate import WidgetGate
from server.access.keys import Keys, Scope
from server.access.tokens import Tokens, identity_of
from server.api import rest
from server.app import build
from server.connections.credentials import Credential, Refused
from server.events.guard import AddressRefused, Guard
from server.events.outgoing import Outgoing
from server.parts import KEYS, LOG, WEBHOOKS
from tests.fakes.api import KB, MINE, THEIRS, Program, publish_shop, settings_of
from tests.fakes.gate import make_models

INJECTIONS = [
    "' OR 1=1 --", '" OR ""="', "x'; DROP TABLE events; --", "%", "_", "*", '{"$ne": ""}', "$where",
    "1) UNION SELECT 1 --", "__proto__", "{{7*7}}", "${7*7}", "wechat:ann' /*", "wechat:ann\\", "wechat:an\u00b7n",
]  # fmt: skip
OPERATIONS = [operation for operation in rest.OPERATIONS if not operation.takes]
WITH_BODY = [operation for operation in OPERATIONS if operation.body is not None]


def named(operation):
    return operation.name


class Served:
    """The whole server, with its log on disk, as `kefu serve` puts it together."""

    def __init__(self, app: web.Application, http: aiohttp.ClientSession, url: str) -> None:
        self.app = app
        self.http = http
        self.url = url

    def program(self, *scopes: Scope, workspace: str = MINE) -> Program:
        _, secret = self.app[KEYS].add_secret(workspace, scopes=scopes or (Scope.ADMIN,))
        return Program(self.http, self.url, secret)

    async def hello(self, *, origin: str | None = None, **hello: Any) -> tuple[int, Any]:
        """Say hello; give the status of the handshake, and the welcome or the code that the socket was closed with."""
        headers = {} if origin is None else {"Origin": origin}
        try:
            async with self.http.ws_connect(f"{self.url}/v1/ws", headers=headers) as socket:
                await socket.send_str(json.dumps({"type": "hello", **hello}))
                message = await socket.receive(timeout=30)
                return 101, json.loads(message.data) if isinstance(message.data, str) else socket.close_code
        except aiohttp.WSServerHandshakeError as error:
            return error.status, None


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    home = tmp_path_factory.mktemp("published")
    publish_shop(home, MINE)
    publish_shop(home, THEIRS, {"secret": ("what is the codename", "Blue heron.")}, kb="vault")
    return home


@asynccontextmanager
async def serving(published, folder):
    app = build(settings_of(shutil.copytree(published, folder / "home")), make_models())
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as http:
        yield Served(app, http, f"http://127.0.0.1:{runner.addresses[0][1]}")
    await runner.cleanup()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(published, tmp_path_factory):
    """One server for all tests: none of them harms it, which is what they are about."""
    async with serving(published, tmp_path_factory.mktemp("served")) as served:
        yield served


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def visitors(served):
    """One conversation in each of two workspaces."""
    for workspace, kb, visitor in ((MINE, KB, "wechat:ann"), (THEIRS, "vault", "wechat:bob")):
        program = served.program(workspace=workspace)
        opened = await program.post(f"/v1/visitors/{visitor}/conversation", {"kb": kb})
        said = await program.post(
            f"/v1/conversations/{opened.json['id']}/messages", {"client_msg_id": "m", "text": "hi"}
        )
        assert said.status == 200
    return served


# -- Chatwoot CVE-2025-21628: the connective of a filter went into the SQL


@pytest.mark.parametrize("value", INJECTIONS)
async def test_a_filter_operator_is_never_part_of_a_query(visitors, value):
    program = visitors.program(Scope.READ)
    found = await program.get("/v1/conversations", params={"visitor": value})
    assert (found.status, found.json["total"]) == (200, 0)
    for name in ("query_operator", "visitor[$ne]", "order", "filter_operator", value):
        assert (await program.get("/v1/conversations", params={name: "x"})).status == 400
    for name in ("limit", "offset"):
        assert (await program.get("/v1/conversations", params={name: f"1{value}"})).status == 400
    assert (await visitors.program(Scope.READ).get("/v1/conversations")).json["total"] == 1


# -- Chatwoot GHSA-9pgm-75gg-6948: the name of a custom attribute went into the SQL


@pytest.mark.parametrize("name", INJECTIONS)
async def test_a_name_that_users_choose_is_a_value_and_nothing_else(visitors, name):
    workspace, path = f"company {name}", f"/v1/visitors/{aiohttp.helpers.quote(name, safe='')}"
    program = visitors.program(workspace=workspace)
    log = visitors.app[LOG]
    before = (await log.conversations(MINE)).total, (await log.conversations(THEIRS)).total

    answer = await visitors.program().post(f"{path}/conversation", {"kb": KB, "language": name[:35], "page": name})
    assert answer.json["visitor"] == name
    listed = await visitors.program().get("/v1/conversations", params={"visitor": name})
    assert [each["visitor"] for each in listed.json["items"]] == [name]
    assert (await program.get("/v1/conversations")).json["total"] == 0
    entries = await program.get(f"/v1/kbs/{aiohttp.helpers.quote(name, safe='')}/entries", params={"q": name})
    assert entries.status == 404
    assert (await program.call("DELETE", path)).json["events"] == 0

    assert (await visitors.program().call("DELETE", path)).json["events"] == 1
    assert ((await log.conversations(MINE)).total, (await log.conversations(THEIRS)).total) == (
        before[0] + 1,
        before[1],
    )
    await log.erase_visitor(MINE, name)
    await asyncio.to_thread(_drop, visitors.app, name)


def _drop(app, visitor):
    """Take the conversation out again, so that others count on what they know."""
    import sqlite3

    with sqlite3.connect(app[LOG]._path, timeout=30) as db:
        ids = db.execute("SELECT id FROM conversations WHERE visitor = ?", (visitor,)).fetchall()
        db.executemany("DELETE FROM events WHERE conversation = ?", ids)
        db.executemany("DELETE FROM conversations WHERE id = ?", ids)
    db.close()


# -- Chatwoot CVE-2026-72719: the account could be given in the body


@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
async def test_the_workspace_is_never_taken_from_what_is_sent(visitors, operation):
    program, path = visitors.program(), re.sub(r"\{\w+\}", "x", operation.path)
    for name in ("workspace", "account_id", "tenant"):
        body = {"json": {name: THEIRS}} if operation.body is not None else {}
        answer = await program.call(operation.method, path, params={name: THEIRS}, **body)
        assert (answer.status, answer.json["field"]) == (400, name), answer.text
        if body:
            answer = await program.call(operation.method, path, **body)
            assert (answer.status, answer.json["field"]) == (422, name), answer.text
    headers = {"X-Workspace": THEIRS, "X-Account-Id": THEIRS, "X-Forwarded-Host": f"{THEIRS}.example"}
    listed = await program.get("/v1/conversations", headers=headers)
    assert "wechat:bob" not in listed.text


# -- Chatwoot CVE-2026-5205, Rocket.Chat PR 42201, Typebot CVE-2026-33712, Dify CVE-2025-56520, ech0 GHSA-r2x7-427f-rq69


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/latest/meta-data/", "http://metadata.google.internal/", "https://[::ffff:169.254.169.254]/",
        "https://0xa9fea9fe/", "https://2852039166/", "https://127.1/", "https://localhost:6379/", "gopher://x/", "file:///etc/passwd",
        "https://user@169.254.169.254/", "https://100.100.100.200/", "https://[fd00:ec2::254]/",
    ],
)  # fmt: skip
async def test_a_webhook_to_the_clouds_metadata_is_refused_before_anything_is_sent(served, url):
    called: list[str] = []

    async def inside(host: str, port: int) -> list[str]:
        called.append(host)
        return ["169.254.169.254"]

    outgoing = Outgoing(Guard(), lookup=inside)
    with pytest.raises(AddressRefused):
        await outgoing.post(url, b"{}", {})
    await outgoing.close()
    answer = await served.program(workspace=url).post("/v1/webhooks", {"url": url})
    assert (answer.status, answer.json["field"]) == (422, "url")
    assert called in ([], ["metadata.google.internal"])


async def test_a_name_that_points_inside_is_refused_however_public_it_looks_and_asked_only_once():
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["203.0.113.7"] if len(asked) > 1 else ["169.254.169.254"]

    outgoing = Outgoing(Guard.allowing(["203.0.113.0/24"]), lookup=rebinding)
    with pytest.raises(AddressRefused):
        await outgoing.post("https://169.254.169.254.nip.io/", b"{}", {})
    assert asked == ["169.254.169.254.nip.io"]
    await outgoing.close()


async def test_trying_something_out_takes_the_same_guards_as_using_it(served):
    admin = served.app[WEBHOOKS].admin
    assert admin._outgoing.guard is served.app[WEBHOOKS].relay._means.post._outgoing.guard
    with pytest.raises(AddressRefused):  # the challenge is a call as any other
        await admin.add(MINE, "https://10.0.0.1/", challenge=True)
    search = next(operation for operation in rest.OPERATIONS if operation.name == "search")
    for program, status in ((Program(served.http, served.url), 401), (served.program(Scope.ASK), 403)):
        assert (await program.post("/v1/kbs/shop/search", {"text": "x"})).status == status
    assert search.scope is Scope.KNOWLEDGE


# -- Rocket.Chat CVE-2021-22911: a token that is {"$regex": "^"}


@pytest.mark.parametrize("odd", [{"$regex": "^"}, {"$ne": ""}, 1.5], ids=str)
@pytest.mark.parametrize("operation", WITH_BODY, ids=named)
async def test_an_object_in_place_of_a_string_is_refused_everywhere(served, operation, odd):
    program, path = served.program(), re.sub(r"\{\w+\}", "x", operation.path)
    for field in operation.body.__struct_fields__:
        answer = await program.call(operation.method, path, json={field: odd})
        assert answer.status == 422, (field, answer.text)
        assert answer.json["field"].startswith(field)


@pytest.mark.parametrize("field", ["token", "key", "user", "signature", "language", "page", "client", "resume"])
@pytest.mark.parametrize("odd", [{"$regex": "^"}, ["x"], True, 7], ids=str)
async def test_an_object_in_place_of_a_string_opens_no_socket(served, field, odd):
    widget = served.app[KEYS].add_widget(MINE, kb=KB)
    assert await served.hello(**{"key": widget.id, field: odd}) == (101, 3501)


# -- Chatwoot CVE-2026-44707: an account prepared before its owner signs in


async def test_who_is_recognised_inherits_nothing_that_somebody_prepared_under_their_name(tmp_path):
    keys = Keys(tmp_path / "keys.db")
    gate, widget, other = (
        WidgetGate(keys, Tokens(b"s" * 32)),
        keys.add_widget(MINE, kb=KB),
        keys.add_widget(MINE, kb=KB),
    )
    prepared = await gate.admit(Credential(key=widget.id))
    with pytest.raises(Refused):
        await gate.admit(Credential(key=widget.id, user="4711"))
    with pytest.raises(Refused):  # another key's secret vouches for nobody here
        await gate.admit(Credential(key=widget.id, user="4711", signature=identity_of(other.identity_secret, "4711")))

    signature = identity_of(widget.identity_secret, "4711")
    owner = await gate.admit(Credential(key=widget.id, user="4711", signature=signature))
    back = await gate.admit(Credential(token=prepared.token, user="4711", signature=signature))
    assert owner.visitor != prepared.visitor
    assert (back.visitor, back.verified) == (prepared.visitor, False)
    assert not prepared.visitor.startswith("user:")
    keys.close()


# -- LiveHelperChat CVE-2024-27516: a search of the FAQ was compiled as a template

TEMPLATES = ["{{7*7}}", "${7*7}", "<%= 7*7 %>", "{0.__class__}", "%(secret)s", "#{7*7}", "{language}", "$(id)", "`id`"]


@pytest.mark.parametrize("text", TEMPLATES)
async def test_what_anybody_writes_is_never_compiled_as_a_template(visitors, text):
    answer = await visitors.program(Scope.KNOWLEDGE).post(f"/v1/kbs/{KB}/search", {"text": f"how do i return {text}"})
    assert answer.status == 200
    assert "49" not in answer.json["receipt"]["understood"]
    opened = await visitors.program().post("/v1/visitors/tmpl/conversation", {"kb": KB})
    path = f"/v1/conversations/{opened.json['id']}"
    name = f"t{TEMPLATES.index(text)}"
    assert (await visitors.program().post(f"{path}/messages", {"client_msg_id": name, "text": text})).status == 200
    events = (await visitors.program().get(f"{path}/events?limit=200")).json["items"]
    assert [event["text"] for event in events if event.get("client_msg_id") == name] == [text]


# -- ChatterMate CVE-2026-24399, Lenovo "Lena": what visitor and bot say becomes markup in somebody's browser


async def test_what_a_visitor_or_an_answer_says_is_served_as_data_and_never_as_a_page(visitors):
    hostile = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    program = visitors.program()
    opened = await program.post("/v1/visitors/xss/conversation", {"kb": KB, "page": hostile})
    path = f"/v1/conversations/{opened.json['id']}"
    await program.post(f"{path}/messages", {"client_msg_id": hostile[:60], "text": hostile})
    for answer in (
        await program.get(f"{path}/events"),
        await program.get("/v1/visitors/xss/export"),
        await program.get(f"/v1/conversations/{hostile}"),
        await program.post("/v1/ask", {"kb": hostile, "text": hostile}),
        await program.get("/v1/conversations", params={hostile: hostile}),
    ):
        assert re.fullmatch(r"application/(problem\+)?json(; charset=utf-8)?", answer.headers["Content-Type"])
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for page in ("/docs", f"/docs?{hostile}", f"/{hostile}"):
        assert "<script>alert" not in (await Program(visitors.http, visitors.url).get(page)).text


async def test_no_answer_of_the_api_sets_a_cookie(visitors):
    for path in ("/healthz", "/readyz", "/docs", "/openapi.json", "/widget.js", "/v1/conversations", "/metrics"):
        answer = await visitors.program().get(path)
        assert (answer.status, "Set-Cookie" in answer.headers) == (200, False), path


# -- Open WebUI CVE-2026-44569: who may read a conversation could edit what others said in it


async def test_a_key_that_may_read_changes_nothing(visitors):
    log = visitors.app[LOG]
    (head,) = (await log.conversations(MINE, visitor="wechat:ann")).items
    before = await log.events(MINE, head.conversation)
    reader = visitors.program(Scope.READ)
    (found,) = (await reader.get("/v1/conversations", params={"visitor": "wechat:ann"})).json["items"]
    names = {"conversation": found["id"], "visitor": "wechat:ann", "kb": KB, "entry": "returns"}
    for operation in OPERATIONS:
        if operation.method != "GET" and operation.scope is not Scope.READ:
            path = re.sub(r"\{(\w+)\}", lambda part: names.get(part[1], "x"), operation.path)
            assert (await reader.call(operation.method, path, json={})).status == 403, operation.name
    assert await log.events(MINE, head.conversation) == before


async def test_no_verb_is_there_that_edits_or_removes_what_was_said(visitors):
    (found,) = (await visitors.program().get("/v1/conversations", params={"visitor": "wechat:ann"})).json["items"]
    for method in ("PUT", "PATCH", "DELETE"):
        for path in ("", "/events", "/events/2", "/messages", "/messages/m"):
            answer = await visitors.program().call(method, f"/v1/conversations/{found['id']}{path}")
            assert answer.status in (404, 405), (method, path)


# -- Gitpod GHSA-f53g-frr2-jhpf: a socket opened by another site's page

PAGE = "https://shop.example"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def paged(published, tmp_path_factory):
    """A server whose only key is for one page."""
    async with serving(published, tmp_path_factory.mktemp("paged")) as served:
        served.app[KEYS].add_widget(MINE, kb=KB, origins=(PAGE,))
        yield served


@pytest.mark.parametrize(
    ("origin", "status", "welcome"),
    [
        (PAGE, 101, True),
        (None, 101, False),  # a program with a key that is for pages
        ("https://evil.example", 403, False),
        ("null", 403, False),  # a sandboxed frame
        ("http://shop.example", 403, False),
        ("https://shop.example:8443", 403, False),
        ("https://shop.example.evil.example", 403, False),
        ("https://evil.example/https://shop.example", 403, False),
        ("https://shop.example@evil.example", 403, False),
        ("https://SHOP.example", 403, False),  # browsers write it in small letters
        ("", 403, False),
    ],
)
async def test_only_pages_that_a_key_lists_open_a_socket_with_it(paged, origin, status, welcome):
    key = next(key for key in paged.app[KEYS].all() if key.origins)
    found, said = await paged.hello(origin=origin, key=key.id)
    assert (found, isinstance(said, dict) and said["type"] == "welcome") == (status, welcome)
    if status == 101 and not welcome:
        assert said == 3500
