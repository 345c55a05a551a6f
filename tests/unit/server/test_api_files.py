"""Files over HTTP: who may send and see them, and what a browser is told to make of them."""

import asyncio
import io
import json
import shutil
from urllib.parse import unquote

import aiohttp
import pytest
from PIL import Image

from server.access.keys import Scope
from server.parts import UPLOADS
from server.uploads.uploads import UploadSettings
from tests.fakes.api import KB, MINE, THEIRS, Program, open_api, publish_shop, until
from tests.fakes.files import HTML, PDF, SVG, photo_with_a_place, picture

PAGE = "https://shop.example"


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    home = tmp_path_factory.mktemp("published")
    publish_shop(home, MINE)
    return home


@pytest.fixture
async def house(published, tmp_path):
    async with open_api(shutil.copytree(published, tmp_path / "home")) as house:
        yield house


class Guest(Program):
    """A visitor's page: has the token of a welcome."""

    conversation: str

    async def upload(self, raw=PDF, name="a.pdf", **more):
        return await self.call("POST", "/v1/uploads", params={"name": name}, data=raw, **more)

    async def sent(self, raw=PDF, name="a.pdf"):
        answer = await self.upload(raw, name)
        assert answer.status == 201, answer.text
        return answer.json


async def guest(house, workspace=MINE, key=None):
    key = key or house.keys.add_widget(workspace, kb=KB, origins=(PAGE,))
    async with house.http.ws_connect(f"{house.url}/v1/ws", protocols=["kefu.v1.json"], origin=PAGE) as socket:
        await socket.send_str(json.dumps({"type": "hello", "key": key.id}))
        welcome = await socket.receive_json(timeout=30)
    found = Guest(house.http, house.url, welcome["token"])
    found.conversation = welcome["conversation"]
    return found


def kind_of(answer):
    return answer.json["type"].rpartition(":")[2]


# -- sending and seeing


async def test_a_visitor_sends_a_photo_and_sees_it_without_what_it_told_about_them(house):
    ann = await guest(house)
    sent = await ann.sent(photo_with_a_place(), "IMG_1.HEIC")
    assert sent | {"id": "", "size": 0} == {"id": "", "name": "IMG_1.jpg", "media_type": "image/jpeg", "size": 0}

    seen = await ann.get(f"/v1/files/{sent['id']}")
    assert (seen.status, len(seen.raw)) == (200, sent["size"])
    assert Image.open(io.BytesIO(seen.raw)).size == (32, 64)
    assert b"SECRET" not in seen.raw


async def test_a_message_shows_its_files_wherever_it_is_read(house):
    ann, program = await guest(house), house.program()
    sent = await ann.sent()
    path = f"/v1/conversations/{ann.conversation}"
    said = await program.post(f"{path}/messages", {"client_msg_id": "m1", "text": "", "files": [sent["id"]]})
    assert said.status == 200, said.text
    events = (await program.get(f"{path}/events")).json["items"]
    assert events[1]["files"] == [sent]
    exported = await program.get(f"/v1/visitors/{(await program.get(path)).json['visitor']}/export")
    assert exported.json["conversations"][0]["events"][1]["files"] == [sent]


async def test_a_message_without_words_is_answered_without_asking_the_engine(house):
    ann, program = await guest(house), house.program()
    sent = await ann.sent()
    path = f"/v1/conversations/{ann.conversation}"
    await program.post(f"{path}/messages", {"client_msg_id": "m1", "text": " ", "files": [sent["id"]]})
    await until(lambda: len(house.stored) == 3)
    reply = (await program.get(f"{path}/events")).json["items"][-1]
    assert (reply["author"], reply["decision"], "in words" in reply["text"]) == ("bot", "unknown", True)
    assert house.bot.turns == []


async def test_a_message_needs_words_or_files_and_its_own_ones(house):
    ann, bob, program = await guest(house), await guest(house), house.program()
    bobs = await bob.sent()
    path = f"/v1/conversations/{ann.conversation}/messages"
    for body in ({"text": " "}, {"text": "see", "files": [bobs["id"]]}, {"text": "see", "files": ["A" * 22]}):
        answer = await program.post(path, {"client_msg_id": "m1", **body})
        assert (answer.status, kind_of(answer)) == (422, "invalid")


