"""Visitors who ask for people and agents who take, answer, pass on and close, all the time: no line lost, queue kept.

    python tests/bench/bench_handoffs.py [--visitors 500] [--agents 50] [--seconds 60] [--home DIR] [--json OUT]

A `kefu serve` of its own, reached over loopback; people are tasks of this process. Afterwards what they were shown and
the log are held against each other (`tests.soak.history`, `tests.soak.desk_history`); exit code 1 if a promise was
broken. Accept to visible: from the frame of the agent's click to the frame that shows the visitor who joined.
`--home` keeps the published base for the next run.
"""

import argparse
import asyncio
import json
import os
import sqlite3
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from server.handoff.outcomes import Step
from server.handoff.states import Moved
from server.ids import to_text
from tests.bench import served
from tests.bench.crew import Crew, hire
from tests.bench.served import Served, Used
from tests.bench.shift import Plan, Shift
from tests.e2e.agents import add_agent
from tests.soak.desk_history import check_desk
from tests.soak.history import Log, check
from tests.soak.kills import left

_METRICS = ("kefu_commit_seconds_sum", "kefu_commit_seconds_count", "kefu_loop_stall_seconds")
_SHOWN = 20  # broken promises
_BLUR_MS = 300


async def run(plan: Plan, passwords: Mapping[str, str], log_file: Path) -> Shift:
    """Let everybody work; give what they did and saw."""
    crew = Crew(plan, passwords)
    await crew.begin()
    await crew.work()
    await crew.end()
    await crew.finish(lambda: last_numbers(log_file))
    return crew.shift


def last_numbers(log_file: Path) -> dict[str, int]:
    """Give the number of the last public event of each conversation."""
    with closing(sqlite3.connect(f"file:{log_file}?mode=ro", uri=True, timeout=30)) as db:
        rows = db.execute("SELECT conversation, max(seq) FROM events WHERE audience = 0 GROUP BY conversation")
        return {to_text(conversation): seq for conversation, seq in rows}


def promises(shift: Shift, log: Log, capacity: int, agents: Iterable[str]) -> list[str]:
    """Give the promises that were broken; one is back in the queue when that is on disk, which takes a while."""
    blur_ms = _BLUR_MS + int(shift.longest * 1000)
    desk = check_desk(shift.deeds, log, dict.fromkeys(agents, capacity), blur_ms=blur_ms)
    return [*map(str, check(shift.diary.records, log)), *map(str, desk)]


