"""What `kefu kb search` does: a question on the very path of a visitor's turn, with all that was weighed."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine import assemble
from engine.pipeline import Knowledge
from engine.settings import Settings
from engine.types import Outcome
from ingest.asking import ask
from ingest.assemble import open_publisher
from ingest.command import write_json
from ingest.compare import resolve_version
from ingest.report_terminal import cut

_WORKSPACE = "default"


def search(settings: Settings, kb: str, question: str, console: Console, *, json: str = "") -> int:
    """Ask the live version, and show what would be decided and why; nothing is recorded.

    Raises:
        KnowledgeBaseNotFound, NothingPublished: there is nothing to search.
        VersionCorrupt: the live version cannot be opened, or was made with another encoder.
    """
    with open_publisher(settings) as publisher:
        version = resolve_version(publisher, _WORKSPACE, kb, "live")
        models = assemble.open_models(settings)
        snapshot = publisher.open(_WORKSPACE, kb, version)
        knowledge = assemble.open_knowledge(snapshot, encoder=models.encoder)
        (outcome,) = ask(knowledge, models, settings.engine, [question])
        if json:
            write_json(json, _values(question, outcome, knowledge))
        if json != "-":
            _print(outcome, knowledge, console)
        snapshot.close()
    return 0


def _values(question: str, outcome: Outcome, knowledge: Knowledge) -> dict[str, object]:
    receipt = outcome.receipt
    return {
        "query": question,
        "understood": receipt.understood,
        "language": receipt.language.value,
        "decision": receipt.decision,
        "reason": receipt.reason,
        "confidence": round(receipt.confidence, 4),
        "thresholds": {name: round(value, 4) for name, value in receipt.thresholds.items()},
        "answer": outcome.text,
        "version": knowledge.version,
        "candidates": [
            {
                "rank": rank,
                "id": found.entry_id,
                "question": knowledge.entries[found.entry_id].question,
                "score": round(found.score, 4),
                "stages": {name: round(score, 4) for name, score in found.stages.items()},
            }
            for rank, found in enumerate(receipt.candidates, 1)
        ],
    }


def _print(outcome: Outcome, knowledge: Knowledge, console: Console) -> None:
    receipt = outcome.receipt
    stages = list(receipt.candidates[0].stages) if receipt.candidates else []
    table = Table("", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("entry", no_wrap=True)
    table.add_column("question", ratio=1)
    for name in ("score", *(name.replace("_", "\n") for name in stages)):
        table.add_column(name, justify="right", no_wrap=True)
    for rank, found in enumerate(receipt.candidates, 1):
        scores = [f"{score:.3f}" for score in (found.score, *found.stages.values())]
        question = cut(knowledge.entries[found.entry_id].question)
        table.add_row(str(rank), Text(found.entry_id), Text(question), *scores)
    console.print(table if receipt.candidates else "nothing was found")
    levels = ", ".join(f"{name.replace('_at', '')} from {value:.2f}" for name, value in receipt.thresholds.items())
    said = f"{receipt.decision}: {receipt.reason}; confidence {receipt.confidence:.3f} ({levels})"
    console.print(Text.assemble(("decision ", "bold"), said))
    if receipt.understood != receipt.text:
        console.print(Text.assemble(("understood ", "bold"), receipt.understood))
