"""Files made to take all memory: each is a line or two with its name, and takes less than what is promised."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fakes.hostile_files import FILES

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
PROMISED_MB = 300  # of this process and the worker, above what they have before
SECONDS = 200


def read_in_a_process(*paths):
    command = [sys.executable, "-m", "tests.integration.read_in_a_process", *map(str, paths)]
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stderr == ""
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_costs_bounded_memory_and_is_named(tmp_path, name):
    hostile, good = tmp_path / name, tmp_path / "good.csv"
    hostile.write_bytes(FILES[name]())
    good.write_text("question,answer\nafterwards,a\n")
    start = time.monotonic()
    result = read_in_a_process(hostile, good)
    sys.stdout.write(
        f"{name}: {result['taken_mb']:.0f} + {result['worker_mb']:.0f} MB, {time.monotonic() - start:.0f} s\n"
    )
    assert result["taken_mb"] + result["worker_mb"] <= PROMISED_MB
    assert result["records"][-1] == "afterwards"
    assert "root:" not in json.dumps(result)  # of /etc/passwd
    lines = result["rejections"]
    assert all(line.startswith(name) and "\n" not in line for line in lines)
    assert "the reader failed" not in " ".join(lines)
    if name.endswith((".csv", ".jsonl")) and name not in ("one-line.csv", "zeros.csv", "many.jsonl"):
        assert result["records"][0] == "first"
    if name in ("wide.csv", "cells.csv"):
        assert result["records"][-2] == "last"
