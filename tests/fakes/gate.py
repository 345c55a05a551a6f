"""An installation in which versions can be asked: an encoder without a model, heads that read off the words."""

from dataclasses import replace
from pathlib import Path

from engine import assemble
from engine.pipeline import Models
from engine.settings import EngineSettings, KnowledgeSettings
from ingest.gate import GateCase, SuiteGate
from ingest.index import Indexer
from knowledge.publish import Publisher
from models.language import detect
from tests.fakes.encoders import HashingEncoder
from tests.fakes.engine import CalmSentiment, TableTalk
from tests.fakes.knowledge import make_publisher


def make_models(encoder: HashingEncoder | None = None, said: dict[str, str] | None = None) -> Models:
    return Models(
        encoder=encoder or HashingEncoder(), language=detect, talk=TableTalk(said or {}), sentiment=CalmSentiment()
    )


def askable_publisher(home: Path) -> Publisher:
    """Give a publisher whose versions the engine can open."""
    return replace(make_publisher(home), recipe=assemble.recipe(KnowledgeSettings(store="memory://")))


def make_gate(models: Models, *cases: GateCase) -> SuiteGate:
    return SuiteGate(cases, models, EngineSettings())


def gated_indexer(publisher: Publisher, models: Models, *cases: GateCase) -> Indexer:
    gate = make_gate(models, *cases) if cases else None
    return Indexer(publisher, models.encoder, language_of=models.language, gate=gate)


def case(query: str, *relevant: str, expect: str = "", name: str = "") -> GateCase:
    expected = expect or ("answer" if relevant else "clarify_or_unknown")
    return GateCase(id=name or query, query=query, relevant_ids=relevant, expect=expected)
