"""What is exported and ingested again is the same knowledge."""

from datetime import UTC

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.export import export_file, exported
from ingest.plan import make_plan
from ingest.sources.document import ReadOptions
from ingest.sources.reading import read_all
from knowledge.entry_codec import content_hash
from knowledge.types import Entry, Source

words = st.text("abc 退货怎么1?-é", min_size=1, max_size=20).map(lambda text: " ".join(text.split())).filter(bool)
several = st.lists(words, max_size=3, unique=True).map(tuple)
entries = st.builds(
    Entry,
    id=st.sampled_from([f"e{number}" for number in range(6)]),
    question=words,
    answer=words,
    similar_questions=several,
    category=st.just("") | words,
    language=st.sampled_from(["zh", "en", "mixed", "other"]),
    tags=several,
    valid_from=st.none() | st.datetimes(timezones=st.just(UTC)),
    valid_until=st.none() | st.datetimes(timezones=st.just(UTC)),
    sources=st.just((Source(file="faq.csv", place="row 2"),)) | st.just(()),
    edited=st.booleans(),
).map(
    lambda entry: Entry(
        **{
            **{name: getattr(entry, name) for name in entry.__slots__},
            "similar_questions": tuple(text for text in entry.similar_questions if text != entry.question),
        }
    )
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(known=st.lists(entries, max_size=6, unique_by=lambda entry: entry.id))
def test_ingesting_an_export_gives_the_same_entries(tmp_path, known):
    path = tmp_path / "export.jsonl"
    assert export_file(known, path) == len(known)
    items = list(read_all([path], ReadOptions())) if known else []
    made = make_plan(items, [], language_of=lambda text: "xx")
    assert made.rejections == made.conflicts == ()
    before = {entry.id: content_hash(entry) for entry in known}
    assert {entry.id: content_hash(entry) for entry in made.entries} == before


@given(entry=entries)
def test_an_export_has_the_same_fields_for_every_entry(entry):
    fixed = ["id", "question", "similar_questions", "answer", "category", "lang", "tags", "source"]
    found = list(exported(entry))
    assert found[: len(fixed)] == fixed
    assert set(found) - set(fixed) <= {"valid_from", "valid_until"}
