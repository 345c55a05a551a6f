"""Idle sessions held by one process: what each takes of its memory, and whether each still answers at the end.

    python tests/bench/bench_idle.py [--sessions 15000] [--processes 3] [--home DIR] [--json OUT]

Sessions are authenticated, each of a visitor of its own with a conversation in the log. They come from many addresses
of the loopback and from several processes, because one may hold 20,000 descriptors. A tenth of them comes first and
settles what a process takes once; the growth from there on is divided by the others. Then every session is asked for a
sign of life. `bare` is aiohttp's own WebSocket in a process that does nothing else, held and measured in the same way.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from urllib.parse import urlsplit

os.environ.setdefault("OMP_NUM_THREADS", "1")

from tests.bench import served
from tests.bench.corpus import ROOT
from tests.bench.lean import LeanSocket, connect
from tests.bench.served import Served, Used

_PER_ADDRESS = 90
_AT_ONCE = 50
_SETTLE_S = 3.0


# -- the clients


class Holding:
    """Some sessions, in a process of their own, that does what its standard input says."""

    def __init__(self, port: int, path: str, key: str, place: int) -> None:
        self._port, self._path, self._key, self._place = port, path, key, place
        self._sockets: list[LeanSocket] = []
        self._answers = 0
        self._wanted = 0
        self._all = asyncio.Event()

    async def hold(self, count: int) -> int:
        """Open sessions; give how many are open."""
        for start in range(0, count, _AT_ONCE):
            self._expect(min(_AT_ONCE, count - start) if self._key else 0)
            await asyncio.gather(*(self._open() for _ in range(min(_AT_ONCE, count - start))))
            await asyncio.wait_for(self._all.wait(), 60)
        return len(self._sockets)

    async def probe(self) -> int:
        """Ask each session for a sign of life, some at a time; give how many answered."""
        answered = 0
        for start in range(0, len(self._sockets), _AT_ONCE):
            some = [socket for socket in self._sockets[start : start + _AT_ONCE] if not socket.lost]
            self._expect(len(some))
            for socket in some:
                socket.say({"type": "ping"})
            await asyncio.wait_for(self._all.wait(), 60)
            answered += self._answers
        return answered

    async def _open(self) -> None:
        number = len(self._sockets)
        address = f"127.{30 + self._place}.{number // _PER_ADDRESS}.1"
        socket = await connect(self._port, self._path, self._heard, address=address)
        self._sockets.append(socket)
        if self._key:
            socket.say({"type": "hello", "key": self._key})

    def _expect(self, answers: int) -> None:
        self._answers, self._wanted = 0, answers
        self._all.clear()
        if not answers:
            self._all.set()

    def _heard(self, socket: LeanSocket, payload: bytes) -> None:
        self._answers += 1
        if self._answers == self._wanted:
            self._all.set()


async def _client(port: int, path: str, key: str, place: int) -> None:
    holding = Holding(port, path, key, place)
    while words := (await asyncio.to_thread(sys.stdin.readline)).split():
        done = await (holding.hold(int(words[1])) if words[0] == "hold" else holding.probe())
        sys.stdout.write(f"{done}\n")
        sys.stdout.flush()


class Clients:
    """The processes of clients."""

    def __init__(self, url: str, path: str, key: str, processes: int) -> None:
        port = str(urlsplit(url).port)
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._processes = [
            subprocess.Popen(
                [sys.executable, "tests/bench/bench_idle.py", "--client", port, path, key, str(place)],
                cwd=ROOT, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            for place in range(processes)
        ]  # fmt: skip

    def hold(self, count: int) -> int:
        """Open so many more sessions; give how many there are."""
        each = count // len(self._processes)
        return self._all(f"hold {each}")

    def probe(self) -> int:
        """Give how many answer."""
        return self._all("probe")

    def end(self) -> None:
        """Let them go."""
        for process in self._processes:
            process.kill()
            process.wait()

    def _all(self, words: str) -> int:
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(f"{words}\n")
            process.stdin.flush()
        return sum(self._number(process) for process in self._processes)

    @staticmethod
    def _number(process: "subprocess.Popen[str]") -> int:
        assert process.stdout is not None
        return int(process.stdout.readline() or 0)


# -- measuring


def measure(clients: Clients, process: int, sessions: int) -> dict[str, float]:
    """Hold sessions open."""
    first = clients.hold(sessions // 10)
    sleep(_SETTLE_S)
    before, began = Used.by(process), monotonic()
    held = clients.hold(sessions - sessions // 10)
    took_s = monotonic() - began
    sleep(_SETTLE_S)
    after = Used.by(process)
    resting, since = Used.by(process), monotonic()
    sleep(5)
    idle_cpu_s = (Used.by(process).cpu_s - resting.cpu_s) / (monotonic() - since)
    return {
        "sessions": held,
        "kib_each": (after.rss_mib - before.rss_mib) * 1024 / (held - first),
        "rss_mib": after.rss_mib,
        "opened_per_s": (held - first) / took_s,
        "cpu_ms_to_open": (after.cpu_s - before.cpu_s) / (held - first) * 1000,
        "idle_cpu_us_per_s_each": idle_cpu_s / held * 1e6,
        "answered": clients.probe(),
    }


@contextmanager
def _bare() -> Iterator[tuple[str, int]]:
    """Serve aiohttp's own WebSocket; give address and process."""
    command = [sys.executable, "tests/bench/bench_frames.py", "--serve"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}", server.pid
        finally:
            server.kill()


def main() -> None:
    """Measure both and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=15_000)
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--client", nargs=4)
    given = parser.parse_args()
    if given.client:
        import uvloop

        port, path, key, place = given.client
        uvloop.run(_client(int(port), path, key, int(place)))
        return
    found = {}
    with _bare() as (url, process):
        clients = Clients(url, "/bare", "", given.processes)
        found["bare"] = measure(clients, process, given.sessions)
        clients.end()
    with tempfile.TemporaryDirectory() as folder:
        home = given.home or Path(folder) / "base"
        served.base(home, 300)
        data = Path(folder) / "data"
        data.mkdir()
        with Served(home, data) as server:
            clients = Clients(server.url, "/v1/ws", server.key, given.processes)
            found["kefu"] = measure(clients, server.serving, given.sessions)
            clients.end()
    for name, row in found.items():
        sys.stdout.write(f"{name:5s} " + "  ".join(f"{key} {value:.2f}" for key, value in row.items()) + "\n")
    if given.json:
        given.json.write_text(json.dumps(found, indent=2), "utf-8")


if __name__ == "__main__":
    main()
