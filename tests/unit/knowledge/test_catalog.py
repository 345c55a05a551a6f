import sqlite3
import threading
from datetime import UTC, datetime, timedelta

import pytest

from knowledge.catalog import Catalog, CatalogSettings, Changes, UnknownQuestion, UnknownSettings, VersionState
from knowledge.entry_codec import content_hash, entry_from_json, entry_to_json
from knowledge.errors import CatalogUnavailable, KnowledgeBaseNotFound, VersionNotFound
from knowledge.types import Entry, Source

NOW = datetime(2026, 5, 1, tzinfo=UTC)
WS = "default"
FULL = Entry(
    id="returns",
    question="怎么退货?",
    answer="**7** days",
    similar_questions=("退货流程", "return it"),
    category="售后",
    language="zh",
    tags=("web", "gold"),
    valid_from=NOW,
    valid_until=NOW + timedelta(days=1, microseconds=3),
    sources=(Source(file="faq.csv", place="row 2"),),
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "home" / "catalog.db"


@pytest.fixture
def catalog(path):
    catalog = Catalog(path)
    catalog.ensure_base(WS, "shop", now=NOW)
    yield catalog
    catalog.close()


def publish(catalog, version, changes=None, *, now=NOW, kb="shop"):
    catalog.begin_version(WS, kb, version, now=now)
    catalog.switch(WS, kb, version, changes=changes or Changes(), now=now, manifest={"entries": 1})


def asked(text, at=NOW, kb="shop"):
    return UnknownQuestion(workspace=WS, kb=kb, text=text, decision="unknown", asked_at=at)


def test_reading_where_there_is_no_database_finds_nothing_and_writes_nothing(path):
    catalog = Catalog(path)
    assert catalog.bases() == []
    assert catalog.entries(WS, "shop") == []
    assert catalog.change_counter() == 0
    with pytest.raises(KnowledgeBaseNotFound, match="kefu ingest FILE --kb shop"):
        catalog.live_version(WS, "shop")
    assert not path.parent.exists()


def test_an_entry_comes_back_as_it_was(catalog):
    publish(catalog, "v1", Changes(upserts=[FULL]))
    assert catalog.entries(WS, "shop") == [FULL]
    assert catalog.entry(WS, "shop", "returns") == FULL
    assert catalog.entry(WS, "shop", "nothing") is None


def test_entries_of_another_base_or_workspace_are_not_seen(catalog):
    publish(catalog, "v1", Changes(upserts=[FULL]))
    catalog.ensure_base("other", "shop", now=NOW)
    assert catalog.entries("other", "shop") == []
    assert catalog.live_version("other", "shop") is None
    assert [base.workspace for base in catalog.bases()] == ["default", "other"]
    assert [base.workspace for base in catalog.bases("other")] == ["other"]


def test_a_switch_changes_entries_and_pointer_together_or_not_at_all(catalog):
    publish(catalog, "v1", Changes(upserts=[FULL]))
    with pytest.raises(VersionNotFound, match="kb history"):
        catalog.switch(WS, "shop", "never begun", changes=Changes(removals=["returns"]), now=NOW)
    assert catalog.entries(WS, "shop") == [FULL]
    assert catalog.live_version(WS, "shop") == "v1"
    assert [version.state for version in catalog.versions(WS, "shop")] == [VersionState.LIVE]


def test_one_version_is_live_and_the_others_are_kept(catalog):
    for day in range(3):
        publish(catalog, f"v{day}", now=NOW + timedelta(days=day))
    versions = catalog.versions(WS, "shop")
    assert [(version.id, version.state) for version in versions] == [
        ("v2", VersionState.LIVE),
        ("v1", VersionState.KEPT),
        ("v0", VersionState.KEPT),
    ]
    assert versions[0].manifest == {"entries": 1}


def test_a_version_made_live_again_keeps_its_manifest(catalog):
    publish(catalog, "v1")
    publish(catalog, "v2")
    catalog.switch(WS, "shop", "v1", changes=Changes(), now=NOW + timedelta(days=1))
    live = catalog.versions(WS, "shop")[0]
    assert (live.id, live.state, live.manifest) == ("v1", VersionState.LIVE, {"entries": 1})


def test_the_live_version_cannot_be_forgotten(catalog):
    publish(catalog, "v1")
    publish(catalog, "v2")
    catalog.forget_versions(WS, "shop", ["v1", "v2"])
    assert [version.id for version in catalog.versions(WS, "shop")] == ["v2"]


def test_the_change_counter_moves_when_another_connection_writes(catalog, path):
    before = catalog.change_counter()
    assert catalog.change_counter() == before
    other = Catalog(path)
    other.ensure_base(WS, "second", now=NOW)
    other.close()
    assert catalog.change_counter() != before


def test_questions_asked_in_vain_are_listed_newest_first(catalog):
    for text in ("first", "second", "third"):
        catalog.record_unknown(asked(text))
    catalog.record_unknown(asked("elsewhere", kb="other"))
    assert [q.text for q in catalog.unknown_questions(WS, "shop", limit=2)] == ["third", "second"]
    assert catalog.unknown_questions(WS, "shop", limit=1)[0] == asked("third")


def test_questions_asked_in_vain_are_bounded_in_number_length_and_age(path):
    limits = UnknownSettings(max_questions=10, max_age_days=5, max_chars=4)
    catalog = Catalog(path, CatalogSettings(unknown=limits))
    catalog.record_unknown(asked("too old", NOW - timedelta(days=6)))
    for number in range(200):
        catalog.record_unknown(asked(f"{number} and on and on", NOW))
    kept = catalog.unknown_questions(WS, "shop")
    assert 10 <= len(kept) < 10 + 64
    assert kept[0].text == "199 "
    assert all(question.asked_at == NOW for question in kept)
    catalog.close()


def test_several_threads_and_connections_write_at_once(path):
    def write(number):
        catalog = Catalog(path)
        for step in range(5):
            catalog.ensure_base(WS, f"kb-{number}-{step}", now=NOW)
            catalog.record_unknown(asked(str(step)))
        catalog.close()

    threads = [threading.Thread(target=write, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    catalog = Catalog(path)
    assert len(catalog.bases()) == 20
    assert len(catalog.unknown_questions(WS, "shop")) == 20
    catalog.close()


def test_a_database_of_a_newer_kefu_is_left_alone(path):
    Catalog(path).ensure_base(WS, "shop", now=NOW)
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(CatalogUnavailable, match="newer kefu"):
        Catalog(path).bases()


def test_a_file_that_is_no_database_is_named(path):
    path.parent.mkdir(parents=True)
    path.write_bytes(b"this is not a database" * 100)
    with pytest.raises(CatalogUnavailable, match=r"catalog\.db cannot be used"):
        Catalog(path).bases()


def test_the_content_hash_tells_what_an_entry_says_not_where_it_stood():
    elsewhere = entry_from_json(entry_to_json(FULL).replace("row 2", "row 3").replace('"returns"', '"r-1"'))
    assert elsewhere != FULL
    assert content_hash(elsewhere) == content_hash(FULL)
    assert content_hash(entry_from_json(entry_to_json(FULL).replace("7", "8"))) != content_hash(FULL)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"id": 1', '{"id": "a"}'])
def test_what_is_no_entry_is_refused(text):
    with pytest.raises(ValueError, match="no entry"):
        entry_from_json(text)
