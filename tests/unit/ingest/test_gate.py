"""A version that answers known questions worse than the live one is not published."""

import json

import pytest

from engine.types import Answer, Choice, Clarify, Exchange, Outcome, Receipt, Unknown
from ingest.errors import SuiteError
from ingest.gate import GateFailed, Grade, grade, read_suite
from models.protocols import Language
from tests.fakes.encoders import HashingEncoder
from tests.fakes.engine import evidence
from tests.fakes.gate import askable_publisher, case, gated_indexer, make_models

WS = "default"
RETURNS = {"id": "returns", "question": "How do I return an item I bought?", "answer": "Within 30 days."}
INVOICE = {"id": "invoice", "question": "Where can I download my invoice?", "answer": "In your account."}
CARGO = {"id": "cargo", "question": "Do you ship cargo bikes abroad?", "answer": "Not yet."}


@pytest.fixture
def publisher(tmp_path):
    publisher = askable_publisher(tmp_path / "home")
    yield publisher
    publisher.catalog.close()


@pytest.fixture
def write(tmp_path):
    def run(*entries):
        path = tmp_path / "faq.jsonl"
        path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
        return path

    return run


def outcome(decision, name, entry_ids=()):
    offered = tuple(Choice(entry_id=entry_id, question="?") for entry_id in entry_ids) if name == "clarify" else ()
    receipt = Receipt(
        text="", understood="", decision=name, reason="", language=Language.EN, confidence=0.5, candidates=(),
        thresholds={}, versions={}, stage_ms={}, cached=False,
    )  # fmt: skip
    exchange = Exchange(text="", question="", decision=name, entry_ids=tuple(entry_ids))
    citations = tuple(entry_ids) if name == "answer" else ()
    return Outcome(
        decision=decision,
        text="",
        citations=citations,
        choices=offered,
        receipt=receipt,
        exchange=exchange,
        evidence=evidence(),
    )


ANSWERED = outcome(Answer(entry_id="a"), "answer", ["a"])
OFFERED = outcome(Clarify(entry_ids=("a", "b")), "clarify", ["a", "b"])
NOTHING = outcome(Unknown(), "unknown")


@pytest.mark.parametrize(
    ("asked", "got", "expected"),
    [
        (case("q", "a"), ANSWERED, Grade.RIGHT),
        (case("q", "b"), ANSWERED, Grade.WRONG_ANSWER),
        (case("q", "b"), OFFERED, Grade.OFFERED),
        (case("q", "c"), OFFERED, Grade.OTHERWISE),
        (case("q", "a"), NOTHING, Grade.OTHERWISE),
        (case("q"), NOTHING, Grade.RIGHT),
        (case("q"), OFFERED, Grade.RIGHT),
        (case("q"), ANSWERED, Grade.WRONG_ANSWER),
        (case("q", expect="handoff"), NOTHING, Grade.OTHERWISE),
    ],
)
def test_a_case_is_graded_by_what_the_visitor_gets(asked, got, expected):
    assert grade(asked, got) is expected


def test_a_version_that_passes_is_published(publisher, write):
    indexer = gated_indexer(publisher, make_models(), case(RETURNS["question"], "returns"))
    report = indexer.ingest([write(RETURNS, INVOICE)], kb="shop")
    assert report.version == publisher.catalog.live_version(WS, "shop")
    assert (report.gate.cases, report.gate.right, report.gate.broken) == (1, 1, ())
    assert report.exit_code(allow_rejects=False) == 0


def test_a_version_that_breaks_the_suite_is_not_published_and_leaves_nothing(publisher, write):
    models = make_models()
    indexer = gated_indexer(publisher, models, case(INVOICE["question"], "invoice", name="c7"))
    before = indexer.ingest([write(RETURNS, INVOICE)], kb="shop").version
    folders = list(publisher.layout.versions(WS, "shop").iterdir())
    moved = {**INVOICE, "id": "invoice", "question": "What are the opening hours on Sundays?"}
    stolen = {**INVOICE, "id": "other"}
    report = indexer.ingest([write(RETURNS, moved, stolen)], kb="shop")
    (broken,) = report.gate.broken
    assert (broken.id, broken.query, broken.expected) == ("c7", INVOICE["question"], "answer (invoice)")
    assert (broken.got, broken.before) == ("answer (other)", "answer (invoice)")
    assert INVOICE["question"] in report.refused
    assert "not published" not in report.refused  # who reports it says so
    assert report.exit_code(allow_rejects=True) == 1
    assert report.version == before == publisher.catalog.live_version(WS, "shop")
    assert list(publisher.layout.versions(WS, "shop").iterdir()) == folders
    assert [version.id for version in publisher.catalog.versions(WS, "shop")] == [before]
    assert {entry.id for entry in publisher.catalog.entries(WS, "shop")} == {"returns", "invoice"}


