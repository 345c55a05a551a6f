"""kill -9 at any moment of a publish leaves a whole version answering, and nothing behind after the next one."""

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ingest.index import Rules
from knowledge.catalog import VersionState
from tests.fakes.knowledge import make_indexer, make_publisher

WS, KB = "default", "shop"
SCRIPT = Path(__file__).with_name("publish_in_a_process.py")
POINTS = int(os.environ.get("KEFU_KILL_POINTS", "12"))  # `make soak` takes fifty


def start(home, file, times):
    command = [sys.executable, str(SCRIPT), str(home), str(file), str(times)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout.readline() == "ready\n"
    return process


def check_whole(publisher):
    """The live version opens, and the catalog says what it says."""
    live = publisher.catalog.live_version(WS, KB)
    snapshot = publisher.open(WS, KB, live)
    assert list(snapshot.entries.values()) == publisher.catalog.entries(WS, KB)
    rounds = {entry.answer.split(" ")[1].split("-")[0] for entry in snapshot.entries.values()}
    assert len(rounds) == 1  # all of one ingest, none of another
    return live


@pytest.mark.integration
@pytest.mark.parametrize("seed", range(POINTS))
def test_a_kill_at_any_moment_leaves_a_whole_version_and_the_next_ingest_cleans_up(tmp_path, seed):
    home, file = tmp_path / "home", tmp_path / "faq.csv"
    file.write_text("id,question,answer\ne0,question 0,answer first-0\n", encoding="utf-8")
    make_indexer(make_publisher(home)).ingest([file], kb=KB)
    process = start(home, file, times=1000)
    # A publish takes some 100 ms here: kills fall on every stage of the first to the fifth one.
    killer = threading.Timer(random.Random(seed).uniform(0.0, 0.6), process.send_signal, [signal.SIGKILL])
    killer.start()
    reported = process.stdout.read().split()
    assert process.wait(10) == -signal.SIGKILL
    process.stdout.close()

    publisher = make_publisher(home)
    check_whole(publisher)
    known = [version.id for version in publisher.catalog.versions(WS, KB)]
    assert set(reported[-3:]) <= set(known)  # what was reported as published is there

    file.write_text("id,question,answer\ne0,question 0,answer last-0\n", encoding="utf-8")
    for row in range(1, 200):
        with file.open("a", encoding="utf-8") as out:
            out.write(f"e{row},question {row},answer last-{row}\n")
    report = make_indexer(publisher).ingest([file], kb=KB)
    assert check_whole(publisher) == report.version
    versions = publisher.catalog.versions(WS, KB)
    assert VersionState.BUILDING not in {version.state for version in versions}
    folders = {path.name for path in publisher.layout.versions(WS, KB).iterdir()}
    assert folders == {version.id for version in versions}
    publisher.catalog.close()
    check_nothing_left(home, versions=len(versions))


def check_nothing_left(home, *, versions):
    """Besides the kept versions there are the catalog and the lock, and the catalog is small."""
    others = [path for path in home.rglob("*") if path.is_file() and "versions" not in path.parts]
    assert {path.name for path in others} <= {"catalog.db", "catalog.db-wal", "catalog.db-shm", "publish.lock"}
    assert sum(path.stat().st_size for path in others) < 2 << 20
    assert sum(path.stat().st_size for path in home.rglob("*") if path.is_file()) < (versions + 2) << 20


@pytest.mark.integration
def test_one_kill_after_the_other_lets_nothing_grow(tmp_path):
    home, file = tmp_path / "home", tmp_path / "faq.csv"
    file.write_text("id,question,answer\ne0,question 0,answer first-0\n", encoding="utf-8")
    make_indexer(make_publisher(home)).ingest([file], kb=KB)
    for seed in range(4):
        process = start(home, file, times=1000)
        killer = threading.Timer(random.Random(100 + seed).uniform(0.0, 0.4), process.kill)
        killer.start()
        process.communicate(timeout=60)
        killer.join()
    left = list((home / "kb" / WS / KB / "versions").iterdir())
    assert len([path for path in left if path.name.startswith(".building")]) <= 1  # each run sweeps up the last one's
    publisher = make_publisher(home)
    check_whole(publisher)
    file.write_text("id,question,answer\ne0,question 0,answer last-0\n", encoding="utf-8")
    make_indexer(publisher).ingest([file], kb=KB, rules=Rules(sync=True))
    versions = publisher.catalog.versions(WS, KB)
    publisher.catalog.close()
    check_nothing_left(home, versions=len(versions))


@pytest.mark.integration
def test_processes_that_publish_at_once_take_turns(tmp_path):
    home = tmp_path / "home"
    files = [tmp_path / f"faq-{number}.csv" for number in range(3)]
    for file in files:
        file.write_text("id,question,answer\ne0,question 0,answer first-0\n", encoding="utf-8")
    processes = [start(home, file, times=3) for file in files]
    for process in processes:
        assert len(process.stdout.read().split()) == 3
        assert process.wait(60) == 0
        process.stdout.close()
    publisher = make_publisher(home)
    check_whole(publisher)
    assert len(publisher.catalog.versions(WS, KB)) <= 4