async def test_a_visitor_names_files_over_the_socket(house):
    key = house.keys.add_widget(MINE, kb=KB)
    async with house.http.ws_connect(f"{house.url}/v1/ws", protocols=["kefu.v1.json"]) as socket:
        await socket.send_str(json.dumps({"type": "hello", "key": key.id}))
        token = (await socket.receive_json(timeout=30))["token"]
        ann, bob = Guest(house.http, house.url, token), await guest(house)
        sent, bobs = await ann.sent(), await bob.sent()
        for number, files in enumerate(([bobs["id"]], ["nonsense"], [sent["id"]])):
            await socket.send_str(
                json.dumps({"type": "say", "client_msg_id": f"m{number}", "text": "", "files": files})
            )
        heard = [await socket.receive_json(timeout=30) for _ in range(5)]
    assert [(each["type"], each.get("code", "")) for each in heard[:2]] == [("error", "bad_value")] * 2
    assert {each["type"] for each in heard[2:]} == {"event", "ack"}
    assert next(each for each in heard if each.get("author") == "visitor")["files"] == [sent]


async def test_a_program_sends_into_a_conversation_of_its_workspace_and_fetches_what_visitors_sent(house):
    ann, program = await guest(house), house.program(Scope.WRITE, Scope.READ)
    where = {"name": "b.pdf", "conversation": ann.conversation}
    sent = await program.call("POST", "/v1/uploads", params=where, data=PDF)
    assert (sent.status, sent.headers["Location"]) == (201, f"/v1/files/{sent.json['id']}")
    assert (await ann.get(f"/v1/files/{sent.json['id']}")).raw == PDF
    assert (await program.get(f"/v1/files/{(await ann.sent())['id']}")).raw == PDF
    nowhere = await program.call("POST", "/v1/uploads", params={"name": "b.pdf"}, data=PDF)
    assert nowhere.status == 404


async def test_erasing_a_visitor_deletes_the_files_and_links_to_them_lead_nowhere(house):
    ann, program = await guest(house), house.program()
    sent = await ann.sent()
    link = (await ann.post(f"/v1/files/{sent['id']}/link")).json["url"]
    visitor = (await program.get(f"/v1/conversations/{ann.conversation}")).json["visitor"]
    assert (await program.call("DELETE", f"/v1/visitors/{visitor}")).json["files"] == 1
    direct = f"/v1/files/{sent['id']}"
    for caller, path in ((ann, direct), (program, direct), (house.stranger, link)):
        assert (await caller.get(path)).status == 404
    assert not [path for path in (house.home / "files").rglob("*") if path.is_file()]


# -- who may


async def test_direct_upload_without_authentication_is_refused_before_the_body_is_read_as_in_cve_2026_63765(house):
    async def endless():
        for _ in range(1_000_000):
            yield bytes(65_536)
            await asyncio.sleep(0)

    wrong = ["", "Bearer", "Bearer x", "Basic eA==", f"Bearer {'e30.' * 3}", "Bearer sk_wrong", "bearer sk_\udcff"]
    for authorization in wrong[:6]:
        headers = {"Authorization": authorization} if authorization else {}
        answer = await house.stranger.call("POST", "/v1/uploads?name=a.pdf", data=PDF, headers=headers)
        assert (answer.status, kind_of(answer)) == (401, "unauthenticated"), authorization
    try:
        answer = await house.stranger.call("POST", "/v1/uploads", data=endless())
        assert answer.status == 401
    except aiohttp.ClientError:
        pass  # the server hung up while we went on sending
    assert not (house.home / "files").exists()


async def test_a_visitor_sees_files_of_their_own_conversation_only(house):
    ann, bob, eve = await guest(house), await guest(house), await guest(house, THEIRS)
    sent = await ann.sent()
    for other in (bob, eve, house.program(workspace=THEIRS)):
        for method, path in (("GET", f"/v1/files/{sent['id']}"), ("POST", f"/v1/files/{sent['id']}/link")):
            answer = await other.call(method, path)
            assert (answer.status, kind_of(answer)) == (404, "not-found")
    into = {"name": "a.pdf", "conversation": ann.conversation}
    assert (await bob.call("POST", "/v1/uploads", params=into, data=PDF)).status == 404


@pytest.mark.parametrize("wrong", ["A" * 22, "x", "..", "%2e%2e%2fkeys.db", "a" * 300])
async def test_what_is_no_file_is_not_found(house, wrong):
    ann = await guest(house)
    assert (await ann.get(f"/v1/files/{wrong}")).status == 404


