"""Starts `make demo` in a bare environment, asks its page's chat in both languages, and checks what it cites.

    python3 .ci/ask_the_demo.py VENV HOME

Runs on the system's Python; the questions are asked by the reference client of the demo's own environment.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request

WANTED = {
    "原价商品几天内可以退货？": "zh-return-window",
    "How many days do I have to return something I don't like?": "en-return-window",
}
STARTING_S = 1500
ASK = """
import sys
from server.client.blocking import Client
url, key, question = sys.argv[1:]
with Client(url, key=key) as client:
    client.say(question)
    for event in client.events(quiet_s=20):
        if event.author == "bot":
            print(*(source.entry_id for source in event.sources))
            break
"""


def main(venv: str, home: str) -> int:
    """Give 0 if both answers cite their entry."""
    bare = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "LANG": "C.UTF-8", "KEFU_SERVER_PORT": "0"}
    demo = subprocess.Popen(
        ["make", "demo", f"VENV={venv}", f"DEMO_HOME={home}"],
        env=bare, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    watchdog = threading.Timer(STARTING_S, os.killpg, (demo.pid, signal.SIGKILL))
    watchdog.start()
    try:
        address = _address(demo)
        with urllib.request.urlopen(address, timeout=30) as page:
            found = re.search(r"wk_[\w-]+", page.read().decode())
        assert found, "the demo's page shows no widget"
        return max(_ask(venv, address, found[0], question) != entry for question, entry in WANTED.items())
    finally:
        watchdog.cancel()
        if demo.poll() is None:
            os.killpg(demo.pid, signal.SIGTERM)
            demo.wait(60)


def _address(demo: "subprocess.Popen[str]") -> str:
    for line in demo.stdout or ():
        sys.stdout.write(line)
        sys.stdout.flush()
        if found := re.search(r"shop is open at (http://127\.0\.0\.1:\d+)", line):
            threading.Thread(target=lambda: [None for _ in demo.stdout or ()], daemon=True).start()
            return found[1]
    raise SystemExit("the demo ended before it served")


def _ask(venv: str, address: str, key: str, question: str) -> str:
    url = f"{address.replace('http', 'ws', 1)}/v1/ws"
    said = subprocess.run(
        [f"{venv}/bin/python", "-c", ASK, url, key, question], capture_output=True, text=True, timeout=120, check=False
    )
    cited = said.stdout.strip()
    sys.stdout.write(f"{question} -> {cited or said.stderr[-500:]}\n")
    return cited


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
