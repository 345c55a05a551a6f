"""What an operator sees and does: log lines, metrics, traces, a new configuration; and what must never be seen."""

import asyncio
import json
import os
import shutil
import signal
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.e2e.harness import RunningServer, Visitor, kefu, widget_key
from tests.fakes.collector import Collector
from tests.fakes.receiver import Receiver

pytestmark = pytest.mark.e2e

QUESTION = "How many days do I have to return something I don't like?"
CANARY, CARD, PHONE, MAIL = "zebraquokka", "4111111111111111", "13812345678", "ann.canary@example.com"
SECRETS = (CARD, PHONE, MAIL)
PRIVATE = f"{CANARY} 我的卡{CARD}，电话{PHONE}, {MAIL}"

# Notes every address that Python code connects or sends to, and every name that it looks up.
WATCHER = """
import os, sys
def note(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo"):
        place = arguments[0] if event == "socket.getaddrinfo" else arguments[1]
        fd = os.open(os.environ["CONNECTIONS_NOTED_IN"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(fd, f"{event} {place!r}\\n".encode())
        os.close(fd)
sys.addaudithook(note)
"""


@pytest.fixture
def home(shop, tmp_path):
    names = ("*.log", "conversations.db*", "kefu.toml")
    return shutil.copytree(shop, tmp_path / "home", ignore=shutil.ignore_patterns(*names))


def get(url, **headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def log_lines(home):
    text = (home / "server.log").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def wait_until(condition, home):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, log_lines(home)
        time.sleep(0.05)


async def until_logged(home, words):
    await asyncio.to_thread(wait_until, lambda: any(words in line.get("message", "") for line in log_lines(home)), home)


async def until_turns_are_logged(home, number):
    def turns():
        return [line for line in log_lines(home) if line.get("logger") == "kefu.turn"]

    await asyncio.to_thread(wait_until, lambda: len(turns()) >= number, home)
    return turns()


async def test_one_trace_leads_from_the_frame_to_the_webhook_and_nothing_told_betrays_a_visitor(home):
    key = widget_key(home)
    collector, receiver = await Collector().start(), await Receiver().start()
    (home / "kefu.toml").write_text('[server]\nwebhook_allow = ["127.0.0.1"]\n', "utf-8")
    await asyncio.to_thread(kefu, home, "webhooks", "add", receiver.url, "--no-challenge")
    with RunningServer(home, otlp_endpoint=collector.url) as server:
        ann = await Visitor.connect(server.url, key=key, language="en")
        token = (await ann.until("welcome"))["token"]
        await ann.say("m1", QUESTION)
        await ann.until("event", author="bot")
        await ann.say("m2", PRIVATE)
        await ann.until("event", author="bot", turn=2)
        turns = await until_turns_are_logged(home, 2)
        _, metrics = await asyncio.to_thread(get, f"{server.url}/metrics")
        spans = await collector.until({"kefu.message", "kefu.commit", "kefu.turn", "kefu.webhook"})
        await ann.close()
        assert await asyncio.to_thread(server.terminate) == 0
    await collector.stop()
    await receiver.stop()

    first = next(span for span in spans if span.name == "kefu.message")
    of_first = [span for span in spans if span.trace_id == first.trace_id]
    names = [span.name for span in of_first]
    assert {"kefu.message", "kefu.turn", "kefu.search", "kefu.webhook"} <= set(names), names
    assert names.count("kefu.commit") == 2  # the message and the reply
    ids = {span.span_id for span in of_first}
    assert [span.name for span in of_first if span.parent_span_id not in ids] == ["kefu.message"]
    trace = first.trace_id.hex()
    assert any(call.headers.get("traceparent", "").split("-")[1:2] == [trace] for call in receiver.calls)

    assert turns[0]["decision"] == "answer"
    assert 0 < turns[0]["confidence"] <= 1
    assert {"encode", "search"} <= turns[0]["stage_ms"].keys()
    assert 'kefu_turns_total{cached="no",decision="answer",workspace="default"} 1.0' in metrics
    assert "kefu_connections 1.0" in metrics
    assert "kefu_commit_appends_count" in metrics

    told = (home / "server.log").read_text("utf-8") + metrics + repr(collector.bodies)
    for secret in (CANARY, *SECRETS, token, key):
        assert secret not in told
    onward = b"".join(call.body for call in receiver.calls).decode()
    assert CANARY in onward
    for secret in (*SECRETS, token, key):
        assert secret not in onward


@pytest.fixture
def noted(tmp_path, monkeypatch):
    """Have every Python process that is started note where it connects to; gives the lines."""
    (tmp_path / "watcher").mkdir()
    (tmp_path / "watcher" / "sitecustomize.py").write_text(WATCHER, "utf-8")
    file = tmp_path / "connections"
    file.touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "watcher"))
    monkeypatch.setenv("CONNECTIONS_NOTED_IN", str(file))
    return lambda: file.read_text("utf-8").splitlines()


def beyond(lines):
    """Connections and lookups that are not of this machine."""
    return [line for line in lines if "127.0.0.1" not in line and "connect '/" not in line]


