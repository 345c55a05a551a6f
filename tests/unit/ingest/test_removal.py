"""What a re-ingest removes, what it leaves alone, and what a person did by hand."""

from dataclasses import replace

import pytest

from ingest.identity import is_prose, prose_id
from ingest.plan import derived_id, make_plan
from ingest.records import Record, Rejection
from ingest.removal import Scope
from knowledge.types import Entry, Source

SYNC = Scope(sync=True)


def record(question, answer="yes", file="a.csv", row=2, **fields):
    return Record(question=question, answer=answer, source=Source(file=file, place=f"row {row}"), **fields)


def prose(text, headings="Guide › Returns", file="guide.md", place="line 3"):
    return Record(question=headings, answer=text, source=Source(file=file, place=place), prose=True)


def rejected(file="a.csv", place="row 9"):
    return Rejection(source=Source(file=file, place=place), reason="broken")


def plan(items, existing=(), **options):
    return make_plan(items, existing, language_of=lambda text: "en", **options)


def questions(made):
    return [entry.question for entry in made.entries]


BOTH = plan([record("How?"), record("Why?", row=3)]).entries


def test_without_sync_nothing_with_a_question_of_its_own_is_removed():
    made = plan([record("How?")], BOTH)
    assert (made.removed, sorted(questions(made))) == (0, ["How?", "Why?"])


def test_with_sync_a_row_that_is_gone_from_its_file_is_removed():
    made = plan([record("How?")], BOTH, scope=SYNC)
    assert (made.removed, questions(made)) == (1, ["How?"])
    assert [entry.question for entry in made.gone] == ["Why?"]
    assert made.changes.removals == (derived_id("Why?"),)


def test_with_sync_entries_of_files_that_were_not_read_stay():
    before = plan([record("How?"), record("Why?", file="b.csv")]).entries
    assert plan([record("How?")], before, scope=SYNC).removed == 0


def test_with_sync_entries_of_a_document_that_vanished_go():
    before = plan([record("How?"), record("Why?", file="b.csv")]).entries
    made = plan([record("How?")], before, scope=Scope(sync=True, vanished=frozenset({"b.csv"})))
    assert questions(made) == ["How?"]
    assert plan([record("How?")], before, scope=Scope(vanished=frozenset({"b.csv"}))).removed == 0


def test_an_entry_that_another_document_still_has_only_loses_the_source():
    before = plan([record("How?"), record("How?", file="b.csv")]).entries
    made = plan([record("Else?", file="b.csv")], before, scope=SYNC)
    (left,) = [entry for entry in made.entries if entry.question == "How?"]
    assert [source.file for source in left.sources] == ["a.csv"]
    assert made.removed == 0
    vanished = plan([record("How?")], before, scope=Scope(sync=True, vanished=frozenset({"b.csv"})))
    assert [source.file for source in vanished.entries[0].sources] == ["a.csv"]


@pytest.mark.parametrize("place", ["", "row 9"], ids=["the whole file", "one row"])
def test_a_file_of_which_something_was_rejected_removes_nothing_unless_forced(place):
    items = [record("How?"), rejected(place=place)]
    made = plan(items, BOTH, scope=SYNC)
    assert made.removed == 0
    if place:
        assert "something of it was rejected" in made.notes[0].text
        assert plan(items, BOTH, scope=Scope(sync=True, force=True)).removed == 1


def test_a_row_that_lost_its_answer_is_rejected_and_its_entry_stays():
    made = plan([record("How?"), record("why?", "", row=3)], BOTH, scope=SYNC)
    assert (made.removed, len(made.rejections)) == (0, 1)


def test_entries_that_a_person_wrote_are_never_removed():
    mine = Entry(id="mine", question="Mine?", answer="yes", edited=True)
    edited = replace(BOTH[0], answer="by hand", edited=True)
    made = plan([record("Else?")], [mine, edited], scope=SYNC)
    assert {"mine", edited.id} <= {entry.id for entry in made.entries}


def test_passages_of_one_document_may_share_their_headings_without_a_conflict():
    made = plan([prose("First."), prose("Second."), prose("First.", file="other.md"), prose("First.")])
    assert (made.added, made.duplicates, made.conflicts) == (3, 1, ())
    assert all(is_prose(entry) for entry in made.entries)
    assert prose_id("guide.md", "Guide › Returns", "First.") in {entry.id for entry in made.entries}


