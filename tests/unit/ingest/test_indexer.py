import json
from dataclasses import replace

import pytest
from rich.console import Console

from ingest.command import IngestOptions, run_ingest
from ingest.index import IngestSettings
from ingest.split import SplitSettings
from knowledge.errors import InvalidName, KnowledgeBaseNotFound
from tests.fakes.knowledge import GramEncoder, make_indexer, make_publisher

WS = "default"


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def publisher(home):
    publisher = make_publisher(home)
    yield publisher
    publisher.catalog.close()


@pytest.fixture
def encoder():
    return GramEncoder()


@pytest.fixture
def indexer(publisher, encoder):
    return make_indexer(publisher, encoder)


@pytest.fixture
def write(tmp_path):
    def run(*rows, name="faq.csv", header="question,answer"):
        path = tmp_path / name
        path.write_text("\n".join([header, *rows]), encoding="utf-8")
        return path

    return run


def tree(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} if folder.exists() else None


def live(publisher, kb="shop"):
    return publisher.open(WS, kb, publisher.catalog.live_version(WS, kb))


def test_documents_become_a_published_base(indexer, publisher, write):
    report = indexer.ingest([write("how?,so", "why?,because")], kb="shop")
    assert (report.added, report.entries, report.passages, report.embedded) == (2, 2, 4, 4)
    assert report.version == publisher.catalog.live_version(WS, "shop")
    assert {entry.answer for entry in live(publisher).entries.values()} == {"so", "because"}


def test_only_texts_that_are_new_are_encoded(indexer, encoder, write):
    rows = [f"question number {number},answer number {number}" for number in range(100)]
    indexer.ingest([write(*rows)], kb="shop")
    encoder.texts.clear()
    rows[17] = "question number 17,another answer"
    report = indexer.ingest([write(*rows)], kb="shop")
    assert encoder.texts == ["question number 17\nanother answer"]
    assert (report.changed, report.unchanged, report.embedded, report.reused) == (1, 99, 1, 199)


def test_a_text_that_comes_twice_is_encoded_once(indexer, encoder, write):
    path = write("how?,so,why?", "when?,then,why?", header="question,answer,similar questions")
    indexer.ingest([path], kb="shop")
    assert sorted(encoder.texts) == ["how?", "how?\nso", "when?", "when?\nthen", "why?"]


def test_vectors_taken_over_are_those_that_encoding_again_would_give(tmp_path, write):
    rows = [f"question {number},answer {number}" for number in range(20)]
    one, other = make_publisher(tmp_path / "one"), make_publisher(tmp_path / "other")
    make_indexer(one).ingest([write(*rows[:10])], kb="shop")
    path = write(*rows)
    first, second = (make_indexer(publisher).ingest([path], kb="shop").version for publisher in (one, other))
    assert first == second
    assert (live(one).raw_vectors == live(other).raw_vectors).all()
    assert live(one).manifest.sha256 == live(other).manifest.sha256


def test_an_ingest_without_changes_encodes_nothing_and_keeps_the_version(indexer, encoder, publisher, write):
    before = indexer.ingest([write("how?,so")], kb="shop").version
    encoder.texts.clear()
    report = indexer.ingest([write("how?,so")], kb="shop")
    assert (report.version, report.unchanged, report.embedded) == (before, 1, 0)
    assert encoder.texts == []
    assert len(publisher.catalog.versions(WS, "shop")) == 1


def test_a_dry_run_reports_the_same_and_writes_nothing(indexer, home, write, encoder):
    path = write("how?,so", "why?,")
    dry = indexer.ingest([path], kb="shop", dry_run=True)
    assert not home.exists()
    assert encoder.texts == ["how?"]  # to be compared with the others
    real = indexer.ingest([path], kb="shop")
    assert (dry.added, dry.rejections) == (real.added, real.rejections)
    before = tree(home / "kb")
    assert indexer.ingest([write("how?,changed")], kb="shop", dry_run=True).changed == 1
    assert tree(home / "kb") == before


def test_if_nothing_could_be_read_no_base_is_made(indexer, publisher, write):
    report = indexer.ingest([write("how?,")], kb="shop")
    assert (report.rejected, report.version) == (1, "")
    assert publisher.catalog.bases() == []


def test_another_encoder_encodes_everything_again_when_published(publisher, write):
    make_indexer(publisher).ingest([write("how?,so")], kb="shop")
    other = GramEncoder(version="grams-2")
    version = make_indexer(publisher, other).publish("shop")
    assert version.built
    assert sorted(other.texts) == ["how?", "how?\nso"]
    assert live(publisher).manifest.encoder.version == "grams-2"
    back = GramEncoder()
    assert not make_indexer(publisher, back).publish("shop").built  # the version of the first encoder is still there
    assert back.texts == []


