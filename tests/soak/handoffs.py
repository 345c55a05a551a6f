"""Lives of a small company: visitors, agents, timers and crashes in any order; each promise is checked at each step."""

import argparse
import sys
from random import Random
from time import monotonic

from tests.fakes.handoff_happenings import HAPPENINGS, happen
from tests.fakes.handoff_world import World

STEPS = 60


def live(random: Random, steps: int = STEPS) -> World:
    """Let random things happen.

    Raises:
        AssertionError: a promise was broken.
    """
    world = World()
    for _ in range(steps):
        happen(
            world,
            random.randrange(len(HAPPENINGS)),
            random.randrange(4),
            random.randrange(4),
            random.randrange(1, 1_000),
        )
    world.crash_everything()
    return world


def main() -> int:
    """Live many lives; give whether a promise was broken in one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lives", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1, help="of the first life; the next one has the next")
    asked = parser.parse_args()
    began, broken, transitions, bot_lines = monotonic(), 0, 0, 0
    for seed in range(asked.seed, asked.seed + asked.lives):
        try:
            world = live(Random(seed))
        except AssertionError as error:
            broken += 1
            sys.stdout.write(f"life {seed}: {error}\n")
            continue
        transitions, bot_lines = transitions + world.transitions, bot_lines + world.bot_lines
    sys.stdout.write(
        f"handoff: {asked.lives} lives of {STEPS} happenings, {transitions} transitions, {bot_lines} bot lines, "
        f"{broken} broken, {monotonic() - began:.0f} s\n"
    )
    return int(broken > 0)


if __name__ == "__main__":
    raise SystemExit(main())
