"""Files of earlier versions: each is brought to the newest schema, and nothing in it is lost on the way.

`tests/data/schemas/NAME-N.sql` is what a kefu whose schema was N wrote, as SQLite dumps it. Such a file is frozen.
"""

import re
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

import kefu
from knowledge import migrations as catalog
from knowledge import schema
from server.access import keys as key_file
from server.access.keys import Keys, KeyStoreUnavailable, Scope
from server.conversations.events import (
    Acted,
    Action,
    Audience,
    Choice,
    File,
    Opened,
    Replied,
    Source,
    Spoke,
    Understood,
)
from server.errors import LogUnavailable
from server.events import webhook_file
from server.events.deliveries import Deliveries
from server.events.subscriptions import Subscriptions
from server.events.webhook_file import WebhooksUnavailable
from server.stores import migrations as log_file
from server.stores.sqlite import SqliteLog

FROZEN = Path(__file__).resolve().parents[2] / "data" / "schemas"
ROOT = FROZEN.parents[2]
STEPS = {
    "conversations": log_file.STEPS,
    "keys": key_file.STEPS,
    "webhooks": webhook_file.STEPS,
    "catalog": catalog.STEPS,
}
AT = 1_790_000_000_000
EARLIER = [(name, number) for name, steps in STEPS.items() for number in range(1, len(steps))]