async def a_turn_is_watched(home, **settings):
    """Serve one turn, from start to end; give the other ends of all sockets of all processes."""
    key = widget_key(home)
    with RunningServer(home, **settings) as server, Peers(server) as peers:
        ann = await Visitor.connect(server.url, key=key)
        await ann.say("m1", QUESTION)
        await ann.until("event", author="bot")
        await asyncio.to_thread(peers.look)  # at least once while she is there, however busy the machine is
        await ann.close()
        assert await asyncio.to_thread(server.terminate) == 0
    return peers.found


async def test_by_default_no_connection_leaves_the_machine(home, noted):
    assert await a_turn_is_watched(home) == {"127.0.0.1"}
    lines = noted()
    assert any("getaddrinfo '127.0.0.1'" in line for line in lines)  # the watcher works: it is our own address
    assert beyond(lines) == []


async def test_a_connection_that_left_the_machine_would_be_noticed(home, noted):
    """Traces to an address of documentation (RFC 5737), where nobody is: what watches the test above sees them."""
    await a_turn_is_watched(home, otlp_endpoint="http://192.0.2.7:4318")
    assert any("socket.connect ('192.0.2.7', 4318)" in line for line in beyond(noted()))


class Peers:
    """Looks at the sockets of a server and of all processes that it starts, again and again."""

    def __init__(self, server):
        self.found = set()
        self._parent = server.process.pid
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="peers")

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._end.set()
        self._thread.join()

    def look(self):
        for process in family(self._parent):
            self.found |= peers(process)

    def _run(self):
        while not self._end.wait(0.02):
            self.look()


def family(process):
    """A process and all below it."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text("utf-8", "replace").rpartition(")")[2].split()[1])
    found = [process]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found


def peers(process):
    """The other ends of a process's TCP and UDP sockets, as the kernel lists them."""
    mine, found = set(), set()
    with suppress(OSError):  # it may end meanwhile
        for each in Path(f"/proc/{process}/fd").iterdir():
            with suppress(OSError):
                mine.add(os.readlink(each))
        for table in ("tcp", "tcp6", "udp", "udp6"):
            for line in Path(f"/proc/{process}/net/{table}").read_text("ascii").splitlines()[1:]:
                parts = line.split()
                if f"socket:[{parts[9]}]" in mine and parts[2].strip("0:"):
                    found.add(address_of(parts[2].split(":")[0]))
    return found


def address_of(written):
    """Read an address as /proc writes it: hexadecimal, each four bytes backwards."""
    raw = bytes.fromhex(written)
    address = ip_address(b"".join(raw[start : start + 4][::-1] for start in range(0, len(raw), 4)))
    return str(getattr(address, "ipv4_mapped", None) or address)


def test_an_address_of_the_kernels_tables_is_read_as_it_is():
    assert address_of("0100007F") == "127.0.0.1"
    assert address_of("0000000000000000FFFF00000100007F") == "127.0.0.1"
    assert address_of("B80D0120000000000000000001000000") == "2001:db8::1"


async def test_a_new_configuration_is_taken_over_while_visitors_stay_and_a_wrong_one_is_not(home):
    key = widget_key(home)
    with RunningServer(home) as server:
        ann = await Visitor.connect(server.url, key=key)
        await ann.until("welcome")
        (home / "kefu.toml").write_text('[server]\norigins = ["https://a.example"]\nlog_text = true\n', "utf-8")
        server.process.send_signal(signal.SIGHUP)
        await until_logged(home, "changed: server.origins, server.log_text")
        await ann.say("m1", f"{QUESTION} {CARD}")
        await ann.until("event", author="bot")
        [turn] = await until_turns_are_logged(home, 1)
        assert turn["text"] == f"{QUESTION} [number]"

        (home / "kefu.toml").write_text("[server]\nquiet_s = 99\n", "utf-8")
        await until_logged(home, "server.quiet_s is 99")  # nobody told it: the file was looked at
        await ann.say("m2", "hello")
        await ann.until("event", author="bot", turn=2)
        await ann.close()


async def test_metrics_are_for_those_who_are_near(home):
    with RunningServer(home) as server:
        assert (await asyncio.to_thread(get, f"{server.url}/metrics"))[0] == 200
        through_a_proxy = {"X-Forwarded-For": "203.0.113.7"}
        assert (await asyncio.to_thread(get, f"{server.url}/metrics", **through_a_proxy))[0] == 403


def test_a_configuration_can_be_checked_and_shown_before_it_is_used(home, tmp_path):
    file = tmp_path / "new.toml"
    file.write_text("[server]\nport = 9000\n", "utf-8")
    assert kefu(home, "config", "check", file) == "OK\n"
    file.write_text("[server]\nport = 90000\n", "utf-8")
    assert kefu(home, "config", "check", file, code=2) == ""
    (home / "kefu.toml").write_text("[server]\nport = 9000\n", "utf-8")
    shown = kefu(home, "config", "show").splitlines()
    assert f"server.port = 9000  # {home / 'kefu.toml'}" in shown
    assert "server.quiet_s = 1.2  # default" in shown
    assert f"home = {str(home)!r}  # KEFU_HOME" in shown
