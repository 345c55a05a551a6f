"""Editing by hand: each edit is a version, and reading the documents again does not undo it."""

import pytest

from ingest.edit import add_entry, edit_entry, remove_entry
from ingest.errors import EntryNotFound, EntryRefused
from ingest.index import Rules
from ingest.plan import derived_id
from knowledge.errors import KnowledgeBaseNotFound
from knowledge.types import Entry
from tests.fakes.knowledge import GramEncoder, make_indexer, make_publisher

WS, KB = "default", "shop"
HOW, WHY = derived_id("how?"), derived_id("why?")


@pytest.fixture
def publisher(tmp_path):
    publisher = make_publisher(tmp_path / "home")
    yield publisher
    publisher.catalog.close()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "faq.csv"
    path.write_text("question,answer\nhow?,so\nwhy?,because\n", encoding="utf-8")
    return path


@pytest.fixture
def encoder():
    return GramEncoder()


@pytest.fixture
def indexer(publisher, file, encoder):
    indexer = make_indexer(publisher, encoder)
    indexer.ingest([file], kb=KB)
    encoder.texts.clear()
    return indexer


def answers(publisher):
    snapshot = publisher.open(WS, KB, publisher.catalog.live_version(WS, KB))
    assert list(snapshot.entries.values()) == publisher.catalog.entries(WS, KB)
    return {entry.id: entry.answer for entry in snapshot.entries.values()}


def test_an_edit_is_a_version_in_which_only_the_new_texts_are_encoded(indexer, publisher, encoder):
    version = edit_entry(indexer, KB, HOW, {"answer": "  like this "})
    assert version.built
    assert answers(publisher) == {HOW: "like this", WHY: "because"}
    assert encoder.texts == ["how?\nlike this"]
    assert publisher.catalog.entry(WS, KB, HOW).edited


def test_reading_the_documents_again_keeps_what_was_edited_and_says_so(indexer, publisher, file):
    edit_entry(indexer, KB, HOW, {"answer": "like this", "question": "How exactly?"})
    report = indexer.ingest([file], kb=KB)
    assert answers(publisher)[HOW] == "like this"
    assert [(kept.entry_id, kept.differing) for kept in report.kept] == [(HOW, ("question", "answer"))]
    assert report.to_dict()["kept_by_hand"] == [
        {
            "id": HOW,
            "question": "How exactly?",
            "removed_by_hand": False,
            "differs_in": ["question", "answer"],
            "ours": "like this",
            "theirs": "so",
            "source": {"file": "faq.csv", "place": "row 2"},
        }
    ]
    indexer.ingest([file], kb=KB, rules=Rules(overwrite_edited=True))
    assert answers(publisher)[HOW] == "so"
    assert indexer.ingest([file], kb=KB).kept == ()


def test_an_edit_that_changes_nothing_publishes_nothing(indexer, publisher):
    before = publisher.catalog.live_version(WS, KB)
    assert edit_entry(indexer, KB, HOW, {"answer": "so"}).id == before
    assert not publisher.catalog.entry(WS, KB, HOW).edited


def test_an_entry_is_added_by_hand_and_stays_when_the_documents_are_synced(indexer, publisher, file):
    add_entry(indexer, KB, Entry(id="", question="怎么退货", answer="30 天内。"))
    indexer.ingest([file], kb=KB, rules=Rules(sync=True))
    added = publisher.catalog.entry(WS, KB, derived_id("怎么退货"))
    assert (added.answer, added.language, added.edited, added.sources) == ("30 天内。", "zh", True, ())
    with pytest.raises(EntryRefused, match="already"):
        add_entry(indexer, KB, added)


def test_an_entry_that_was_taken_out_stays_out_until_the_documents_word_is_asked_for(indexer, publisher, file):
    remove_entry(indexer, KB, HOW)
    report = indexer.ingest([file], kb=KB)
    assert set(answers(publisher)) == {WHY}
    assert (report.added, report.kept[0].ours) == (0, None)
    indexer.ingest([file], kb=KB, rules=Rules(overwrite_edited=True))
    assert set(answers(publisher)) == {HOW, WHY}
    assert publisher.catalog.removed_by_hand(WS, KB) == frozenset()


def test_a_rollback_undoes_an_edit_together_with_its_mark(indexer, publisher, file):
    edit_entry(indexer, KB, HOW, {"answer": "like this"})
    publisher.rollback(WS, KB)
    assert answers(publisher)[HOW] == "so"
    assert indexer.ingest([file], kb=KB).kept == ()
    remove_entry(indexer, KB, WHY)
    publisher.rollback(WS, KB)
    assert publisher.catalog.removed_by_hand(WS, KB) == frozenset()


def test_the_last_entry_cannot_be_taken_out(indexer, publisher):
    remove_entry(indexer, KB, HOW)
    with pytest.raises(EntryRefused, match="last entry"):
        remove_entry(indexer, KB, WHY)
    assert set(answers(publisher)) == {WHY}


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"answer": " "}, "needs a question and an answer"),
        ({"question": "\u200b"}, "needs a question"),
        ({"answer": "x" * 70_000}, "longer than"),
        ({"answer": "a\0b"}, "NUL"),
        ({"id": "other"}, "id cannot be edited"),
    ],
)
def test_an_edit_that_cannot_be_taken_changes_nothing(indexer, publisher, fields, complaint):
    before = answers(publisher)
    with pytest.raises(EntryRefused, match=complaint):
        edit_entry(indexer, KB, HOW, fields)
    assert answers(publisher) == before


def test_an_entry_or_base_that_does_not_exist_is_told_of(indexer):
    with pytest.raises(EntryNotFound, match="'nope'"):
        edit_entry(indexer, KB, "nope", {"answer": "x"})
    with pytest.raises(EntryNotFound):
        remove_entry(indexer, KB, "nope")
    with pytest.raises(KnowledgeBaseNotFound):
        remove_entry(indexer, "elsewhere", "nope")


def test_an_answer_written_by_hand_is_made_as_safe_as_one_of_a_document(indexer, publisher):
    edit_entry(indexer, KB, HOW, {"answer": "so <script>alert(1)</script>[now](javascript:alert(1))"})
    assert "script" not in answers(publisher)[HOW]
