"""`kefu eval`: its arguments, its exit codes, the files it writes."""

import argparse
import json
import subprocess
import sys
from contextlib import contextmanager
from io import StringIO
from xml.etree import ElementTree

import pytest
from rich.console import Console

from evals.command import SUITES, add_arguments, run
from evals.tasks.protocols import Guess, Ranking, Reply
from evals.types import SUITES as KNOWN_SUITES


class Echo:
    """Every system at once: finds entries by equal text, guesses by equal text, answers the same way."""

    def __init__(self):
        self.entries = []

    def searcher(self, kb):
        return self

    def intent_trainer(self):
        return self

    sentiment_trainer = handoff_trainer = intent_trainer

    def speller(self, kb, entries):
        return self

    def asker(self, kb, entries):
        self.entries = list(entries)
        return self

    def describe(self):
        return {"versions": {"echo": "1"}}

    def index(self, entries):
        self.entries = list(entries)

    def search(self, queries):
        return [self._ranking(q) for q in queries]

    def similarity(self, left, right):
        return [float(a == b) for a, b in zip(left, right, strict=True)]

    def train(self, texts, labels):
        self.known = dict(zip(texts, labels, strict=True))
        return self

    def guess(self, texts):
        labels = [self.known.get(t, min(self.known.values())) for t in texts]
        return [Guess(label=x, best=x, confidence=0.8, probabilities={x: 0.8}) for x in labels]

    def correct(self, texts, languages):
        return list(texts)

    def ask(self, dialogs):
        return [[self._reply(text) for text in turns] for turns in dialogs]

    def _ranking(self, query):
        ids = sorted(
            (e.id for e in self.entries), key=lambda i: next(e.question for e in self.entries if e.id == i) != query
        )
        exact = any(e.question == query for e in self.entries)
        return Ranking(entry_ids=tuple(ids), confidence=0.9 if exact else 0.1)

    def _reply(self, text):
        ranking = self._ranking(text)
        decision = "answer" if ranking.confidence > 0.5 else "unknown"
        return Reply(decision=decision, top_ids=ranking.entry_ids, choices=(), confidence=ranking.confidence, ms=1.0)


@contextmanager
def echo(*, home, progress):
    yield Echo()


def jsonl(path, *rows):
    path.write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in rows), "utf-8")


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    jsonl(folder / "faq.jsonl", {"id": "a", "question": "怎么退货?"}, {"id": "b", "question": "where is my order"})
    jsonl(
        folder / "queries.jsonl",
        *(
            {
                "query": text,
                "lang": "zh",
                "relevant_ids": ids,
                "intent": intent,
                "label": label,
                "handoff": handoff,
                "target": text,
                "kind": "plain",
                "split": split,
            }
            for text, ids, intent, label, handoff, split in (
                ("怎么退货?", ["a"], "x", "negative", True, "train"),
                ("where is my order", ["b"], "y", "positive", False, "train"),
                ("今天天气怎么样", [], "oos", "neutral", False, "test_open"),
            )
        ),
    )
    turns = [{"text": "怎么退货?", "relevant_ids": ["a"], "expect": "answer"}]
    jsonl(folder / "dialogs.jsonl", {"id": "d", "lang": "zh", "turns": turns})
    jsonl(folder / "pairs.jsonl", {"q1": "a", "q2": "a", "label": 1}, {"q1": "a", "q2": "b", "label": 0})
    return folder


def kefu_eval(*words, systems=echo):
    parser = argparse.ArgumentParser()
    parser.add_argument("--home")
    add_arguments(parser)
    out = StringIO()
    code = run(parser.parse_args([str(w) for w in words]), Console(file=out, width=140), systems=systems)
    return code, out.getvalue()


@pytest.mark.parametrize("suite", KNOWN_SUITES)
def test_every_suite_runs_and_writes_its_three_files(data, tmp_path, suite):
    paths = [tmp_path / f"out.{kind}" for kind in ("json", "html", "xml")]
    code, out = kefu_eval(suite, "--data", data, "--json", paths[0], "--html", paths[1], "--junit", paths[2])
    assert code == 0
    assert "95 % interval" in out
    body = json.loads(paths[0].read_text("utf-8"))
    assert list(body) == ["suite", "data", "config", "n", "metrics", "cases"]
    assert body["suite"] == suite
    assert body["n"] == len(body["cases"]) > 0
    assert len(body["data"]["sha256"]) == 64
    assert all(set(m) == {"value", "low", "high", "n"} for m in body["metrics"].values())
    assert all({"query", "expected", "got", "confidence", "ms"} <= set(c) for c in body["cases"])
    assert paths[1].read_text("utf-8").startswith("<!doctype html>")
    assert ElementTree.parse(paths[2]).getroot().tag == "testsuites"


@pytest.mark.parametrize(
    ("suite", "names"),
    [
        ("retrieval", {"p_at_1", "hit_at_5", "mrr", "auc_unanswerable", "auc_pairs"}),
        ("intent", {"accuracy", "in_scope_accuracy", "oos_recall", "oos_precision", "macro_f1"}),
        ("sentiment", {"accuracy", "macro_f1"}),
        ("handoff", {"macro_f1"}),
        ("answers", {"p_at_1", "coverage", "right_answer_rate", "wrong_answer_rate", "handoff_recall"}),
    ],
)
def test_the_metrics_have_the_names_that_other_programs_rely_on(data, tmp_path, suite, names):
    kefu_eval(suite, "--data", data, "--json", tmp_path / "out.json")
    assert names <= set(json.loads((tmp_path / "out.json").read_text("utf-8"))["metrics"])


