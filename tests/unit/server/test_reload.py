import asyncio
import logging
import os
from dataclasses import replace

import pytest

from engine.errors import SettingsError
from engine.settings import ModelSettings, load_as, sources
from server.reload import Changes, Live, Reloader
from server.settings import Installation, ServerSettings

START = Installation()


def with_server(**values):
    return replace(START, server=ServerSettings(**values))


@pytest.fixture
def live():
    return Live(START)


def test_a_part_is_told_when_one_of_its_settings_changed_and_only_then(live):
    told = []
    live.follow(("server.quiet_s", "server.patience_s"), lambda now: told.append(now.server.quiet_s))
    live.follow(("server.origins",), lambda now: told.append(now.server.origins))
    assert live.change(with_server(quiet_s=0.5)) == Changes(applied=("server.quiet_s",))
    assert told == [0.5]
    assert live.now.server.quiet_s == 0.5


def test_what_nobody_follows_waits_for_a_restart_and_is_not_in_force(live):
    live.follow(("server.quiet_s",), lambda now: None)
    wanted = replace(with_server(port=9000, quiet_s=0.5), models=ModelSettings(encoder="BAAI/bge-m3"))
    assert live.change(wanted) == Changes(applied=("server.quiet_s",), waiting=("models.encoder", "server.port"))
    assert (live.now.server.port, live.now.models.encoder) == (8080, "bundled")
    assert live.change(wanted).applied == ()


def test_a_part_that_fails_puts_all_parts_back(live):
    told = []

    def fail(now):
        if now.server.quiet_s != 1.2:
            raise RuntimeError("no")

    live.follow(("server.quiet_s",), lambda now: told.append(now.server.quiet_s))
    live.follow(("server.quiet_s",), fail)
    with pytest.raises(RuntimeError):
        live.change(with_server(quiet_s=0.5))
    assert told == [0.5, 1.2]
    assert live.now is START


class File:
    """A kefu.toml, its reader, and a clock that is turned by hand."""

    def __init__(self, path):
        self.path = path / "kefu.toml"
        self.home = str(path)
        self.turns = asyncio.Semaphore(0)
        self.looked = asyncio.Semaphore(0)

    def write(self, text):
        self.path.write_text(text, "utf-8")
        stamp = self.path.stat()
        os.utime(self.path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns + 1))

    def read(self):
        return load_as(Installation, home=self.home, environ={})

    async def pause(self, seconds):
        self.looked.release()
        await self.turns.acquire()

    async def look(self, times=1):
        for _ in range(times):
            self.turns.release()
            await self.looked.acquire()


@pytest.fixture
async def watched(tmp_path, caplog):
    caplog.set_level(logging.INFO, "server.reload")
    file = File(tmp_path)
    live = Live(file.read())
    live.follow(("server.quiet_s", "server.patience_s"), lambda now: None)
    reloader = Reloader(live, file.read, file.path, pause=file.pause)
    task = asyncio.create_task(reloader.run())
    await file.looked.acquire()
    yield file, live, reloader
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_file_that_changed_is_read_once_it_has_settled(watched):
    file, live, _ = watched
    file.write("[server]\nquiet_s = 0.5\n")
    await file.look()
    assert live.now.server.quiet_s == 1.2
    await file.look()
    assert live.now.server.quiet_s == 0.5


async def test_sighup_reads_at_once(watched, caplog):
    file, live, reloader = watched
    file.write("[server]\nquiet_s = 0.5\nport = 9000\n")
    reloader.tell()
    await file.looked.acquire()
    assert live.now.server.quiet_s == 0.5
    assert "changed: server.quiet_s" in caplog.text
    assert "needs a restart: server.port" in caplog.text


@pytest.mark.parametrize(
    ("toml", "complaint"),
    [
        ("[server]\nquiet_s = 99\n", "server.quiet_s is 99"),
        ("[server]\nquite_s = 1\n", "unknown setting server.quite_s"),
        ("[server\n", "cannot be read as TOML"),
        ("[server]\nquiet_s = 3\npatience_s = 2\n", "server.patience_s is 2"),
    ],
    ids=["out-of-range", "unknown", "not-toml", "do-not-agree"],
)
async def test_a_wrong_file_is_one_line_and_the_former_settings_stay(watched, caplog, toml, complaint):
    file, live, _ = watched
    file.write(toml)
    await file.look(4)
    [line] = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert complaint in line
    assert live.now.server.quiet_s == 1.2

    file.write("[server]\nquiet_s = 0.5\n")
    await file.look(2)
    assert live.now.server.quiet_s == 0.5


async def test_a_file_that_went_away_means_the_defaults(watched):
    file, live, _ = watched
    file.write("[server]\nquiet_s = 0.5\n")
    await file.look(2)
    file.path.unlink()
    await file.look(2)
    assert live.now.server.quiet_s == 1.2


async def test_what_changed_while_the_process_started_is_taken_over(tmp_path):
    file = File(tmp_path)
    live = Live(file.read())
    live.follow(("server.quiet_s",), lambda now: None)
    file.write("[server]\nquiet_s = 0.5\n")
    task = asyncio.create_task(Reloader(live, file.read, file.path, pause=file.pause).run())
    await file.looked.acquire()
    assert live.now.server.quiet_s == 0.5
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_each_setting_tells_where_it_comes_from(tmp_path):
    file = tmp_path / "kefu.toml"
    file.write_text("[server]\nport = 1\nquiet_s = 0.5\n", "utf-8")
    environ = {"KEFU_SERVER_PORT": "2", "KEFU_HOME": str(tmp_path), "KEFU_MODELS": "/m"}
    assert sources(Installation, environ=environ) == {
        "server.port": "KEFU_SERVER_PORT",
        "server.quiet_s": str(file),
        "models.folder": "KEFU_MODELS",
        "home": "KEFU_HOME",
    }
    assert sources(Installation, home=str(tmp_path), environ={})["home"] == "--home"


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("KEFU_SERVER_LOG_TEXT", "maybe", "server.log_text is 'maybe'; it must be true or false"),
        ("KEFU_SERVER_LOG_LEVEL", "loud", "server.log_level is 'loud'"),
        ("KEFU_SERVER_LOG_FORMAT", "xml", "server.log_format is 'xml'; it must be json or text"),
        ("KEFU_SERVER_METRICS_FROM", "10.0.0.0/99", "server.metrics_from is '10.0.0.0/99'"),
        ("KEFU_SERVER_OTLP_ENDPOINT", "collector:4318", "server.otlp_endpoint is 'collector:4318'"),
        ("KEFU_SERVER_OTLP_RATIO", "2", "server.otlp_ratio is 2"),
    ],
)
def test_a_wrong_value_of_telemetry_is_named(tmp_path, name, value, complaint):
    with pytest.raises(SettingsError, match=complaint):
        load_as(Installation, home=str(tmp_path), environ={name: value})


@pytest.mark.parametrize("value", ["true", "True"])
def test_a_truth_value_can_be_given_as_a_word(tmp_path, value):
    assert load_as(Installation, home=str(tmp_path), environ={"KEFU_SERVER_LOG_TEXT": value}).server.log_text is True
