"""Visitors who think 1 to 9 s between questions, over sockets, with the log on disk: the chat as a whole.

    python tests/bench/bench_chat_load.py [--users 100,300,1000] [--seconds 45] [--own 0.42] [--home DIR] [--json OUT]

Each number of users meets a server that was just started, so the cache is cold; visitors run in processes of their own.
Times count from when a message was due. `clarify` and `unknown` wait for the visitor to finish (1.2 s) and are given
apart, as are requests to the HTTP API that are made meanwhile. `--home` keeps the published base for the next run.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from tests.bench import served
from tests.bench.corpus import ROOT
from tests.bench.served import Served
from tests.bench.visitors import Task

_METRICS = (
    'kefu_turns_total{cached="yes"}',
    'kefu_turns_total{cached="no"}',
    'kefu_turn_seconds_sum{stage="encode"}',
    'kefu_turn_seconds_sum{stage="search"}',
    'kefu_turn_seconds_sum{stage="classify"}',
    "kefu_commit_seconds_sum",
    "kefu_commit_seconds_count",
    "kefu_loop_stall_seconds",
)


def measure(published: Path, users: int, seconds: float, own: float, processes: int) -> dict[str, Any]:
    """Run one number of users."""
    with tempfile.TemporaryDirectory() as folder, Served(published, Path(folder)) as server:
        share = [users // processes + (place < users % processes) for place in range(processes)]
        tasks = [
            Task(
                url=server.url, key=server.key, secret=server.secret if place == 0 else "", users=count,
                seconds=seconds, own=own, place=place, places=processes,
            )
            for place, count in enumerate(share)
        ]  # fmt: skip
        visiting = [_start(task, Path(folder) / f"seen{task.place}.json") for task in tasks]
        for each in visiting:
            _line(each)
        server.figures(_METRICS)  # from here on the longest stall counts
        before, began = server.used, monotonic()
        for each in visiting:
            _tell(each)
        clients_cpu_s = sum(_ended(each) for each in visiting)
        used, took_s = server.used.since(before), monotonic() - began
        figures = server.figures(_METRICS)
        seen = [json.loads((Path(folder) / f"seen{task.place}.json").read_text("utf-8")) for task in tasks]
    return {"users": users, "took_s": took_s, "clients_cpu_s": clients_cpu_s} | _row(seen, asdict(used), figures)


def _row(seen: Sequence[dict[str, Any]], used: dict[str, float], figures: dict[str, float]) -> dict[str, Any]:
    texts = [text for each in seen for text in each["texts"]]
    decisions = sorted({decision for each in seen for decision in each["replies"]})
    replies = {name: [ms for each in seen for ms in each["replies"].get(name, ())] for name in decisions}
    requests = {name: times for each in seen for name, times in each["rest"].items()}
    hits, misses = figures['kefu_turns_total{cached="yes"}'], figures['kefu_turns_total{cached="no"}']
    return {
        "messages": len(texts),
        "distinct_questions_share": len(set(texts)) / len(texts),
        "cached_share": hits / ((hits + misses) or 1),
        "errors": sum(count for each in seen for count in each["errors"].values()),
        "error_kinds": {kind: count for each in seen for kind, count in each["errors"].items() if count},
        "overtaken": sum(each["unanswered"] for each in seen),
        "ack_ms": _times([ms for each in seen for ms in each["ack"]]),
        "reply_ms": {name: _times(times) for name, times in replies.items()},
        "rest_ms": {"all": _times([ms for times in requests.values() for ms in times])}
        | {name: _times(times) for name, times in sorted(requests.items())},
        "clients_late_ms": _times([ms for each in seen for ms in each["late"]]),
        "server": used,
        "longest_stall_ms": figures["kefu_loop_stall_seconds"] * 1000,
        "figures": figures,
    }


def _times(seconds: Sequence[float]) -> dict[str, float]:
    if len(seconds) < 2:
        return {"count": len(seconds)}
    cuts = statistics.quantiles(seconds, n=100)
    return {
        "count": len(seconds),
        "mean": statistics.fmean(seconds) * 1000,
        "p50": cuts[49] * 1000,
        "p95": cuts[94] * 1000,
        "p99": cuts[98] * 1000,
    }


# -- processes of visitors


def _start(task: Task, seen: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "tests/bench/visitors.py", json.dumps(asdict(task)), str(seen)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, cwd=ROOT, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"visitors ended with {process.wait()}")
    return line


def _tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def _ended(process: subprocess.Popen[str]) -> float:
    """Wait for the end, and give the CPU seconds that it took."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"visitors ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Run the numbers of users asked for and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", default="100,300,1000")
    parser.add_argument("--seconds", type=float, default=45.0)
    parser.add_argument("--own", type=float, default=0.42)
    parser.add_argument("--entries", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        home = given.home or Path(folder)
        served.base(home, given.entries)
        for users in map(int, given.users.split(",")):
            row = measure(home, users, given.seconds, given.own, given.processes) | {"entries": given.entries}
            rows.append(row)
            _show(row)
    if given.json:
        given.json.write_text(json.dumps(rows, indent=2), "utf-8")


def _show(row: dict[str, Any]) -> None:
    write = sys.stdout.write
    write(
        f"{row['users']} users: {row['messages'] / row['took_s']:.0f} messages/s, "
        f"{row['distinct_questions_share']:.0%} distinct, {row['cached_share']:.0%} of replies from the cache, "
        f"{row['errors']} errors {row['error_kinds']}, server {row['server']['cpu_s']:.1f} s CPU "
        f"in {row['took_s']:.0f} s, "
        f"peak {row['server']['peak_mib']:.0f} MiB, clients {row['clients_cpu_s']:.1f} s, "
        f"longest stall {row['longest_stall_ms']:.0f} ms\n"
    )
    for name, times in [
        ("ack", row["ack_ms"]),
        *((f"-> {name}", each) for name, each in row["reply_ms"].items()),
        *((f"http {name}", each) for name, each in row["rest_ms"].items()),
        ("sent late", row["clients_late_ms"]),
    ]:
        if "p99" in times:
            values = "  ".join(f"{name} {times[name]:7.1f}" for name in ("mean", "p50", "p95", "p99"))
            write(f"  {name:18s} {times['count']:6d}  {values}  ms\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
