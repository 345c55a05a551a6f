"""Another encoder: the base is encoded anew beside the old version, and a process with the old encoder goes on."""

import json
import logging

import pytest

from engine import assemble
from knowledge.errors import VersionCorrupt
from knowledge.live import Live
from tests.fakes.encoders import HashingEncoder
from tests.fakes.gate import askable_publisher, gated_indexer, make_models

WS, KB = "default", "shop"

pytestmark = pytest.mark.integration


@pytest.fixture
def faq(tmp_path):
    path = tmp_path / "faq.jsonl"
    rows = [{"question": f"How do I return article {n}?", "answer": f"Within {n} days."} for n in range(1, 30)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def publisher(tmp_path):
    publisher = askable_publisher(tmp_path / "home")
    yield publisher
    publisher.catalog.close()


def serving(publisher, models):
    return Live(
        publisher.layout,
        publisher.catalog,
        backend=publisher.recipe.backend,
        analyse=publisher.recipe.analyse,
        make=lambda snapshot: assemble.open_knowledge(snapshot, encoder=models.encoder),
        poll_s=0.0,
    )


def test_a_process_with_the_old_encoder_goes_on_with_the_old_version_and_says_why(publisher, tmp_path, faq, caplog):
    old, new = make_models(), make_models(HashingEncoder(dim=128, name="newer"))
    first = gated_indexer(publisher, old).ingest([faq], kb=KB).version
    elsewhere = askable_publisher(tmp_path / "home")  # a connection of its own, as another process has it
    live = serving(elsewhere, old)
    assert live.current(WS, KB).version == first

    second = gated_indexer(publisher, new).publish(KB)
    assert second.built
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            live.current(WS, KB)
            live.settle()
    knowledge = live.current(WS, KB)
    assert knowledge.version == first
    assert "was encoded with newer" in caplog.text
    vectors = old.encoder.encode(["How do I return article 7?"])
    (found,) = knowledge.search.retrieve(["How do I return article 7?"], vectors, k=3)
    assert knowledge.entries[found.candidates[0].entry_id].answer == "Within 7 days."
    elsewhere.catalog.close()


def test_after_a_restart_with_another_encoder_publishing_again_is_all_it_takes(publisher, faq):
    old, new = make_models(), make_models(HashingEncoder(dim=128, name="newer"))
    gated_indexer(publisher, old).ingest([faq], kb=KB)
    with pytest.raises(VersionCorrupt, match=r"kefu kb publish --kb shop"):
        serving(publisher, new).current(WS, KB)
    published = gated_indexer(publisher, new).publish(KB)
    knowledge = serving(publisher, new).current(WS, KB)
    assert knowledge.version == published.id
    assert len(knowledge.entries) == 29


def test_reading_the_documents_again_with_another_encoder_encodes_everything_and_changes_no_entry(publisher, faq):
    gated_indexer(publisher, make_models()).ingest([faq], kb=KB)
    new = make_models(HashingEncoder(dim=128, name="newer"))
    report = gated_indexer(publisher, new).ingest([faq], kb=KB)
    assert (report.unchanged, report.changed, report.embedded, report.reused) == (29, 0, 58, 0)
    back = gated_indexer(publisher, make_models()).ingest([faq], kb=KB)
    assert back.embedded == 0  # the version of the first encoder is still kept
