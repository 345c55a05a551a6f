"""`make load`: visitors and agents over WebSocket against a server, and a report of what they saw.

    python -m tests.load [--users 100] [--agents 10] [--seconds 60] [--out .load] [--home .demo]
    python -m tests.load --host URL --key KEY [--agents 10 --admin LOGIN:PASSWORD] …

Agents get accounts of their own by the console's API, as `--admin`; on a server of its own `kefu agents add` makes one.
Runs in the environment of locust, which works with gevent. Without a host it starts `kefu serve` over the sample shop
(of `make demo`'s folder, with a log of its own), lets the visitors in from many addresses, and ends it afterwards.
Exit code 1: a message or a reply was lost.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.load.desk import hire

ROOT = Path(__file__).resolve().parents[2]
_STARTING_S = 120


def main() -> int:
    """Run locust; give its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="")
    parser.add_argument("--key", default="")
    parser.add_argument("--admin", default="", metavar="LOGIN:PASSWORD", help="who may add agents")
    parser.add_argument("--users", type=int, default=100, help="visitors")
    parser.add_argument("--agents", type=int, default=0)
    parser.add_argument("--capacity", type=int, default=4, help="conversations of an agent at once")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--out", type=Path, default=ROOT / ".load")
    parser.add_argument("--home", type=Path, default=ROOT / ".demo")
    parser.add_argument("--python", default=sys.executable, help="of the environment that kefu is installed in")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    if given.host:
        return visit(given.host, given.key, logins(given.host, given.admin, given), given)
    with running(given.python, given.home, given.out / "server.log") as (host, key, admin):
        return visit(host, key, logins(host, admin, given), given)


def logins(host: str, admin: str, given: argparse.Namespace) -> dict[str, str]:
    """Add the agents; give logins and passwords."""
    if not given.agents:
        return {}
    login, _, password = admin.partition(":")
    if not password:
        raise SystemExit("agents need an admin who adds them: --admin LOGIN:PASSWORD (LOAD_ADMIN)")
    return hire(host, login, password, agents=given.agents, capacity=given.capacity)


def visit(host: str, key: str, passwords: dict[str, str], given: argparse.Namespace) -> int:
    """Let everybody come, ten a second; write report.html and report.json."""
    users, out = given.users + len(passwords), given.out
    done = subprocess.run(
        [
            sys.executable, "-m", "locust", "--locustfile", str(ROOT / "locustfile.py"), "--headless", "--host", host,
            "--users", str(users), "--spawn-rate", str(min(users, 10)), "--run-time", f"{given.seconds}s",
            "--stop-timeout", "10", "--html", str(out / "report.html"), "--json-file", str(out / "report"),
            "--only-summary",
        ],
        cwd=ROOT, check=False,
        env={**os.environ, "LOAD_KEY": key, "LOAD_LOGINS": json.dumps(passwords), "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    sys.stdout.write(f"report: {out / 'report.html'}\n")
    return done.returncode


@contextmanager
def running(python: str, demo: Path, log: Path) -> Iterator[tuple[str, str, str]]:
    """Serve the sample shop from an empty log; give address, key, and an admin's login and password."""
    if not (demo / "kb").exists():
        raise SystemExit(f"{demo} holds no knowledge base; run `make demo` once, or name another folder with --home")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        shutil.copy(demo / "catalog.db", home)
        shutil.copytree(demo / "kb", home / "kb")
        models = os.environ.get("KEFU_MODELS") or str(_models(demo))
        port = _free_port()
        own = {"KEFU_HOME": folder, "KEFU_MODELS": models, "KEFU_SERVER_PORT": str(port), "COLUMNS": "200"}
        environ = {**os.environ, **own}
        kefu = [python, str(ROOT / "kefu.py")]
        key = _printed([*kefu, "keys", "add", "--widget", "shop"], environ).split()[2]
        added = _printed([*kefu, "agents", "add", "load-admin", "--role", "admin"], environ)
        password = next(line.split()[1] for line in added.splitlines() if line.startswith("password "))
        with log.open("wb") as lines:
            server = subprocess.Popen([*kefu, "serve"], env=environ, stdout=lines, stderr=lines)
        try:
            _await(f"http://127.0.0.1:{port}", server, log)
            yield f"http://127.0.0.1:{port}", key, f"load-admin:{password}"
        finally:
            server.terminate()
            server.wait(60)


def _printed(command: list[str], environ: dict[str, str]) -> str:
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout


def _await(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _STARTING_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"the server did not start: {log.read_text('utf-8', 'replace')[-2000:]}")


def _models(demo: Path) -> Path:
    """Find prepared models: beside the demonstration's base, else the user's."""
    own = demo / "models"
    return own if (own / "multilingual-e5-small").exists() else Path("~/.local/share/kefu/models").expanduser()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    raise SystemExit(main())
