"""docs/SECURITY.md names the test of each promise; here it is seen that there is such a test."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "SECURITY.md").read_text("utf-8")


def test_every_test_that_the_security_page_names_is_there():
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
    }
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert named - there == set()
    assert len(named) > 40


def test_every_line_of_the_threat_model_names_a_test():
    lines = [line for line in PAGE.splitlines() if re.match(r"\| [STRIDE] \|", line)]
    assert [line for line in lines if "`test_" not in line] == []
    assert {line[2] for line in lines} == set("STRIDE")