def measure(home: Path, plan: Plan, agents: int) -> dict[str, Any]:
    """Run a shift against a server of its own."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with Served(home, place) as server:
            password = add_agent(place, "boss", "--role", "admin")
            plan = Plan(**{**asdict(plan), "url": server.url, "key": server.key})
            shift, used, took_s, figures = asyncio.run(_work(server, plan, password, agents, place))
        log = asyncio.run(left(place / "conversations.db"))
    broken = promises(shift, log, plan.capacity, sorted({deed.agent for deed in shift.deeds}))
    row = {"visitors": plan.visitors, "agents": agents, "capacity": plan.capacity, "took_s": took_s}
    return row | _row(shift, log, used, figures) | {"broken": broken, "load": os.getloadavg()[0]}


async def _work(
    server: Served, plan: Plan, password: str, agents: int, place: Path
) -> tuple[Shift, Used, float, dict[str, float]]:
    passwords = await hire(plan.url, "boss", password, agents=agents, capacity=plan.capacity)
    crew = Crew(plan, passwords)
    await crew.begin()
    server.figures(_METRICS)  # from here on the longest stall counts
    before, began = server.used, monotonic()
    await crew.work()
    used, took_s, figures = server.used.since(before), monotonic() - began, server.figures(_METRICS)
    await crew.end()
    await crew.finish(lambda: last_numbers(place / "conversations.db"))
    return crew.shift, used, took_s, figures


def _row(shift: Shift, log: Log, used: Used, figures: Mapping[str, float]) -> dict[str, Any]:
    steps = Counter(
        event.body.transition for logged in log.values() for event in logged.internal if isinstance(event.body, Moved)
    )
    waits = [wait for logged in log.values() for wait in queue_waits(logged.internal)]
    handoffs = len(shift.visible)  # while it went on; the steps count its end, too
    return {
        "handoffs": handoffs,
        "steps": dict(sorted(steps.items())),
        "ends": dict(shift.ends),
        "events": sum(len(logged.public) + len(logged.internal) for logged in log.values()),
        "frames": dict(shift.frames),
        "errors": dict(shift.errors),
        "accept_to_visible_ms": times(shift.visible),
        "line_to_visible_ms": times(shift.heard),
        "message_to_ack_ms": times(shift.said),
        "clients_late_ms": times(shift.late),
        "queue_wait_ms": times(waits),
        "server": asdict(used),
        "cpu_ms_per_handoff": 1000 * used.cpu_s / (handoffs or 1),
        "longest_stall_ms": figures["kefu_loop_stall_seconds"] * 1000,
        "figures": dict(figures),
    }


def queue_waits(internal: Sequence[Any]) -> list[float]:
    """Give the seconds from joining the queue to being taken."""
    waits, enqueued_at = [], 0
    for event in internal:
        if isinstance(event.body, Moved):
            if event.body.transition == Step.ACCEPTED and enqueued_at:
                waits.append((event.at - enqueued_at) / 1000)
            enqueued_at = event.body.handling.enqueued_at
    return waits


def times(seconds: Sequence[float]) -> dict[str, float]:
    """Give the quantiles, in milliseconds."""
    if len(seconds) < 2:
        return {"count": len(seconds)}
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return {
        "count": len(seconds),
        "p50": cuts[49] * 1000,
        "p95": cuts[94] * 1000,
        "p99": cuts[98] * 1000,
        "longest": max(seconds) * 1000,
    }


def main() -> int:
    """Run one shift, print what it was like; give 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visitors", type=int, default=500)
    parser.add_argument("--agents", type=int, default=50)
    parser.add_argument("--capacity", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--pause", type=float, default=2.0, help="what people take to think, on average, in seconds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--entries", type=int, default=1_000)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    plan = Plan(
        url="", key="", visitors=given.visitors, seconds=given.seconds, capacity=given.capacity,
        pause_s=given.pause, seed=given.seed,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        home = given.home or Path(folder)
        served.base(home, given.entries)
        row = measure(home, plan, given.agents) | {"entries": given.entries, "pause_s": given.pause}
    _show(row)
    if given.json:
        given.json.write_text(json.dumps(row, indent=2), "utf-8")
    return bool(row["broken"])


def _show(row: dict[str, Any]) -> None:
    write = sys.stdout.write
    write(
        f"{row['visitors']} visitors, {row['agents']} agents: {row['handoffs']} handoffs in {row['took_s']:.0f} s, "
        f"{row['cpu_ms_per_handoff']:.1f} ms of the server's CPU each, {row['server']['cpu_s']:.1f} s in all, "
        f"peak {row['server']['peak_mib']:.0f} MiB, longest stall {row['longest_stall_ms']:.0f} ms, "
        f"frames {row['frames']}, load {row['load']:.1f}\n"
    )
    for name in ("accept_to_visible", "line_to_visible", "message_to_ack", "queue_wait", "clients_late"):
        of = row[f"{name}_ms"]
        if "p99" in of:
            values = "  ".join(f"{each} {of[each]:8.1f}" for each in ("p50", "p95", "p99", "longest"))
            write(f"  {name:18s} {of['count']:6d}  {values}  ms\n")
    write(f"  ends {row['ends']}, refused and failed {row['errors']}\n")
    write(f"  {len(row['broken'])} promises broken\n")
    for each in row["broken"][:_SHOWN]:
        write(f"    {each}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
