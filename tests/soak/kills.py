"""kill -9 of a real server, again and again, while visitors talk to it: nothing that was acknowledged is lost.

    python -m tests.soak.kills --kills 200 --seed 1

What is killed when, and what each device does, follows from the seed. What the server was doing at the moment of a
kill does not: that is for the kernel's scheduler. A run that broke a promise therefore leaves its whole history
behind, and `--check FILE` judges it again.
"""

import argparse
import asyncio
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any, Protocol

from server.conversations.events import Audience
from server.ids import to_text
from server.stores.protocols import ConversationLog
from server.stores.sqlite import SqliteLog
from tests.e2e.harness import SAMPLES, RunningServer, kefu, widget_key
from tests.soak.history import Acked, Log, Logged, Saw, Sent, Troubled, Violation, Welcomed, check, load, save
from tests.soak.visitors import Crowd, Diary

_UP_S = 120.0  # for a server to come up on a busy machine
_SETTLED_S = 180.0
_ALL = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One kill."""

    what: str  # "serving": the process that serves; "parent": the one that holds the socket; "all": both
    starting: bool  # count from the start of the process, else from when it was ready
    after_s: float


def schedule(kills: int, seed: int) -> list[Kill]:
    """Say what is killed when."""
    random = Random(f"{seed}, kills")
    return [
        Kill(
            what=random.choices(("serving", "all", "parent"), (5, 4, 1))[0],
            starting=(starting := random.random() < 0.25),
            after_s=random.uniform(0.0, 3.5 if starting else 1.5),
        )
        for _ in range(kills)
    ]


class Mortal(Protocol):
    """A server that can be killed and comes up again."""

    @property
    def url(self) -> str:
        """Where it listens."""

    @property
    def log_file(self) -> Path:
        """Its conversations."""

    def begin(self) -> None:
        """Start it, unless it runs."""

    async def up(self) -> None:
        """Wait until it is ready; start it first if it does not run."""

    def strike(self, what: str) -> None:
        """Kill -9, see `Kill.what`."""


class Victim(RunningServer):
    """`kefu serve`."""

    @property
    def log_file(self) -> Path:
        return self.home / "conversations.db"

    def begin(self) -> None:
        if self.process is None or self.process.poll() is not None:
            self.launch()

    async def up(self) -> None:
        """Wait until it is ready, and start it again if it ended: its address may have been taken still."""
        deadline = monotonic() + _UP_S
        while not await asyncio.to_thread(self.ready):
            assert monotonic() < deadline, self.log()
            self.begin()
            await asyncio.sleep(0.05)

    def strike(self, what: str) -> None:
        """Kill -9. A process that is not there just now is not killed."""
        assert self.process is not None
        serving = None
        with suppress(IndexError, FileNotFoundError):
            serving = self.serving
        if what != "serving":
            self.process.kill()
        if what != "parent" and serving is not None:
            with suppress(ProcessLookupError):
                os.kill(serving, signal.SIGKILL)
        if what != "serving":
            self.process.wait(30)


async def haunt(server: Mortal, kills: list[Kill], crowd: Crowd, *, seconds: float = inf) -> int:
    """Kill a server as it is written, while visitors talk; at the end let all be said, stored and answered.

    Returns:
        The number of kills; there are no more after so many seconds.
    """
    done = 0
    await server.up()
    try:
        await crowd.begin()
        for kill in kills:
            if crowd.diary.now > seconds:
                break
            if kill.starting:
                server.begin()
            else:
                await server.up()
            await asyncio.sleep(kill.after_s)
            server.strike(kill.what)
            done += 1
            _tell(done, len(kills), crowd.diary)
        await server.up()
        await quiet_end(crowd, server.log_file)
    finally:
        await crowd.leave()
    return done


async def run(
    home: Path, key: str, kills: list[Kill], *, seed: int, visitors: int, seconds: float = inf
) -> tuple[Diary, Log, int]:
    """Kill a real server; give what visitors saw, what is left, and the number of kills."""
    with Victim(home, messages_per_minute="100000") as server:
        crowd = Crowd(server.url, key, visitors=visitors, pause_s=0.4, seed=str(seed), diary=Diary())
        done = await haunt(server, kills, crowd, seconds=seconds)
        await asyncio.to_thread(server.terminate)
    return crowd.diary, await left(home / "conversations.db"), done


async def quiet_end(crowd: Crowd, log_file: Path) -> None:
    """Let all be said, stored, answered and shown. What is not, in good time, is for the checker to find."""
    await crowd.finish(_SETTLED_S)
    deadline = monotonic() + _SETTLED_S
    while monotonic() < deadline:
        if not _rows(log_file, "SELECT 1 FROM conversations WHERE waits LIMIT 1"):
            break
        await asyncio.sleep(0.1)
    numbers = _rows(log_file, "SELECT conversation, max(seq) FROM events WHERE audience = 0 GROUP BY conversation")
    await crowd.rest({to_text(conversation): seq for conversation, seq in numbers}, within_s=min(30.0, _SETTLED_S))


def _rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as db:
        return db.execute(sql).fetchall()


async def left(path: Path) -> Log:
    """Read all that a log file holds."""
    log = await SqliteLog.open(path)
    try:
        return await whole(log)
    finally:
        await log.close()


async def whole(log: ConversationLog, workspace: str = "default") -> Log:
    """Read all conversations of a workspace."""
    heads = (await log.conversations(workspace, limit=_ALL)).items
    return {
        to_text(head.conversation): Logged(
            head=head,
            public=tuple(await log.events(workspace, head.conversation, limit=_ALL)),
            internal=tuple(await log.events(workspace, head.conversation, audience=Audience.INTERNAL, limit=_ALL)),
        )
        for head in heads
    }


def report(diary: Diary, log: Log, broken: list[Violation]) -> str:
    """Say what a run was about."""
    count = Counter(type(record) for record in diary.records)
    resumed = sum(isinstance(record, Welcomed) and record.recovered for record in diary.records)
    again = count[Sent] - len({record.client_msg_id for record in diary.records if isinstance(record, Sent)})
    events = sum(len(logged.public) for logged in log.values())
    return (
        f"{count[Sent] - again} messages ({again} sent again), {count[Acked]} acknowledgements, {count[Saw]} events "
        f"shown as they happened, {count[Welcomed]} welcomes ({resumed} resumed), {count[Troubled]} put off; the log "
        f"holds {events} events of {len(log)} conversations; {len(broken)} promises broken"
    )


def installation(folder: Path, like: Path | None = None) -> tuple[Path, str]:
    """Make an installation with the sample shop, or copy one; give its home and a widget's key."""
    home = folder / "home"
    if like is None:
        kefu(home, "ingest", SAMPLES, "--kb", "shop")
    else:
        shutil.copytree(like, home, ignore=shutil.ignore_patterns("conversations.db*", "webhooks.db*", "*.log"))
    return home, widget_key(home)


