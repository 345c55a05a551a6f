"""Knowledge in versions, as a person types it: real models, real files, processes of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
ROWS = """问题,答案
怎么退货,30 天内可以退货。
怎么开发票,在订单页点击开票。
How do I reset my password?,Use the link on the login page.
"""


def kefu(home, *arguments, text=None, code=0):
    models = os.environ.get("KEFU_MODELS") or str(Path("~/.local/share/kefu/models").expanduser())
    done = subprocess.run(
        [sys.executable, str(ROOT / "kefu.py"), *map(str, arguments)],
        input=text, capture_output=True, text=True, encoding="utf-8", timeout=300,
        env={**os.environ, "KEFU_HOME": str(home), "KEFU_MODELS": models, "COLUMNS": "200"},
    )  # fmt: skip
    assert done.returncode == code, done.stdout[-1000:] + done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    return done


def report(home, *arguments, code=0):
    return json.loads(kefu(home, "ingest", *arguments, "--json", "-", code=code).stdout)


@pytest.fixture
def faq(tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "faq.csv").write_text(ROWS, encoding="utf-8")
    return folder


@pytest.fixture
def home(tmp_path, faq):
    kefu(tmp_path / "home", "ingest", faq, "--kb", "shop")
    return tmp_path / "home"


def test_what_is_exported_and_ingested_again_is_the_same_knowledge(home, tmp_path):
    out = tmp_path / "export.jsonl"
    kefu(home, "kb", "export", "--kb", "shop", "--out", out)
    lines = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert len(lines) == 3
    assert report(home, out, "--kb", "copy")["added"] == 3
    again = kefu(home, "kb", "export", "--kb", "copy").stdout
    found = [json.loads(line) for line in again.splitlines()]
    assert [{**line, "source": None} for line in found] == [{**line, "source": None} for line in lines]


def test_a_search_shows_rank_score_confidence_and_what_would_be_decided(home):
    found = json.loads(kefu(home, "kb", "search", "怎么退货", "--kb", "shop", "--json").stdout)
    first = found["candidates"][0]
    assert (first["rank"], first["question"], found["decision"]) == (1, "怎么退货", "answer")
    assert {"score", "stages", "id"} <= set(first)
    asked = kefu(home, "ask", "怎么退货", "--kb", "shop").stdout
    assert first["id"] in asked  # as in a chat
    assert first["id"] in kefu(home, "kb", "search", "怎么退货", "--kb", "shop").stdout


def test_a_version_that_breaks_the_gate_is_refused_with_its_cases_and_the_old_one_answers(home, faq, tmp_path):
    found = json.loads(kefu(home, "kb", "search", "怎么退货", "--kb", "shop", "--json").stdout)["candidates"][0]["id"]
    suite = tmp_path / "suite.jsonl"
    suite.write_text(json.dumps({"id": "c1", "query": "怎么退货", "relevant_ids": [found]}) + "\n", encoding="utf-8")
    before = report(home, faq, "--kb", "shop", "--gate", suite)["version"]
    (faq / "faq.csv").write_text(ROWS.replace("怎么退货,", "如何订购龙虾,"), encoding="utf-8")
    refused = report(home, faq, "--kb", "shop", "--sync", "--gate", suite, code=1)
    assert refused["version"] == before
    assert [(case["id"], case["query"]) for case in refused["gate"]["broken"]] == [("c1", "怎么退货")]
    done = kefu(home, "ingest", faq, "--kb", "shop", "--sync", "--gate", suite, code=1)
    assert "not published" in done.stdout
    assert "怎么退货" in kefu(home, "kb", "export", "--kb", "shop").stdout
    (home / "kefu.toml").write_text(f'[knowledge]\ngate = "{suite}"\n', encoding="utf-8")
    kefu(home, "ingest", faq, "--kb", "shop", "--sync", code=1)  # the setting does the same
    assert report(home, faq, "--kb", "shop", "--sync", "--no-gate")["removed"] == 1


def test_what_was_edited_by_hand_stays_until_the_documents_word_is_asked_for(home, faq):
    entry = json.loads(kefu(home, "kb", "export", "--kb", "shop").stdout.splitlines()[0])["id"]
    kefu(home, "kb", "edit", entry, "--answer", "-", "--kb", "shop", text="By hand.\n")
    done = kefu(home, "ingest", faq, "--kb", "shop")
    assert "was edited by hand and stays so" in done.stdout
    assert json.loads(kefu(home, "kb", "show", entry, "--kb", "shop", "--json").stdout)["answer"] == "By hand."
    assert report(home, faq, "--kb", "shop", "--overwrite-edited")["changed"] == 1
    kefu(home, "kb", "remove", entry, "--kb", "shop")
    assert report(home, faq, "--kb", "shop")["kept_by_hand"][0]["removed_by_hand"] is True


def test_a_column_is_named_where_its_header_says_nothing(home, tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("kolumna,odpowiedz\nJak zwrócić?,30 dni.\n", encoding="utf-8")
    assert report(home, path, "--kb", "pl", code=1)["rejected"] == 1
    assert report(home, path, "--kb", "pl", "--map", "question=kolumna", "--map", "answer=odpowiedz")["added"] == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["ingest", "x.csv", "--map", "kwestion=a"], "--map kwestion=a: write FIELD=COLUMN"),
        (["ingest", "x.csv", "--gate", "none.jsonl"], "none.jsonl cannot be read"),
        (["kb", "show", "nope", "--kb", "shop"], "has no entry 'nope'"),
        (["kb", "diff", "zzz", "live", "--kb", "shop"], "keeps no version 'zzz'"),
        (["kb", "edit", "nope", "--kb", "shop", "--category", "x"], "has no entry 'nope'"),
        (["kb", "publish", "--kb", "nowhere"], "There is no knowledge base 'nowhere'"),
        (["kb", "export", "--kb", "nowhere"], "There is no knowledge base 'nowhere'"),
    ],
)
def test_a_mistake_is_one_clear_line(home, arguments, complaint):
    done = kefu(home, *arguments, code=2)
    assert complaint in done.stderr
    assert done.stderr.startswith("kefu: ")
    assert done.stderr.count("\n") == 1


def test_a_base_is_published_again_without_its_documents(home):
    assert "nothing had to be built" in kefu(home, "kb", "publish", "--kb", "shop").stdout
