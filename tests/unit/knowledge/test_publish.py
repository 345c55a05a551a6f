import json
from dataclasses import replace

import numpy as np
import pytest

from knowledge.catalog import Changes, VersionState
from knowledge.errors import InvalidName, StoreUnavailable, VersionCorrupt, VersionNotFound, WriterBusy
from knowledge.memory_store import MemoryStore
from knowledge.publish import Body, Draft, Publisher, PublishSettings, find_lost, version_id
from knowledge.snapshot import EncoderStamp, Manifest
from knowledge.types import Entry, Passage, PassageKind
from tests.fakes.knowledge import GramEncoder, make_publisher

WS, KB = "default", "shop"


def entry(name, answer="yes"):
    return Entry(id=name, question=f"question about {name}", answer=answer, language="en")


def draft_of(entries, encoder=None, encode=None):
    encoder = encoder or GramEncoder()
    entries = sorted(entries, key=lambda e: e.id)
    passages = [
        Passage(id=index, entry_id=e.id, kind=PassageKind.QUESTION, text=e.question) for index, e in enumerate(entries)
    ]

    def make():
        vectors = encoder.encode([passage.text for passage in passages]).astype(np.float16)
        return Body(passages=passages, vectors=vectors)

    stamp = EncoderStamp(name=encoder.name, version=encoder.version, dim=encoder.dim)
    return Draft(workspace=WS, kb=KB, entries=entries, encoder=stamp, encode=encode or make)


def publish(publisher, *entries):
    with publisher.writing(WS, KB):
        gone = {e.id for e in publisher.catalog.entries(WS, KB)} - {e.id for e in entries}
        return publisher.publish(draft_of(entries), Changes(upserts=entries, removals=sorted(gone)))


def folders(publisher):
    return sorted(path.name for path in publisher.layout.versions(WS, KB).iterdir())


@pytest.fixture
def publisher(tmp_path):
    publisher = make_publisher(tmp_path / "home")
    yield publisher
    publisher.catalog.close()


def test_a_published_version_is_live_with_all_its_entries(publisher):
    version = publish(publisher, entry("a"), entry("b"))
    assert version.built
    assert version.lost == ()
    assert publisher.catalog.live_version(WS, KB) == version.id
    snapshot = publisher.open(WS, KB, version.id)
    assert list(snapshot.entries.values()) == [entry("a"), entry("b")]
    assert publisher.catalog.versions(WS, KB)[0].manifest == Manifest.read(version.folder).to_dict()


def test_the_same_content_is_the_same_version_and_is_not_built_again(publisher):
    first = publish(publisher, entry("a"))
    again = publish(publisher, entry("a"))
    assert (again.id, again.built) == (first.id, False)


@pytest.mark.parametrize("what", ["entry", "encoder", "recipe", "base"])
def test_a_version_is_named_by_all_that_it_is_made_of(tmp_path, what):
    recipe = make_publisher(tmp_path).recipe
    plain = draft_of([entry("a")])
    other = {
        "entry": lambda: version_id(draft_of([entry("a", "no")]), recipe),
        "encoder": lambda: version_id(draft_of([entry("a")], GramEncoder(version="grams-2")), recipe),
        "recipe": lambda: version_id(plain, make_publisher(tmp_path, recipe="r2").recipe),
        "base": lambda: version_id(
            Draft(workspace=WS, kb="other", entries=plain.entries, encoder=plain.encoder, encode=plain.encode), recipe
        ),
    }[what]()
    assert version_id(plain, recipe) == version_id(draft_of([entry("a")]), recipe) != other


def test_content_that_was_live_before_is_made_live_again_without_building(publisher):
    first = publish(publisher, entry("a"))
    publish(publisher, entry("a", "no"))
    back = publish(publisher, entry("a"))
    assert (back.id, back.built) == (first.id, False)
    assert publisher.catalog.live_version(WS, KB) == first.id


def test_a_version_whose_files_were_changed_is_built_again(publisher):
    first = publish(publisher, entry("a"))
    (first.folder / "entries.jsonl").write_text("{}")
    again = publish(publisher, entry("a"))
    assert (again.id, again.built) == (first.id, True)
    assert list(publisher.open(WS, KB, again.id).entries.values()) == [entry("a")]


def test_only_the_last_versions_are_kept(tmp_path):
    publisher = make_publisher(tmp_path, settings=PublishSettings(keep_versions=2))
    made = [publish(publisher, entry("a", str(number))).id for number in range(5)]
    assert folders(publisher) == sorted(made[-3:])
    assert [version.id for version in publisher.catalog.versions(WS, KB)] == made[:1:-1]


def test_a_rollback_brings_back_the_version_and_its_entries(publisher):
    first = publish(publisher, entry("a"), entry("b"))
    publish(publisher, entry("a", "changed"), entry("c"))
    version = publisher.rollback(WS, KB)
    assert version.id == first.id
    assert publisher.catalog.entries(WS, KB) == [entry("a"), entry("b")]
    assert publisher.catalog.live_version(WS, KB) == first.id


@pytest.mark.parametrize("version", ["nonsense", "live"])
def test_a_rollback_to_what_is_not_kept_names_what_is(publisher, version):
    first = publish(publisher, entry("a"))
    live = publish(publisher, entry("b"))
    with pytest.raises(VersionNotFound, match=first.id):
        publisher.rollback(WS, KB, live.id if version == "live" else version)
    assert publisher.catalog.live_version(WS, KB) == live.id


def test_a_rollback_to_a_damaged_version_changes_nothing(publisher):
    first = publish(publisher, entry("a"))
    live = publish(publisher, entry("b"))
    (first.folder / "vectors.npy").unlink()
    with pytest.raises(VersionCorrupt, match=r"vectors\.npy is missing"):
        publisher.rollback(WS, KB)
    assert publisher.catalog.live_version(WS, KB) == live.id