def test_a_passage_is_at_odds_with_no_question_of_the_same_words():
    made = plan([record("Guide › Returns", "so"), prose("First.")])
    assert (made.added, made.conflicts) == (2, ())


def test_a_passage_that_was_rewritten_is_replaced_even_without_sync():
    before = plan([prose("Old."), prose("Stays.")]).entries
    made = plan([prose("New."), prose("Stays.", place="line 30")], before)
    assert sorted(entry.answer for entry in made.entries) == ["New.", "Stays."]
    assert (made.added, made.removed, made.unchanged) == (1, 1, 1)
    assert plan([prose("New."), prose("Stays.", place="line 30")], made.entries).changes == type(made.changes)()


def test_passages_of_a_document_that_was_not_read_stay():
    before = plan([prose("Old.")]).entries
    assert plan([prose("New.", file="other.md")], before).removed == 0
    assert plan([rejected("guide.md", "")], before).removed == 0


def test_passages_of_a_page_that_could_not_be_read_stay():
    before = plan([prose("One.", place="page 1"), prose("Two.", place="page 2")]).entries
    made = plan([prose("New.", place="page 1"), rejected("guide.md", "page 2")], before)
    assert sorted(entry.answer for entry in made.entries) == ["New.", "Two."]


def test_a_document_whose_name_another_one_has_as_well_removes_nothing():
    before = plan([prose("Old.")]).entries
    scope = Scope(sync=True, ambiguous=frozenset({"guide.md"}))
    assert plan([prose("New.")], before, scope=scope).removed == 0


def test_an_entry_that_was_edited_by_hand_is_kept_and_reported_with_both_wordings():
    edited = replace(BOTH[0], answer="by hand", edited=True)
    made = plan([record(edited.question, "by file")], [edited])
    assert [entry.answer for entry in made.entries] == ["by hand"]
    assert (made.changed, made.unchanged) == (0, 0)
    (kept,) = made.kept
    assert (kept.ours.answer, kept.theirs.answer, kept.differing) == ("by hand", "by file", ("answer",))


def test_the_documents_word_is_taken_if_that_is_asked_for():
    edited = replace(BOTH[0], answer="by hand", edited=True)
    made = plan([record(edited.question, "by file")], [edited], overwrite_edited=True)
    assert [(entry.answer, entry.edited) for entry in made.entries] == [("by file", False)]
    assert (made.changed, made.kept) == (1, ())


def test_once_the_document_says_what_a_person_wrote_the_entry_follows_the_document_again():
    edited = replace(BOTH[0], answer="by hand", edited=True)
    made = plan([record(edited.question, "by hand")], [edited])
    assert (made.kept, made.unchanged) == ((), 1)
    assert not made.entries[0].edited
    again = plan([record(edited.question, "newer")], made.entries)
    assert (again.changed, again.entries[0].answer) == (1, "newer")


def test_an_entry_that_a_person_took_out_does_not_come_back_unasked():
    gone = frozenset({derived_id("How?")})
    made = plan([record("How?"), record("Why?", row=3)], removed_by_hand=gone)
    assert (questions(made), made.added) == (["Why?"], 1)
    assert made.kept[0].ours is None
    back = plan([record("How?")], removed_by_hand=gone, overwrite_edited=True)
    assert (questions(back), back.kept) == (["How?"], ())


def test_an_answer_that_replaces_that_of_a_document_not_read_this_time_is_noted():
    made = plan([record("How?", "otherwise", file="b.csv")], BOTH)
    assert made.changed == 1
    assert "answered otherwise in a.csv, row 2" in made.notes[0].text
    assert plan([record("How?", "otherwise")], BOTH).notes == ()


def test_an_entry_that_gives_way_to_an_id_of_a_file_goes_once_and_does_not_come_back():
    before = plan([record("How?"), record("How?", file="b.csv"), record("Why?", row=3)]).entries
    made = plan([record("How?", id="r-1"), record("Why?", row=3)], before, scope=SYNC)
    assert {entry.id for entry in made.changes.upserts}.isdisjoint(made.changes.removals)
    alone = plan([record("How?", id="r-1"), record("Why?", row=3)], BOTH, scope=SYNC)
    assert [entry.id for entry in alone.gone] == [derived_id("How?")]
