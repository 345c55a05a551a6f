"""Which documents are read, and which of those that were read before are gone."""

from ingest.documents import locate, read_documents
from ingest.sources.document import ReadOptions
from knowledge.catalog import KnownDocument

ROWS = "question,answer\nHow {0}?,so {0}\n"


def write(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text(ROWS.format(name), encoding="utf-8")
    return folder


def read(*paths):
    return read_documents(paths, ReadOptions(), lambda done: None)


def known(folder, *names):
    return [KnownDocument(root=str(folder.resolve()), name=name) for name in names]


def test_documents_are_remembered_by_folder_and_name(tmp_path):
    folder = write(tmp_path / "faq", "a.csv", "b.csv")
    found = locate(read(folder), [], sync=False)
    assert list(found.new) == known(folder, "a.csv", "b.csv")
    assert locate(read(folder), found.new, sync=False).new == ()


def test_a_file_given_by_itself_belongs_to_the_folder_that_holds_it(tmp_path):
    folder = write(tmp_path / "faq", "a.csv")
    assert list(locate(read(folder / "a.csv"), [], sync=False).new) == known(folder, "a.csv")


def test_a_document_that_was_deleted_has_vanished_and_is_forgotten_with_sync(tmp_path):
    folder = write(tmp_path / "faq", "a.csv")
    before = known(folder, "a.csv", "b.csv")
    found = locate(read(folder), before, sync=True)
    assert found.vanished == {"b.csv"}
    assert list(found.outdated) == known(folder, "b.csv")
    later = locate(read(folder), before, sync=False)
    assert (later.vanished, later.outdated) == ({"b.csv"}, ())  # a sync after this still knows of it


def test_a_document_that_is_still_there_but_was_not_named_has_not_vanished(tmp_path):
    folder = write(tmp_path / "faq", "a.csv", "b.csv")
    found = locate(read(folder / "a.csv"), known(folder, "a.csv", "b.csv"), sync=True)
    assert found.vanished == frozenset()
    assert "still there" in found.notes[0].text


def test_documents_of_other_folders_have_not_vanished(tmp_path):
    folder, other = write(tmp_path / "faq", "a.csv"), tmp_path / "other"
    other.mkdir()
    assert locate(read(folder), known(other, "gone.csv"), sync=True).vanished == frozenset()


def test_a_file_that_cannot_be_read_has_not_vanished(tmp_path):
    folder = write(tmp_path / "faq", "a.csv")
    (folder / "b.csv").write_bytes(b"")
    reading = read(folder)
    assert locate(reading, known(folder, "a.csv", "b.csv"), sync=True).vanished == frozenset()


def test_a_folder_that_moved_takes_its_documents_along(tmp_path):
    old, new = tmp_path / "build-1", write(tmp_path / "build-2", "a.csv")
    found = locate(read(new), known(old, "a.csv", "b.csv"), sync=True)
    assert found.vanished == {"b.csv"}
    assert list(found.outdated) == known(old, "a.csv", "b.csv")
    kept = locate(read(new), known(old, "a.csv", "b.csv"), sync=False)
    assert list(kept.new) == known(new, "a.csv", "b.csv")


def test_two_documents_of_one_name_are_told_of_and_neither_replaces_the_other(tmp_path):
    one, other = write(tmp_path / "one", "faq.csv"), write(tmp_path / "other", "faq.csv")
    found = locate(read(other), known(one, "faq.csv"), sync=True)
    assert found.ambiguous == {"faq.csv"}
    assert str(one) in found.notes[0].text


def test_a_file_that_is_read_from_elsewhere_now_is_one_document(tmp_path):
    one, other = write(tmp_path / "one", "x.csv"), write(tmp_path / "other", "faq.csv")
    found = locate(read(other), known(one, "faq.csv"), sync=False)
    assert (found.ambiguous, list(found.outdated)) == (frozenset(), known(one, "faq.csv"))


def test_progress_counts_what_was_read(tmp_path):
    seen = []
    rows = "".join(f"q{number},a\n" for number in range(1200))
    (tmp_path / "a.csv").write_text("question,answer\n" + rows, encoding="utf-8")
    read_documents([tmp_path], ReadOptions(), seen.append)
    assert seen[:2] == [500, 1000]
    assert seen[-1] >= 1200


def test_a_document_that_cannot_be_looked_for_has_not_vanished(tmp_path):
    folder = write(tmp_path / "faq", "a.csv")
    assert locate(read(folder), known(folder, "x" * 300), sync=True).vanished == frozenset()
