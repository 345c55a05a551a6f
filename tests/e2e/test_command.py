"""The command as a person types it: real models, real files, processes of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "ingest" / "samples"


def kefu(home, *arguments, text=None, code=0):
    done = subprocess.run(
        [sys.executable, str(ROOT / "kefu.py"), *map(str, arguments)],
        input=text,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        env={**os.environ, "KEFU_HOME": str(home), "KEFU_MODELS": models_folder(), "COLUMNS": "200"},
    )
    assert done.returncode == code, done.stderr[-2000:]
    return done


def models_folder():
    return os.environ.get("KEFU_MODELS") or str(Path("~/.local/share/kefu/models").expanduser())


def asked(home, tmp_path, rows):
    questions, answers = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    questions.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    kefu(home, "ask", "--kb", "shop", "--jsonl", questions, "--out", answers)
    return [json.loads(line) for line in answers.read_text("utf-8").splitlines()]


@pytest.mark.parametrize(
    ("question", "entry"),
    [
        ("原价商品几天内可以退货？", "zh-return-window"),
        ("How many days do I have to return something I don't like?", "en-return-window"),
    ],
)
def test_a_visitor_gets_the_right_sourced_answer_in_chinese_and_english(shop, question, entry):
    assert entry in kefu(shop, "ask", "--kb", "shop", question).stdout


def test_questions_from_a_file_are_answered_in_order_in_the_fixed_form(shop, tmp_path):
    rows = [
        {"query": "  How do I get an Invoice?"},
        {"query": "转人工"},
        {"id": "d1", "turns": ["退货要几天", "那打折商品呢?"]},
    ]
    lines = asked(shop, tmp_path, rows)
    assert [line["query"] for line in lines] == ["  How do I get an Invoice?", "转人工", "退货要几天", "那打折商品呢?"]
    fixed = {"query", "decision", "top_ids", "answer", "confidence", "reason", "language", "ms"}
    assert set(lines[0]) == fixed
    assert set(lines[2]) == fixed | {"id", "turn"}
    assert [line["turn"] for line in lines[2:]] == [0, 1]
    assert all(len(line["top_ids"]) >= 5 for line in lines)
    assert lines[1]["decision"] == "handoff"
    assert lines[1]["reason"] == "customer_request"


def test_a_line_that_is_no_question_is_named(shop, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"query": "hi"}\n{"quary": "hi"}\n', "utf-8")
    done = kefu(shop, "ask", "--kb", "shop", "--jsonl", tmp_path / "in.jsonl", code=2)
    assert "in.jsonl, line 2" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_conversation_on_the_terminal_understands_follow_ups_and_choices(shop):
    said = kefu(shop, "ask", "--kb", "shop", text="退货要几天\n/why\n那打折商品呢?\n/quit\n").stdout
    assert "zh-return-sale" in said or "zh-return" in said
    assert "confidence" in said


def test_a_base_that_does_not_exist_is_one_clear_line(shop):
    done = kefu(shop, "ask", "--kb", "nowhere", "hi", code=2)
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_mistyped_name_rolls_nothing_back_and_makes_no_base(tmp_path):
    done = kefu(tmp_path, "kb", "rollback", "--kb", "nowhere", code=2)
    assert "There is no knowledge base 'nowhere'" in done.stderr
    assert "nowhere" not in kefu(tmp_path, "kb", "list").stdout


def test_ingesting_the_same_again_changes_nothing_and_a_rollback_restores_what_was(shop, tmp_path):
    first = json.loads(kefu(shop, "ingest", SAMPLES, "--kb", "shop", "--json", "-").stdout)
    assert (first["added"], first["changed"], first["embedded"]) == (0, 0, 0)
    extra = tmp_path / "extra.jsonl"
    extra.write_text(json.dumps({"question": "Do you sell submarines?", "answer": "No."}) + "\n", "utf-8")
    second = json.loads(kefu(shop, "ingest", extra, "--kb", "shop", "--json", "-").stdout)
    assert second["added"] == 1
    assert "answers now" in kefu(shop, "kb", "rollback", "--kb", "shop").stdout
    assert first["version"] in kefu(shop, "kb", "history", "--kb", "shop").stdout
    assert "submarines" not in kefu(shop, "ask", "--kb", "shop", "Do you sell submarines?").stdout


def test_a_serving_process_never_imports_torch(shop):
    code = """
import asyncio, sys
from engine import assemble, settings
from engine.types import Turn
async def main():
    async with assemble.open_engine(settings.load()) as engine:
        outcome = await engine.reply(Turn(text="怎么退货", kb="shop"))
        assert outcome.text
asyncio.run(main())
heavy = {"torch", "transformers", "sentence_transformers", "sklearn", "scipy"} & set(sys.modules)
assert not heavy, heavy
"""
    environ = {**os.environ, "KEFU_HOME": str(shop), "KEFU_MODELS": models_folder()}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
