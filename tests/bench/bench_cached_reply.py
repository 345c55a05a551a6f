"""A cached reply over the socket: what it costs the serving process, with the question and the reply on disk.

    python tests/bench/bench_cached_reply.py [--connections 100] [--replies 20] [--rounds 5] [--home DIR] [--json OUT]

`kefu serve` as it is, with the sample shop. Each connection asks a question that was asked before and waits for the
confident answer; the serving process's CPU time over all of it, its log's thread included, is divided by the replies.
An append carries the visitor's event, another one the bot's, each with a message for outside; medians of rounds.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
from itertools import count
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit

os.environ.setdefault("OMP_NUM_THREADS", "1")

import msgspec

from tests.bench import questions, served
from tests.bench.lean import LeanSocket, connect
from tests.bench.served import Served

_PER_ADDRESS = 90
_AT_ONCE = 4
_PAUSE_S = 7.0  # in which the limits forget what was sent: 300 frames a minute after the first hundred


class Frame(msgspec.Struct):
    """What a benchmark needs to know of a frame."""

    type: str
    kind: str = ""
    decision: str = ""


class Asking:
    """All connections; each asks anew when it was answered."""

    def __init__(self) -> None:
        self._read = msgspec.json.Decoder(Frame)
        self._left: dict[LeanSocket, int] = {}
        self._names = count()
        self._texts: list[str] = []
        self._busy = 0
        self._done = asyncio.Event()
        self.decisions: dict[str, int] = {}
        self.last: dict[LeanSocket, str] = {}

    async def connect(self, server: Served, connections: int) -> None:
        """Say hello."""
        port = urlsplit(server.url).port or 0
        self._busy = connections
        for number in range(connections):
            address = f"127.20.{number // _PER_ADDRESS}.1"
            socket = await connect(port, "/v1/ws", self._take, address=address)
            self._left[socket] = 0
            socket.say({"type": "hello", "key": server.key})
        await self._done.wait()

    async def ask(self, texts: list[str], replies: int) -> None:
        """Let each ask so often."""
        self._texts = texts
        self._done.clear()
        self._busy = len(self._left)
        for socket in self._left:
            self._left[socket] = replies
            self._say(socket)
        await self._done.wait()

    async def answered(self, texts: list[str]) -> list[str]:
        """Ask each text once, few at a time; give those that got a confident answer. Afterwards all are cached."""
        some = list(zip(self._left, texts, strict=False))
        for start in range(0, len(some), _AT_ONCE):
            few = some[start : start + _AT_ONCE]
            self._done.clear()
            self._busy = len(few)
            for socket, text in few:
                self._left[socket] = 1
                socket.say({"type": "say", "client_msg_id": f"m{next(self._names)}", "text": text})
            await self._done.wait()
        return [text for socket, text in some if self.last[socket] == "answer"]

    def _say(self, socket: LeanSocket) -> None:
        number = next(self._names)
        text = self._texts[number % len(self._texts)]
        socket.say({"type": "say", "client_msg_id": f"m{number}", "text": text})

    def _take(self, socket: LeanSocket, payload: bytes) -> None:
        frame = self._read.decode(payload)
        if frame.type == "error":
            raise SystemExit(payload.decode())
        if frame.type == "welcome":
            self._end_one()
        elif frame.kind == "replied":
            self.last[socket] = frame.decision
            self.decisions[frame.decision] = self.decisions.get(frame.decision, 0) + 1
            self._left[socket] -= 1
            if self._left[socket]:
                self._say(socket)
            else:
                self._end_one()

    def _end_one(self) -> None:
        self._busy -= 1
        if not self._busy:
            self._done.set()


async def measure(server: Served, connections: int, replies: int, rounds: int) -> dict[str, float]:
    """Ask in rounds."""
    asking = Asking()
    await asking.connect(server, connections)
    texts = await asking.answered([text for _, text in questions.of_suite()[:40]])
    await asking.ask(texts, 5)
    spent, rates = [], []
    for _ in range(rounds):
        await asyncio.sleep(_PAUSE_S)
        before, began, answers = server.used, perf_counter(), asking.decisions.get("answer", 0)
        await asking.ask(texts, replies)
        count_ = connections * replies
        if asking.decisions["answer"] - answers != count_:
            raise SystemExit(f"not all were answered confidently: {asking.decisions}")
        spent.append(server.used.since(before).cpu_s / count_ * 1e6)
        rates.append(count_ / (perf_counter() - began))
    figures = server.figures(('kefu_turns_total{cached="yes"}', "kefu_commit_appends_sum", "kefu_commit_appends_count"))
    return {
        "connections": connections,
        "cpu_us": statistics.median(spent),
        "cpu_us_least": min(spent),
        "replies_per_s": statistics.median(rates),
        "appends_a_commit": figures["kefu_commit_appends_sum"] / figures["kefu_commit_appends_count"],
    }


def main() -> None:
    """Start the server, run, and print a line."""
    import uvloop

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--replies", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = given.home or Path(folder) / "base"
        served.base(home, 1000)
        data = Path(folder) / "data"
        data.mkdir()
        with Served(home, data, messages_per_minute="6000000") as server:
            found = uvloop.run(measure(server, given.connections, given.replies, given.rounds))
    sys.stdout.write("  ".join(f"{name} {value:.1f}" for name, value in found.items()) + "\n")
    if given.json:
        given.json.write_text(json.dumps(found, indent=2), "utf-8")


if __name__ == "__main__":
    main()
