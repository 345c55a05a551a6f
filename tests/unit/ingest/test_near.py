"""Near-duplicates: who asks nearly the same as an entry that is new."""

import json

import pytest

from ingest.index import IngestSettings
from ingest.near import NearSettings
from tests.fakes.knowledge import GramEncoder, make_indexer, make_publisher

NEAR = NearSettings(similar_at=0.6)


@pytest.fixture
def publisher(tmp_path):
    publisher = make_publisher(tmp_path / "home")
    yield publisher
    publisher.catalog.close()


def ingest(publisher, tmp_path, *rows, near=NEAR, **options):
    path = tmp_path / "faq.jsonl"
    entries = [{"id": name, "question": question, "answer": answer} for name, question, answer in rows]
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
    indexer = make_indexer(publisher, GramEncoder(), settings=IngestSettings(near=near))
    return indexer.ingest([path], kb="shop", **options)


def pairs(report):
    return [(pair.entry.id, pair.other.id) for pair in report.near.pairs]


RETURN = ("a", "how do i return an item", "within 30 days")
ALIKE = ("b", "how do i return an item?", "not at all")
SAME = ("c", "how do i return an item!", "within 30 days")
OTHER = ("d", "where is my invoice now", "in your account")


@pytest.mark.parametrize("dry_run", [False, True])
def test_entries_that_ask_nearly_the_same_and_answer_otherwise_are_told_of_once(publisher, tmp_path, dry_run):
    report = ingest(publisher, tmp_path, RETURN, ALIKE, OTHER, dry_run=dry_run)
    assert pairs(report) == [("a", "b")]
    assert 0.6 <= report.near.pairs[0].similarity <= 1
    assert (report.near.examined, report.near.of) == (3, 3)


def test_entries_with_the_same_answer_need_no_merging(publisher, tmp_path):
    assert pairs(ingest(publisher, tmp_path, RETURN, SAME, OTHER)) == []


@pytest.mark.parametrize("dry_run", [False, True])
def test_only_new_and_changed_entries_are_searched_for_but_among_all(publisher, tmp_path, dry_run):
    ingest(publisher, tmp_path, RETURN, OTHER)
    report = ingest(publisher, tmp_path, RETURN, OTHER, ALIKE, dry_run=dry_run)
    assert pairs(report) == [("b", "a")]
    assert report.near.of == 1


def test_an_ingest_without_news_looks_for_nothing(publisher, tmp_path):
    ingest(publisher, tmp_path, RETURN, ALIKE)
    report = ingest(publisher, tmp_path, RETURN, ALIKE)
    assert (pairs(report), report.near.of) == ([], 0)


def test_the_list_and_the_search_are_bounded_and_say_so(publisher, tmp_path):
    rows = [(f"e{n}", f"how do i return an item {'!' * n}", f"answer {n}") for n in range(12)]
    report = ingest(publisher, tmp_path, *rows, near=NearSettings(similar_at=0.6, examined=4, listed=2))
    assert len(report.near.pairs) == 2
    assert (report.near.examined, report.near.of) == (4, 12)


def test_passages_below_the_same_headings_are_not_told_of(publisher, tmp_path):
    rows = [("p-1", "guide > returns", "first"), ("p-2", "guide > returns", "second")]
    assert pairs(ingest(publisher, tmp_path, *rows)) == []


def test_an_entry_with_many_wordings_does_not_hide_its_neighbour_behind_them(publisher, tmp_path):
    wordings = [f"how do i return an item{mark}" for mark in ("!", ".", ",", ";", ":", "-", "+", "*", "/", "=")]
    rows = [
        {"id": "a", "question": RETURN[1], "answer": RETURN[2], "similar_questions": wordings},
        {"id": "b", "question": "how do i return an article", "answer": "not at all"},
    ]
    path = tmp_path / "faq.jsonl"
    make_indexer(publisher, GramEncoder()).ingest([_written(path, rows[1:])], kb="shop")
    anything = IngestSettings(near=NearSettings(similar_at=-1.0))
    report = make_indexer(publisher, GramEncoder(), settings=anything).ingest([_written(path, rows)], kb="shop")
    assert pairs(report) == [("a", "b")]


def _written(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