def test_the_retrieval_metrics_are_right(data, tmp_path):
    kefu_eval("retrieval", "--data", data, "--json", tmp_path / "out.json")
    metrics = json.loads((tmp_path / "out.json").read_text("utf-8"))["metrics"]
    assert metrics["p_at_1"]["value"] == metrics["auc_unanswerable"]["value"] == metrics["auc_pairs"]["value"] == 1.0
    assert (metrics["p_at_1"]["n"], metrics["auc_unanswerable"]["n"]) == (2, 3)


def test_without_pairs_there_is_no_metric_of_pairs(data, tmp_path):
    (data / "pairs.jsonl").unlink()
    kefu_eval("retrieval", "--data", data, "--json", tmp_path / "out.json")
    assert "auc_pairs" not in json.loads((tmp_path / "out.json").read_text("utf-8"))["metrics"]


def test_intent_learns_from_a_single_file(data, tmp_path):
    train = tmp_path / "train_10.jsonl"
    jsonl(train, {"query": "怎么退货?", "intent": "x"}, {"query": "hi", "intent": "y"})
    kefu_eval("intent", "--data", data, "--train", train, "--json", tmp_path / "out.json")
    body = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert body["n"] == 3
    assert body["config"]["trained_on"] == 2
    assert body["config"]["train"]["sha256"]


def test_home_may_stand_before_or_after_the_suite(data):
    seen = []

    @contextmanager
    def noting(*, home, progress):
        seen.append(home)
        yield Echo()

    kefu_eval("--home", "one", "intent", "--data", data, systems=noting)
    kefu_eval("intent", "--data", data, "--home", "two", systems=noting)
    kefu_eval("intent", "--data", data, systems=noting)
    assert seen == ["one", "two", None]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(("retrieval", "--data", "nowhere"), "--data nowhere: there is no such folder", id="no-data"),
        pytest.param(
            ("intent", "--data", ".", "--train", "nix.jsonl"), "--train nix.jsonl: there is no", id="no-train"
        ),
        pytest.param(("compare", "a.json", "b.json"), "a.json: there is no such file", id="no-result"),
    ],
)
def test_what_is_missing_is_said_in_one_sentence_on_stderr(capsys, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    code, out = kefu_eval(*words)
    assert (code, out) == (2, "")
    assert message in capsys.readouterr().err


def test_a_malformed_row_is_named(data, capsys):
    (data / "queries.jsonl").write_text('{"query": "a", "relevant_ids": []}\n{"query": 1, "relevant_ids": []}', "utf-8")
    assert kefu_eval("retrieval", "--data", data)[0] == 2
    assert 'line 2, field "query": a string is needed, not 1' in capsys.readouterr().err


def test_without_a_faq_a_published_base_must_be_named(data, capsys):
    (data / "faq.jsonl").unlink()
    assert kefu_eval("answers", "--data", data)[0] == 2
    assert "name a published knowledge base with --kb NAME" in capsys.readouterr().err
    assert kefu_eval("answers", "--data", data, "--kb", "shop")[0] == 0


def test_relevant_ids_that_the_faq_lacks_are_noted(data, capsys):
    jsonl(data / "queries.jsonl", {"query": "a", "relevant_ids": ["gone"]})
    assert kefu_eval("answers", "--data", data)[0] == 0
    assert "1 relevant ids are not in faq.jsonl (gone)" in capsys.readouterr().err


def test_comparing_a_run_with_itself_finds_no_regression(data, tmp_path):
    kefu_eval("answers", "--data", data, "--json", tmp_path / "a.json")
    code, out = kefu_eval("compare", tmp_path / "a.json", tmp_path / "a.json", "--html", tmp_path / "c.html")
    assert code == 0
    assert "No regression beyond noise" in out
    assert (tmp_path / "c.html").exists()


class Broken(Echo):
    """Answers everything from the last entry."""

    def _ranking(self, query):
        return Ranking(entry_ids=("b", "a"), confidence=0.9)


def test_a_regression_beyond_noise_gives_exit_code_1(data, tmp_path):
    rows = [{"query": "怎么退货?", "relevant_ids": ["a"]}] * 12
    jsonl(data / "queries.jsonl", *rows)

    @contextmanager
    def broken(*, home, progress):
        yield Broken()

    kefu_eval("answers", "--data", data, "--json", tmp_path / "old.json")
    kefu_eval("answers", "--data", data, "--json", tmp_path / "new.json", systems=broken)
    code, out = kefu_eval("compare", tmp_path / "old.json", tmp_path / "new.json")
    assert code == 1
    assert "Regression beyond noise" in out
    assert "12 broken" in out
    assert kefu_eval("compare", tmp_path / "new.json", tmp_path / "old.json")[0] == 0


def test_results_of_two_suites_are_not_compared(data, tmp_path, capsys):
    kefu_eval("answers", "--data", data, "--json", tmp_path / "a.json")
    kefu_eval("intent", "--data", data, "--json", tmp_path / "b.json")
    assert kefu_eval("compare", tmp_path / "a.json", tmp_path / "b.json")[0] == 2
    assert "compare runs of one suite" in capsys.readouterr().err


def test_the_suites_of_the_command_are_those_that_there_are():
    assert tuple(SUITES) == KNOWN_SUITES


def test_the_help_needs_no_heavy_import():
    code = (
        "import sys, argparse, evals.command as c; c.add_arguments(argparse.ArgumentParser());"
        "print(sorted({'numpy', 'rich', 'torch', 'sklearn', 'matplotlib', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
