"""What every knowledge store must do; the in-memory one is the oracle."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from qdrant_client import QdrantClient

from knowledge.errors import DimensionMismatch
from knowledge.faiss_choice import IndexSettings
from knowledge.faiss_store import FaissStore
from knowledge.memory_store import MemoryStore
from knowledge.qdrant_store import QdrantStore
from knowledge.types import ANY, Entry, Filter, Passage, PassageKind

DIM = 16
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def memory():
    return MemoryStore(DIM)


def faiss_exact():
    return FaissStore(DIM)


def faiss_approximate():
    """Everything is approximate, and every list is looked at: what is tested is the road, not luck."""
    return FaissStore(DIM, IndexSettings(exact_below=1, target_recall=1.0))


def qdrant_local():
    return QdrantStore(QdrantClient(location=":memory:"), "contract", DIM)


@pytest.fixture(params=[memory, faiss_exact, faiss_approximate, qdrant_local])
def store(request):
    store = request.param()
    yield store
    store.close()


def unit(rows):
    rows = np.asarray(rows, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def some_vectors(count, seed=0):
    return unit(np.random.default_rng(seed).standard_normal((count, DIM)))


def axis(number):
    return unit([np.eye(DIM)[number]])


def passages_for(entries, each=1):
    return [
        Passage(id=index, entry_id=entry.id, kind=PassageKind.QUESTION, text=f"passage {index}")
        for index, entry in enumerate(entry for entry in entries for _ in range(each))
    ]


def fill(store, vectors, entries=None):
    entries = entries or [Entry(id=f"e{index}", question="?") for index in range(len(vectors))]
    store.fill(vectors, passages_for(entries, len(vectors) // len(entries)), entries)
    return vectors


def ids(hits):
    return [hit.passage_id for hit in hits]


def test_an_empty_store_finds_nothing(store):
    store.fill(some_vectors(0), [], [])
    assert len(store) == 0
    assert store.search(some_vectors(2), k=3) == [[], []]


def test_a_store_that_was_never_filled_is_empty(store):
    assert len(store) == 0


def test_every_passage_finds_itself_first(store):
    vectors = fill(store, some_vectors(60))
    found = store.search(vectors, k=1)
    assert [ids(hits) for hits in found] == [[index] for index in range(60)]
    assert all(hits[0].score == pytest.approx(1.0, abs=1e-3) for hits in found)


def test_hits_come_best_first_with_their_cosines(store):
    fill(store, unit([[1, 0] + [0] * 14, [1, 1] + [0] * 14, [0, 1] + [0] * 14, [-1, 0] + [0] * 14]))
    (hits,) = store.search(axis(0), k=4)
    assert ids(hits) == [0, 1, 2, 3]
    assert [hit.score for hit in hits] == pytest.approx([1.0, 2**-0.5, 0.0, -1.0], abs=1e-3)


def test_scores_stay_within_minus_one_and_one(store):
    vectors = fill(store, np.repeat(some_vectors(3), 5, axis=0))
    for hits in store.search(np.concatenate([vectors, -vectors]), k=15):
        assert all(-1.0 <= hit.score <= 1.0 for hit in hits)


def test_equal_vectors_are_ordered_by_passage_id(store):
    fill(store, np.repeat(axis(0), 30, axis=0))
    (hits,) = store.search(axis(0), k=30)
    assert ids(hits) == list(range(30))


def test_of_more_equal_vectors_than_wanted_the_first_ids_are_given(store):
    fill(store, np.concatenate([axis(1), np.repeat(axis(0), 60, axis=0)]))
    (hits,) = store.search(axis(0), k=3)
    assert ids(hits) == [1, 2, 3]


def test_a_smaller_store_gives_fewer_hits_than_wanted(store):
    fill(store, some_vectors(3))
    (hits,) = store.search(axis(0), k=50)
    assert sorted(ids(hits)) == [0, 1, 2]


@pytest.mark.parametrize("k", [0, -1])
def test_no_hits_are_given_when_none_are_wanted(store, k):
    fill(store, some_vectors(3))
    assert store.search(some_vectors(2), k=k) == [[], []]


def test_no_queries_give_no_lists(store):
    fill(store, some_vectors(3))
    assert store.search(some_vectors(0), k=3) == []


def test_each_query_has_its_own_hits_in_the_order_of_the_queries(store):
    vectors = fill(store, some_vectors(20))
    together = store.search(vectors[5:9], k=5)
    apart = [store.search(vectors[row : row + 1], k=5)[0] for row in range(5, 9)]
    assert [ids(hits) for hits in together] == [ids(hits) for hits in apart]


def test_filling_again_replaces_what_was_there(store):
    fill(store, some_vectors(40))
    fill(store, np.concatenate([axis(3), axis(4)]), [Entry(id="new", question="?", language="zh")])
    assert len(store) == 2
    (hits,) = store.search(axis(4), k=5, where=Filter(languages=frozenset({"zh"})))
    assert ids(hits) == [1, 0]


def test_what_the_caller_does_to_its_matrix_afterwards_changes_nothing(store):
    vectors = fill(store, np.concatenate([axis(0), axis(1)]))
    vectors[:] = 0
    (hits,) = store.search(axis(1), k=1)
    assert ids(hits) == [1]


@pytest.mark.parametrize("width", [DIM - 1, DIM + 1])
def test_vectors_of_another_width_are_refused(store, width):
    wrong = np.ones((2, width), dtype=np.float32)
    with pytest.raises(DimensionMismatch):
        store.fill(wrong, passages_for([Entry(id="a", question="?"), Entry(id="b", question="?")]), [])
    fill(store, some_vectors(3))
    with pytest.raises(DimensionMismatch):
        store.search(wrong, k=1)


ENTRIES = [
    Entry(id="zh-returns", question="?", language="zh", category="returns", tags=("gold", "web")),
    Entry(id="en-returns", question="?", language="en", category="returns"),
    Entry(id="en-shipping", question="?", language="en", category="shipping", tags=("web",)),
    Entry(id="spring", question="?", language="en", valid_from=NOON - SECOND, valid_until=NOON),
    Entry(id="summer", question="?", language="en", valid_from=NOON),
    Entry(id="ending", question="?", language="zh", valid_until=NOON + SECOND),
    Entry(id="elsewhere", question="?", valid_from=NOON.astimezone(timezone(timedelta(hours=8)))),
]


@pytest.mark.parametrize(
    "where",
    [
        pytest.param(ANY, id="any"),
        pytest.param(Filter(languages=frozenset({"en"})), id="language"),
        pytest.param(Filter(languages=frozenset({"en", "zh"})), id="two-languages"),
        pytest.param(Filter(languages=frozenset({""})), id="no-language-set"),
        pytest.param(Filter(categories=frozenset({"returns"})), id="category"),
        pytest.param(Filter(tags=frozenset({"gold", "unheard of"})), id="one-of-the-tags"),
        pytest.param(Filter(languages=frozenset({"en"}), tags=frozenset({"web"})), id="both"),
        pytest.param(Filter(categories=frozenset({"unheard of"})), id="none"),
        pytest.param(Filter(at=NOON - SECOND), id="from-is-inclusive"),
        pytest.param(Filter(at=NOON), id="until-is-exclusive"),
        pytest.param(Filter(at=NOON + SECOND), id="later"),
        pytest.param(Filter(at=NOON - timedelta(microseconds=1)), id="a-microsecond-before"),
        pytest.param(Filter(at=NOON.astimezone(timezone(timedelta(hours=-5)))), id="another-time-zone"),
        pytest.param(Filter(at=datetime(1900, 1, 1, tzinfo=UTC)), id="long-ago"),
        pytest.param(Filter(at=NOON, languages=frozenset({"zh"})), id="date-and-language"),
    ],
)
def test_a_filter_admits_exactly_the_entries_that_it_says(store, where):
    fill(store, some_vectors(len(ENTRIES) * 3), ENTRIES)
    (hits,) = store.search(axis(0), k=100, where=where)
    expected = [passage.id for passage in passages_for(ENTRIES, 3) if where.admits(ENTRIES[passage.id // 3])]
    assert sorted(ids(hits)) == expected


def test_a_filter_leaves_the_best_of_what_it_admits_however_far_down_that_is(store):
    entries = [Entry(id=f"e{index}", question="?", language="zh" if index == 150 else "en") for index in range(200)]
    vectors = np.repeat(axis(0), 200, axis=0)
    vectors[150] = axis(7)
    fill(store, vectors, entries)
    (hits,) = store.search(axis(0), k=1, where=Filter(languages=frozenset({"zh"})))
    assert ids(hits) == [150]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("where", [ANY, Filter(languages=frozenset({"zh"}))], ids=["any", "filtered"])
def test_every_store_agrees_with_the_oracle(store, seed, where):
    entries = [Entry(id=f"e{index}", question="?", language="zh" if index % 3 else "en") for index in range(120)]
    vectors = some_vectors(120, seed)
    vectors[seed::10] = vectors[0]  # some duplicates
    oracle = memory()
    fill(oracle, vectors, entries)
    fill(store, vectors, entries)
    queries = some_vectors(10, seed + 100)
    for mine, theirs in zip(
        store.search(queries, k=7, where=where), oracle.search(queries, k=7, where=where), strict=True
    ):
        assert ids(mine) == ids(theirs)
        assert [hit.score for hit in mine] == pytest.approx([hit.score for hit in theirs], abs=1e-3)
