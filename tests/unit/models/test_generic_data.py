"""The invented FAQs that retrieval fusion and confidence are learned from keep their promises."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).resolve().parents[3] / "models" / "data" / "generic"
FAQS = (
    "appliance_zh",
    "bank_zh",
    "broadband_en",
    "carshare_en",
    "clinic_en",
    "grocer_en",
    "hotel_zh",
    "saas_en",
    "school_zh",
    "telecom_zh",
)
LEAST_PER_KIND = Counter(plain=30, colloquial=16, typo=11, long=1, near_miss=16, unanswerable=28, angry=3)

Row = dict[str, Any]


def rows(faq: str, file: str) -> list[Row]:
    return [json.loads(line) for line in (DATA / faq / file).read_text(encoding="utf-8").splitlines()]


def test_every_folder_is_one_that_we_check():
    assert tuple(sorted(path.name for path in DATA.iterdir() if path.is_dir())) == FAQS


@pytest.mark.parametrize("faq", FAQS)
def test_an_entry_has_all_fields_and_an_id_of_its_own(faq: str):
    entries = rows(faq, "faq.jsonl")
    fields = {"id", "question", "similar_questions", "answer", "category", "lang"}
    assert all(entry.keys() == fields for entry in entries)
    assert all(entry["question"] and entry["answer"] and entry["category"] for entry in entries)
    assert {entry["lang"] for entry in entries} == {faq[-2:]}
    assert len({entry["id"] for entry in entries}) == len(entries)
    assert 45 <= len(entries) <= 60


@pytest.mark.parametrize("faq", FAQS)
def test_some_entries_have_similar_questions_and_some_have_none(faq: str):
    similar = [len(entry["similar_questions"]) for entry in rows(faq, "faq.jsonl")]
    assert max(similar) <= 3
    assert 0.4 <= sum(count > 0 for count in similar) / len(similar) <= 0.95


@pytest.mark.parametrize("faq", FAQS)
def test_each_kind_of_query_is_there_often_enough(faq: str):
    queries = rows(faq, "queries.jsonl")
    assert all(query.keys() == {"query", "lang", "kind", "relevant_ids", "expect"} for query in queries)
    assert {query["lang"] for query in queries} == {faq[-2:]}
    kinds = Counter(query["kind"] for query in queries)
    assert kinds >= LEAST_PER_KIND
    assert kinds.keys() == LEAST_PER_KIND.keys()


@pytest.mark.parametrize("faq", FAQS)
def test_only_an_unanswerable_query_has_no_relevant_entry(faq: str):
    ids = {entry["id"] for entry in rows(faq, "faq.jsonl")}
    for query in rows(faq, "queries.jsonl"):
        answerable = query["kind"] != "unanswerable"
        assert bool(query["relevant_ids"]) is answerable, query["query"]
        assert set(query["relevant_ids"]) <= ids, query["query"]
        assert query["expect"] == ("answer" if answerable else "clarify_or_unknown"), query["query"]


@pytest.mark.parametrize("faq", FAQS)
def test_no_query_is_asked_twice_or_copied_from_an_entry(faq: str):
    known = {text for entry in rows(faq, "faq.jsonl") for text in (entry["question"], *entry["similar_questions"])}
    asked = [query["query"] for query in rows(faq, "queries.jsonl")]
    assert len(set(asked)) == len(asked)
    assert not known & set(asked)


@pytest.mark.parametrize("faq", FAQS)
def test_every_entry_is_asked_for_at_least_once(faq: str):
    asked = {entry_id for query in rows(faq, "queries.jsonl") for entry_id in query["relevant_ids"]}
    assert asked == {entry["id"] for entry in rows(faq, "faq.jsonl")}
