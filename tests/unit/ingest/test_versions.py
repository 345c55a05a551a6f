"""`kefu kb`: versions listed, compared, shown, exported and switched back."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from engine.settings import Settings
from ingest import bases
from ingest.compare import compare
from ingest.errors import EntryNotFound, IngestError
from ingest.plan import derived_id
from knowledge.errors import KnowledgeBaseNotFound, NothingPublished, VersionCorrupt, VersionNotFound
from knowledge.types import Entry
from tests.fakes.knowledge import make_indexer, make_publisher

WS, KB = "default", "shop"
HOW = derived_id("how?")


@pytest.fixture
def home(tmp_path):
    """A base with three versions; the last one changes an answer and drops nothing."""
    publisher = make_publisher(tmp_path / "home")
    indexer = make_indexer(publisher)
    path = tmp_path / "faq.csv"
    for rows in (["how?,so"], ["how?,so", "why?,because"], ["how?,otherwise", "why?,because", "怎么退货,30 天内"]):
        path.write_text("\n".join(["question,answer", *rows]), encoding="utf-8")
        indexer.ingest([path], kb=KB)
    publisher.catalog.close()
    return tmp_path / "home"


@pytest.fixture
def settings(home):
    return Settings(home=home)


@pytest.fixture
def run():
    def call(action, *arguments, **options):
        console = Console(file=io.StringIO(), width=160)
        code = action(*arguments, console, **options)
        return code, console.file.getvalue()

    return call


def versions(home):
    publisher = make_publisher(home)
    found = [version.id for version in publisher.catalog.versions(WS, KB)]
    publisher.catalog.close()
    return found


def test_bases_and_their_history_are_listed(run, settings, home, capsys):
    live, previous, first = versions(home)
    assert live in run(bases.show_bases, settings)[1]
    text = run(bases.show_history, settings, KB)[1]
    assert text.index(live) < text.index(previous) < text.index(first)
    run(bases.show_history, settings, KB, json="-")
    rows = json.loads(capsys.readouterr().out)
    assert [(row["version"], row["state"], row["entries"]) for row in rows] == [
        (live, "live", 3),
        (previous, "kept", 2),
        (first, "kept", 1),
    ]


def test_two_versions_are_compared_entry_by_entry(run, settings, home, tmp_path):
    live, previous, first = versions(home)
    code, text = run(bases.diff, settings, KB, "previous", "live", json=str(tmp_path / "diff.json"))
    assert code == 0
    assert "怎么退货" in text
    assert "answer: so → otherwise" in text
    assert "1 added, 0 removed, 1 changed" in text
    found = json.loads((tmp_path / "diff.json").read_text("utf-8"))
    assert (found["before"], found["after"]) == (previous, live)
    assert [entry["question"] for entry in found["added"]] == ["怎么退货"]
    assert found["changed"] == [
        {"id": HOW, "question": "how?", "fields": {"answer": {"before": "so", "after": "otherwise"}}}
    ]
    assert "0 added, 2 removed, 1 changed" in run(bases.diff, settings, KB, "live", first[:8])[1]


def test_a_version_that_is_not_kept_or_not_told_apart_is_named(run, settings):
    with pytest.raises(VersionNotFound, match="keeps no version 'zzz'"):
        run(bases.diff, settings, KB, "zzz", "live")
    with pytest.raises(VersionNotFound, match="more than one"):
        run(bases.diff, settings, KB, "", "live")
    with pytest.raises(KnowledgeBaseNotFound):
        run(bases.diff, settings, "nowhere", "previous", "live")


def test_a_version_whose_entries_were_changed_on_disk_is_not_compared(run, settings, home):
    live, previous, _ = versions(home)
    with (home / "kb" / WS / KB / "versions" / previous / "entries.jsonl").open("a") as file:
        file.write("{}\n")
    with pytest.raises(VersionCorrupt, match="does not match its manifest"):
        run(bases.diff, settings, KB, "previous", live)


def test_an_export_has_the_fixed_form_and_one_line_an_entry(run, settings, tmp_path, capfdbinary):
    out = tmp_path / "export.jsonl"
    code, text = run(bases.export, settings, KB, out)
    assert (code, "3 entries" in text) == (0, True)
    rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [list(row) for row in rows] == [
        ["id", "question", "similar_questions", "answer", "category", "lang", "tags", "source"]
    ] * 3
    how = next(row for row in rows if row["id"] == HOW)
    assert how["source"] == {"file": "faq.csv", "place": "row 2"}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    run(bases.export, settings, KB, None)
    assert capfdbinary.readouterr().out == out.read_bytes()


def test_an_export_that_cannot_be_written_is_one_clear_error(run, settings, tmp_path):
    with pytest.raises(IngestError, match="cannot be written"):
        run(bases.export, settings, KB, tmp_path / "none" / "export.jsonl")


def test_the_facts_of_a_base_are_shown(run, settings, capsys):
    text = run(bases.show, settings, KB, "")[1]
    assert "faq.csv 3" in text
    assert "en 2, zh 1" in text
    assert run(bases.show, settings, "other", KB)[1] == text  # a base's name will do as well
    run(bases.show, settings, KB, "", json="-")
    facts = json.loads(capsys.readouterr().out)
    assert (facts["entries"], facts["passages"], facts["not_first"]) == (3, 6, [])


def test_an_entry_is_shown_with_its_sources_and_passages(run, settings, capsys):
    assert "faq.csv · row 2" in run(bases.show, settings, KB, HOW)[1]
    run(bases.show, settings, KB, HOW, json="-")
    facts = json.loads(capsys.readouterr().out)
    assert facts["passages"] == [
        {"kind": "question", "text": "how?"},
        {"kind": "answer", "text": "how?\notherwise"},
    ]
    with pytest.raises(EntryNotFound):
        run(bases.show, settings, KB, "nope")


def test_a_rollback_takes_the_beginning_of_an_id(run, settings, home):
    first = versions(home)[-1]
    assert first in run(bases.roll_back, settings, KB, first[:10])[1]
    assert versions(home)[0] == first


def test_a_base_without_a_version_has_nothing_to_show(run, settings, home):
    publisher = make_publisher(home)
    publisher.catalog.ensure_base(WS, "empty", now=publisher.now())
    publisher.catalog.close()
    for action in (lambda: run(bases.show, settings, "empty", ""), lambda: run(bases.export, settings, "empty", None)):
        with pytest.raises(NothingPublished):
            action()


def test_where_an_entry_was_read_is_no_difference():
    entry = Entry(id="a", question="q", answer="x")
    edited = Entry(id="a", question="q", answer="x", edited=True)
    found = compare({"a": entry}, {"a": edited})
    assert (found.added, found.removed, found.changed) == ((), (), ())


def test_an_id_that_looks_like_markup_is_shown_as_it_is(run, settings, home, tmp_path):
    publisher = make_publisher(home)
    path = tmp_path / "more.csv"
    path.write_text("id,question,answer\n[/b],who?,me\n", encoding="utf-8")
    make_indexer(publisher).ingest([path], kb=KB)
    publisher.catalog.close()
    code, text = run(bases.show, settings, KB, "[/b]")
    assert (code, "[/b]" in text) == (0, True)


def test_an_export_to_a_dash_goes_to_standard_output(run, settings, capfdbinary, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    run(bases.export, settings, KB, Path("-"))
    assert len(capfdbinary.readouterr().out.splitlines()) == 3
    assert not (tmp_path / "-").exists()
