import logging
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ingest.limits import Limits
from ingest.records import Record, Rejection
from ingest.sources.document import Document, ReadOptions
from ingest.sources.registry import Format
from ingest.sources.sandbox import Sandbox

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def sandbox():
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def read(sandbox, tmp_path):
    def run(reader, content="", options=None, name="manual.pdf", **limits):
        path = tmp_path / name
        path.write_text(content)
        form = Format(reader=f"tests.fakes.hostile_readers:{reader}", apart=True, **{"seconds": 5, **limits})
        items = list(sandbox.read(Document(path=path, name=path.name), options or ReadOptions(), form))
        records = [item.question for item in items if isinstance(item, Record)]
        rejections = [
            f"{item.source.file}, {item.source.place}: {item.reason}" for item in items if isinstance(item, Rejection)
        ]
        return records, rejections

    return run


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_one_worker_reads_many_files(read, sandbox):
    assert read("good") == (["q1", "q2", "q3"], [])
    first = sandbox.pid
    assert read("good", "2") == (["q1", "q2"], [])
    assert sandbox.pid == first


@pytest.mark.parametrize(
    ("reader", "limits", "reason"),
    [
        ("crash", {}, "it crashed (SIGSEGV)"),
        ("hoard", {"memory_mb": 80}, "it needed more than 80 MB of memory"),
        ("compute", {"seconds": 0.5}, "it computed for more than 0.5 s"),
        ("leave", {}, "it ended without a word"),
    ],
)
def test_what_was_read_before_a_reader_broke_is_kept_and_the_place_is_named(read, sandbox, reader, limits, reason):
    records, rejections = read(reader, **limits)
    assert records == ["q1", "q2", "q3"]
    assert rejections == [f"manual.pdf, after page 3: the reader was stopped: {reason}; mend the file or split it"]
    assert read("good") == (["q1", "q2", "q3"], [])  # the next file has a worker of its own


def test_a_reader_that_only_waits_is_stopped_too(tmp_path):
    path = tmp_path / "x.pdf"
    path.write_text("")
    form = Format(reader="tests.fakes.hostile_readers:wait", apart=True, seconds=0.5)
    with Sandbox(patience_s=1) as sandbox:
        items = list(sandbox.read(Document(path=path, name="x.pdf"), ReadOptions(), form))
    assert "it took longer than 2 s" in items[-1].reason


@pytest.mark.parametrize(
    ("reader", "reason"),
    [
        ("fail", "the reader failed (KeyError: 'two\\nlines \\x1b[31m')"),
        ("dive", "what it holds is nested too deeply"),
        ("connect", "the reader failed (Forbidden: a library tried socket.__new__)"),
        ("write", "the reader failed (Forbidden: a library tried to write a file)"),
        ("run", "the reader failed (Forbidden: a library tried os.system)"),
    ],
)
def test_what_a_reader_raises_costs_its_own_file_only(read, sandbox, tmp_path, reader, reason):
    read("good")
    worker = sandbox.pid
    records, rejections = read(reader)
    assert records == ["q1", "q2", "q3"]
    assert rejections == [f"manual.pdf, after page 3: {reason}"]
    assert [path.name for path in tmp_path.iterdir()] == ["manual.pdf"]
    assert read("good")[0] == ["q1", "q2", "q3"]
    assert sandbox.pid == worker


def test_what_a_library_prints_reaches_neither_the_terminal_nor_the_records(read, capfd):
    assert read("chatter") == (["q1", "q2", "q3"], [])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("reader", ["forge", "flood"])
def test_a_worker_that_was_taken_over_cannot_give_what_is_no_item(read, reader, caplog):
    with caplog.at_level(logging.CRITICAL):
        records, rejections = read(reader, options=ReadOptions(limits=Limits(max_record_bytes=100_000)))
    assert records == []
    assert rejections == [
        "manual.pdf, : the reader was stopped: it gave what no reader gives; mend the file or split it"
    ]


def test_text_that_is_not_unicode_is_a_rejection(read):
    records, rejections = read("surrogate")
    assert records == ["q1", "q2", "q3"]
    assert rejections == ["manual.pdf, page 1: the text is not valid Unicode; save the file as UTF-8"]


def test_a_worker_loads_no_models_and_sees_no_secrets(read, monkeypatch):
    monkeypatch.setenv("KEFU_API_KEY", "secret")
    assert read("imports")[0] == ["heavy: []"]
    assert "KEFU" not in read("environment")[0][0]


def test_a_library_that_is_not_python_has_no_network_either_where_the_system_allows_that(read):
    program = "import ctypes; libc = ctypes.CDLL(None); print(libc.unshare(1 << 30) and libc.unshare(5 << 28))"
    refused = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    unreachable = os.strerror(101)  # there is not even a loopback
    assert (read("escape")[0] == [unreachable]) == (refused.strip() == "0")


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=8)), ZoneInfo("Asia/Shanghai")])
def test_dates_are_read_in_the_zone_of_the_company(sandbox, tmp_path, zone):
    path = tmp_path / "faq.csv"
    path.write_text("question,answer,valid_from\nq,a,2026-03-01 08:00\n")
    form = Format(reader="ingest.sources.csv_file:read_csv", apart=True)
    items = list(sandbox.read(Document(path=path, name="faq.csv"), ReadOptions(zone=zone), form))
    (record,) = [item for item in items if isinstance(item, Record)]
    assert record.valid_from.timestamp() == 1772352000 - zone.utcoffset(record.valid_from).total_seconds()


def test_a_reading_that_is_given_up_ends_its_worker(sandbox, tmp_path):
    path = tmp_path / "x.pdf"
    path.write_text("100000")
    form = Format(reader="tests.fakes.hostile_readers:good", apart=True)
    items = sandbox.read(Document(path=path, name="x.pdf"), ReadOptions(), form)
    next(items)
    worker = sandbox.pid
    items.close()  # as a Ctrl-C does
    assert not is_running(worker)


def test_a_worker_does_not_outlive_a_killed_ingest(tmp_path):
    (tmp_path / "x.pdf").write_text("")
    program = (
        "from pathlib import Path; from ingest.sources.sandbox import Sandbox;"
        "from ingest.sources.document import Document, ReadOptions; from ingest.sources.registry import Format\n"
        "sandbox = Sandbox()\n"
        "form = Format(reader='tests.fakes.hostile_readers:wait', apart=True)\n"
        f"items = sandbox.read(Document(path=Path({str(tmp_path / 'x.pdf')!r}), name='x'), ReadOptions(), form)\n"
        "next(items); print(sandbox.pid, flush=True); list(items)"
    )
    ingest = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    worker = int(ingest.stdout.readline())
    assert is_running(worker)
    ingest.send_signal(signal.SIGKILL)
    ingest.wait()
    ingest.stdout.close()
    wait_until(lambda: not is_running(worker))
