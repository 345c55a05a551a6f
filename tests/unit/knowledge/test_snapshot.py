import threading
import time
from datetime import UTC, datetime

import numpy as np
import pytest

from knowledge.backends import FaissBackend
from knowledge.errors import KnowledgeBaseNotFound, NothingPublished, VersionCorrupt
from knowledge.live import Snapshots
from knowledge.snapshot import Lines, Manifest, write_lines
from knowledge.types import Filter, PassageKind
from tests.fakes.knowledge import GramEncoder, analyse, make_indexer, make_publisher

WS, KB = "default", "shop"


@pytest.fixture
def publisher(tmp_path):
    publisher = make_publisher(tmp_path / "home")
    yield publisher
    publisher.catalog.close()


@pytest.fixture
def ingest(publisher, tmp_path):
    def run(text, kb=KB):
        path = tmp_path / "faq.csv"
        path.write_text("id,question,similar,answer,language\n" + text, encoding="utf-8")
        return make_indexer(publisher).ingest([path], kb=kb).version

    return run


@pytest.fixture
def snapshot(publisher, ingest):
    version = ingest("b,return an item,send it back|refund,within 7 days,en\na,怎么退货,,七天之内,zh\n")
    return publisher.open(WS, KB, version)


@pytest.fixture
def clock():
    class Clock:
        now = 0.0

        def __call__(self):
            return self.now

    return Clock()


@pytest.fixture
def live(publisher, clock):
    return Snapshots(
        publisher.layout,
        publisher.catalog,
        backend=publisher.recipe.backend,
        analyse=analyse,
        poll_s=1.0,
        clock=clock,
    )


def test_entries_are_a_mapping_in_the_order_of_ids(snapshot):
    assert list(snapshot.entries) == ["a", "b"]
    assert snapshot.entries["b"].similar_questions == ("send it back", "refund")
    assert "b" in snapshot.entries
    assert "c" not in snapshot.entries
    with pytest.raises(KeyError):
        snapshot.entries["c"]


def test_passages_are_numbered_through_and_know_their_entry(snapshot):
    assert [(p.id, p.entry_id, p.kind, p.text) for p in snapshot.passages] == [
        (0, "a", PassageKind.QUESTION, "怎么退货"),
        (1, "a", PassageKind.ANSWER, "怎么退货\n七天之内"),
        (2, "b", PassageKind.QUESTION, "return an item"),
        (3, "b", PassageKind.SIMILAR, "send it back"),
        (4, "b", PassageKind.SIMILAR, "refund"),
        (5, "b", PassageKind.ANSWER, "return an item\nwithin 7 days"),
    ]
    assert snapshot.passages[-1].id == 5
    assert [p.id for p in snapshot.passages[1:3]] == [1, 2]
    with pytest.raises(IndexError):
        snapshot.passages[6]


def test_arrays_say_the_same_as_the_passages(snapshot):
    assert [snapshot.entry_ids[index] for index in snapshot.entry_of] == [p.entry_id for p in snapshot.passages]
    assert snapshot.kind_of.tolist() == [0, 2, 0, 1, 1, 2]
    assert snapshot.admitted(Filter(languages=frozenset({"zh"}))).tolist() == [True, True] + [False] * 4
    assert snapshot.admitted(Filter()) is None


def test_stored_vectors_are_those_of_the_encoder_and_searched_ones_are_centred(snapshot):
    fresh = GramEncoder().encode([p.text for p in snapshot.passages])
    assert np.abs(snapshot.raw_vectors - fresh).max() < 1e-3
    assert np.abs(snapshot.vectors - snapshot.centring.apply(fresh, snapshot.kind_of == 2)).max() < 2e-3
    assert np.allclose(np.linalg.norm(snapshot.vectors, axis=1), 1, atol=1e-3)


def test_the_borders_of_validity_are_told_once_each_and_sorted(publisher, tmp_path):
    path = tmp_path / "dated.csv"
    path.write_text("question,answer,valid_from,valid_until\na,x,2026-05-01,\nb,x,2026-01-01,2026-04-30\nc,x,,\n")
    snapshot = publisher.open(WS, KB, make_indexer(publisher).ingest([path], kb=KB).version)
    assert snapshot.borders == (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC))


def test_words_are_searched_over_the_same_passages(snapshot):
    assert snapshot.lexical.search("refund", 5)[0].passage_id == 4


@pytest.mark.parametrize(
    "name", ["entries.jsonl", "vectors.npy", "store/index.faiss", "lexical/lexical.npz", "manifest.json"]
)
@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_damaged_version_is_refused(publisher, snapshot, name, damage):
    path = publisher.layout.version(WS, KB, snapshot.version) / name
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(VersionCorrupt, match=r"publish the knowledge base again|roll back"):
        publisher.open(WS, KB, snapshot.version)


