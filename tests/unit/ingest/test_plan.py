import pytest

from ingest.plan import derived_id, make_plan
from ingest.records import Record, Rejection
from knowledge.types import Entry, Source


def record(question, answer="yes", file="a.csv", row=2, **fields):
    return Record(question=question, answer=answer, source=Source(file=file, place=f"row {row}"), **fields)


def plan(records, existing=(), **options):
    return make_plan(records, existing, language_of=lambda text: "en", **options)


def counts(made):
    return made.added, made.changed, made.unchanged, made.duplicates


def test_a_new_question_is_added_under_an_id_of_its_own():
    made = plan([record("How?")])
    assert counts(made) == (1, 0, 0, 0)
    assert made.entries[0].id == derived_id("how?") == derived_id("  HOW ? ".replace(" ?", "?"))
    assert made.entries[0].language == "en"


def test_an_id_and_a_language_in_the_file_are_kept():
    (entry,) = plan([record("How?", id="faq-7", language="zh")]).entries
    assert (entry.id, entry.language) == ("faq-7", "zh")


def test_the_same_question_and_answer_from_two_files_is_one_entry_with_two_sources():
    made = plan([record("How?"), record("how？", file="b.md", row=9, similar_questions=("In which way?",))])
    assert counts(made) == (1, 0, 0, 1)
    (entry,) = made.entries
    assert [source.file for source in entry.sources] == ["a.csv", "b.md"]
    assert "In which way?" in entry.similar_questions


@pytest.mark.parametrize("with_id_first", [True, False])
def test_a_record_without_an_id_joins_the_one_that_has_it(with_id_first):
    records = [record("How?", id="faq-7"), record("How?", file="b.csv")]
    (entry,) = plan(records if with_id_first else records[::-1]).entries
    assert entry.id == "faq-7"
    assert len(entry.sources) == 2


def test_files_read_one_after_the_other_give_what_they_give_together():
    first, second = record("How?", similar_questions=("so?",)), record("How?", file="b.csv", id="faq-7", tags=("t",))
    together = plan([first, second]).entries
    one_by_one = plan([second], plan([first]).entries)
    other_way = plan([first], plan([second]).entries)
    assert one_by_one.entries == other_way.entries == together
    assert one_by_one.changes.removals == (derived_id("How?"),)


def test_reading_the_same_again_changes_nothing():
    records = [record("How?"), record("Why?", id="w", row=3), record("How?", file="b.csv", row=2)]
    first = plan(records)
    again = plan(records, first.entries)
    assert counts(again) == (0, 0, 2, 1)
    assert again.changes.upserts == again.changes.removals == ()
    assert again.entries == first.entries


def test_a_row_that_moved_is_unchanged_but_its_place_is_taken_over():
    before = plan([record("How?", row=2)]).entries
    made = plan([record("How?", row=30)], before)
    assert counts(made) == (0, 0, 1, 0)
    assert [source.place for source in made.entries[0].sources] == ["row 30"]


def test_a_changed_answer_replaces_the_old_one():
    before = plan([record("How?", "old")]).entries
    made = plan([record("How?", "new")], before)
    assert counts(made) == (0, 1, 0, 0)
    assert [entry.answer for entry in made.entries] == ["new"]


def test_entries_that_no_record_names_stay():
    before = plan([record("How?"), record("Why?")]).entries
    made = plan([record("Why?", "changed")], before)
    assert {entry.question for entry in made.entries} == {"How?", "Why?"}
    assert made.removed == 0


def test_the_same_question_with_two_answers_is_a_conflict_and_the_first_counts():
    made = plan([record("How?", "one"), record("How?", "two", file="b.csv", row=5)])
    assert [entry.answer for entry in made.entries] == ["one"]
    (conflict,) = made.conflicts
    assert (conflict.kept.file, conflict.ignored.file) == ("a.csv", "b.csv")


def test_ids_of_their_own_tell_two_answers_to_one_question_apart():
    made = plan([record("How?", "one", id="1"), record("How?", "two", id="2")])
    assert made.conflicts == ()
    assert [entry.answer for entry in made.entries] == ["one", "two"]


def test_one_id_with_two_answers_is_a_conflict():
    made = plan([record("How?", "one", id="1"), record("Why?", "two", id="1", row=3)])
    assert [entry.question for entry in made.entries] == ["How?"]
    assert len(made.conflicts) == 1


def test_rows_of_one_id_with_one_answer_are_wordings_of_one_entry():
    (entry,) = plan([record("How?", id="1"), record("In which way?", id="1", row=3)]).entries
    assert entry.similar_questions == ("In which way?",)


def test_a_record_without_an_answer_is_rejected_unless_that_is_allowed():
    records = [record("How?", ""), record("Why?")]
    made = plan(records)
    assert [entry.question for entry in made.entries] == ["Why?"]
    assert "'How?' has no answer" in made.rejections[0].reason
    assert len(plan(records, require_answers=False).entries) == 2


def test_rejections_of_readers_are_passed_on():
    rejection = Rejection(source=Source(file="x.csv", place=""), reason="the file is empty")
    assert plan([rejection]).rejections == (rejection,)


def test_entries_come_by_id_and_sources_as_a_person_counts():
    made = plan([record("b", id="b"), record("a", id="a"), *(record("b", id="b", row=row) for row in (10, 9))])
    assert [entry.id for entry in made.entries] == ["a", "b"]
    assert [source.place for source in made.entries[1].sources] == ["row 2", "row 9", "row 10"]


def test_an_entry_that_says_the_same_under_another_id_is_joined_not_doubled():
    existing = [Entry(id="faq-7", question="How?", answer="yes", language="en")]
    made = plan([record("how?")], existing)
    assert [entry.id for entry in made.entries] == ["faq-7"]
