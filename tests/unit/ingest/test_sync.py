"""A base that follows its documents: what vanished goes with --sync, and only if the documents can be believed."""

import pytest

from ingest.index import Rules
from tests.fakes.knowledge import make_indexer, make_publisher

WS, KB = "default", "shop"
SYNC, FORCED = Rules(sync=True), Rules(sync=True, force=True)


@pytest.fixture
def publisher(tmp_path):
    publisher = make_publisher(tmp_path / "home")
    yield publisher
    publisher.catalog.close()


@pytest.fixture
def indexer(publisher):
    return make_indexer(publisher)


@pytest.fixture
def docs(tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    write(folder, "a.csv", "how?,so", "why?,because")
    write(folder, "b.csv", "where?,there")
    return folder


def write(folder, name, *rows):
    (folder / name).write_text("\n".join(["question,answer", *rows]), encoding="utf-8")


def questions(publisher):
    return sorted(entry.question for entry in publisher.catalog.entries(WS, KB))


def test_a_document_that_vanished_takes_its_entries_along_only_with_sync(indexer, publisher, docs):
    indexer.ingest([docs], kb=KB)
    (docs / "b.csv").unlink()
    assert indexer.ingest([docs], kb=KB).removed == 0
    report = indexer.ingest([docs], kb=KB, rules=SYNC)
    assert (report.removed, questions(publisher)) == (1, ["how?", "why?"])
    assert report.to_dict()["removed_entries"][0]["source"] == {"file": "b.csv", "place": "row 2"}
    assert indexer.ingest([docs], kb=KB, rules=SYNC).removed == 0


def test_a_row_that_vanished_goes_with_sync(indexer, publisher, docs):
    indexer.ingest([docs], kb=KB)
    write(docs, "a.csv", "how?,so")
    assert indexer.ingest([docs], kb=KB, rules=SYNC, dry_run=True).removed == 1
    assert indexer.ingest([docs], kb=KB, rules=SYNC).removed == 1
    assert questions(publisher) == ["how?", "where?"]


def test_other_folders_and_files_that_are_still_there_keep_their_entries(indexer, publisher, docs, tmp_path):
    indexer.ingest([docs], kb=KB)
    write(tmp_path, "extra.csv", "who?,me")
    indexer.ingest([tmp_path / "extra.csv"], kb=KB)
    indexer.ingest([docs / "a.csv"], kb=KB, rules=SYNC)
    assert questions(publisher) == ["how?", "where?", "who?", "why?"]


@pytest.mark.parametrize("how", ["gone", "empty", "unreadable"])
def test_nothing_is_removed_when_nothing_could_be_read(indexer, publisher, docs, how):
    indexer.ingest([docs], kb=KB)
    for name in ("a.csv", "b.csv"):
        if how == "gone":
            (docs / name).unlink()
        elif how == "empty":
            (docs / name).write_bytes(b"")
        else:
            write(docs, name)
            (docs / name).write_text("neither,of these\nx,y\n", encoding="utf-8")
    report = indexer.ingest([docs], kb=KB, rules=SYNC)
    assert questions(publisher) == ["how?", "where?", "why?"]
    assert report.removed == 0 or report.refused
    assert bool(report.refused) == (how == "gone")
    assert report.exit_code(allow_rejects=True) == (1 if how == "gone" else 0)


def test_a_sync_that_would_leave_nothing_is_refused_even_if_forced(indexer, publisher, docs):
    indexer.ingest([docs], kb=KB)
    for name in ("a.csv", "b.csv"):
        (docs / name).unlink()
    report = indexer.ingest([docs], kb=KB, rules=FORCED)
    assert "no entry" in report.refused
    assert len(questions(publisher)) == 3


def test_a_sync_is_refused_when_more_was_rejected_than_read(indexer, publisher, docs):
    indexer.ingest([docs], kb=KB)
    (docs / "b.csv").unlink()
    write(docs, "a.csv", "how?,so", ",no question", ",again")
    report = indexer.ingest([docs], kb=KB, rules=SYNC)
    assert "more was rejected than read" in report.refused
    assert report.version == publisher.catalog.live_version(WS, KB)
    assert questions(publisher) == ["how?", "where?", "why?"]
    indexer.ingest([docs], kb=KB, rules=FORCED)
    assert questions(publisher) == ["how?"]


def test_reading_again_writes_nothing_and_keeps_the_date_of_the_version(indexer, publisher, docs):
    indexer.ingest([docs], kb=KB)
    before = publisher.catalog.versions(WS, KB)
    indexer.ingest([docs], kb=KB, rules=SYNC)
    assert publisher.catalog.versions(WS, KB) == before
