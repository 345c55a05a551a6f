"""Puts the parts together: models from disk, knowledge from its live version, the engine over both."""

import logging
import os
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from engine.calibration import CALIBRATION_VERSION, Calibration, calibrate
from engine.engine import DialogEngine
from engine.pipeline import Knowledge, Models, Pipeline
from engine.policy import Thresholds
from engine.retrieval import Retriever
from engine.settings import GeneratorSettings, KnowledgeSettings, Settings
from engine.unanswered import Unanswered
from engine.writer import Writer
from knowledge.backends import open_backend
from knowledge.catalog import Catalog
from knowledge.errors import VersionCorrupt
from knowledge.layout import Layout
from knowledge.live import Snapshots
from knowledge.publish import Recipe
from knowledge.snapshot import Snapshot
from knowledge.types import PassageKind
from models.encoders import load_encoder
from models.errors import ArtifactCorrupt, ModelNotPrepared
from models.generate import EndpointSettings, LocalGenerator, OpenAIGenerator, TokenBudget
from models.intent import LinearIntentClassifier
from models.language import detect
from models.protocols import Encoder
from models.spelling import KnowledgeSpelling
from models.text import ANALYSIS_VERSION, terms
from models.training.builtin import build_builtin_heads

log = logging.getLogger(__name__)

_CALIBRATION = "calibration.json"  # files that a version derives from its entries
_SPELLING = "spelling.json"
_INTENTS = "intents.txt"
_DERIVED_VERSION = 1  # raised when the same entries give another spelling


def open_models(settings: Settings) -> Models:
    """Load the models that all knowledge bases share; what is not prepared yet is prepared now, progress on stderr.

    Raises:
        ModelNotPrepared: a model could not be had or prepared.
        ArtifactCorrupt: a prepared model was changed on disk.
    """
    folder = settings.models_folder
    encoder = load_encoder(settings.models.encoder, folder, threads=settings.models.threads)
    heads = build_builtin_heads(encoder, folder)
    return Models(encoder=encoder, language=detect, talk=heads.talk, sentiment=heads.sentiment)


def recipe(settings: KnowledgeSettings, *, intents: str = "") -> Recipe:
    """Say how all of a version besides its entries and vectors is made.

    Args:
        settings: of the installation.
        intents: the head for the company's own intents that the version is to have, by its folder's name.
    """

    def derive(snapshot: Snapshot) -> Mapping[str, bytes]:
        questions_first = sorted(snapshot.passages, key=lambda passage: passage.kind is PassageKind.ANSWER)
        spelling = KnowledgeSpelling.build(passage.text for passage in questions_first)  # it reads a bounded amount
        calibration = calibrate(snapshot, max_wrong_rate=settings.max_wrong_rate)
        own = {_INTENTS: intents.encode()} if intents else {}
        return {_CALIBRATION: calibration.to_json().encode(), _SPELLING: spelling.to_json(), **own}

    versions = (_DERIVED_VERSION, ANALYSIS_VERSION, CALIBRATION_VERSION, settings.max_wrong_rate, intents)
    return Recipe(
        version="-".join(map(str, versions)), backend=open_backend(settings.store), analyse=terms, derive=derive
    )


class LiveKnowledge:
    """Gives the live version of each base as the engine wants it, put together once a version."""

    def __init__(self, snapshots: Snapshots, encoder: Encoder) -> None:
        """Take what watches the catalog, and the encoder that questions are encoded with."""
        self._snapshots = snapshots
        self._encoder = encoder
        self._refused: dict[tuple[str, str], str] = {}
        self._ready: dict[tuple[str, str], Knowledge] = {}
        self._lock = threading.Lock()

    def __call__(self, workspace: str, kb: str) -> Knowledge:
        """Give the version that answers now.

        Raises:
            NothingPublished, KnowledgeBaseNotFound: there is none.
            VersionCorrupt: it cannot be opened, on the first call for a base.
        """
        snapshot = self._snapshots.current(workspace, kb)
        ready = self._ready.get((workspace, kb))
        if ready is not None and snapshot.version in (ready.version, self._refused.get((workspace, kb))):
            return ready
        with self._lock:
            try:
                made = open_knowledge(snapshot, encoder=self._encoder)
            except (VersionCorrupt, ArtifactCorrupt, ModelNotPrepared) as error:
                if ready is None:
                    raise
                log.error("the new version of %s is refused, the old one goes on answering: %s", kb, error)
                self._refused[workspace, kb] = snapshot.version
                return ready
            self._ready[workspace, kb] = made
        return made


