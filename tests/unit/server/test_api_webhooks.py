"""Webhooks over HTTP: what `kefu webhooks` does, for programs."""

import asyncio
import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks.webhooks import Webhook

from server.access.keys import Scope
from server.api.problems import REFUSED
from server.api.webhooks import KINDS
from server.conversations.commands import Say
from server.events.deliveries import Wanted
from server.events.guard import AddressRefused, Guard
from server.ids import from_text, new_id, to_text
from server.parts import CONVERSATIONS, WEBHOOKS
from server.stores.protocols import Onward
from server.telemetry.readings import of_api, of_webhooks
from tests.fakes.api import MINE, open_api, publish_shop, until
from tests.fakes.receiver import Receiver, echo, refuse


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
async def receiver():
    made = await Receiver(answer=echo).start()
    yield made
    await made.stop()


@pytest.fixture
def program(house):
    return house.program(Scope.WEBHOOKS)


async def added(program, receiver, **more):
    answer = await program.post("/v1/webhooks", {"url": receiver.url, **more})
    assert answer.status == 201, answer.text
    return answer.json


def bury(house, webhook, number):
    """Give up on so many messages."""
    deliveries = house.app[WEBHOOKS].admin._deliveries
    for position in range(1, number + 1):
        message = Onward(
            id=new_id(),
            workspace=MINE,
            conversation=new_id(),
            kind="reply.created",
            at=1,
            body=b"{}",
            position=position,
        )
        deliveries.take([Wanted(message=message, subscriptions=(webhook,))], position)
        (delivery,) = deliveries.due(webhook, position, 1)
        deliveries.bury(delivery, f"HTTP 50{position}", position + 10)


async def test_a_receiver_that_passes_the_challenge_is_told_what_is_said_under_the_secret_shown_once(
    house, program, receiver
):
    answer = await program.post("/v1/webhooks", {"url": receiver.url, "kinds": ["message.created"]})
    shown = (await program.get(answer.headers["Location"])).json
    assert (answer.status, shown["id"], shown["kinds"]) == (201, answer.json["id"], ["message.created"])
    assert answer.json["secret"] not in (await program.get("/v1/webhooks")).text

    conversation = await house.conversation()
    receiver.taken.clear()
    await house.app[CONVERSATIONS].submit((MINE, from_text(conversation)), Say(client_msg_id="m1", text="hello"))
    house.app[WEBHOOKS].relay.hint()
    await until(lambda: receiver.taken, within_s=30)

    (call,) = receiver.taken
    Webhook(answer.json["secret"]).verify(call.body.decode(), call.headers)
    assert call.json["data"]["text"] == "hello"
    at = datetime.fromisoformat(call.json["timestamp"])  # as Standard Webhooks asks for
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=5)


async def test_who_fails_the_challenge_is_not_added_and_it_cannot_be_left_out(program, receiver):
    receiver.answer = refuse(404)
    answer = await program.post("/v1/webhooks", {"url": receiver.url})
    assert (answer.status, answer.json["type"]) == (409, "urn:kefu:problem:conflict")
    answer = await program.post("/v1/webhooks", {"url": receiver.url, "challenge": False})
    assert (answer.status, answer.json["field"]) == (422, "challenge")
    assert (await program.get("/v1/webhooks")).json["total"] == 0


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "https://169.254.169.254/", "ftp://x", "https://0x7f.1/", "x"])
async def test_an_address_inside_is_refused_and_the_answer_tells_nothing_about_our_network(program, url):
    answer = await program.post("/v1/webhooks", {"url": url})
    assert (answer.status, answer.json["field"]) == (422, "url")
    assert url not in answer.text


async def test_a_name_that_leads_inside_is_refused_without_telling_where_it_leads(house, program):
    async def inside(host, port):
        return ["10.1.2.3"]

    house.app[WEBHOOKS].admin._outgoing._resolver._lookup = inside
    answer = await program.post("/v1/webhooks", {"url": "https://intranet.example/"})
    assert (answer.status, answer.json["field"]) == (422, "url")
    assert "10.1.2.3" not in answer.text


async def test_a_program_cannot_have_us_call_addresses_again_and_again(program, receiver):
    receiver.answer = refuse(404)
    for _ in range(10):
        assert (await program.post("/v1/webhooks", {"url": receiver.url})).status == 409
    answer = await program.post("/v1/webhooks", {"url": receiver.url})
    assert (answer.status, len(receiver.calls)) == (429, 10)
    assert 1 <= int(answer.headers["Retry-After"]) <= 7


async def test_kinds_are_those_that_there_are(program, receiver):
    answer = await program.post("/v1/webhooks", {"url": receiver.url, "kinds": ["messageXcreated"]})
    assert (answer.status, answer.json["field"]) == (422, "kinds[0]")
    await added(program, receiver, kinds=list(KINDS))


async def test_a_secret_is_rotated_and_the_old_one_retired(program, receiver):
    first = await added(program, receiver)
    path = f"/v1/webhooks/{first['id']}"
    second = (await program.post(f"{path}/rotate")).json
    assert second["secret"] != first["secret"]
    assert (await program.get(path)).json["secrets"] == 2
    assert (await program.post(f"{path}/retire")).json["secrets"] == 1


