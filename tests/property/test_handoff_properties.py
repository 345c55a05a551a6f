"""Whatever happens in whatever order: one owner, no bot over a person, the queue in order, nothing left for ever.

The promises are checked by the world itself, after everything that happens: see `tests.fakes.handoff_world`.
"""

import os
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from server.handoff.outcomes import Step
from tests.fakes.handoff_happenings import HAPPENINGS, happen
from tests.fakes.handoff_world import World
from tests.soak.handoffs import live

RUNS = int(os.environ.get("KEFU_INTERLEAVINGS", "2000"))


class HandoffMachine(RuleBasedStateMachine):
    """Hypothesis looks for the shortest way to break a promise."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @rule(
        what=st.integers(0, len(HAPPENINGS) - 1),
        case=st.integers(0, 3),
        who=st.integers(0, 3),
        amount=st.integers(1, 999),
    )
    def something_happens(self, what: int, case: int, who: int, amount: int) -> None:
        happen(self.world, what, case, who, amount)

    def teardown(self) -> None:
        self.world.crash_everything()


TestHandoff = HandoffMachine.TestCase
TestHandoff.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)


def test_every_promise_holds_in_many_lives_of_a_company() -> None:
    seen = set[str]()
    for seed in range(RUNS):
        world = live(Random(seed), steps=40)
        seen.update(line.moved.transition for case in world.cases for line in case.log if line.moved is not None)
    assert seen == {step.value for step in Step}, "a transition that never happens is not tested"
