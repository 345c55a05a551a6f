"""The OpenAPI document held true: what it says is sent to a running server, and what comes back is what it says."""

import asyncio
import threading
from dataclasses import dataclass
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi import checks

from server.api import rest
from server.ids import from_text
from server.parts import UPLOADS, WEBHOOKS
from server.uploads.uploads import Place
from tests.fakes.api import KB, MINE, open_api, publish_shop
from tests.fakes.files import PDF

pytestmark = [
    pytest.mark.integration,
    # The server runs in this process: what it draws from `random` is taken for the strategies' doing.
    pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies"),
]

EXAMPLES = 12
SPARE = "spare"  # a base that may be removed
HELD = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


@dataclass
class Served:
    """A server on a thread of its own, its document, and what its paths may name."""

    url: str
    secret: str
    ids: dict[str, str]
    document: Any

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    home = tmp_path_factory.mktemp("described")
    publish_shop(home, MINE)
    publish_shop(home, MINE, kb=SPARE)
    loop, ready, found = asyncio.new_event_loop(), threading.Event(), {}

    async def serve():
        async with open_api(home) as house:
            found.update(url=house.url, secret=house.program().secret, conversation=await house.conversation("ann"))
            place = Place(workspace=MINE, conversation=from_text(found["conversation"]), author="visitor")
            found["file"] = (await house.app[UPLOADS].files.receive(place, "a.pdf", pieces_of(PDF))).id
            webhook = await house.app[WEBHOOKS].admin.add(MINE, "http://127.0.0.1:9/", challenge=False)
            found.update(webhook=webhook.id, stop=asyncio.Event())
            ready.set()
            await found["stop"].wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(30)
    document = schemathesis.openapi.from_url(f"{found['url']}/openapi.json")
    own = {name: found[name] for name in ("conversation", "file", "webhook")}
    ids = {**own, "visitor": "ann", "kb": KB, "entry": "returns"}
    yield Served(found["url"], found["secret"], ids, document)
    loop.call_soon_threadsafe(found["stop"].set)
    thread.join(30)
    loop.close()


async def pieces_of(raw):
    yield raw


def hold(served, operation, mode, *, known):
    """Send what the document admits, or what it does not; to ids that exist if `known`."""
    described = served.document[operation.path][operation.method]

    @given(case=described.as_strategy(generation_mode=mode))
    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=HealthCheck)
    def run(case):
        if known:
            ids = {**served.ids, "kb": SPARE} if operation.name == "removeBase" else served.ids
            case.path_parameters = {name: ids[name] for name in operation.parts}
        parts = case.meta.components if case.meta is not None else {}
        if mode is GenerationMode.NEGATIVE:  # the path and the header are ours
            spoilt = [parts[each].mode for each in (ParameterLocation.BODY, ParameterLocation.QUERY) if each in parts]
            assume(GenerationMode.NEGATIVE in spoilt)
            assume(all(value != [] for value in (case.query or {}).values()))  # nothing of it would be sent
        response = case.call(headers=served.headers)
        case.validate_response(response, checks=HELD, headers=served.headers)
        if mode is GenerationMode.NEGATIVE:
            assert 400 <= response.status_code < 500

    run()


@pytest.mark.parametrize("known", [False, True], ids=["any-ids", "known-ids"])
@pytest.mark.parametrize("operation", rest.OPERATIONS, ids=lambda operation: operation.name)
def test_what_the_document_admits_is_answered_as_it_says(served, operation, known):
    hold(served, operation, GenerationMode.POSITIVE, known=known)


@pytest.mark.parametrize(
    "operation",
    [operation for operation in rest.OPERATIONS if operation.body is not None or operation.query is not None],
    ids=lambda operation: operation.name,
)
def test_what_the_document_does_not_admit_is_refused(served, operation):
    hold(served, operation, GenerationMode.NEGATIVE, known=True)


def test_the_document_is_valid_openapi(served):
    served.document.validate()
    raw = requests.get(f"{served.url}/openapi.json", timeout=10).json()
    assert raw["openapi"] == "3.1.0"
