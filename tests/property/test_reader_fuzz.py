"""Damaged files of every kind: nothing but items comes out, every complaint is a line with the file's name, in time."""

import time

import pytest

from ingest.records import Note, Record, Rejection
from ingest.sources.document import ReadOptions
from ingest.sources.reading import READERS, SourceReader
from tests.fakes.damage import damaged
from tests.fakes.samples import sample
from tests.fakes.zip_damage import damaged_inside

SEEDS = range(12)  # `make soak` goes on where this stops
KINDS = sorted({*READERS, ".zip"})
PACKED = [kind for kind in KINDS if sample(kind).startswith(b"PK")]
SECONDS = 20.0  # of one file; ordinary ones take milliseconds


def check(reader, path, content, seed):
    """Read a file and hold what comes out to what is promised; give the items."""
    path.write_bytes(content)
    start = time.monotonic()
    items = list(reader.read(path))
    assert time.monotonic() - start < SECONDS, f"seed {seed}"
    for item in items:
        assert isinstance(item, Record | Rejection | Note)
        assert item.source.file == path.name or item.source.file.startswith(f"{path.name}/")
        text = item.question if isinstance(item, Record) else item.reason if isinstance(item, Rejection) else item.text
        assert text or (isinstance(item, Record) and item.half_of), f"seed {seed}"
        assert "\n" not in text + item.source.place, f"seed {seed}"
        if isinstance(item, Rejection):  # a library may crash, and is stopped then; what it raises, a reader names
            assert "the reader failed" not in item.reason, f"seed {seed}: {item.reason}"
        if isinstance(item, Record):
            assert "<script" not in item.answer.replace("`", "") or "`" in item.answer, f"seed {seed}"
    return items


@pytest.fixture(scope="module")
def reader():
    with SourceReader(ReadOptions()) as reader:
        yield reader


@pytest.mark.parametrize("kind", KINDS)
def test_the_sound_file_is_read(reader, tmp_path, kind):
    items = check(reader, tmp_path / f"sound{kind}", sample(kind), 0)
    assert any(isinstance(item, Record) for item in items)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_gives_items_or_lines_that_name_it(reader, tmp_path, kind, seed):
    check(reader, tmp_path / f"damaged{kind}", damaged(sample(kind), seed), seed)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", PACKED)
def test_damage_inside_a_packed_file_is_found_as_well(reader, tmp_path, kind, seed):
    check(reader, tmp_path / f"inside{kind}", damaged_inside(sample(kind), seed), seed)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("content", [b"", b"\0" * 5000, bytes(range(256)) * 20], ids=["empty", "zeros", "binary"])
def test_a_file_that_is_nothing_of_its_kind_is_complained_of(reader, tmp_path, kind, content):
    items = check(reader, tmp_path / f"nothing{kind}", content, 0)
    assert [item for item in items if isinstance(item, Rejection)]
    assert not [item for item in items if isinstance(item, Record)]
