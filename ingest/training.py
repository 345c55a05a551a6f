"""What `kefu train intent` does: learn a company's own intents, and publish them with its knowledge."""

import json
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

from rich.console import Console

from engine import assemble
from engine.settings import Settings
from ingest import intents
from ingest.assemble import open_indexer, open_publisher
from knowledge.layout import Layout
from models.errors import TrainingDataError
from models.training.examples import LabelledText


def train_intents(settings: Settings, kb: str, data: Path, console: Console) -> int:
    """Train a head on the lines of a file, and publish the base again with it; running processes follow.

    Raises:
        TrainingDataError: a line cannot be learned from, or there are fewer than two classes.
        KnowledgeBaseNotFound: there is no such base.
    """
    from models.training.intent import train_intent

    examples = list(read_examples(data))
    with open_publisher(settings) as publisher:
        publisher.catalog.live_version("default", kb)  # a base that does not exist is refused before the long part
    with console.status(f"learning from {len(examples)} examples"):
        started = monotonic()
        models = assemble.open_models(settings)
        head = train_intent(examples, models.encoder)
        folder = Layout(home=settings.home).intents("default", kb)
        head.save(folder / head.version, data={"examples": data.name, "encoder": models.encoder.name})
        intents.choose(folder, head.version)
        with open_indexer(settings, kb, models) as indexer:
            version = indexer.publish(kb)
    console.print(
        f"{kb}: {len(head.labels)} intents learned from {len(examples)} examples in {monotonic() - started:.0f} s; "
        f"version [bold]{version.id}[/] answers with them"
    )
    return 0


def read_examples(data: Path) -> Iterator[LabelledText]:
    """Read lines of {"query" or "text", "intent" or "label"}; the label "oos" marks texts of no class.

    Raises:
        TrainingDataError: the file cannot be read, or a line is something else.
    """
    try:
        lines = data.read_text("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingDataError(f"{data} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _example(line, f"{data.name}, line {number}")


def _example(line: str, origin: str) -> LabelledText:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise TrainingDataError(f"{origin}: not JSON ({error})") from error
    match row:
        case {"query": str(text), "intent": str(label)} | {"text": str(text), "label": str(label)}:
            return LabelledText(text=text, label=label, origin=origin)
        case _:
            raise TrainingDataError(f'{origin}: expected {{"query": text, "intent": label}}')