async def test_a_visitors_token_opens_nothing_but_files(house):
    ann = await guest(house)
    for path in ("/v1/conversations", f"/v1/conversations/{ann.conversation}/events", "/v1/kbs"):
        assert (await ann.get(path)).status == 401


async def test_a_token_of_a_revoked_widget_key_is_refused(house):
    key = house.keys.add_widget(MINE, kb=KB)
    ann = await guest(house, key=key)
    sent = await ann.sent()
    house.keys.revoke(MINE, key.id)
    assert (await ann.upload()).status == 401
    assert (await ann.get(f"/v1/files/{sent['id']}")).status == 401


async def test_a_link_shows_its_own_file_to_who_has_no_token_and_nothing_else(house):
    ann = await guest(house)
    sent, other = await ann.sent(), await ann.sent()
    link = (await ann.post(f"/v1/files/{sent['id']}/link")).json
    seen = await house.stranger.get(link["url"])
    assert (seen.status, seen.raw) == (200, PDF)
    ticket = link["url"].partition("?")[2]
    assert (await house.stranger.get(f"/v1/files/{other['id']}?{ticket}")).status == 404
    assert (await house.stranger.get(f"/v1/files/{sent['id']}?{ticket[:-2]}xx")).status == 401
    assert (await house.stranger.post(f"/v1/files/{sent['id']}/link?{ticket}")).status in (400, 401)
    token = ticket.partition("=")[2]
    for method, path in (("POST", "/v1/uploads"), ("GET", f"/v1/files/{sent['id']}"), ("GET", "/v1/conversations")):
        answer = await Program(house.http, house.url, token).call(method, path)
        assert answer.status == 401, path  # a link is no token
    assert (await house.stranger.get(f"/v1/files/{sent['id']}?ticket={ann.secret}")).status == 401  # nor the reverse


# -- pages


async def test_only_pages_that_may_show_a_widget_may_send_and_fetch_files(house):
    ann = await guest(house)
    sent = await ann.sent()
    for origin, status in ((PAGE, 201), ("https://evil.example", 403), ("null", 403)):
        answer = await ann.upload(headers={"Origin": origin})
        assert answer.status == status
        allowed = answer.headers.get("Access-Control-Allow-Origin")
        assert allowed == (origin if status == 201 else None)
        asked = await house.stranger.call("OPTIONS", f"/v1/files/{sent['id']}", headers={"Origin": origin})
        assert asked.status == (204 if status == 201 else 403)
    assert (asked.headers.get("Access-Control-Allow-Methods")) is None
    refused = await house.stranger.get(f"/v1/files/{sent['id']}", headers={"Origin": PAGE})
    assert (refused.status, refused.headers["Access-Control-Allow-Origin"]) == (401, PAGE)  # the page reads why
    fetched = await ann.get(f"/v1/files/{sent['id']}", headers={"Origin": PAGE})
    assert (fetched.status, fetched.headers["Access-Control-Allow-Origin"], fetched.headers["Vary"]) == (
        200, PAGE, "Origin",
    )  # fmt: skip
    assert "Access-Control-Allow-Credentials" not in fetched.headers


async def test_a_token_is_not_taken_from_a_page_that_its_key_does_not_list(house):
    house.keys.add_widget(MINE, kb=KB, origins=("https://other.example",))
    ann = await guest(house)
    assert (await ann.upload(headers={"Origin": "https://other.example"})).status == 401


# -- what browsers make of it


async def test_a_picture_that_is_a_script_is_not_taken_and_no_file_runs_as_in_cve_2021_3741(house):
    ann = await guest(house)
    for raw in (SVG, HTML, b"<?xml version='1.0'?>" + SVG, b"\xef\xbb\xbf" + SVG, b"GIF89a" + SVG):
        answer = await ann.upload(raw, "avatar.png")
        assert answer.status in (415, 422), answer.text
    polyglot = picture("JPEG", comment=HTML)
    seen = await ann.get(f"/v1/files/{(await ann.sent(polyglot, 'a.html'))['id']}")
    assert HTML not in seen.raw
    assert seen.headers["Content-Type"] == "image/jpeg"
    assert seen.headers["X-Content-Type-Options"] == "nosniff"
    assert seen.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