def test_a_file_that_does_not_belong_to_the_version_is_refused(publisher, snapshot):
    (publisher.layout.version(WS, KB, snapshot.version) / "derived" / "extra.json").write_text("{}")
    with pytest.raises(VersionCorrupt, match=r"extra\.json does not match"):
        publisher.open(WS, KB, snapshot.version)


def test_a_manifest_comes_back_as_it_was(publisher, snapshot):
    assert Manifest.read(publisher.layout.version(WS, KB, snapshot.version)) == snapshot.manifest


@pytest.mark.parametrize("lines", [[], [""], ["one"], ["one", "", "drei 三"]])
def test_lines_are_found_by_number(tmp_path, lines):
    write_lines(tmp_path / "some.jsonl", lines)
    stored = Lines(tmp_path / "some.jsonl")
    assert [stored[index].decode() for index in range(len(stored))] == lines


def test_a_base_without_a_live_version_says_what_to_do(live, publisher):
    with pytest.raises(KnowledgeBaseNotFound):
        live.current(WS, "never heard of")
    publisher.catalog.ensure_base(WS, "empty", now=publisher.now())
    with pytest.raises(NothingPublished, match="kefu ingest"):
        live.current(WS, "empty")


def test_the_live_version_is_opened_once(live, snapshot):
    assert live.current(WS, KB) is live.current(WS, KB)
    assert live.current(WS, KB).version == snapshot.version


def wait_for(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)


def test_another_process_publishing_is_noticed_at_the_next_poll(live, clock, snapshot, ingest, tmp_path):
    before = live.current(WS, KB)
    elsewhere = make_publisher(tmp_path / "home")
    path = tmp_path / "faq.csv"
    path.write_text("id,question,answer\na,怎么退货,十天之内\n", encoding="utf-8")
    version = make_indexer(elsewhere).ingest([path], kb=KB).version
    assert live.current(WS, KB) is before  # not looked at yet
    clock.now += 1.5
    live.current(WS, KB)
    wait_for(lambda: live.current(WS, KB).version == version)
    assert before.entries["b"].answer == "within 7 days"  # the old one stays whole for turns that hold it


def test_this_process_publishing_is_noticed_at_once_when_asked_to_refresh(live, snapshot, ingest):
    live.current(WS, KB)
    version = ingest("a,怎么退货,,十天之内,zh\n")
    assert live.refresh(WS, KB).version == version
    assert live.current(WS, KB).version == version


def test_a_new_version_that_cannot_be_opened_leaves_the_old_one_answering(live, clock, snapshot, tmp_path, caplog):
    before = live.current(WS, KB)
    elsewhere = make_publisher(tmp_path / "home")
    path = tmp_path / "faq.csv"
    path.write_text("id,question,answer\na,怎么退货,十天之内\n", encoding="utf-8")
    version = make_indexer(elsewhere).ingest([path], kb=KB).version
    (elsewhere.layout.version(WS, KB, version) / "mean.npy").unlink()
    clock.now += 1.5
    assert live.current(WS, KB) is before
    live.settle()
    assert live.current(WS, KB) is before
    assert "the old one goes on answering" in caplog.text


def test_a_held_version_survives_the_deletion_of_its_folder(live, publisher, ingest):
    versions = [ingest(f"a,怎么退货,,{days} days,zh\n") for days in range(1)]
    held = live.current(WS, KB)
    versions += [ingest(f"a,怎么退货,,{days} days,zh\n") for days in range(1, 6)]
    assert not publisher.layout.version(WS, KB, versions[0]).exists()
    assert held.entries["a"].answer == "0 days"
    assert held.passages[0].text == "怎么退货"
    assert held.raw_vectors.shape == (2, 64)


def test_a_version_published_while_another_is_being_opened_is_noticed_too(tmp_path, clock, snapshot):
    gate = threading.Event()
    gate.set()

    class SlowBackend(FaissBackend):
        def open(self, folder):
            gate.wait(10)
            return super().open(folder)

    publisher = make_publisher(tmp_path / "home")
    elsewhere = make_publisher(tmp_path / "home")
    path = tmp_path / "faq.csv"

    def publish(answer):
        path.write_text(f"id,question,answer\na,怎么退货,{answer}\n", encoding="utf-8")
        return make_indexer(elsewhere).ingest([path], kb=KB).version

    live = Snapshots(
        publisher.layout, publisher.catalog, backend=SlowBackend(), analyse=analyse, poll_s=1.0, clock=clock
    )
    live.current(WS, KB)
    gate.clear()
    publish("ten days")
    clock.now += 1.5
    live.current(WS, KB)  # begins to open the first
    gate.set()
    last = publish("twelve days")
    live.settle()
    clock.now += 1.5
    wait_for(lambda: (live.current(WS, KB), setattr(clock, "now", clock.now + 1.5))[0].version == last)
