"""Mistreats frames, hellos and bodies by the million, and stops at nothing but what must not happen.

    python -m tests.soak.fuzz_frames --cases 2000000 --seconds 3600 --seed 1

A case is one frame to a decoder, one connection of 20 frames, one session of the fallback of 6 bodies, or one request
to the API; there are 200 of the first for each of the others, which cost that much more. After each batch somebody new
is greeted and answered, and memory is looked at. What is found is printed with the seed that shows it.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from server.connections.endpoint import AccessSettings
from tests.fakes import fuzzing
from tests.fakes.api import MINE, open_api, publish_shop
from tests.fakes.chat import OFTEN, PAGE, open_chat

ACCESS = AccessSettings(
    opening=OFTEN, frames=OFTEN, messages=OFTEN, per_address=10_000, per_visitor=10_000, origins=(PAGE,)
)
BATCH = 50  # seeds of what goes over a network
DECODED = 200  # frames that are decoded for each of those
ROUND = (
    20 * BATCH
)  # seeds after which the servers are made anew: what is said is kept in memory, of which it has no end


async def run(*, first_seed: int, cases: int, seconds: float) -> int:
    """Try until so many cases were tried or so much time has passed; give the number of findings."""
    began, tried, found, seed = time.monotonic(), 0, 0, first_seed
    with tempfile.TemporaryDirectory(prefix="kefu-fuzz-") as folder, fuzzing.listening() as complaints:
        publish_shop(Path(folder), MINE)
        await _round(Path(folder), range(seed, seed + BATCH), complaints)  # what is loaded once is no growth
        before = fuzzing.memory_kb()
        while tried < cases and time.monotonic() - began < seconds and not found:
            for finding in await _round(Path(folder), range(seed, seed + ROUND), complaints):
                found += 1
                sys.stdout.write(f"seed {finding.seed}: {finding.what}\n")
            seed += ROUND
            tried += ROUND * (DECODED + 3)
            grown = fuzzing.memory_kb() - before
            if grown > fuzzing.GROWTH_KB:
                found += 1
                sys.stdout.write(f"seeds up to {seed}: the process grew by {grown} KB\n")
            sys.stdout.write(f"{tried} cases, {time.monotonic() - began:.0f} s, next seed {seed}, {found} found, ")
            sys.stdout.write(f"grown by {grown // 1024} MB\n")
            sys.stdout.flush()
    return found


async def _round(folder: Path, seeds: range, complaints: fuzzing.Complaints) -> list[fuzzing.Finding]:
    found: list[fuzzing.Finding] = []
    async with open_chat(access=ACCESS) as chat, open_api(folder) as house:
        for start in range(seeds.start, seeds.stop, BATCH):
            batch = range(start, min(start + BATCH, seeds.stop))
            for seed in range(batch.start * DECODED, batch.stop * DECODED):
                found += fuzzing.decode(seed)
            for one, lives in (
                (lambda seed: fuzzing.over_websocket(chat, seed), lambda: fuzzing.chat_lives(chat)),
                (lambda seed: fuzzing.over_http(chat, seed), lambda: fuzzing.chat_lives(chat)),
                (lambda seed: fuzzing.over_rest(house, seed), lambda: fuzzing.api_lives(house)),
            ):
                found += await fuzzing.batch(one, lives, batch, complaints)
            chat.leave()
            if found:
                break
    return found


def main() -> int:
    """Read the command line, and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2_000_000)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    return min(1, asyncio.run(run(first_seed=options.seed, cases=options.cases, seconds=options.seconds)))


if __name__ == "__main__":
    raise SystemExit(main())
