"""Companies do not see each other: every operation of the table is walked with another workspace's ids."""

import asyncio
import json
import re
import shutil

import aiohttp
import pytest
from aiohttp import web

from server.access.keys import Keys, Scope
from server.access.revocation import follow_revocations
from server.api import rest
from server.app import build
from server.conversations.commands import Say, reply_id
from server.ids import from_text, to_text
from server.parts import BASES, CONNECTIONS, CONVERSATIONS, UPLOADS, WEBHOOKS
from server.uploads.uploads import Place
from server.wire.codes import Close
from tests.fakes.api import KB, MINE, THEIRS, open_api, publish_shop, settings_of, until
from tests.fakes.files import PDF
from tests.fakes.gate import make_models
from tests.fakes.receiver import Receiver, echo

SECRET = "heron"
BODIES = {
    "ask": {"kb": "vault", "text": "what is the codename of globex"},
    "search": {"text": "what is the codename of globex"},
    "sendMessage": {"client_msg_id": "m9", "text": "hello"},
    "sendChoice": {"client_msg_id": "c9", "entry_id": "e1", "about": "A" * 22},
    "askForPerson": {"client_msg_id": "p9"},
    "addNote": {"client_msg_id": "n9", "text": "a note"},
    "sendFeedback": {"client_msg_id": "f9", "up": True, "about": "A" * 22},
    "openConversation": {"kb": "vault"},
    "addEntry": {"question": "q", "answer": "a"},
    "replaceEntry": {"question": "q", "answer": "a"},
    "rollBack": {},
    "makeBase": {"kb": "fresh", "entries": [{"question": "q", "answer": "a"}]},
    "addWebhook": {"url": "the receiver's"},
    "redeliver": {},
}
# Names that any workspace may use for its own: another's is not refused but simply somebody else.
OWN_NAMES = {"addWebhook", "eraseVisitor", "listBases", "makeBase", "listConversations", "listWebhooks"}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    home = tmp_path_factory.mktemp("published")
    publish_shop(home, MINE)
    publish_shop(home, THEIRS, {"secret": ("what is the codename of globex", "Blue heron.")}, kb="vault")
    return home


@pytest.fixture
async def house(published, tmp_path):
    async with open_api(shutil.copytree(published, tmp_path / "home")) as house:
        yield house


@pytest.fixture
async def receiver():
    receiver = await Receiver(answer=echo).start()
    yield receiver
    await receiver.stop()


@pytest.fixture
async def theirs(house, receiver):
    """What the other company has: a conversation, a file, a base, a webhook …, all of which tell the secret."""
    webhook = await house.app[WEBHOOKS].admin.add(THEIRS, f"{receiver.url}/{SECRET}")
    head = await house.conversation("their-visitor", workspace=THEIRS, kb="vault")
    await house.app[CONVERSATIONS].submit((THEIRS, from_text(head)), Say(client_msg_id="m1", text=f"clarify {SECRET}"))
    await until(lambda: len(house.stored) == 4)
    place = Place(workspace=THEIRS, conversation=from_text(head), author="visitor")
    file = await house.app[UPLOADS].files.receive(place, f"{SECRET}.pdf", pieces_of(PDF))
    ids = {"conversation": head, "visitor": "their-visitor", "kb": "vault", "entry": "secret", "webhook": webhook.id}
    return {**ids, "receiver": receiver.url, "file": file.id, "reply": to_text(reply_id(from_text(head), 1))}


async def everything(house):
    """All that the other company has."""
    bases, webhooks = house.app[BASES], [each for each, _ in house.app[WEBHOOKS].admin.all(THEIRS)]
    knowledge = await bases.entries(THEIRS, "vault"), await bases.versions(THEIRS, "vault")
    folder = house.home / "files"
    return list(house.stored), knowledge, webhooks, list(house.log.files._uploads.values()), sorted(folder.rglob("*"))


async def pieces_of(data):
    yield data


def body_of(operation, theirs):
    if operation.name == "addWebhook":
        return {"json": {"url": theirs["receiver"]}}
    if operation.name == "sendFeedback":
        return {"json": {**BODIES[operation.name], "about": theirs["reply"]}}
    if operation.takes:
        return {"data": PDF, "params": {"name": "a.pdf", "conversation": theirs["conversation"]}}
    return {"json": BODIES[operation.name]} if operation.body is not None else {}


def test_every_operation_with_a_body_is_walked():
    assert {operation.name for operation in rest.OPERATIONS if operation.body is not None} == set(BODIES)


def theirs_of(operation, theirs):
    return operation.method, operation.path.format(**theirs)


async def test_ids_of_another_workspace_are_not_found_and_nothing_changes(house, theirs):
    before = await everything(house)
    for operation in rest.OPERATIONS:
        answer = await house.program().call(*theirs_of(operation, theirs), **body_of(operation, theirs))
        assert SECRET not in answer.text, operation.name
        if operation.name in OWN_NAMES:
            assert answer.status == operation.status, operation.name
            assert "their" not in answer.text.replace('"visitor":"their-visitor","events":0', ""), operation.name
        else:
            assert answer.status == 404, (operation.name, answer.text)
        assert await everything(house) == before, operation.name


