import os
import pty
import select
import subprocess
import sys
import termios
import time
from contextlib import suppress
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]


class Terminal:
    """A pseudo terminal with a conversation on it."""

    def __init__(self):
        self._ours, self._theirs = pty.openpty()
        self.before = termios.tcgetattr(self._theirs)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.chat_in_a_process"],
            cwd=ROOT, stdin=self._theirs, stdout=self._theirs, stderr=self._theirs, start_new_session=True,
            preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),
        )  # fmt: skip

    @property
    def now(self):
        return termios.tcgetattr(self._theirs)

    def write(self, text):
        os.write(self._ours, text.encode())

    def read_until(self, wanted, timeout_s=30):
        seen = ""
        while wanted not in seen:
            ready, _, _ = select.select([self._ours], [], [], timeout_s)
            assert ready, f"{wanted!r} never came; seen: {seen}"
            seen += os.read(self._ours, 4096).decode(errors="replace")
        return seen

    def wait_until_it_listens(self, timeout_s=30):
        """Return once the process sleeps, in its read of the terminal.

        A signal between the prompt and that read is acted on by CPython at the next key only: no person is that quick,
        but this test would be.
        """
        until = time.monotonic() + timeout_s
        stat = Path(f"/proc/{self.process.pid}/stat")
        while stat.read_text().rpartition(") ")[2][0] != "S":
            assert time.monotonic() < until, "the process never came to rest at its prompt"
            time.sleep(0.01)

    def close(self):
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        os.close(self._ours)
        os.close(self._theirs)


@pytest.fixture
def terminal():
    made = Terminal()
    yield made
    made.close()


def test_ctrl_c_at_the_prompt_leaves_at_once_and_the_terminal_is_as_before(terminal):
    terminal.read_until("you ›")
    terminal.wait_until_it_listens()
    terminal.write("\x03")
    assert terminal.process.wait(timeout=30) == 0
    assert terminal.now == terminal.before


def test_a_conversation_goes_on_until_the_visitor_quits(terminal):
    terminal.read_until("you ›")
    terminal.write("return\n")
    assert "Which of these do you mean?" in terminal.read_until("you ›")
    terminal.write("第二个\n")
    assert "7 days" in terminal.read_until("you ›")
    terminal.write("/quit\n")
    assert terminal.process.wait(timeout=30) == 0
