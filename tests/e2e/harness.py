"""A server as production runs it: a process of its own, real sockets, real signals; and a visitor to talk to it."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import aiohttp

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "ingest" / "samples"
STARTING_S = 60


def models_folder() -> str:
    return os.environ.get("KEFU_MODELS") or str(Path("~/.local/share/kefu/models").expanduser())


def environ(home: Path, **more: str) -> dict[str, str]:
    own = {key: value for key, value in os.environ.items() if not key.startswith("KEFU_")}
    return {**own, "KEFU_HOME": str(home), "KEFU_MODELS": models_folder(), "COLUMNS": "200", **more}


def kefu(home: Path, *arguments: object, code: int = 0) -> str:
    """Run a command to its end; give what it printed."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "kefu.py"), *map(str, arguments)],
        capture_output=True, text=True, encoding="utf-8", timeout=300, env=environ(home), check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr[-2000:]
    return done.stdout


def widget_key(home: Path, kb: str = "shop", *arguments: str) -> str:
    """Make a publishable key."""
    return kefu(home, "keys", "add", "--widget", kb, *arguments).split()[2]


class RunningServer:
    """`kefu serve` over an installation. Always killed at the end."""

    def __init__(self, home: Path, **more: str) -> None:
        self.home = home
        self.port = _free_port()
        self.more = {f"KEFU_SERVER_{name.upper()}": value for name, value in more.items()}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start the process, and wait until it is ready."""
        self.launch()
        assert self.process is not None
        deadline = time.monotonic() + STARTING_S
        while not self.ready():
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.05)

    def launch(self) -> None:
        """Start the process, and do not wait."""
        with (self.home / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "kefu.py"), "serve"],
                stdout=log, stderr=log, env=environ(self.home, KEFU_SERVER_PORT=str(self.port), **self.more),
            )  # fmt: skip

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    @property
    def serving(self) -> int:
        """The process that serves, a child of the one that was started."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text("ascii").split()
        return int(children[-1])

    def kill(self) -> None:
        """End all of it the hard way."""
        if self.process is not None:
            with suppress(IndexError, ProcessLookupError, FileNotFoundError):
                os.kill(self.serving, signal.SIGKILL)
            self.process.kill()
            self.process.wait(30)
            self.process = None

    def kill_serving(self) -> None:
        """Kill the serving process alone; its parent starts another."""
        os.kill(self.serving, signal.SIGKILL)

    def restart(self) -> None:
        """Ask for a successor, and wait until it serves."""
        assert self.process is not None
        before = self.serving
        self.process.send_signal(signal.SIGUSR2)
        deadline = time.monotonic() + STARTING_S
        while Path(f"/proc/{before}").exists() or not self.ready():
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def terminate(self) -> int:
        """Ask it to end, and give its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self.process = None
        return code

    def log(self) -> str:
        return (self.home / "server.log").read_text("utf-8", "replace")[-4000:]


class Visitor:
    """A device over a real WebSocket, speaking JSON; every frame it was sent is kept."""

    def __init__(self, http: aiohttp.ClientSession, socket_: aiohttp.ClientWebSocketResponse) -> None:
        self.http, self.socket = http, socket_
        self.frames: list[dict[str, Any]] = []

    @classmethod
    async def connect(cls, url: str, **hello: object) -> Self:
        http = aiohttp.ClientSession()
        visitor = cls(http, await http.ws_connect(f"{url}/v1/ws", protocols=["kefu.v1.json"]))
        await visitor.send(type="hello", **hello)
        return visitor

    async def send(self, **frame: object) -> None:
        await self.socket.send_str(json.dumps(frame))

    async def say(self, client_msg_id: str, text: str) -> None:
        await self.send(type="say", client_msg_id=client_msg_id, text=text)

    async def until(self, kind: str, *, within_s: float = 20.0, **wanted: object) -> dict[str, Any]:
        """Read frames until one of a kind with these values comes."""
        async with asyncio.timeout(within_s):
            while True:
                message = await self.socket.receive()
                if message.type is not aiohttp.WSMsgType.TEXT:
                    raise ConnectionError(f"closed with {self.socket.close_code} while waiting for {kind}")
                frame = json.loads(message.data)
                self.frames.append(frame)
                if frame["type"] == kind and all(frame.get(key) == value for key, value in wanted.items()):
                    return dict(frame)

    async def closed(self) -> int | None:
        """Read to the end; give the close code."""
        async for message in self.socket:
            self.frames.append(json.loads(message.data))
        return self.socket.close_code

    async def close(self) -> None:
        await self.socket.close()
        await self.http.close()

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event shown, those of the welcome included, in the order of arrival."""
        shown: list[dict[str, Any]] = []
        for frame in self.frames:
            shown += frame.get("events", []) if frame["type"] == "welcome" else []
            shown += [frame] if frame["type"] == "event" else []
        return shown


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