def judge(diary: Diary, log: Log, name: str) -> int:
    """Check a run; keep its history if a promise was broken."""
    broken = check(diary.records, log)
    sys.stdout.write(f"{name}: {report(diary, log, broken)}\n")
    for violation in broken[:20]:
        sys.stdout.write(f"  {violation}\n")
    if broken:
        kept = Path(tempfile.gettempdir()) / f"kefu-history-{name.replace(' ', '-')}.json"
        save(kept, diary.records, log)
        sys.stdout.write(f"  the history is kept: python -m tests.soak.kills --check {kept}\n")
    return len(broken)


def _tell(done: int, of: int, diary: Diary) -> None:
    if done % 10 == 0 and of > 10:
        sys.stdout.write(f"{done} of {of} kills, {diary.now:.0f} s, {len(diary.records)} records\n")
        sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; give the number of broken promises."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--visitors", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=inf, help="no kills after that")
    parser.add_argument("--home", type=Path, help="an installation with the base `shop`, which is copied")
    parser.add_argument("--check", type=Path, metavar="FILE", help="judge a history that was kept")
    asked = parser.parse_args(arguments)
    if asked.check:
        broken = check(*load(asked.check))
        sys.stdout.write("".join(f"{violation}\n" for violation in broken) + f"{len(broken)} promises broken\n")
        return len(broken)
    with tempfile.TemporaryDirectory(prefix="kefu-kills-") as folder:
        home, key = installation(Path(folder), asked.home)
        kills = schedule(asked.kills, asked.seed)
        began = monotonic()
        diary, log, done = asyncio.run(
            run(home, key, kills, seed=asked.seed, visitors=asked.visitors, seconds=asked.seconds)
        )
        sys.stdout.write(f"{done} kills in {monotonic() - began:.0f} s, load {os.getloadavg()[0]:.1f}\n")
        return judge(diary, log, f"kills of seed {asked.seed}")


if __name__ == "__main__":
    raise SystemExit(bool(main()))
