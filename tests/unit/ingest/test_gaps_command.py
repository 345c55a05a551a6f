import io
import json
from datetime import UTC, datetime

import pytest
from rich.console import Console

from engine.settings import Settings
from ingest.errors import IngestError
from ingest.gaps import show_gaps
from knowledge.catalog import UnknownQuestion
from knowledge.errors import KnowledgeBaseNotFound
from tests.fakes.knowledge import GramEncoder, make_indexer, make_publisher

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
FAQ = "# Help\n\n## Can I get an invoice?\n\nYes, by mail.\n\n## Do you ship to Iceland?\n\nWe do.\n"
ASKED = [
    "怎么开发票",
    "怎么开发票？",
    "Can I get an invoice?!",
    "can I get an invoice",
    "call 13812345678",
    "Where is Reykjavik",
]


@pytest.fixture
def home(tmp_path):
    faq = tmp_path / "faq.md"
    faq.write_text(FAQ, "utf-8")
    publisher = make_publisher(tmp_path)
    make_indexer(publisher).ingest([faq], kb="shop")
    for text in ASKED:
        publisher.catalog.record_unknown(
            UnknownQuestion(workspace="default", kb="shop", text=text, decision="unknown", asked_at=NOON)
        )
    publisher.catalog.close()
    return tmp_path


def gaps(home, **options):
    buffer = io.StringIO()
    console = Console(file=buffer, width=150, no_color=True)
    code = show_gaps(Settings(home=home), options.pop("kb", "shop"), console, encoder=GramEncoder(), **options)
    return code, buffer.getvalue()


def test_groups_are_shown_with_count_language_date_and_what_was_asked_once(home):
    code, shown = gaps(home)
    assert code == 0
    assert "6 questions had no answer; 2 groups were asked more than once" in shown
    assert "2 × 怎么开发票  zh, last asked 2026-05-04" in shown
    assert "2 questions were asked only once" in shown


def test_a_group_that_an_entry_seems_to_ask_already_is_told_so(home):
    _, shown = gaps(home)
    assert "perhaps an alternative wording of " in shown
    assert "(Can I get an invoice?; 0.9" in shown or "(Can I get an invoice?; 1.0" in shown


def test_the_json_has_all_groups_and_nobodys_number(home, tmp_path):
    out = tmp_path / "gaps.json"
    gaps(home, json=str(out), limit=1)
    values = json.loads(out.read_text("utf-8"))
    assert (values["questions"], values["asked_once"], len(values["groups"])) == (6, 2, 4)
    assert sum(group["count"] for group in values["groups"]) == 6
    assert "1381" not in out.read_text("utf-8")
    assert {group["question"] for group in values["groups"]} >= {"call [number]", "Where is Reykjavik"}
    assert values["groups"][0].keys() == {"question", "count", "language", "last_asked", "wordings", "nearest"}


def test_a_draft_has_as_many_questions_as_are_shown(home, tmp_path):
    draft = tmp_path / "draft.md"
    _, shown = gaps(home, draft=draft, limit=1)
    assert draft.read_text("utf-8").count("\n## ") == 1
    assert f"1 questions to be answered are in {draft}" in shown.replace("\n", "")
    assert "… and 1 more" in shown


def test_an_unfilled_draft_is_rejected_line_by_line(home, tmp_path):
    draft = tmp_path / "draft.md"
    gaps(home, draft=draft)
    publisher = make_publisher(home)
    report = make_indexer(publisher).ingest([draft], kb="shop")
    publisher.catalog.close()
    assert report.added == 0
    assert [r.reason.endswith("has no answer; write one or remove it") for r in report.rejections] == [True, True]


def test_an_earlier_draft_is_not_written_over(home, tmp_path):
    draft = tmp_path / "draft.md"
    draft.write_text("my answers", "utf-8")
    with pytest.raises(IngestError, match="exists already"):
        gaps(home, draft=draft)
    assert draft.read_text("utf-8") == "my answers"


def test_two_questions_alone_are_compared_as_the_knowledge_base_tells(tmp_path):
    faq = tmp_path / "faq.md"
    faq.write_text(FAQ + "\n## Where is my parcel?\n\nSomewhere.\n\n## How do I pay?\n\nBy card.\n", "utf-8")
    publisher = make_publisher(tmp_path)
    make_indexer(publisher).ingest([faq], kb="shop")
    for text in ("my voucher has expired", "why did my voucher expire"):
        publisher.catalog.record_unknown(
            UnknownQuestion(workspace="default", kb="shop", text=text, decision="unknown", asked_at=NOON)
        )
    publisher.catalog.close()
    assert "1 groups were asked more than once" in gaps(tmp_path)[1]


def test_a_base_without_questions_says_so(tmp_path):
    publisher = make_publisher(tmp_path)
    publisher.catalog.ensure_base("default", "shop", now=NOON)
    publisher.catalog.close()
    out = tmp_path / "gaps.json"
    code, shown = gaps(tmp_path, json=str(out))
    assert (code, shown) == (0, "shop: nothing was asked in vain yet\n")
    assert json.loads(out.read_text("utf-8"))["groups"] == []


def test_a_base_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(KnowledgeBaseNotFound):
        gaps(tmp_path, kb="none")