async def test_a_disabled_receiver_is_sent_nothing_until_it_is_enabled(house, program, receiver):
    path = f"/v1/webhooks/{(await added(program, receiver))['id']}"
    assert (await program.post(f"{path}/disable")).json["disabled"] == "disabled by hand"
    assert (await program.post(f"{path}/redeliver", {})).status == 409
    assert (await program.post(f"{path}/enable")).json["disabled"] == ""


async def test_dead_letters_are_listed_in_parts_with_their_reason_and_sent_again(house, program, receiver):
    webhook = (await added(program, receiver))["id"]
    receiver.answer = refuse(503)
    await asyncio.to_thread(bury, house, webhook, 3)
    path = f"/v1/webhooks/{webhook}"
    assert (await program.get(path)).json["dead"] == 3
    part = await program.get(f"{path}/deliveries?state=dead&limit=2")
    assert [(each["reason"], each["attempts"]) for each in part.json["items"]] == [("HTTP 503", 1), ("HTTP 502", 1)]
    assert part.json["total"] == 3
    assert 'rel="next"' in part.headers["Link"]

    one = part.json["items"][0]["message"]
    assert (await program.post(f"{path}/redeliver", {"message": one})).json == {"messages": 1}
    assert (await program.post(f"{path}/redeliver", {"message": to_text(new_id())})).status == 409
    assert (await program.post(f"{path}/redeliver", {})).json == {"messages": 2}
    assert (await program.get(f"{path}/deliveries?state=dead")).json["total"] == 0


async def test_what_waits_is_listed_the_longest_waiting_first(house, program, receiver):
    webhook = (await added(program, receiver))["id"]
    deliveries = house.app[WEBHOOKS].admin._deliveries
    messages = [
        Onward(id=new_id(), workspace=MINE, conversation=b"c" * 16, kind="k", at=1, body=b"{}", position=number)
        for number in (1, 2)
    ]
    later = 4_000_000_000_000  # nothing is due
    for number, message in enumerate(messages):
        deliveries.take([Wanted(message=message, subscriptions=(webhook,))], later + number)
    listed = (await program.get(f"/v1/webhooks/{webhook}/deliveries")).json
    assert [each["message"] for each in listed["items"]] == [to_text(message.id) for message in messages]
    assert (await program.get(f"/v1/webhooks/{webhook}")).json["oldest"] == later


async def test_a_removed_receiver_is_not_found_any_more(program, receiver):
    path = f"/v1/webhooks/{(await added(program, receiver))['id']}"
    assert (await program.call("DELETE", path)).status == 200
    for method, more in (
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/rotate"),
        ("POST", "/disable"),
        ("GET", "/deliveries"),
    ):
        assert (await program.call(method, path + more)).status == 404, (method, more)


async def test_rules_that_change_while_it_runs_hold_for_the_next_call(house, program, receiver):
    house.app[WEBHOOKS].allow(Guard())
    assert (await program.post("/v1/webhooks", {"url": receiver.url})).status == 422
    with pytest.raises(AddressRefused):
        await house.app[WEBHOOKS].admin.add(MINE, receiver.url, challenge=False)


# -- figures


async def test_what_waits_and_what_was_given_up_is_told_by_workspace_with_the_age_of_the_oldest(
    house, program, receiver
):
    webhook = (await added(program, receiver))["id"]
    other = await added(program, receiver, kinds=["reply.rated"])
    await asyncio.to_thread(bury, house, webhook, 2)
    figures, deliveries = house.app[WEBHOOKS].figures, house.app[WEBHOOKS].admin._deliveries
    message = Onward(id=new_id(), workspace=MINE, conversation=new_id(), kind="k", at=1, body=b"{}", position=9)
    deliveries.take([Wanted(message=message, subscriptions=(other["id"],))], 4_000_000_000_000)
    await asyncio.to_thread(figures.look)

    told = {
        reading.name: (reading.value, dict(reading.labels))
        for reading in of_webhooks(figures, lambda name: name, now_ms=lambda: 4_000_000_009_000)
    }
    assert told == {
        "webhooks_waiting": (1, {"workspace": MINE}),
        "webhooks_oldest_seconds": (9.0, {"workspace": MINE}),
        "webhooks_dead": (2, {"workspace": MINE}),
    }
    (shared,) = {reading.labels for reading in of_webhooks(figures, lambda name: "other")}
    assert shared == (("workspace", "other"),)


async def test_what_programs_are_refused_is_counted_by_workspace_and_kind(house, program):
    before = Counter(house.app[REFUSED])
    await house.stranger.get("/v1/webhooks")
    await program.get("/v1/webhooks/none")
    await program.get("/v1/conversations")
    await program.get("/v1/nowhere")
    found = Counter(house.app[REFUSED]) - before
    assert found == {("", "unauthenticated"): 1, (MINE, "not-found"): 1, ("", "forbidden"): 1, ("", "not-found"): 1}
    told = {(dict(each.labels)["reason"], dict(each.labels)["workspace"]) for each in of_api(found, lambda name: name)}
    assert ("forbidden", "") in told
