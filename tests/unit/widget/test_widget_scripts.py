"""The widget's scripts: tests of their own, run by Node, and what pages must be able to rely on."""

import gzip
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from server.widget.assets import assets

HERE = Path(__file__).parent
SCRIPTS = Path(__file__).resolve().parents[3] / "server" / "widget" / "assets"


def node():
    """Give Node: the machine's, or the one that playwright brings."""
    found = shutil.which("node")
    if found is None:
        driver = pytest.importorskip("playwright._impl._driver", reason="neither node nor playwright is installed")
        found = driver.compute_driver_executable()[0]
    return found


@pytest.mark.parametrize("name", sorted(path.name for path in HERE.glob("*.test.mjs")))
def test_the_scripts_pass_their_own_tests(name):
    done = subprocess.run(
        [node(), "--no-warnings", "--test", "--test-reporter=tap", str(HERE / name)],
        capture_output=True, text=True, encoding="utf-8", timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    assert re.search(r"^# pass [1-9]", done.stdout, re.MULTILINE)


def test_the_loader_is_smaller_than_15_kb_compressed_and_knows_the_version_of_the_rest():
    loader = assets().loader
    assert len(loader.packed) < 15 * 1024
    assert assets().version in loader.plain.decode()
    assert all(name in loader.plain.decode() for name in assets().modules)
    assert gzip.decompress(loader.packed) == loader.plain


@pytest.mark.parametrize("path", sorted(SCRIPTS.rglob("*.js")), ids=lambda path: path.name)
def test_no_script_makes_html_or_code_of_text_or_names_another_host(path):
    text = path.read_text("utf-8")
    for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert forbidden not in text
    hosts = set(re.findall(r"https?://([\w.-]+)", text)) - {"www.w3.org", "HOST", "help.shop.example"}
    assert not hosts


def test_every_script_that_is_imported_is_known_to_the_loader():
    imported = {
        (path.parent / name).resolve().relative_to(SCRIPTS).as_posix()
        for path in SCRIPTS.rglob("*.js")
        for name in re.findall(r"from '(\..+?)'", path.read_text("utf-8"))
    }
    assert imported <= set(assets().modules)
