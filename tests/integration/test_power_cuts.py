"""The power goes: what the log acknowledged is on the disk; and a log for which it is not is found out."""

import asyncio
import sqlite3
from random import Random

import pytest

from server.stores.sqlite import SqliteLog
from tests.soak.disk import (
    Delete,
    Disk,
    Keeps,
    KeepsAll,
    KeepsSome,
    Sync,
    SyncFolder,
    Truncate,
    Write,
    recording,
)
from tests.soak.power_cuts import prove

pytestmark = pytest.mark.integration


async def test_what_was_acknowledged_survives_a_power_cut_at_any_moment_and_nothing_is_half_there():
    line, wrong = await prove(SqliteLog.open, appends=40, seed=1, every=9)

    assert wrong == [], line


class HastyLog(SqliteLog):
    """Lets SQLite synchronise less than it should."""

    how = "OFF"

    def _connection(self) -> sqlite3.Connection:
        db = super()._connection()
        db.execute(f"PRAGMA synchronous={self.how}")
        return db


class LaxLog(HastyLog):
    how = "NORMAL"


class EarlyLog:
    """Acknowledges what is on its way to the disk."""

    def __init__(self, log):
        self._log = log
        self._underway = []

    @classmethod
    async def open(cls, path):
        return cls(await SqliteLog.open(path))

    async def append(self, append):
        self._underway.append(asyncio.create_task(self._log.append(append)))

    async def close(self):
        await asyncio.gather(*self._underway)
        await self._log.close()


@pytest.mark.parametrize("log", [HastyLog, LaxLog, EarlyLog])
async def test_a_log_that_acknowledges_what_is_not_on_the_disk_is_found_out(log):
    line, wrong = await prove(log.open, appends=12, seed=1, every=25)

    assert any("acknowledged and is not there" in what for what in wrong), line


def test_the_recorder_sees_what_sqlite_writes_and_files_rebuilt_from_it_are_the_same(tmp_path):
    file = tmp_path / "a.db"
    with recording() as trace:
        db = sqlite3.connect(file, isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE lines (text)")
        for number in range(300):
            db.execute("INSERT INTO lines VALUES (?)", ("x" * number * 10,))
        disk = Disk()
        for step in trace:
            disk.take(step)
        rebuilt = disk.after_a_cut(KeepsAll())
        there = {str(path): path.read_bytes() for path in tmp_path.iterdir() if path.suffix != ".db-shm"}
        db.close()

    assert rebuilt == there
    assert {type(step) for step in trace} >= {Write, Sync, SyncFolder, Delete}


def test_a_cut_takes_what_was_not_synchronised():
    disk = Disk()
    for step in (Write("f", 0, b"old"), Sync("f"), SyncFolder("."), Write("f", 0, b"new"), Write("g", 0, b"also")):
        disk.take(step)

    assert disk.after_a_cut(Keeps()) == {"f": b"old"}
    assert disk.after_a_cut(KeepsAll()) == {"f": b"new", "g": b"also"}
    some = [disk.after_a_cut(KeepsSome(Random(seed))) for seed in range(50)]
    assert {files["f"] for files in some} == {b"old", b"new"}
    assert any("g" in files for files in some)
    assert any("g" not in files for files in some)


def test_a_file_is_there_or_gone_for_good_when_its_folder_was_synchronised():
    disk = Disk()
    for step in (Write("f", 0, b"text"), Sync("f")):
        disk.take(step)
    assert disk.after_a_cut(Keeps()) == {}
    for step in (SyncFolder("."), Delete("f")):
        disk.take(step)
    assert disk.after_a_cut(Keeps()) == {"f": b"text"}
    disk.take(SyncFolder("."))
    assert disk.after_a_cut(KeepsAll()) == disk.after_a_cut(Keeps()) == {}


def test_a_write_is_torn_between_sectors_only():
    disk = Disk()
    disk.take(Write("f", 0, bytes(512)))
    disk.take(Truncate("f", 100))
    disk.take(SyncFolder("."))
    disk.take(Sync("f"))
    disk.take(Write("f", 100, b"x" * 2000))
    sizes = {len(disk.after_a_cut(KeepsSome(Random(seed)))["f"]) for seed in range(200)}

    assert sizes == {100, 512, 1024, 1536, 2048, 2100}
