"""Puts an indexer together for an installation."""

from collections.abc import Iterator
from contextlib import contextmanager

from engine import assemble
from engine.pipeline import Models
from engine.settings import Settings
from ingest import intents
from ingest.index import Indexer
from knowledge.catalog import Catalog
from knowledge.layout import Layout
from knowledge.publish import Publisher, PublishSettings


@contextmanager
def open_publisher(settings: Settings, *, kb: str | None = None, workspace: str = "default") -> Iterator[Publisher]:
    """Open what builds, switches and rolls back versions; needs no model until it builds one.

    Args:
        settings: of the installation.
        kb: the base that versions are built for; none are built without.
        workspace: that it belongs to.
    """
    layout = Layout(home=settings.home)
    head = intents.current(layout.intents(workspace, kb)) if kb is not None else ""
    catalog = Catalog(layout.catalog)
    try:
        yield Publisher(
            layout=layout,
            catalog=catalog,
            recipe=assemble.recipe(settings.knowledge, intents=head),
            settings=PublishSettings(keep_versions=settings.knowledge.keep_versions),
        )
    finally:
        catalog.close()


@contextmanager
def open_indexer(settings: Settings, kb: str, models: Models | None = None) -> Iterator[Indexer]:
    """Open what reads documents into a knowledge base.

    Args:
        settings: of the installation.
        kb: the base.
        models: opened before, if they are to be shared.
    """
    models = models or assemble.open_models(settings)
    with open_publisher(settings, kb=kb) as publisher:
        yield Indexer(publisher, models.encoder, language_of=models.language)