def test_a_first_version_that_breaks_the_suite_makes_no_base(publisher, write):
    indexer = gated_indexer(publisher, make_models(), case(CARGO["question"], "returns"))
    report = indexer.ingest([write(RETURNS, CARGO)], kb="shop")
    assert report.refused
    assert report.version == ""
    assert publisher.catalog.bases() == []


def test_a_case_that_was_wrong_before_does_not_keep_a_version_back(publisher, write):
    models = make_models()
    gated_indexer(publisher, models).ingest([write(RETURNS)], kb="shop")
    wrong = case(RETURNS["question"], "invoice")
    report = gated_indexer(publisher, models, wrong).ingest([write(RETURNS, INVOICE)], kb="shop")
    assert (report.refused, report.gate.right) == ("", 0)


def test_a_case_about_an_entry_that_goes_breaks_and_one_about_an_entry_that_never_was_is_an_error(publisher, write):
    models = make_models()
    gated_indexer(publisher, models).ingest([write(RETURNS, INVOICE)], kb="shop")
    indexer = gated_indexer(publisher, models, case("whatever", "nowhere", name="line 3"))
    with pytest.raises(SuiteError, match=r"nowhere \(line 3\)"):
        indexer.ingest([write(RETURNS, INVOICE, CARGO)], kb="shop")
    with pytest.raises(SuiteError, match="nowhere"):
        indexer.ingest([write(RETURNS, INVOICE)], kb="shop")  # also where nothing is to be published
    assert len(publisher.catalog.versions(WS, "shop")) == 1


def test_after_a_change_of_the_encoder_every_case_counts(publisher, write):
    gated_indexer(publisher, make_models()).ingest([write(RETURNS, INVOICE)], kb="shop")
    other = make_models(HashingEncoder(dim=128, name="other"))
    indexer = gated_indexer(publisher, other, case(RETURNS["question"], "invoice"))
    with pytest.raises(GateFailed, match="1 of 1 cases"):
        indexer.publish("shop")
    assert gated_indexer(publisher, other, case(RETURNS["question"], "returns")).publish("shop").built


def test_a_dry_run_does_not_ask_the_gate(publisher, write):
    indexer = gated_indexer(publisher, make_models(), case("whatever", "nowhere"))
    assert indexer.ingest([write(RETURNS)], kb="shop", dry_run=True).gate is None


def test_the_lines_of_a_suite_are_those_of_the_answers_suite(tmp_path):
    path = tmp_path / "suite.jsonl"
    rows = [
        {"query": "怎么退货", "relevant_ids": ["r"], "kind": "plain"},
        {"id": "x", "query": "hello", "relevant_ids": [], "expect": "smalltalk"},
        {"query": "on Mars?", "relevant_ids": []},
    ]
    text = "\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text("\ufeff" + text, encoding="utf-8")
    cases = read_suite(path)
    assert [one.expect for one in cases] == ["answer", "smalltalk", "clarify_or_unknown"]
    assert [one.id for one in cases] == ["suite.jsonl, line 1", "x", "suite.jsonl, line 5"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "has no case"),
        ("{", "line 1: not JSON"),
        ('{"query": "x"}', "line 1: expected"),
        ('{"query": " ", "relevant_ids": []}', "line 1: expected"),
        ('{"query": "x", "relevant_ids": [1]}', "line 1: expected"),
        ('{"query": "x", "relevant_ids": [], "expect": "magic"}', "expect is 'magic'"),
        ('{"query": "x", "relevant_ids": [], "expect": "answer"}', "names no entry"),
    ],
)
def test_a_suite_that_cannot_be_used_is_told_of_with_its_line(tmp_path, text, complaint):
    path = tmp_path / "suite.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SuiteError, match=complaint):
        read_suite(path)


def test_a_suite_that_is_not_there_is_told_of(tmp_path):
    with pytest.raises(SuiteError, match="cannot be read"):
        read_suite(tmp_path / "none.jsonl")
