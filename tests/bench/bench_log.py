"""Messages that the log acknowledges, each on disk: many conversations at once, beside one commit a message.

    python tests/bench/bench_log.py [--conversations 1000] [--messages 8] [--rounds 5] [--json OUT]

A message is what a visitor's is in production: an event, the conversation's state and a message for outside, with
synchronous=FULL. Rounds of the three contestants take turns in one process; medians are given:

- `together`: every conversation waits for its message before it sends the next; commits carry what waits.
- `busy`: the same while the event loop works half of its time on something else, as a server does.
- `single`: one after the other, so that each message has a commit of its own.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from time import perf_counter, process_time, thread_time
from typing import Any

from server.conversations.events import Opened, Spoke
from server.conversations.state import SYSTEM, VISITOR, Drafts, Head, opened
from server.events.onward import told_outside
from server.ids import new_id
from server.stores.protocols import Append
from server.stores.sqlite import SqliteLog

_TEXT = "hello, where is my parcel? I ordered it on Monday."
_SLICE_S = 0.0005


def opening(number: int) -> Append:
    """A conversation begins."""
    body = Opened(kb="shop", language="en")
    drafts = Drafts(opened("acme", new_id(), f"visitor-{number}", body, at=1), at=1)
    drafts.add(new_id(), SYSTEM, body)
    return _append(drafts, opens=True)


def saying(head: Head, name: str) -> Append:
    """A visitor says something."""
    drafts = Drafts(head, at=2)
    drafts.add(new_id(), VISITOR, Spoke(text=_TEXT), turn=head.turn + 1, client_msg_id=name)
    return _append(drafts)


def _append(drafts: Drafts, *, opens: bool = False) -> Append:
    events = tuple(drafts.events)
    return Append(head=drafts.head, events=events, onward=told_outside(drafts.head, events), opens=opens)


class Contest:
    """One log and the conversations in it."""

    def __init__(self, log: SqliteLog, commits: list[int]) -> None:
        self._log = log
        self._commits = commits
        self._heads: list[Head] = []
        self._names = 0

    async def open(self, conversations: int) -> None:
        """Begin the conversations."""
        appends = [opening(number) for number in range(conversations)]
        await asyncio.gather(*(self._log.append(append) for append in appends))
        self._heads = [append.head for append in appends]

    async def together(self, messages: int) -> dict[str, float]:
        """Let all conversations send at once."""
        return await self._timed(len(self._heads) * messages, self._all(messages))

    async def busy(self, messages: int) -> dict[str, float]:
        """The same, while the loop has something else to do."""
        other = asyncio.create_task(_busy())
        try:
            return await self.together(messages)
        finally:
            other.cancel()
            with suppress(asyncio.CancelledError):
                await other

    async def single(self, messages: int) -> dict[str, float]:
        """Send one message after the other."""
        return await self._timed(messages, self._one(0, messages))

    async def _all(self, messages: int) -> None:
        await asyncio.gather(*(self._one(place, messages) for place in range(len(self._heads))))

    async def _one(self, place: int, messages: int) -> None:
        for _ in range(messages):
            self._names += 1
            append = saying(self._heads[place], f"m{self._names}")
            await self._log.append(append)
            self._heads[place] = append.head

    async def _timed(self, count: int, work: Any) -> dict[str, float]:
        self._commits.clear()
        wall, cpu, loop = perf_counter(), process_time(), thread_time()
        await work
        loop_s = thread_time() - loop
        return {
            "per_s": count / (perf_counter() - wall),
            "cpu_us": (process_time() - cpu) / count * 1e6,
            "beside_loop_cpu_us": (process_time() - cpu - loop_s) / count * 1e6,
            "appends_a_commit": count / len(self._commits),
        }


async def _busy() -> None:
    """Work half a millisecond, then let others; leave the loop free for as long."""
    while True:
        until = thread_time() + _SLICE_S
        while thread_time() < until:
            pass
        await asyncio.sleep(_SLICE_S)


async def measure(folder: Path, conversations: int, messages: int, rounds: int) -> dict[str, dict[str, float]]:
    """Run the contestants in turn; give their medians."""
    commits: list[int] = []
    log = await SqliteLog.open(folder / "log.db", committed=lambda appends, seconds: commits.append(appends))
    contest = Contest(log, commits)
    await contest.open(conversations)
    await contest.together(2)  # warm up
    results: dict[str, list[dict[str, float]]] = {"together": [], "busy": [], "single": []}
    for _ in range(rounds):
        results["together"].append(await contest.together(messages))
        results["busy"].append(await contest.busy(messages))
        results["single"].append(await contest.single(200))
    await log.close()
    return {name: _median(each) for name, each in results.items()}


def _median(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    middle = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
    return middle | {"per_s_least": min(each["per_s"] for each in rounds)}


def main() -> None:
    """Run and print a table."""
    import uvloop

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=1000)
    parser.add_argument("--messages", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:  # not in memory, as /tmp may be
        found = uvloop.run(measure(Path(folder), given.conversations, given.messages, given.rounds))
    for name, row in found.items():
        sys.stdout.write(f"{name:9s} " + "  ".join(f"{key} {value:8.1f}" for key, value in row.items()) + "\n")
    ratio = found["together"]["per_s"] / found["single"]["per_s"]
    sys.stdout.write(f"together / single: {ratio:.1f}\n")
    if given.json:
        given.json.write_text(json.dumps(found, indent=2), "utf-8")


if __name__ == "__main__":
    main()