def fail():
    raise RuntimeError("the encoder died")


def interrupt():
    raise KeyboardInterrupt


@pytest.mark.parametrize(("encode", "error"), [(fail, RuntimeError), (interrupt, KeyboardInterrupt)])
def test_a_build_that_fails_or_is_interrupted_leaves_everything_as_it_was(publisher, encode, error):
    live = publish(publisher, entry("a"))
    with publisher.writing(WS, KB), pytest.raises(error):
        publisher.publish(draft_of([entry("z")], encode=encode), Changes(upserts=[entry("z")]))
    assert publisher.catalog.live_version(WS, KB) == live.id
    assert publisher.catalog.entries(WS, KB) == [entry("a")]
    assert folders(publisher) == [live.id]
    assert [version.state for version in publisher.catalog.versions(WS, KB)] == [VersionState.LIVE]


def test_what_a_killed_process_left_is_swept_by_the_next(publisher):
    live = publish(publisher, entry("a"))
    versions = publisher.layout.versions(WS, KB)
    (versions / ".building-0123-ab").mkdir()
    (versions / ".building-0123-ab" / "vectors.npy").write_bytes(b"half")
    (versions / "complete-but-never-switched").mkdir()
    publisher.catalog.begin_version(WS, KB, "0123", now=publisher.now())
    with publisher.writing(WS, KB):
        assert folders(publisher) == [live.id]
        assert [version.id for version in publisher.catalog.versions(WS, KB)] == [live.id]


def test_a_second_writer_waits_and_then_says_who_holds_the_base(tmp_path):
    first = make_publisher(tmp_path)
    second = make_publisher(tmp_path, settings=PublishSettings(lock_wait_s=0.01))
    with first.writing(WS, KB):
        with pytest.raises(WriterBusy, match="Another process"), second.writing(WS, KB):
            pass
        with second.writing(WS, "another"):
            pass
    with second.writing(WS, KB):
        pass


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "a\\b", "a" * 65, "a\0b", "trailing.", "-dash"])
def test_a_name_that_cannot_be_a_folder_is_refused(publisher, name):
    for workspace, kb in ((WS, name), (name, KB)):
        with pytest.raises(InvalidName, match="cannot name"), publisher.writing(workspace, kb):
            pass


@pytest.mark.parametrize("name", ["shop", "客服", "faq-2026", "a.b_c", "1"])
def test_names_of_any_script_are_folders(publisher, name):
    assert publisher.layout.base(WS, name).name == name


def test_derived_files_are_made_from_the_nearly_finished_version(tmp_path):
    def derive(snapshot):
        (hits,) = snapshot.store.search(snapshot.vectors[:1].astype(np.float32), k=1)
        return {"calibration.json": json.dumps({"first": hits[0].passage_id, "of": len(snapshot.entries)}).encode()}

    publisher = make_publisher(tmp_path)
    publisher = replace(publisher, recipe=replace(publisher.recipe, derive=derive))
    version = publish(publisher, entry("a"), entry("b"))
    snapshot = publisher.open(WS, KB, version.id)
    assert json.loads(snapshot.file("calibration.json")) == {"first": 0, "of": 2}
    assert snapshot.file("unheard-of.json") is None


def test_a_base_without_entries_can_be_published(publisher):
    version = publish(publisher)
    snapshot = publisher.open(WS, KB, version.id)
    assert len(snapshot.entries) == len(snapshot.passages) == len(snapshot.store) == 0


class Remote:
    """A backend whose versions live elsewhere, at a server that may be away."""

    name = "remote"

    def __init__(self):
        self.collections = set()
        self.away = False

    def build(self, folder, version, vectors, passages, entries):
        (folder / "name").write_text(version)
        self.collections.add(version)
        store = MemoryStore(vectors.shape[1])
        store.fill(vectors, passages, entries)
        return store

    def open(self, folder):
        return MemoryStore(64)

    def drop(self, folder):
        if self.away:
            raise StoreUnavailable("away")
        if (folder / "name").exists():
            self.collections.discard((folder / "name").read_text())


def test_what_a_version_has_on_a_server_goes_with_it_even_if_the_server_was_away(tmp_path):
    backend = Remote()
    publisher: Publisher = make_publisher(tmp_path, backend=backend, settings=PublishSettings(keep_versions=1))
    first, second = publish(publisher, entry("a", "1")), publish(publisher, entry("a", "2"))
    backend.away = True
    third = publish(publisher, entry("a", "3"))
    assert backend.collections == {first.id, second.id, third.id}
    backend.away = False
    with publisher.writing(WS, KB):
        assert backend.collections == {second.id, third.id}
    assert folders(publisher) == sorted([second.id, third.id])


def test_a_version_of_another_store_is_not_opened_with_this_one(tmp_path):
    version = publish(make_publisher(tmp_path), entry("a"))
    other = make_publisher(tmp_path, backend=Remote())
    with pytest.raises(VersionCorrupt, match=r"built for the store faiss://, configured is remote://"):
        other.open(WS, KB, version.id)


def test_entries_that_do_not_find_themselves_first_are_reported():
    store = MemoryStore(2)
    questions = [Passage(id=i, entry_id=f"e{i}", kind=PassageKind.QUESTION, text=f"{i}?") for i in range(3)]
    entries = [Entry(id=f"e{i}", question=f"{i}?") for i in range(3)]
    right = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
    store.fill(right, questions, entries)
    assert find_lost(store, questions, right) == ()  # e0 and e1 share rank 1
    wrong = right[[0, 1, 0]]
    assert [(lost.entry_id, lost.found) for lost in find_lost(store, questions, wrong)] == [("e2", "e0")]
