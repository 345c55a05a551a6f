"""Ctrl-C at any stage of an ingest leaves everything as it was, in one line; a switch that has begun is finished."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.knowledge import make_indexer, make_publisher

SCRIPT = Path(__file__).with_name("ingest_in_a_process.py")
WS, KB = "default", "shop"

pytestmark = pytest.mark.integration


def tree(home):
    """Everything on disk but the database's own side files and the empty lock."""
    return sorted(
        str(path.relative_to(home))
        for path in home.rglob("*")
        if path.is_file() and not path.name.startswith("catalog.db") and path.name != "publish.lock"
    )


def interrupted(home, file, stage):
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(home), str(file), stage],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert process.stdout.readline() == f"{stage}\n"
    process.send_signal(signal.SIGINT)
    if stage.startswith("switch"):
        process.stdin.write("go on\n")
        process.stdin.flush()
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


@pytest.fixture
def home(tmp_path):
    file = tmp_path / "faq.csv"
    file.write_text("question,answer\nhow?,so\n", encoding="utf-8")
    publisher = make_publisher(tmp_path / "home")
    make_indexer(publisher).ingest([file], kb=KB)
    publisher.catalog.close()
    file.write_text("question,answer\nhow?,otherwise\nwhy?,because\n", encoding="utf-8")
    return tmp_path / "home"


def answers(home):
    publisher = make_publisher(home)
    live = publisher.catalog.live_version(WS, KB)
    found = {entry.answer for entry in publisher.open(WS, KB, live).entries.values()}
    assert found == {entry.answer for entry in publisher.catalog.entries(WS, KB)}
    states = [version.state.value for version in publisher.catalog.versions(WS, KB)]
    publisher.catalog.close()
    assert "building" not in states
    return found


@pytest.mark.parametrize("stage", ["plan", "encode", "words", "calibration", "gate"])
def test_an_interrupted_ingest_leaves_everything_as_it_was_and_says_so_in_one_line(home, stage):
    before = tree(home)
    code, errors = interrupted(home, home.parent / "faq.csv", stage)
    assert (code, errors) == (130, "kefu: interrupted; everything is as it was\n")
    assert answers(home) == {"so"}
    assert tree(home) == before


@pytest.mark.parametrize("stage", ["switch", "switched"])
def test_a_switch_that_has_begun_is_finished_and_reported(home, stage):
    code, errors = interrupted(home, home.parent / "faq.csv", stage)
    assert code == 0
    assert "is live" in errors
    assert answers(home) == {"otherwise", "because"}


def test_a_first_ingest_that_is_interrupted_makes_no_base(tmp_path):
    home, file = tmp_path / "home", tmp_path / "faq.csv"
    file.write_text("question,answer\nhow?,so\n", encoding="utf-8")
    assert interrupted(home, file, "encode")[0] == 130
    publisher = make_publisher(home)
    assert publisher.catalog.bases() == []
    publisher.catalog.close()
    assert tree(home) == []
