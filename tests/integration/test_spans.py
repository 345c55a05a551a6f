import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]


def test_spans_appear_once_a_tracer_provider_is_set_up_even_after_the_engine_was_imported():
    command = [sys.executable, "-m", "tests.integration.spans_in_a_process"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60).stdout.split()
    assert names == ["kefu.turn", "kefu.batch", "kefu.understand", "kefu.encode", "kefu.search", "kefu.classify"]
