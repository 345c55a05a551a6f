"""What `kefu train intent` does: learn a company's own intents, and publish them with its knowledge."""

from collections.abc import Iterator
from pathlib import Path
from time import monotonic

from rich.console import Console

from engine import assemble
from engine.assemble import ENCODER_VERSION
from engine.settings import Settings
from ingest.assemble import open_indexer, open_publisher
from ingest.lines import read_lines
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
        origin = {"examples": data.name, "encoder": models.encoder.name, ENCODER_VERSION: models.encoder.version}
        head.save(folder / head.version, data=origin)
        with open_indexer(settings, kb, models, intents=head.version) as indexer:  # the switch is what chooses it
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
    for line in read_lines(data, TrainingDataError):
        match line.row:
            case {"query": str(text), "intent": str(label)} | {"text": str(text), "label": str(label)}:
                yield LabelledText(text=text, label=label, origin=line.place)
            case _:
                raise TrainingDataError(f'{line.place}: expected {{"query": text, "intent": label}}')
