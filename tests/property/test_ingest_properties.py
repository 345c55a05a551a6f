"""Whatever documents hold: nothing breaks, nothing is lost without a word, and doing it twice changes nothing."""

import csv
import io
from datetime import UTC

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.clean import clean_block
from ingest.limits import Limits
from ingest.plan import make_plan
from ingest.records import Note, Record, RejectedField, Rejection
from ingest.sources.checked import checked
from ingest.sources.document import Document, ReadOptions
from ingest.sources.registry import READERS
from ingest.split import SplitSettings, passages_of, plain_text, split_text
from knowledge.entry_codec import entry_from_json, entry_to_json
from knowledge.types import Source

TMP = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

# Without control characters: so many of them in so little text make a file binary.
texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=80)
# Few questions and answers, so that many collide.
records = st.builds(
    Record,
    question=st.sampled_from(["How?", "how？", "Why?", "怎么办", "什么"]),
    answer=st.sampled_from(["yes", "no", ""]),
    id=st.sampled_from(["", "", "1", "2"]),
    similar_questions=st.lists(st.sampled_from(["How come?", "Why?"]), max_size=2, unique=True).map(tuple),
    tags=st.lists(st.sampled_from(["a", "b"]), max_size=2, unique=True).map(tuple),
    source=st.builds(
        Source, file=st.sampled_from(["a.csv", "b.csv"]), place=st.integers(1, 12).map(lambda row: f"row {row}")
    ),
)


def read(path, content):
    path.write_bytes(content)
    reader = READERS[path.suffix].load()
    items = checked(reader(Document(path=path, name=path.name), ReadOptions(zone=UTC)), Limits())
    return [item for item in items if not isinstance(item, Note)]


@TMP
@given(
    pieces=st.lists(
        st.sampled_from(
            ["# ", "## ", "Q: ", "A: ", "问：", "```\n", "\n", "\n\n", "text", "- ", "> ", "===\n", "|a|", "**", "\t"]
        )
    )
)
def test_no_markdown_breaks_its_reader(tmp_path, pieces):
    for item in read(tmp_path / "any.md", "".join(pieces).encode()):
        assert isinstance(item, Rejection) or item.question


@TMP
@given(rows=st.lists(st.tuples(texts, texts), max_size=8))
def test_every_row_of_a_csv_is_a_record_or_a_rejection(tmp_path, rows):
    out = io.StringIO()
    csv.writer(out).writerows([("question", "answer"), *rows])
    items = read(tmp_path / "any.csv", out.getvalue().encode())
    places = [item.source.place for item in items]
    expected = [f"row {n}" for n, row in enumerate(rows, start=2) if any(cell.strip() for cell in row)]
    assert places == expected


@TMP
@given(rows=st.lists(st.tuples(texts, texts), min_size=1, max_size=8))
def test_csv_and_json_lines_say_the_same(tmp_path, rows):
    rows = [row for row in rows if any(cell.strip() for cell in row)] or [("q", "a")]
    out = io.StringIO()
    csv.writer(out).writerows([("question", "answer"), *rows])
    lines = b"\n".join(orjson.dumps({"question": question, "answer": answer}) for question, answer in rows)

    def essence(items):
        return [(i.question, i.answer) if isinstance(i, Record) else i.reason for i in items]

    assert essence(read(tmp_path / "a.csv", out.getvalue().encode())) == essence(read(tmp_path / "a.jsonl", lines))


def plan(read_records, existing=()):
    return make_plan(read_records, existing, language_of=lambda text: "en")


@given(items=st.lists(records, max_size=12))
def test_every_record_is_an_entry_a_duplicate_a_conflict_or_a_rejection(items):
    made = plan(items)
    assert made.added + made.duplicates + len(made.conflicts) + len(made.rejections) == len(items)
    assert len(made.entries) == made.added


@given(items=st.lists(records, max_size=12))
def test_reading_again_changes_nothing(items):
    first = plan(items)
    again = plan(items, first.entries)
    assert again.entries == first.entries
    assert (again.added, again.changed, again.removed) == (0, 0, 0)
    assert again.changes.upserts == again.changes.removals == ()


@given(items=st.lists(records, max_size=12), earlier=st.lists(records, max_size=8))
def test_the_changes_lead_from_what_was_to_what_will_be(items, earlier):
    before = plan(earlier).entries
    made = plan(items, before)
    after = {entry.id: entry for entry in before}
    after.update((entry.id, entry) for entry in made.changes.upserts)
    for entry_id in made.changes.removals:
        del after[entry_id]
    assert [after[entry_id] for entry_id in sorted(after)] == list(made.entries)


@given(items=st.lists(records, max_size=12))
def test_entries_survive_being_written_down(items):
    for entry in plan(items).entries:
        assert entry_from_json(entry_to_json(entry)) == entry


@given(text=st.text(max_size=300))
def test_cleaning_twice_is_cleaning_once(text):
    try:
        clean = clean_block(text, field="answer", max_bytes=10_000)
    except RejectedField:
        return
    assert clean_block(clean, field="answer", max_bytes=10_000) == clean


@given(text=st.text(st.sampled_from("ab 。.!\n中文3,"), max_size=300), chars=st.integers(20, 60))
def test_pieces_are_short_and_hold_the_whole_text(text, chars):
    pieces = split_text(text, SplitSettings(piece_chars=chars))
    assert all(0 < len(piece) <= chars for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


@given(text=st.text(st.sampled_from("*_`#>|[]()<>-!\\ \nab1."), max_size=200))
def test_taking_marks_out_leaves_no_blank_lines_and_only_what_was_there(text):
    plain = plain_text(text)
    assert "\n\n" not in plain
    assert set(plain) <= set(text) | {" "}


@given(items=st.lists(records, max_size=12))
def test_passages_are_numbered_and_belong_to_entries(items):
    entries = plan(items).entries
    passages = passages_of(entries, SplitSettings())
    assert [p.id for p in passages] == list(range(len(passages)))
    assert {p.entry_id for p in passages} == {entry.id for entry in entries}
