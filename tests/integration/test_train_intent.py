import json
from dataclasses import replace

import pytest
from rich.console import Console

from engine import assemble, settings
from engine.types import Turn
from ingest.assemble import open_indexer, open_publisher
from ingest.training import train_intents
from models.errors import TrainingDataError

pytestmark = pytest.mark.integration

EXAMPLES = {
    "refund": ["I want my money back", "when is my refund paid", "refund please", "give me my money", "退款什么时候到"],
    "delivery": ["where is my parcel", "when does it arrive", "track my order", "快递到哪了", "is it shipped yet"],
    "account": ["I forgot my password", "delete my account", "change my email", "登录不了", "reset my login"],
}


@pytest.fixture
def installation(tmp_path):
    given = settings.load()
    made = replace(given, home=tmp_path, models=replace(given.models, folder=str(given.models_folder)))
    faq = tmp_path / "faq.jsonl"
    faq.write_text(json.dumps({"question": "How long does delivery take?", "answer": "Three days."}) + "\n", "utf-8")
    with open_indexer(made, "shop") as indexer:
        indexer.ingest([faq], kb="shop")
    return made


async def intent_of(installation, text):
    async with assemble.open_engine(installation) as engine:
        query = Turn(text=text, kb="shop")
        await engine.reply(query)
        knowledge = engine._knowledge("default", "shop")
        return knowledge.intent


async def test_intents_learned_from_examples_are_part_of_the_published_version(installation, tmp_path):
    data = tmp_path / "intents.jsonl"
    rows = [{"query": text, "intent": label} for label, texts in EXAMPLES.items() for text in texts]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    assert train_intents(installation, "shop", data, Console(quiet=True)) == 0
    head = await intent_of(installation, "where is my package")
    assert head.labels == ("account", "delivery", "refund")
    more = tmp_path / "more.jsonl"
    more.write_text(json.dumps({"question": "Do you ship abroad?", "answer": "Yes."}) + "\n", "utf-8")
    with open_indexer(installation, "shop") as indexer:
        indexer.ingest([more], kb="shop")
    assert (await intent_of(installation, "where is my package")).version == head.version  # the next version has it too
    with open_publisher(installation) as publisher:
        first = publisher.catalog.versions("default", "shop")[-1].id
        publisher.rollback("default", "shop", first)
    assert await intent_of(installation, "where is my package") is None


def test_a_line_that_is_no_example_is_named(installation, tmp_path):
    data = tmp_path / "intents.jsonl"
    data.write_text('{"query": "hi", "intent": "a"}\n{"query": 3}\n', "utf-8")
    with pytest.raises(TrainingDataError, match=r"intents\.jsonl, line 2"):
        train_intents(installation, "shop", data, Console(quiet=True))