def thaw(path: Path, name: str) -> Path:
    """Make the file that a frozen dump was taken from."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.executescript((FROZEN / f"{name}.sql").read_text("utf-8"))
    return path


def step_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("PRAGMA user_version").fetchone()[0]


def schema_of(db: sqlite3.Connection) -> set[str]:
    rows = db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'")
    return {re.sub(r"\s+", " ", sql) for (sql,) in rows}


def rows_of(db: sqlite3.Connection, columns: dict[str, list[str]]) -> dict[str, list[tuple]]:
    return {
        table: sorted(db.execute(f"SELECT {', '.join(names)} FROM {table}").fetchall(), key=repr)
        for table, names in columns.items()
    }


def columns_of(db: sqlite3.Connection) -> dict[str, list[str]]:
    tables = [
        name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'") if "sqlite" not in name
    ]
    return {table: [row[1] for row in db.execute(f"PRAGMA table_info({table})")] for table in tables}


# -- frozen files


async def test_conversations_of_the_first_schema_are_all_there(tmp_path):
    log = await SqliteLog.open(thaw(tmp_path / "c.db", "conversations-1"))
    ann, bob = await log.current("acme", "ann"), await log.current("acme", "user:4711")
    public = await log.events("acme", ann.conversation)

    assert [event.seq for event in public] == [1, 2, 3, 4, 5, 6]
    assert [event.body for event in public] == [
        Opened(kb="shop", language="zh-CN", page="https://shop.example/a"),
        Spoke(text="原价商品几天内可以退货？"),
        Replied(
            text="签收后 **7 天**内。",
            decision="answer",
            sources=(Source(entry_id="zh-return-window", title="退货"),),
            choices=(Choice(entry_id="e2", label="运费"),),
        ),
        Acted(action=Action.CHOOSE, value="e2", label="运费", about="A" * 22),
        Replied(text="十元。", decision="answer"),
        Acted(action=Action.FEEDBACK, value="up", about="A" * 22),
    ]
    assert [(event.author, event.at, event.turn, event.client_msg_id) for event in public[:4]] == [
        ("system", AT, 0, ""), ("visitor", AT + 10, 1, "m1"), ("bot", AT + 20, 1, ""), ("visitor", AT + 30, 2, "m2"),
    ]  # fmt: skip
    (understood,) = await log.events("acme", ann.conversation, audience=Audience.INTERNAL)
    assert isinstance(understood.body, Understood)
    assert understood.body.receipt == {"confidence": 0.93, "versions": {"knowledge": "c56d"}}
    assert (ann.seq, ann.internal_seq, ann.turn, ann.answered, ann.kb, ann.language) == (6, 1, 2, 2, "shop", "zh-CN")
    assert (await log.events("acme", bob.conversation))[-1].body == Spoke(
        text="hello?", files=(File(id="B" * 22, name="a.png", media_type="image/png", size=12),)
    )
    await log.close()


async def test_what_was_unanswered_erased_or_to_be_told_in_the_first_schema_still_is(tmp_path):
    log = await SqliteLog.open(thaw(tmp_path / "c.db", "conversations-1"))
    erased = await log.current("globex", "ann")

    assert [head.visitor for head in await log.unanswered()] == ["ann", "user:4711"]
    assert [event.body for event in await log.events("globex", erased.conversation)] == [None, None]
    assert [(each.position, each.kind) for each in await log.onward()] == [
        (1, "conversation.opened"), (2, "message.created"), (3, "reply.rated"),
    ]  # fmt: skip
    assert (await log.conversations("acme")).total == 2
    assert await log.by_client_msg_id("acme", (await log.current("acme", "ann")).conversation, "visitor", "m1")
    await log.close()


def test_keys_from_before_there_were_steps_still_open_what_they_opened(tmp_path):
    keys = Keys(thaw(tmp_path / "k.db", "keys-0"))

    front = keys.widget("wk_vr2Vx1NXR52sg1rZcAXlIA")
    assert (front.workspace, front.kb, front.origins) == ("acme", "shop", ("https://shop.example",))
    crm = keys.secret("sk_Ec0Gb3Bod3ZyPGZefwhYg_89jcPkdRKjKV_gVKmvE2U")
    assert (crm.name, crm.scopes) == ("crm", (Scope.READ, Scope.ASK))
    assert keys.widget("wk_hx-6we_nv2fO_NkcbVwo8A") is None
    assert [key.revoked for key in keys.all()] == [True, False, False]
    keys.close()
    assert step_of(tmp_path / "k.db") == len(key_file.STEPS)


def test_webhooks_from_before_there_were_steps_keep_their_secrets_and_what_is_on_its_way(tmp_path):
    path = thaw(tmp_path / "w.db", "webhooks-0")
    subscriptions, deliveries = Subscriptions(path), Deliveries(path)

    crm, other = subscriptions.all()
    assert (crm.url, crm.kinds, len(crm.secrets)) == ("https://crm.example/kefu", ("reply.created",), 2)
    assert other.disabled.startswith("the receiver said that it is gone")
    assert subscriptions.changes() == 4
    (dead,), (retried, following) = deliveries.dead(crm.id), deliveries.waiting(crm.id)
    assert (dead.reason, retried.reason, retried.attempts, retried.next_at) == ("HTTP 500", "HTTP 503", 1, AT + 5000)
    assert (following.position, following.next_at) == (3, None)
    subscriptions.close()
    deliveries.close()


# -- every step


@pytest.mark.parametrize("path", sorted(FROZEN.glob("*.sql")), ids=lambda path: path.stem)
def test_a_step_that_was_released_never_changes(path):
    name, _, number = path.stem.rpartition("-")
    with closing(sqlite3.connect(":memory:")) as frozen, closing(sqlite3.connect(":memory:")) as built:
        frozen.executescript(path.read_text("utf-8"))
        for step in STEPS[name][: max(int(number), 1)]:
            for statement in step:
                built.execute(statement)
        assert schema_of(frozen) == schema_of(built)


def at_step(path: Path, name: str, number: int) -> dict[str, list[tuple]]:
    """Make a file as it was at a step, with the rows of its first version; give them."""
    with closing(sqlite3.connect(path)) as db, closing(sqlite3.connect(":memory:")) as first:
        for step in STEPS[name][:number]:
            for statement in step:
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {number}")
        for frozen in FROZEN.glob(f"{name}-*.sql"):
            first.executescript(frozen.read_text("utf-8"))
        rows = rows_of(first, columns_of(first))
        for table, names in columns_of(first).items():
            db.execute(f"DELETE FROM {table}")
            marks = ",".join("?" * len(names))
            db.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", rows[table])
        db.commit()
        return rows


@pytest.mark.parametrize(("name", "number"), EARLIER)
def test_from_every_earlier_step_a_file_gets_the_newest_tables_and_keeps_its_rows(tmp_path, name, number):
    path = tmp_path / "file.db"
    rows = at_step(path, name, number)
    with closing(sqlite3.connect(path, isolation_level=None)) as db, closing(sqlite3.connect(":memory:")) as fresh:
        schema.migrate(db, STEPS[name], what="The file")
        for step in STEPS[name]:
            for statement in step:
                fresh.execute(statement)
        assert schema_of(db) == schema_of(fresh)
        with closing(sqlite3.connect(":memory:")) as first:
            for frozen in FROZEN.glob(f"{name}-*.sql"):
                first.executescript(frozen.read_text("utf-8"))
            kept = rows_of(db, columns_of(first))
        assert kept == rows
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_there_is_a_frozen_file_of_the_first_version_of_each_store():
    assert {path.stem.rpartition("-")[0] for path in FROZEN.glob("*.sql")} == {"conversations", "keys", "webhooks"}


# -- newer files


async def open_log(path):
    log = await SqliteLog.open(path)
    await log.close()


async def open_keys(path):
    Keys(path).all()


async def open_webhooks(path):
    Subscriptions(path).all()


@pytest.mark.parametrize(
    ("name", "opens", "error"),
    [
        ("conversations-1", open_log, LogUnavailable),
        ("keys-0", open_keys, KeyStoreUnavailable),
        ("webhooks-0", open_webhooks, WebhooksUnavailable),
    ],
    ids=["conversations", "keys", "webhooks"],
)
async def test_a_file_of_a_newer_kefu_is_left_alone_and_said_so(tmp_path, name, opens, error):
    path = thaw(tmp_path / "file.db", name)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 900")
    with pytest.raises(error, match=r"file\.db was written by a newer kefu \(schema 900, .*older copy"):
        await opens(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 0" if name.endswith("-0") else "PRAGMA user_version = 1")
    await opens(path)  # nobody holds it


def test_on_the_command_line_a_newer_file_is_one_clear_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KEFU_HOME", str(tmp_path))
    for name in ("keys", "webhooks"):
        thaw(tmp_path / f"{name}.db", f"{name}-0")
        with closing(sqlite3.connect(tmp_path / f"{name}.db")) as db:
            db.execute("PRAGMA user_version = 900")
        assert kefu.main([name, "list"]) == 2
        said = capsys.readouterr().err
        assert re.fullmatch(r"kefu: The file of .* newer kefu .*\n", said), said


# -- what interrupts a migration

DIES = """
import os, signal, sqlite3, sys
sys.path.insert(0, {root!r})
from knowledge.schema import migrate
from server.stores.migrations import STEPS

