"""What the parent does about SIGHUP, on a terminal and without; with a serving process that does nothing."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

# Says what the serving process says, and notes what it is told.
CHILD = """
import os, signal, socket, sys, time
control = socket.socket(fileno=int(sys.argv[sys.argv.index("--control") + 1]))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
control.sendall(b"warm\\n")
while (word := control.recv(64)):
    with open(sys.argv[1], "ab") as noted:
        noted.write(word)
    if b"go" in word:
        time.sleep(float(os.environ.get("SLOW_TO_BE_READY_S", "0")))
        control.sendall(b"ready\\n")
"""
NO_NOHUP = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"  # whoever runs the tests may be under it
PARENT = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from server.parent import run
from server.settings import Installation, ServerSettings
settings = Installation(home=Path({home!r}), server=ServerSettings(port=0, drain_s=0.1))
raise SystemExit(run(settings, [sys.executable, {child!r}, {noted!r}]))
"""


class Parent:
    """The parent in a session of its own, on a terminal if it is given one."""

    def __init__(self, folder: Path, *, terminal: bool, before: str = "") -> None:
        self.noted = folder / "noted"
        (folder / "child.py").write_text(CHILD, "utf-8")
        script = (
            NO_NOHUP
            + before
            + PARENT.format(root=str(ROOT), home=str(folder), child=str(folder / "child.py"), noted=str(self.noted))
        )
        self.master = -1
        if terminal:
            pid, self.master = pty.fork()
            if pid == 0:
                os.execv(sys.executable, [sys.executable, "-c", script])
            self.pid = pid
        else:
            self.process = subprocess.Popen(
                [sys.executable, "-c", script], start_new_session=True, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            self.pid = self.process.pid

    def until_told(self, word: bytes) -> None:
        deadline = time.monotonic() + 60
        while not (self.noted.exists() and word in self.noted.read_bytes()):
            assert time.monotonic() < deadline, word
            if self.master >= 0 and select.select([self.master], [], [], 0)[0]:
                os.read(self.master, 4096)
            time.sleep(0.01)

    def hang_up(self) -> None:
        os.close(self.master)
        self.master = -1

    @property
    def lives(self) -> bool:
        return os.waitpid(self.pid, os.WNOHANG) == (0, 0)

    def ended(self) -> int:
        """Wait for its end; give its code."""
        deadline = time.monotonic() + 60
        while (found := os.waitpid(self.pid, os.WNOHANG)) == (0, 0):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return os.waitstatus_to_exitcode(found[1])

    def close(self) -> None:
        try:
            os.kill(self.pid, signal.SIGTERM)
            self.ended()
        except (ProcessLookupError, ChildProcessError):
            pass
        if hasattr(self, "process"):
            self.process.returncode = 0  # waited for above
        if self.master >= 0:
            os.close(self.master)


@pytest.fixture
def started(tmp_path):
    made = []

    def start(**how):
        made.append(Parent(tmp_path, **how))
        made[-1].until_told(b"go")
        return made[-1]

    yield start
    for each in made:
        each.close()


@pytest.mark.parametrize("terminal", [True, False], ids=["on a terminal", "as a service"])
def test_a_hangup_that_somebody_sends_has_the_configuration_read_again(started, terminal):
    parent = started(terminal=terminal)
    os.kill(parent.pid, signal.SIGHUP)
    parent.until_told(b"reload")
    assert parent.lives


def test_a_terminal_that_goes_away_ends_the_server_in_good_order(started):
    parent = started(terminal=True)
    parent.hang_up()
    assert parent.ended() == 0
    assert b"reload" not in parent.noted.read_bytes()


def test_under_nohup_it_goes_on_when_the_terminal_goes_away(started):
    ignoring = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    parent = started(terminal=True, before=ignoring)
    parent.hang_up()
    parent.until_told(b"reload")
    assert parent.lives


def test_a_terminal_that_goes_away_before_the_address_was_told_ends_it_in_good_order_too(started):
    slow = "import os; os.environ['SLOW_TO_BE_READY_S'] = '0.5'\n"
    parent = started(terminal=True, before=slow)
    parent.hang_up()
    assert parent.ended() == 0
