"""FAISS gives what the in-memory oracle gives, for any content, filter and query."""

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.columns import EntryColumns
from knowledge.faiss_store import FaissStore
from knowledge.memory_store import MemoryStore
from knowledge.types import Entry, Filter, Passage, PassageKind

DIM = 6
START = datetime(2026, 1, 1, tzinfo=UTC)

dates = st.none() | st.integers(0, 6).map(lambda days: START + timedelta(days=days))
names = st.sampled_from(["", "a", "b", "c"])
several = st.frozensets(st.sampled_from(["a", "b", "c"]), max_size=2)
filters = st.builds(Filter, languages=several, categories=several, tags=several, at=dates)
# Small whole numbers: equal vectors and equal scores are frequent.
vectors = st.lists(st.integers(-1, 1), min_size=DIM, max_size=DIM).filter(any)


@st.composite
def contents(draw):
    entries = [
        Entry(
            id=f"e{index}",
            question="?",
            language=draw(names),
            category=draw(names),
            tags=tuple(draw(several)),
            valid_from=draw(dates),
            valid_until=draw(dates),
        )
        for index in range(draw(st.integers(1, 12)))
    ]
    owners = [entry.id for entry in entries for _ in range(draw(st.integers(1, 5)))]
    passages = [Passage(id=i, entry_id=owner, kind=PassageKind.QUESTION, text="?") for i, owner in enumerate(owners)]
    rows = np.array(draw(st.lists(vectors, min_size=len(owners), max_size=len(owners))), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True), passages, entries


@settings(max_examples=150, deadline=None)
@given(content=contents(), query=vectors, k=st.integers(1, 70), where=filters)
def test_faiss_agrees_with_the_oracle_to_the_last_bit(content, query, k, where):
    queries = np.array([query], dtype=np.float32) / np.float32(np.linalg.norm(query))
    oracle, store = MemoryStore(DIM), FaissStore(DIM)
    oracle.fill(*content)
    store.fill(*content)
    assert store.search(queries, k=k, where=where) == oracle.search(queries, k=k, where=where)


@settings(max_examples=200, deadline=None)
@given(content=contents(), where=filters)
def test_a_mask_over_columns_admits_what_the_filter_admits(content, where):
    _, passages, entries = content
    by_id = {entry.id: entry for entry in entries}
    expected = [where.admits(by_id[passage.entry_id]) for passage in passages]
    columns = EntryColumns.build(passages, entries)
    for _ in range(2):  # the second answer comes from the kept mask
        mask = columns.admitted(where)
        assert all(expected) if mask is None else mask.tolist() == expected
