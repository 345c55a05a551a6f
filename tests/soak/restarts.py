"""Rolling restarts of a real server while visitors talk to it: nobody is refused, nothing is lost, nobody waits long.

python -m tests.soak.restarts --restarts 50 --seed 1
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import monotonic

from server.wire.codes import Close
from tests.e2e.harness import RunningServer
from tests.soak.history import Left, Log, Record, Refused, Troubled
from tests.soak.kills import installation, judge, left, quiet_end
from tests.soak.visitors import Crowd, Diary


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted:
    """What visitors noticed of a number of restarts."""

    diary: Diary
    log: Log
    spans: list[tuple[float, float]]  # of the restarts, on the diary's clock

    @property
    def errors(self) -> list[Record]:
        """Everything but a server that says goodbye for a restart: lost or refused connections, refused messages."""
        return [
            record
            for record in self.diary.records
            if isinstance(record, Troubled | Refused) or (isinstance(record, Left) and record.code != Close.SHUTDOWN)
        ]

    @property
    def waits(self) -> list[float]:
        """Seconds from saying something to its acknowledgement."""
        return sorted(took for _, took in self.diary.waits)

    @property
    def waits_across(self) -> list[float]:
        """Of those alone that were on their way while the server was being restarted."""
        return sorted(
            took
            for began, took in self.diary.waits
            if any(began < end and began + took > start for start, end in self.spans)
        )


def quantile(ordered: Sequence[float], share: float) -> float:
    """Give a quantile of ordered numbers; 0 of none."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


async def run(home: Path, key: str, *, restarts: int, seed: int, visitors: int, pause_s: float) -> Restarted:
    """Restart a server while visitors talk; give what they noticed."""
    random, spans, diary = Random(f"{seed}, restarts"), [], Diary()
    with RunningServer(home, messages_per_minute="100000") as server:
        crowd = Crowd(server.url, key, visitors=visitors, pause_s=pause_s, seed=str(seed), diary=diary)
        try:
            await crowd.begin()
            for number in range(1, restarts + 1):
                await asyncio.sleep(random.uniform(0.2, 1.5))
                began = diary.now
                await asyncio.to_thread(server.restart)
                spans.append((began, diary.now))
                if number % 10 == 0:
                    sys.stdout.write(f"{number} of {restarts} restarts, {diary.now:.0f} s\n")
                    sys.stdout.flush()
            await quiet_end(crowd, home / "conversations.db")
        finally:
            await crowd.leave()
        await asyncio.to_thread(server.terminate)
    return Restarted(diary=diary, log=await left(home / "conversations.db"), spans=spans)


def figures(done: Restarted) -> str:
    """Say how long visitors waited."""
    took = sorted(end - start for start, end in done.spans)
    across = done.waits_across
    return (
        f"{len(took)} restarts of {quantile(took, 0.5):.1f} s (p50); {len(done.waits)} messages, "
        f"p50 {quantile(done.waits, 0.5) * 1000:.0f} ms, p99 {quantile(done.waits, 0.99) * 1000:.0f} ms from saying to "
        f"acknowledged; {len(across)} of them during a restart: p99 {quantile(across, 0.99) * 1000:.0f} ms, "
        f"longest {max(across, default=0.0) * 1000:.0f} ms; {len(done.errors)} errors"
    )


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; give 0 if all is as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--restarts", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--visitors", type=int, default=12)
    parser.add_argument("--home", type=Path, help="an installation with the base `shop`, which is copied")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="kefu-restarts-") as folder:
        home, key = installation(Path(folder), asked.home)
        began = monotonic()
        done = asyncio.run(
            run(home, key, restarts=asked.restarts, seed=asked.seed, visitors=asked.visitors, pause_s=0.4)
        )
    sys.stdout.write(f"{figures(done)} ({monotonic() - began:.0f} s, load {os.getloadavg()[0]:.1f})\n")
    sys.stdout.write("".join(f"  {error}\n" for error in done.errors[:20]))
    broken = judge(done.diary, done.log, f"restarts of seed {asked.seed}")
    return broken + len(done.errors) + (quantile(done.waits, 0.99) > 1.0)


if __name__ == "__main__":
    raise SystemExit(bool(main()))
