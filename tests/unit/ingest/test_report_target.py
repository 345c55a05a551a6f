"""A report that could not be written is told of before anything is published, not after."""

from pathlib import Path

import pytest
from rich.console import Console

from ingest.command import IngestOptions, run_ingest
from ingest.errors import IngestError
from tests.fakes.knowledge import make_indexer, make_publisher


@pytest.mark.parametrize(("target", "complaint"), [("nowhere/report.json", "no folder"), (".", "is a folder")])
def test_a_report_without_a_place_keeps_the_ingest_from_beginning(tmp_path, monkeypatch, target, complaint):
    monkeypatch.chdir(tmp_path)
    Path("faq.csv").write_text("question,answer\nhow?,so\n", encoding="utf-8")
    publisher = make_publisher(tmp_path / "home")
    options = IngestOptions(paths=[Path("faq.csv")], kb="shop", json=target, niceness=0)
    with pytest.raises(IngestError, match=complaint):
        run_ingest(make_indexer(publisher), options, Console(quiet=True))
    assert publisher.catalog.bases() == []
    publisher.catalog.close()
