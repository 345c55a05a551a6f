"""Publishing to a Qdrant server, over HTTP: the client is real, the server is a small one that keeps its protocol."""

from datetime import UTC, datetime

import numpy as np
import pytest

from knowledge.backends import open_backend
from knowledge.errors import StoreUnavailable
from knowledge.publish import PublishSettings
from knowledge.qdrant_store import QdrantAddress, QdrantStore
from knowledge.types import Entry, Filter, Passage, PassageKind
from tests.fakes.knowledge import GramEncoder, make_indexer, make_publisher
from tests.fakes.qdrant_server import serving

pytestmark = pytest.mark.integration

WS, KB = "default", "shop"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def qdrant():
    with serving() as running:
        yield running


@pytest.fixture
def store(qdrant):
    address, _ = qdrant
    store = QdrantStore(QdrantAddress.parse(f"qdrant://{address}").connect(), "one", 8, timeout_s=1.0)
    yield store
    store.close()


def fill(store):
    entries = [
        Entry(id="zh", question="?", language="zh", tags=("a",), valid_until=NOON),
        Entry(id="en", question="?", language="en"),
    ]
    passages = [
        Passage(id=index, entry_id=entries[index % 2].id, kind=PassageKind.QUESTION, text="?") for index in range(300)
    ]
    vectors = np.random.default_rng(0).standard_normal((300, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    store.fill(vectors, passages, entries)
    return vectors


def test_a_store_is_filled_and_searched_over_http(store):
    assert len(store) == 0
    vectors = fill(store)
    assert len(store) == 300
    assert [hits[0].passage_id for hits in store.search(vectors[:4], k=1)] == [0, 1, 2, 3]
    (hits,) = store.search(vectors[:1], k=500, where=Filter(languages=frozenset({"zh"}), tags=frozenset({"a"})))
    assert sorted(hit.passage_id for hit in hits) == list(range(0, 300, 2))
    (hits,) = store.search(vectors[:1], k=500, where=Filter(at=NOON))
    assert sorted(hit.passage_id for hit in hits) == list(range(1, 300, 2))


def test_what_filters_ask_about_is_indexed_by_the_server(qdrant, store):
    fill(store)
    assert qdrant[1].indexed == {
        ("language", "keyword"),
        ("category", "keyword"),
        ("tags", "keyword"),
        ("valid_from", "datetime"),
        ("valid_until", "datetime"),
    }


def test_a_server_that_fails_is_unavailable(qdrant, store):
    vectors = fill(store)
    qdrant[1].status = 503
    with pytest.raises(StoreUnavailable, match="collection 'one'"):
        store.search(vectors[:1], k=1)


def test_a_server_that_hangs_is_unavailable_within_the_timeout(qdrant, store):
    vectors = fill(store)
    qdrant[1].hang.clear()
    with pytest.raises(StoreUnavailable, match="try again"):
        store.search(vectors[:1], k=1)


def test_a_server_that_is_not_there_is_unavailable():
    store = QdrantStore(QdrantAddress.parse("qdrant://127.0.0.1:9?timeout_s=1").connect(), "one", 8)
    with pytest.raises(StoreUnavailable, match="check that the server runs"):
        store.search(np.ones((1, 8), dtype=np.float32), k=1)
    store.close()


@pytest.fixture
def write(tmp_path):
    def run(answer):
        path = tmp_path / "faq.csv"
        path.write_text(f"id,question,answer\na,how?,{answer}\n", encoding="utf-8")
        return path

    return run


def test_versions_live_on_the_server_and_go_when_they_are_pruned(qdrant, tmp_path, write):
    address, server = qdrant
    backend = open_backend(f"qdrant://{address}")
    publisher = make_publisher(tmp_path / "home", backend=backend, settings=PublishSettings(keep_versions=1))
    indexer = make_indexer(publisher)
    versions = [indexer.ingest([write(answer)], kb=KB).version for answer in ("one", "two", "three")]
    snapshot = publisher.open(WS, KB, versions[-1])
    query = snapshot.centring.apply(GramEncoder().encode(["how?"]))
    assert snapshot.store.search(query, k=1)[0][0].passage_id == 0
    assert np.abs(snapshot.vectors[0] - query[0]).max() < 2e-3  # computed here; the server is not asked
    names = {collection.name for collection in server.local.get_collections().collections}
    assert {name.rsplit("-", 1)[0] for name in names} == {f"kefu-{version}" for version in versions[-2:]}


def test_a_server_that_is_away_while_publishing_changes_nothing(qdrant, tmp_path, write):
    address, server = qdrant
    publisher = make_publisher(tmp_path / "home", backend=open_backend(f"qdrant://{address}?timeout_s=1"))
    indexer = make_indexer(publisher)
    before = indexer.ingest([write("one")], kb=KB).version
    server.status = 503
    with pytest.raises(StoreUnavailable):
        indexer.ingest([write("two")], kb=KB)
    assert publisher.catalog.live_version(WS, KB) == before
    server.status = 200
    assert indexer.ingest([write("two")], kb=KB).changed == 1
    folders = {path.name for path in publisher.layout.versions(WS, KB).iterdir()}
    assert folders == {version.id for version in publisher.catalog.versions(WS, KB)}


@pytest.mark.parametrize("url", ["qdrant://", "http://x:1", "qdrant://x:1?nonsense=1", "redis://x"])
def test_a_url_of_another_form_is_refused(url):
    with pytest.raises(ValueError, match="qdrant://host:port"):
        QdrantAddress.parse(url) if url.startswith("http") else open_backend(url)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("qdrant://db:7000", "http://db:7000"),
        ("qdrant://db", "http://db:6333"),
        ("qdrant://db:443?tls=1&timeout_s=5", "https://db:443"),
    ],
)
def test_a_url_names_host_port_and_options(url, address):
    assert QdrantAddress.parse(url).url == address
