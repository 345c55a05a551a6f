"""How wide an approximate index is searched where its nearest lists hold little."""

import numpy as np

from knowledge.faiss_choice import IndexSettings
from knowledge.faiss_store import FaissStore
from knowledge.types import Entry, Passage, PassageKind

CLUSTERS, EACH, DIM = 80, 25, 32


def clustered_store():
    rng = np.random.default_rng(3)
    centres = rng.standard_normal((CLUSTERS, DIM))
    vectors = np.repeat(centres, EACH, axis=0) + 0.2 * rng.standard_normal((CLUSTERS * EACH, DIM))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    entries = [Entry(id=f"e{number:05d}", question="q", answer="a") for number in range(len(vectors))]
    passages = [
        Passage(id=number, entry_id=entry.id, kind=PassageKind.QUESTION, text="q")
        for number, entry in enumerate(entries)
    ]
    store = FaissStore(DIM, IndexSettings(exact_below=100))
    store.fill(vectors, passages, entries)
    return store, vectors


def test_a_search_goes_on_until_it_has_what_was_asked_for():
    store, vectors = clustered_store()
    assert store.choice.kind == "ivf"
    found = store.search(vectors[:3], k=10 * EACH)
    assert [len(hits) for hits in found] == [10 * EACH] * 3
    assert [hits[0].passage_id for hits in found] == [0, 1, 2]
    assert {hit.passage_id for hit in found[0][:EACH]} == set(range(EACH))