async def test_a_picture_that_refers_to_other_hosts_makes_the_server_call_nobody_as_in_cve_2021_3742(house):
    ann = await guest(house)
    called = []
    listening = await asyncio.start_server(lambda *peer: called.append(peer), "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    address = f"http://127.0.0.1:{port}/x".encode()
    linked = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="' + address + b'"/></svg>'
    for raw in (linked, b"%PDF-1.4 /URI (" + address + b")", picture("PNG") + linked):
        await ann.upload(raw, "a.svg")
    await asyncio.sleep(0)
    listening.close()
    assert called == []


async def test_a_pdf_is_only_ever_saved_never_shown_by_the_browser_as_in_cve_2026_0483(house):
    ann = await guest(house)
    sent = await ann.sent(PDF, '"><script>alert(1)</script>;x\r\nX-Evil: 1.pdf')
    link = (await ann.post(f"/v1/files/{sent['id']}/link")).json["url"]
    for seen in (await ann.get(f"/v1/files/{sent['id']}"), await house.stranger.get(link)):
        shown, _, name = seen.headers["Content-Disposition"].partition("; filename*=UTF-8''")
        assert (shown, unquote(name)) == ("attachment", sent["name"])
        assert seen.headers["Content-Type"] == "application/pdf"
        assert seen.headers["X-Content-Type-Options"] == "nosniff"
        assert seen.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert seen.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert seen.headers["Cache-Control"].startswith("private")
        assert "X-Evil" not in seen.headers
    assert not set('"<>/\\\r\n') & set(sent["name"])


# -- limits


async def test_a_file_beyond_the_limit_is_refused_by_what_it_says_and_by_what_it_is(house):
    house.app[UPLOADS].files.configure(UploadSettings(max_bytes=1_000))
    ann = await guest(house)

    async def unannounced():
        for _ in range(50):
            yield b"%PDF-" + bytes(95)

    for raw in (b"%PDF-" + bytes(1_000), unannounced()):
        answer = await ann.upload(raw)
        assert (answer.status, kind_of(answer)) == (413, "too-large")
    assert (await ann.sent(b"%PDF-" + bytes(995)))["size"] == 1_000


async def test_forms_and_packed_bodies_are_not_parsed(house):
    ann = await guest(house)
    form = aiohttp.FormData()
    form.add_field("file", PDF, filename="a.pdf")
    assert (await ann.upload(form)).status == 415
    packed = await ann.upload(PDF, headers={"Content-Encoding": "gzip"}, skip_auto_headers=["Content-Encoding"])
    assert packed.status in (400, 415)


async def test_a_damaged_picture_is_refused_with_a_sentence(house):
    ann = await guest(house)
    answer = await ann.upload(picture("PNG", (300, 300))[:200], "a.png")
    assert (answer.status, kind_of(answer)) == (422, "invalid")
    assert "save it as a new file" in answer.json["detail"]


async def test_who_sends_too_many_is_told_when_to_come_back(house):
    ann = await guest(house)
    done = [await ann.upload() for _ in range(12)]
    assert [each.status for each in done] == [201] * 10 + [429] * 2
    assert 1 <= int(done[-1].headers["Retry-After"]) <= 10


async def test_who_sent_too_much_in_a_day_is_told_to_come_back_later(house):
    house.app[UPLOADS].files.configure(UploadSettings(daily_count=2))
    ann = await guest(house)
    done = [await ann.upload() for _ in range(3)]
    assert [each.status for each in done] == [201, 201, 429]
    assert done[-1].headers["Retry-After"] == "3600"


async def test_a_body_that_comes_too_slowly_is_not_waited_for(house):
    house.app[UPLOADS].limits.patience_s = 0.2
    ann = await guest(house)
    never = asyncio.Event()

    async def slow():
        yield PDF[:20]
        await never.wait()

    sending = asyncio.create_task(ann.upload(slow()))
    done, _ = await asyncio.wait([sending], timeout=30)
    assert done
    never.set()
    assert sending.result().status == 408
    assert not [path for path in (house.home / "files").rglob("*") if path.is_file()]


async def test_where_files_are_switched_off_none_is_taken(house):
    house.app[UPLOADS].files.configure(UploadSettings(max_bytes=0))
    ann = await guest(house)
    answer = await ann.upload()
    assert (answer.status, kind_of(answer)) == (403, "forbidden")
