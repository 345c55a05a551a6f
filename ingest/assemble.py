"""Puts an indexer together for an installation."""

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from engine import assemble
from engine.pipeline import Models
from engine.settings import Settings
from ingest.gate import SuiteGate, read_suite
from ingest.index import Indexer
from knowledge.catalog import Catalog
from knowledge.layout import Layout
from knowledge.publish import Publisher, PublishSettings
from models.errors import ModelError
from models.protocols import Encoder

log = logging.getLogger(__name__)


@contextmanager
def open_publisher(
    settings: Settings, *, intents: str = "", lock_wait_s: float = PublishSettings().lock_wait_s
) -> Iterator[Publisher]:
    """Open what builds, switches and rolls back versions; needs no model until it builds one.

    Args:
        settings: of the installation.
        intents: the trained head that versions built here answer with.
        lock_wait_s: how long to wait for another process that publishes the same base.
    """
    layout = Layout(home=settings.home)
    catalog = Catalog(layout.catalog)
    try:
        yield Publisher(
            layout=layout,
            catalog=catalog,
            recipe=assemble.recipe(settings.knowledge, intents=intents),
            settings=PublishSettings(keep_versions=settings.knowledge.keep_versions, lock_wait_s=lock_wait_s),
        )
    finally:
        catalog.close()


@contextmanager
def open_indexer(
    settings: Settings,
    kb: str,
    models: Models | None = None,
    *,
    workspace: str = "default",
    intents: str | None = None,
    gate: str | None = None,
    lock_wait_s: float = PublishSettings().lock_wait_s,
) -> Iterator[Indexer]:
    """Open what reads documents into a knowledge base.

    Args:
        settings: of the installation.
        kb: the base.
        models: opened before, if they are to be shared.
        workspace: that the base belongs to.
        intents: the trained head that new versions get; by default the one that the live version has.
        gate: file of the suite that new versions must not break, "" for none; by default the configured one.
        lock_wait_s: how long to wait for another process that publishes the same base.

    Raises:
        SuiteError: the suite cannot be read.
    """
    path = settings.knowledge.gate if gate is None else gate
    suite = read_suite(Path(path).expanduser()) if path else []
    models = models or assemble.open_models(settings)
    if intents is None:
        intents = _live_intents(settings, kb, models.encoder, workspace)
    with open_publisher(settings, intents=intents, lock_wait_s=lock_wait_s) as publisher:
        yield Indexer(
            publisher,
            models.encoder,
            language_of=models.language,
            gate=SuiteGate(suite, models, settings.engine) if suite else None,
        )


def _live_intents(settings: Settings, kb: str, encoder: Encoder, workspace: str) -> str:
    """Name the head of the live version, so that the next one has it as well; "" without one that can be used."""
    layout = Layout(home=settings.home)
    with closing(Catalog(layout.catalog)) as catalog:
        bases = {base.name: base.live_version for base in catalog.bases(workspace)}
    version = bases.get(kb)
    if version is None:
        return ""
    name = assemble.intents_of(layout.version(workspace, kb, version))
    try:
        return assemble.usable_intents(layout.intents(workspace, kb), name, encoder)
    except ModelError as error:
        log.warning("the intents of %s are left out: %s", kb, error)
        return ""