db = sqlite3.connect({path!r}, isolation_level=None)
db.execute("PRAGMA journal_mode=WAL")
left = [{after}]

def die(statement):
    if statement.startswith(("CREATE", "INSERT", "UPDATE", "ALTER", "PRAGMA user_version =", "COMMIT")):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

db.set_trace_callback(die)
more = ("CREATE TABLE later (x)", "INSERT INTO later SELECT seq FROM events", "UPDATE events SET body = NULL")
migrate(db, (*STEPS, more), what="The log")
print("done")
"""


@pytest.mark.parametrize("after", [0, 1, 5, 100], ids=lambda after: f"after-{after}-statements")
def test_a_migration_that_is_killed_has_not_begun(tmp_path, after):
    """Of the newest step's three statements, its number and the commit, each is reached by some of the runs."""
    steps = [statement for step in log_file.STEPS[1:] for statement in step]
    last = len(steps) + 4  # before the commit
    path = thaw(tmp_path / "c.db", "conversations-1")
    with closing(sqlite3.connect(path)) as db:
        before = list(db.iterdump())
    script = DIES.format(root=str(ROOT), path=str(path), after=min(after, last))
    killed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)

    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, ""), killed.stderr
    with closing(sqlite3.connect(path)) as db:
        assert list(db.iterdump()) == before
    assert step_of(path) == 1


def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path):
    path = thaw(tmp_path / "c.db", "conversations-1")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        before = list(db.iterdump())
        broken = (*log_file.STEPS, ("DELETE FROM events", "CREATE TABLE events (x)"))
        with pytest.raises(sqlite3.OperationalError, match="already exists"):
            schema.migrate(db, broken, what="The log")
        assert list(db.iterdump()) == before


def test_processes_that_start_at_once_migrate_once(tmp_path):
    path, found, failed = thaw(tmp_path / "k.db", "keys-0"), [], []

    def run():
        keys = Keys(path)
        try:
            found.append(len(keys.all()))
        except KeyStoreUnavailable as error:
            failed.append(error)
        keys.close()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (found, failed) == ([3] * 8, [])
