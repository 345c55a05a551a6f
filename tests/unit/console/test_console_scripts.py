"""The console's scripts: tests of their own, run by Node, and what may not be in them."""

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from engine.types import Reason
from server.handoff.outcomes import Step, Word
from server.handoff.states import State

HERE = Path(__file__).parent
SCRIPTS = Path(__file__).resolve().parents[3] / "server" / "console" / "static"
OURS = sorted(path for path in SCRIPTS.rglob("*.js") if path.parent.name != "vendor")

# htm 3.1.1 (Apache-2.0) with preact 10 (MIT): `preact/standalone.module.js` of the package, byte for byte.
VENDORED = {"htm-preact.js": "72284e8e9079c87817145df1110f74e8a2aa040b2fc384922e18dfcb46fc1fd7"}


@pytest.mark.parametrize("path", sorted(HERE.glob("*.test.mjs")), ids=lambda path: path.name)
def test_the_scripts_pass_their_own_tests(path):
    node = shutil.which("node")
    assert node, "node is needed: `make browser` installs it"
    done = subprocess.run(
        [node, "--no-warnings", "--test", "--test-reporter=tap", str(path)],
        capture_output=True, text=True, encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    assert re.search(r"^# pass [1-9]", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_no_script_makes_html_or_code_of_text_or_names_another_host(path):
    text = path.read_text("utf-8")
    for forbidden in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "dangerously",
    ):
        assert forbidden not in text
    assert not re.findall(r"https?://[\w.-]+", text)


def test_each_vendored_script_is_the_published_one_and_brings_its_licence():
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (SCRIPTS / "vendor").glob("*.js")}
    assert found == VENDORED
    assert {path.name for path in (SCRIPTS / "vendor").glob("*.LICENSE")} == {"htm.LICENSE", "preact.LICENSE"}


def test_every_word_that_a_script_uses_exists():
    words = (SCRIPTS / "words.js").read_text("utf-8")
    known = set(re.findall(r"(?:^|[ {])(\w+): (?=['\[{(]|\w+ =>)", words, re.MULTILINE))
    used = {name for path in OURS for name in re.findall(r"\bw\(\)\.(\w+)", path.read_text("utf-8"))}
    assert used - known == set()


@pytest.mark.parametrize(
    ("table", "names"), [("moved", Step), ("states", State), ("reasons", Reason), ("notices", Word)]
)
def test_the_words_for_what_the_server_names_name_nothing_else(table, names):
    words = (SCRIPTS / "words.js").read_text("utf-8")
    inside = re.findall(rf"^  {table}: \{{(.*?)^  \}},", words, re.MULTILINE | re.DOTALL)
    assert len(inside) == 2  # both languages
    for each in inside:
        assert set(re.findall(r"(\w+): ['(]", each)) <= {name.value for name in names}


def test_every_state_has_a_word():
    words = (SCRIPTS / "words.js").read_text("utf-8")
    inside = re.search(r"^  states: \{(.*?)^  \},", words, re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"(\w+): '", inside[1])) == {state.value for state in State}