async def test_their_own_key_finds_the_same_ids(house, theirs):
    for operation in rest.OPERATIONS:
        program = house.program(workspace=THEIRS)
        answer = await program.call(*theirs_of(operation, theirs), **body_of(operation, theirs))
        assert answer.status == operation.status, (operation.name, answer.text)


async def test_without_a_key_every_operation_is_refused(house, theirs):
    before = await everything(house)
    for operation in rest.OPERATIONS:
        answer = await house.stranger.call(*theirs_of(operation, theirs), **body_of(operation, theirs))
        assert (answer.status, SECRET in answer.text) == (401, False), operation.name
    assert await everything(house) == before


async def test_a_key_without_the_scope_is_refused_before_anything_is_looked_up(house, theirs):
    before = await everything(house)
    for operation in rest.OPERATIONS:
        others = [scope for scope in Scope if scope not in (operation.scope, Scope.ADMIN)]
        program = house.program(*others, workspace=THEIRS)
        answer = await program.call(*theirs_of(operation, theirs), **body_of(operation, theirs))
        assert (answer.status, SECRET in answer.text) == (403, False), operation.name
    assert await everything(house) == before


def test_no_route_below_v1_is_outside_the_table_but_the_socket():
    app = web.Application()
    rest.add_routes(app)
    declared = {operation.path for operation in rest.OPERATIONS}
    found = {route.resource.canonical for route in app.router.routes()}
    assert found - declared == {"/openapi.json", "/docs"}


# -- sockets


async def hello(house, **hello):
    socket = await house.http.ws_connect(f"{house.url}/v1/ws", protocols=["kefu.v1.json"])
    await socket.send_str(json.dumps({"type": "hello", **hello}))
    return socket


async def test_a_socket_does_not_resume_a_conversation_of_another_workspace(house, theirs):
    key = house.keys.add_widget(MINE, kb=KB)
    socket = await hello(house, key=key.id, resume={"conversation": theirs["conversation"], "last_seq": 0})
    welcome = await socket.receive_json(timeout=5)
    assert welcome["conversation"] != theirs["conversation"]
    assert SECRET not in json.dumps(welcome)
    await socket.send_str(json.dumps({"type": "history", "before": 100}))
    page = await socket.receive_json(timeout=5)
    assert SECRET not in json.dumps(page)
    await socket.close()


async def test_a_token_of_one_workspace_does_not_open_another(house, theirs):
    mine, other = house.keys.add_widget(MINE, kb=KB), house.keys.add_widget(THEIRS, kb="vault")
    socket = await hello(house, key=other.id)
    token = (await socket.receive_json(timeout=5))["token"]
    await socket.close()
    head, _, _ = token.partition(".")
    forged = await hello(house, token=token.replace(head, to_text(b"0" * 16)), key=mine.id)
    message = await forged.receive(timeout=5)
    assert "welcome" not in str(message.data)
    await forged.close()


async def test_sockets_of_a_revoked_key_close_within_a_second_and_others_stay(house):
    kept, gone = (house.keys.add_widget(MINE, kb=KB) for _ in range(2))
    staying, leaving = await hello(house, key=kept.id), await hello(house, key=gone.id)
    for socket in (staying, leaving):
        assert (await socket.receive_json(timeout=5))["type"] == "welcome"
    looks = asyncio.Semaphore(0)
    following = asyncio.create_task(
        follow_revocations(house.keys, house.app[CONNECTIONS], pause=lambda _: looks.acquire())
    )
    elsewhere = Keys(house.home / "keys.db")  # as `kefu keys revoke` does it, in another process
    elsewhere.revoke(MINE, gone.id)
    elsewhere.close()
    looks.release()
    while not (message := await leaving.receive(timeout=5)).type.name.startswith("CLOS"):
        pass
    assert (message.data, leaving.close_code) == (Close.REVOKED, Close.REVOKED)
    assert not staying.closed
    await staying.send_str(json.dumps({"type": "ping"}))
    assert (await staying.receive_json(timeout=5))["type"] == "pong"
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await staying.close()


# -- the whole application


async def test_of_the_whole_server_nothing_below_v1_is_to_be_had_without_a_credential(published, tmp_path):
    home = shutil.copytree(published, tmp_path / "home")
    app = build(settings_of(home), make_models())
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    walked = 0
    async with aiohttp.ClientSession() as http:
        for route in app.router.routes():
            path = re.sub(r"\{\w+(:[^}]*)?\}", "x", route.resource.canonical)
            if path.startswith("/v1/"):
                walked += 1
                async with http.request(route.method, f"http://127.0.0.1:{runner.addresses[0][1]}{path}") as response:
                    assert response.status in (400, 401, 403, 426), (route.method, path)
                    assert response.headers.get("Access-Control-Allow-Origin") is None
    await runner.cleanup()
    assert walked > len(rest.OPERATIONS)
