"""When a successor is let in: once its predecessor has closed the log, and not before."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
PARENT = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from server.parent import run
from server.settings import Installation, ServerSettings
settings = Installation(home=Path({home!r}), server=ServerSettings(port=0, drain_s=0.1))
raise SystemExit(run(settings, [sys.executable, {child!r}, {noted!r}, {ending!r}]))
"""
# Speaks as the serving process does; `ending` says what it does between SIGTERM and its end.
CHILD = """
import os, signal, socket, sys, time
control = socket.socket(fileno=int(sys.argv[sys.argv.index("--control") + 1]))
def note(word):
    with open(sys.argv[1], "a") as noted:
        noted.write(f"{os.getpid()} {word}\\n")
def end(*_):
    exec(sys.argv[2])
    note("ended")
    os._exit(0)
signal.signal(signal.SIGTERM, end)
control.sendall(b"warm\\n")
while word := control.recv(64):
    if b"go" in word:
        note("let in")
        control.sendall(b"ready\\n")
"""
GOES_SLOWLY = 'note("closed"); control.sendall(b"gone\\n"); time.sleep(2.0)'
SAYS_NOTHING = 'note("closed"); time.sleep(0.5)'


async def noted_of_a_restart(folder: Path, ending: str) -> list[str]:
    """Restart once; give what both children noted, as `first` and `second`."""
    child, noted = folder / "child.py", folder / "noted"
    child.write_text(CHILD, "utf-8")
    script = PARENT.format(root=str(ROOT), home=str(folder), child=str(child), noted=str(noted), ending=ending)
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
    try:
        await until(lambda: lines(noted) == 1)
        os.kill(parent.pid, signal.SIGUSR2)
        await until(lambda: lines(noted) == 4)
        words = [line.split(maxsplit=1) for line in noted.read_text("utf-8").splitlines()]
        first = words[0][0]
        return [f"{'first' if pid == first else 'second'} {word}" for pid, word in words]
    finally:
        parent.terminate()
        await parent.wait()


def lines(file: Path) -> int:
    return file.read_text("utf-8").count("\n") if file.exists() else 0


async def until(condition):
    async with asyncio.timeout(60):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)


async def test_a_successor_is_let_in_when_the_log_is_closed_though_its_predecessor_takes_long_to_end(tmp_path):
    noted = await noted_of_a_restart(tmp_path, GOES_SLOWLY)

    assert noted == ["first let in", "first closed", "second let in", "first ended"]


async def test_a_successor_is_not_let_in_before_a_predecessor_that_says_nothing_has_ended(tmp_path):
    noted = await noted_of_a_restart(tmp_path, SAYS_NOTHING)

    assert noted == ["first let in", "first closed", "first ended", "second let in"]