def open_knowledge(snapshot: Snapshot, *, encoder: Encoder) -> Knowledge:
    """Make a published version ready to be searched with an encoder.

    Raises:
        VersionCorrupt: what was derived from its entries is of an older kefu, or was changed.
        ArtifactCorrupt, ModelNotPrepared: its intent head was changed or removed.
    """
    stamp = snapshot.manifest.encoder
    if stamp.version != encoder.version:
        raise VersionCorrupt(
            f"Version {snapshot.version} of {snapshot.manifest.kb!r} was encoded with {stamp.name} {stamp.version}, "
            f"configured is {encoder.name} {encoder.version}; ingest again to publish it anew."
        )
    try:
        calibration = Calibration.from_json(_derived(snapshot, _CALIBRATION))
        spelling = KnowledgeSpelling.from_json(_derived(snapshot, _SPELLING))
    except (ValueError, ArtifactCorrupt) as error:
        raise VersionCorrupt(f"Version {snapshot.version} of {snapshot.manifest.kb!r}: {error}") from error
    return Knowledge(
        workspace=snapshot.manifest.workspace,
        kb=snapshot.manifest.kb,
        version=snapshot.version,
        entries=snapshot.entries,
        search=Retriever(snapshot, calibration),
        spelling=spelling,
        thresholds=Thresholds(answer_at=calibration.answer_at, clarify_at=calibration.clarify_at),
        intent=_own_intents(snapshot),
        borders=snapshot.borders,
    )


@asynccontextmanager
async def open_engine(settings: Settings, models: Models | None = None) -> AsyncIterator[DialogEngine]:
    """Open an engine over all knowledge bases below the home folder; it is closed at the end.

    Args:
        settings: of the installation.
        models: opened before, if they are to be shared.
    """
    models = models or open_models(settings)
    with _catalog(settings) as catalog, _unanswered(catalog) as record:
        recipes = recipe(settings.knowledge)
        snapshots = Snapshots(Layout(home=settings.home), catalog, backend=recipes.backend, analyse=recipes.analyse)
        generator = _generator(settings.generator)
        engine = DialogEngine(
            knowledge=LiveKnowledge(snapshots, models.encoder),
            pipeline=Pipeline(models, candidates=settings.engine.candidates),
            versions=models.versions,
            language=models.language,
            settings=settings.engine,
            writer=_writer(settings.generator, generator),
            record=record,
        )
        try:
            yield engine
        finally:
            await engine.close()
            if generator is not None:
                await generator.close()


@contextmanager
def _catalog(settings: Settings) -> Iterator[Catalog]:
    catalog = Catalog(Layout(home=settings.home).catalog)
    try:
        yield catalog
    finally:
        catalog.close()


@contextmanager
def _unanswered(catalog: Catalog) -> Iterator[Unanswered]:
    record = Unanswered(catalog.record_unknown)
    try:
        yield record
    finally:
        record.close()


def _generator(settings: GeneratorSettings) -> OpenAIGenerator | LocalGenerator | None:
    if not settings.url:
        return None
    budget = TokenBudget(settings.daily_tokens)
    scheme, _, folder = settings.url.partition(":")
    if scheme == "transformers":
        return LocalGenerator(Path(folder).expanduser(), budget)
    key = os.environ.get(settings.api_key_env, "")
    return OpenAIGenerator(EndpointSettings(url=settings.url.rstrip("/"), model=settings.model, api_key=key), budget)


def _writer(settings: GeneratorSettings, generator: OpenAIGenerator | LocalGenerator | None) -> Writer | None:
    if generator is None:
        return None
    return Writer(generator, timeout_s=settings.timeout_s, max_tokens=settings.max_tokens)


def _own_intents(snapshot: Snapshot) -> LinearIntentClassifier | None:
    name = snapshot.file(_INTENTS)
    if name is None:
        return None
    return LinearIntentClassifier.load(snapshot.folder.parent.parent / "intents" / name.decode())


def _derived(snapshot: Snapshot, name: str) -> bytes:
    content = snapshot.file(name)
    if content is None:
        raise VersionCorrupt(
            f"Version {snapshot.version} of {snapshot.manifest.kb!r} has no {name}; publish the knowledge base again."
        )
    return content
