"""A few thousand mistreated frames and bodies; `python -m tests.soak.fuzz_frames` does millions."""

import pytest

from server.connections.endpoint import AccessSettings
from tests.fakes import fuzzing
from tests.fakes.api import MINE, open_api, publish_shop
from tests.fakes.chat import OFTEN, PAGE, open_chat

ACCESS = AccessSettings(
    opening=OFTEN, frames=OFTEN, messages=OFTEN, per_address=10_000, per_visitor=10_000, origins=(PAGE,)
)


@pytest.fixture
def complaints():
    before = fuzzing.memory_kb()
    with fuzzing.listening() as complaints:
        yield complaints
    assert fuzzing.memory_kb() - before < fuzzing.GROWTH_KB


@pytest.mark.parametrize("first", [0, 1000, 2000])
def test_no_bytes_make_a_decoder_fail_in_another_way_than_its_own(complaints, first):
    found = [finding for seed in range(first, first + 1000) for finding in fuzzing.decode(seed)]
    assert found == []
    assert complaints.take() == []


async def test_no_frame_ends_more_than_the_connection_that_said_it(complaints):
    async with open_chat(access=ACCESS) as chat:
        found = await fuzzing.batch(
            lambda seed: fuzzing.over_websocket(chat, seed), lambda: fuzzing.chat_lives(chat), range(150), complaints
        )
    assert found == []


async def test_no_body_of_the_fallback_harms_anybody_else(complaints):
    async with open_chat(access=ACCESS) as chat:
        found = await fuzzing.batch(
            lambda seed: fuzzing.over_http(chat, seed), lambda: fuzzing.chat_lives(chat), range(120), complaints
        )
    assert found == []


async def test_no_body_makes_the_api_fail(complaints, tmp_path):
    publish_shop(tmp_path, MINE)
    async with open_api(tmp_path) as house:
        found = await fuzzing.batch(
            lambda seed: fuzzing.over_rest(house, seed), lambda: fuzzing.api_lives(house), range(300), complaints
        )
    assert found == []
