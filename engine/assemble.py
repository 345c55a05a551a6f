"""Puts the parts together: models from disk, knowledge from its live version, the engine over both."""

import logging
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

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
from knowledge.live import Live
from knowledge.publish import Recipe
from knowledge.snapshot import Snapshot
from knowledge.types import PassageKind
from models import artifacts
from models.encoders import load_encoder
from models.errors import ArtifactCorrupt, ModelNotPrepared, ModelUnavailable
from models.intent import LinearIntentClassifier
from models.language import detect
from models.protocols import Encoder
from models.spelling import KnowledgeSpelling
from models.text import ANALYSIS_VERSION, terms
from models.training.builtin import build_builtin_heads

if TYPE_CHECKING:  # an installation without a language model starts a fifth of a second earlier
    from models.generate import LocalGenerator, OpenAIGenerator

log = logging.getLogger(__name__)

_CALIBRATION = "calibration.json"  # files that a version derives from its entries
_SPELLING = "spelling.json"
_INTENTS = "intents.txt"
ENCODER_VERSION = "encoder_version"  # in the manifest of a trained head: whose vectors it reads
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
    talk = heads.talk
    return Models(encoder=encoder, language=detect, talk=talk, sentiment=heads.sentiment, possible=talk.possible)


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


def open_knowledge(snapshot: Snapshot, *, encoder: Encoder) -> Knowledge:
    """Make a published version ready to be searched with an encoder.

    Raises:
        VersionCorrupt: what was derived from its entries is of an older kefu, or was changed or removed.
    """
    stamp, version = snapshot.manifest.encoder, f"Version {snapshot.version} of {snapshot.manifest.kb!r}"
    if stamp.version != encoder.version:
        raise VersionCorrupt(
            f"{version} was encoded with {stamp.name} {stamp.version}, "
            f"configured is {encoder.name} {encoder.version}; run `kefu kb publish --kb {snapshot.manifest.kb}`."
        )
    try:
        calibration = Calibration.from_json(_derived(snapshot, _CALIBRATION))
        spelling = KnowledgeSpelling.from_json(_derived(snapshot, _SPELLING))
        intent = _own_intents(snapshot, encoder)
    except (ValueError, ArtifactCorrupt, ModelNotPrepared) as error:
        raise VersionCorrupt(f"{version}: {error}") from error
    return Knowledge(
        workspace=snapshot.manifest.workspace,
        kb=snapshot.manifest.kb,
        version=snapshot.version,
        entries=snapshot.entries,
        search=Retriever(snapshot, calibration),
        spelling=spelling,
        thresholds=Thresholds(answer_at=calibration.answer_at, clarify_at=calibration.clarify_at),
        intent=intent,
        borders=snapshot.borders,
    )


def intents_of(version: Path) -> str:
    """Name the intent head that a published version, given by its folder, answers with; "" if it has none."""
    try:
        return (version / "derived" / _INTENTS).read_text("utf-8")
    except FileNotFoundError:
        return ""


def usable_intents(folder: Path, name: str, encoder: Encoder) -> str:
    """Give back the name of a trained head if it reads this encoder's vectors, else "" and a warning.

    Args:
        folder: holds the knowledge base's heads.
        name: of one of them, or "".
        encoder: that questions are encoded with.

    Raises:
        ModelNotPrepared, ArtifactCorrupt: the head was removed or changed.
    """
    if not name:
        return ""
    head = artifacts.read_manifest(folder / name)
    if head.dim == encoder.dim and head.data.get(ENCODER_VERSION, encoder.version) == encoder.version:
        return name
    log.warning(
        "the intents of %s were learned with another encoder and are left out; run `kefu train intent` again",
        folder.parent.name,
    )
    return ""


@asynccontextmanager
async def open_engine(
    settings: Settings, models: Models | None = None, *, patient: bool = False
) -> AsyncIterator[DialogEngine]:
    """Open an engine over all knowledge bases below the home folder; it is closed at the end.

    Args:
        settings: of the installation.
        models: opened before, if they are to be shared.
        patient: wait until a local language model is loaded; otherwise answers go out verbatim until it is.
    """
    models = models or open_models(settings)
    with _catalog(settings) as catalog, _unanswered(catalog) as record:
        recipes = recipe(settings.knowledge)
        live = Live(
            Layout(home=settings.home),
            catalog,
            backend=recipes.backend,
            analyse=recipes.analyse,
            make=partial(open_knowledge, encoder=models.encoder),
        )
        generator = await _generator(settings.generator, patient=patient)
        engine = DialogEngine(
            knowledge=live.current,
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


async def _generator(settings: GeneratorSettings, *, patient: bool) -> "OpenAIGenerator | LocalGenerator | None":
    if not settings.url:
        return None
    from models.generate import EndpointSettings, LocalGenerator, OpenAIGenerator, TokenBudget

    budget = TokenBudget(settings.daily_tokens)
    scheme, _, folder = settings.url.partition(":")
    if scheme != "transformers":
        key = os.environ.get(settings.api_key_env, "")
        endpoint = EndpointSettings(url=settings.url.rstrip("/"), model=settings.model, api_key=key)
        return OpenAIGenerator(endpoint, budget)
    generator = LocalGenerator(Path(folder), budget)
    generator.start()
    if patient:
        with suppress(ModelUnavailable):  # logged where it was found out; answers go out verbatim
            await generator.ready()
    return generator


def _writer(settings: GeneratorSettings, generator: "OpenAIGenerator | LocalGenerator | None") -> Writer | None:
    if generator is None:
        return None
    return Writer(generator, timeout_s=settings.timeout_s, max_tokens=settings.max_tokens)


def _own_intents(snapshot: Snapshot, encoder: Encoder) -> LinearIntentClassifier | None:
    folder = snapshot.folder.parent.parent / "intents"
    name = usable_intents(folder, (snapshot.file(_INTENTS) or b"").decode(), encoder)
    return LinearIntentClassifier.load(folder / name) if name else None


def _derived(snapshot: Snapshot, name: str) -> bytes:
    content = snapshot.file(name)
    if content is None:
        raise VersionCorrupt(
            f"Version {snapshot.version} of {snapshot.manifest.kb!r} has no {name}; publish the knowledge base again."
        )
    return content