def test_how_answers_are_cut_is_part_of_a_versions_identity(publisher, write):
    make_indexer(publisher).ingest([write("how?,so")], kb="shop")
    settings = IngestSettings(split=SplitSettings(pieces=0))
    version = make_indexer(publisher, settings=settings).publish("shop")
    assert (version.built, version.passages) == (True, 1)


def test_a_base_that_does_not_exist_is_not_published(indexer, home):
    with pytest.raises(KnowledgeBaseNotFound):
        indexer.publish("never heard of")
    with pytest.raises(InvalidName):
        indexer.ingest([], kb="../escape")
    assert not home.exists()


def test_entries_without_answers_are_taken_where_that_is_allowed(indexer, publisher, write):
    report = indexer.ingest([write("how?,")], kb="shop", require_answers=False)
    assert (report.added, report.rejected, report.passages) == (1, 0, 1)


def test_bases_and_workspaces_are_kept_apart(indexer, publisher, write):
    indexer.ingest([write("how?,so")], kb="shop")
    indexer.ingest([write("how?,otherwise")], kb="shop", workspace="other")
    assert [entry.answer for entry in live(publisher).entries.values()] == ["so"]


def test_progress_is_told_for_every_stage(indexer, write):
    seen = {}
    indexer.ingest(
        [write("how?,so")], kb="shop", progress=lambda stage, done, total: seen.update({stage: (done, total)})
    )
    assert list(seen) == ["read", "encode", "words", "index", "verify", "calibration", "near", "switch"]
    assert seen["encode"] == (2, 2)


def test_the_parts_of_a_combined_encoder_are_centred_apart(publisher, write):
    class Part:
        def __init__(self, start, stop):
            self.start, self.stop = start, stop

    encoder = GramEncoder()
    encoder.blocks = (Part(0, 40), Part(40, 64))
    make_indexer(publisher, encoder).ingest([write("how?,so")], kb="shop")
    assert live(publisher).centring.blocks == (40, 24)


def run(indexer, *paths, **options):
    console = Console(record=True, width=200, file=open("/dev/null", "w"))  # noqa: SIM115 (rich closes nothing)
    with console.file:
        code = run_ingest(indexer, IngestOptions(paths=paths, kb="shop", niceness=0, **options), console)
    return code, console.export_text()


def test_the_command_says_what_was_done_and_what_was_rejected(indexer, write, tmp_path):
    path = write("how?,so", "[bold]why?,")
    code, text = run(indexer, path, json=str(tmp_path / "report.json"))
    assert code == 1
    assert "faq.csv, row 3: the question '[bold]why?' has no answer" in text
    assert "1 entries, 2 passages; 2 texts encoded" in text
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["added"], report["rejected"], report["kb"]) == (1, 1, "shop")
    assert report["rejections"] == [
        {
            "file": "faq.csv",
            "place": "row 3",
            "reason": "the question '[bold]why?' has no answer; write one or remove it",
        }
    ]


def test_rejections_may_be_allowed(indexer, write):
    assert run(indexer, write("how?,so", "why?,"), allow_rejects=True)[0] == 0
    assert run(indexer, write("how?,so"))[0] == 0


def test_conflicts_and_a_dry_run_are_shown(indexer, write):
    code, text = run(indexer, write("how?,so", "how?,otherwise"), dry_run=True)
    assert code == 0
    assert "how?: faq.csv, row 2 counts, faq.csv, row 3 says otherwise" in text
    assert "nothing was written" in text


def test_a_long_list_of_rejections_is_cut_on_the_terminal(indexer, write):
    _, text = run(indexer, write(*(f"question {number}," for number in range(30))))
    assert "and 10 more rejections" in text


def test_an_encoder_that_fails_leaves_catalog_and_version_as_they_were(publisher, indexer, write):
    before = indexer.ingest([write("how?,so")], kb="shop").version

    class Failing(GramEncoder):
        def encode(self, texts):
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError):
        make_indexer(publisher, Failing()).ingest([write("how?,changed")], kb="shop")
    assert publisher.catalog.live_version(WS, "shop") == before
    assert [entry.answer for entry in publisher.catalog.entries(WS, "shop")] == ["so"]


def test_a_derived_file_may_depend_on_everything_else(publisher, write):
    recipe = replace(publisher.recipe, derive=lambda snapshot: {"words.json": snapshot.passages[0].text.encode()})
    make_indexer(replace(publisher, recipe=recipe)).ingest([write("how?,so")], kb="shop")
    assert live(publisher).file("words.json") == b"how?"
