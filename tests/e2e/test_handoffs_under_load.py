"""A short shift of what `make bench` does with 500 visitors and 50 agents: no line lost, the queue's order kept."""

import pytest

from tests.bench.bench_handoffs import promises, run
from tests.bench.crew import hire
from tests.bench.shift import Plan
from tests.e2e.agents import add_agent
from tests.e2e.harness import RunningServer, widget_key
from tests.soak.desk_history import Asked, Noticed
from tests.soak.history import Saw
from tests.soak.kills import left

pytestmark = pytest.mark.e2e

CAPACITY = 2


async def test_visitors_and_agents_who_hand_over_all_the_time_lose_no_line_and_keep_the_order(shop):
    log_file = shop / "conversations.db"
    password = add_agent(shop, "boss", "--role", "admin")
    with RunningServer(shop) as server:
        plan = Plan(
            url=server.url, key=widget_key(shop), visitors=20, seconds=10, capacity=CAPACITY, pause_s=0.4
        )  # fmt: skip
        agents = await hire(server.url, "boss", password, agents=4, capacity=CAPACITY)
        shift = await run(plan, agents, log_file)
        server.terminate()
    log = await left(log_file)

    assert promises(shift, log, CAPACITY, {deed.agent for deed in shift.deeds}) == []
    assert [error for error in shift.errors if not error.startswith("refused: ")] == []
    assert len(shift.visible) > 10
    assert sum(isinstance(deed, Asked) and deed.verb == "say" for deed in shift.deeds) > 20
    assert sum(isinstance(deed, Noticed) for deed in shift.deeds) > 100
    assert sum(isinstance(record, Saw) for record in shift.diary.records) > 100
