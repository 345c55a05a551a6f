"""`kefu eval` with kefu's own parts: real models, a small shop of a few entries."""

import argparse
import json
import os
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from evals.command import add_arguments, run
from models.protocols import Language
from models.spelling import KnowledgeSpelling

pytestmark = pytest.mark.integration

FAQ = [
    ("zh-return", "怎么申请退货?", "在订单页点“申请退货”，7天内寄回。"),
    ("zh-invoice", "可以开增值税发票吗?", "可以，在订单完成后30天内申请。"),
    ("zh-address", "下单后怎么修改收货地址?", "发货前在订单详情里修改。"),
    ("zh-late", "快递一直没有更新怎么办?", "超过48小时没有更新请联系我们查件。"),
    ("zh-points", "积分什么时候过期?", "每年12月31日清零。"),
    ("zh-member", "怎么成为会员?", "消费满500元自动升级。"),
    ("zh-refund", "退款多久到账?", "审核通过后1到3个工作日。"),
    ("zh-coupon", "优惠券为什么用不了?", "请看优惠券的使用门槛和有效期。"),
]
ASKED = [
    ("我想退货，要怎么弄", ["zh-return"], "answer"),
    ("能不能给我开张发票", ["zh-invoice"], "answer"),
    ("地址填错了能改吗", ["zh-address"], "answer"),
    ("物流好几天不动了", ["zh-late"], "answer"),
    ("退款什么时候能到", ["zh-refund"], "answer"),
    ("你们公司的股票代码是多少", [], "clarify_or_unknown"),
    ("你好", [], "smalltalk"),
    ("转人工", [], "handoff"),
]


@pytest.fixture
def data(tmp_path, monkeypatch):
    models = os.environ.get("KEFU_MODELS") or str(Path("~/.local/share/kefu/models").expanduser())
    monkeypatch.setenv("KEFU_MODELS", models)
    folder = tmp_path / "data"
    folder.mkdir()
    jsonl(folder / "faq.jsonl", [{"id": i, "question": q, "answer": a, "lang": "zh"} for i, q, a in FAQ])
    queries = [{"query": q, "relevant_ids": ids, "expect": expect, "lang": "zh"} for q, ids, expect in ASKED]
    jsonl(folder / "queries.jsonl", queries)
    turns = [{"text": ASKED[0][0], "relevant_ids": ["zh-return"], "expect": "answer"}]
    turns.append({"text": "谢谢", "relevant_ids": [], "expect": "smalltalk"})
    jsonl(folder / "dialogs.jsonl", [{"id": f"d{i}", "lang": "zh", "turns": turns} for i in range(3)])
    return folder


def jsonl(path, rows):
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")


def evaluated(home, *words):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    out = home / "out.json"
    arguments = parser.parse_args([*map(str, words), "--home", str(home), "--json", str(out)])
    assert run(arguments, Console(file=StringIO())) == 0
    return json.loads(out.read_text("utf-8"))


def test_retrieval_finds_the_entries_of_a_temporary_base_and_leaves_nothing_behind(data, tmp_path):
    found = evaluated(tmp_path, "retrieval", "--data", data)
    assert found["metrics"]["p_at_1"]["n"] == 5
    assert found["metrics"]["hit_at_5"]["value"] == 1.0
    assert all(len(case["got"]) >= 5 for case in found["cases"])
    assert found["cases"][0]["receipt"]["candidates"][0]["entry_id"] == "zh-return"
    assert found["config"]["versions"]["encoder"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data", "out.json"]


def test_retrieval_takes_entries_without_an_answer_and_scores_pairs(data, tmp_path):
    jsonl(data / "faq.jsonl", [{"id": i, "question": q, "answer": ""} for i, q, _ in FAQ])
    same, other = ("怎么退款", "如何申请退款"), ("怎么退款", "会员有什么好处")
    jsonl(data / "pairs.jsonl", [{"q1": a, "q2": b, "label": n} for (a, b), n in ((same, 1), (other, 0))] * 2)
    found = evaluated(tmp_path, "retrieval", "--data", data)
    assert found["metrics"]["auc_pairs"] == {"value": 1.0, "low": 1.0, "high": 1.0, "n": 4}


def test_answers_are_those_of_the_dialog_engine_with_their_receipts(data, tmp_path):
    found = evaluated(tmp_path, "answers", "--data", data)
    assert found["metrics"]["handoff_recall"]["value"] == 1.0
    assert found["metrics"]["smalltalk_recall"]["value"] == 1.0
    case = found["cases"][0]
    assert case["receipt"]["decision"] == case["got"]
    assert case["top_ids"][0] == "zh-return"
    assert case["ms"] > 0


def test_a_dialog_keeps_its_history(data, tmp_path):
    found = evaluated(tmp_path, "dialogs", "--data", data)
    assert [case["id"] for case in found["cases"]] == ["d0/0", "d0/1", "d1/0", "d1/1", "d2/0", "d2/1"]
    assert found["metrics"]["dialog_met"]["n"] == 3
    assert {case["got"] for case in found["cases"][1::2]} == {"smalltalk"}


def test_intents_are_trained_and_told_apart(data, tmp_path):
    rows = [(q, "退货") for q in ("我要退货", "怎么退货", "不想要了想退", "申请退货", "退货流程", "能退吗")]
    rows += [(q, "发票") for q in ("开发票", "我要发票", "发票怎么开", "电子发票", "增值税发票", "补开发票")]
    train = tmp_path / "train.jsonl"
    jsonl(train, [{"query": q, "intent": i} for q, i in rows])
    asked = [("想退掉这个", "退货"), ("给我开个发票", "发票"), ("明天会下雨吗", "oos")]
    jsonl(data / "queries.jsonl", [{"query": q, "intent": i} for q, i in asked])
    found = evaluated(tmp_path, "intent", "--data", data, "--train", train)
    assert found["metrics"]["accuracy"] == {"value": 1.0, "low": pytest.approx(0.342, abs=1e-3), "high": 1.0, "n": 2}
    assert found["cases"][0]["facts"]["best"] == "退货"
    assert found["config"]["trained_on"] == 12


def test_sentiment_and_hand_off_are_trained_and_scored(data, tmp_path):
    good = ("服务很好", "非常满意", "东西不错", "很喜欢", "物流很快", "太棒了")
    bad = ("太差了", "非常失望", "东西坏的", "很讨厌", "物流太慢", "骗人的")
    rows = [{"query": q, "label": "positive", "handoff": False} for q in good]
    rows += [{"query": q, "label": "negative", "handoff": True} for q in bad]
    jsonl(data / "queries.jsonl", rows)
    for suite in ("sentiment", "handoff"):
        found = evaluated(tmp_path, suite, "--data", data)
        assert found["n"] == 2  # a fifth of each class
        assert found["config"]["trained_on"] == 10
        assert 0 <= found["metrics"]["macro_f1"]["value"] <= 1


def test_spelling_is_corrected_with_the_words_of_the_entries(data, tmp_path):
    rows = [
        {"query": "怎么申请退火", "target": "怎么申请退货", "lang": "zh"},
        {"query": "积分什么时候过期", "target": "积分什么时候过期", "lang": "zh"},
    ]
    jsonl(data / "queries.jsonl", rows)
    found = evaluated(tmp_path, "spelling", "--data", data)
    own = KnowledgeSpelling.build(text for _, question, answer in FAQ for text in (question, answer))
    assert [case["got"] for case in found["cases"]] == [own.correct(row["query"], Language.ZH).text for row in rows]
    assert found["metrics"]["clean_changed_rate"]["value"] == 0.0
