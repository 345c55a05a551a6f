"""RFC 6455, as the cases of the Autobahn TestSuite ask for it: sections 1 to 7 and 10. `make soak` has the others."""

import asyncio
from pathlib import Path

import pytest

from server.connections.endpoint import AccessSettings
from server.connections.peer import ConnectionSettings
from tests.fakes.chat import OFTEN, open_chat
from tests.fakes.conformance import EXPLAINED, our_echo, plain_echo, rank, served, verdicts, waits_for_an_echo

pytest.importorskip("kosoku", reason="kosoku is not installed")
pytestmark = pytest.mark.e2e

PAGE = Path(__file__).resolve().parents[2] / "docs" / "PROTOCOL.md"
CASES = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*")


async def test_no_case_is_worse_than_with_aiohttp_alone_and_each_that_is_not_ok_is_explained():
    async with served(plain_echo) as plain, served(our_echo(ConnectionSettings().max_bytes)) as ours:
        theirs, mine = await verdicts(plain, CASES), await verdicts(ours, CASES)
    assert len(mine) == len(theirs) > 240
    assert [name for name in mine if rank(mine[name]) > rank(theirs[name])] == []
    assert {name for name, result in mine.items() if rank(result)} == set(EXPLAINED)
    assert all(rank(result) < 2 for result in mine.values())


async def test_the_endpoint_itself_passes_every_case_that_waits_for_no_echo():
    access = AccessSettings(opening=OFTEN, per_address=10_000)
    async with open_chat(access=access) as chat:
        results = await verdicts(chat.url.replace("http", "ws") + "/v1/ws", CASES)
        async with asyncio.timeout(30):
            while len(chat.connections):  # noqa: ASYNC110 (none is to be left behind)
                await asyncio.sleep(0.05)
    assert [name for name, result in results.items() if not result.passed and not waits_for_an_echo(result)] == []
    assert sum(result.passed for result in results.values()) > 130


def test_what_is_explained_is_told_in_the_documentation():
    page = PAGE.read_text("utf-8")
    assert all(f"{name.rsplit('.', 1)[0]}." in page for name in EXPLAINED)
