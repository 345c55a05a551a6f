"""The systems under test, made of kefu's own parts; heavy modules are imported when a suite needs them."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from evals.adapters import ABREAST, TEMPORARY_KB, EngineAsker, KnowledgeSpeller, PipelineSearcher
from evals.errors import SuiteError
from evals.progress import Progress
from evals.tasks.protocols import Asker, Searcher, Speller, Trainer
from evals.trainers import IntentTrainer, SentimentTrainer
from evals.types import Json
from knowledge.types import Entry

if TYPE_CHECKING:
    from engine.pipeline import Knowledge, Models
    from engine.settings import Settings
    from models.protocols import Encoder, FloatMatrix

BATCH = 64  # texts encoded between two steps of the progress bar


@contextmanager
def open_systems(*, home: str | None, progress: Progress) -> "Iterator[KefuSystems]":
    """Open the systems over an installation; temporary knowledge bases live in a folder that is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="kefu-eval-", ignore_cleanup_errors=True) as folder:
        systems = KefuSystems(home=home, scratch=Path(folder), progress=progress)
        try:
            yield systems
        finally:
            systems.close()


class KefuSystems:
    """Makes each system when it is asked for. Implements `evals.runner.Systems`."""

    def __init__(self, *, home: str | None, scratch: Path, progress: Progress) -> None:
        """Take where the installation lies and where temporary bases go."""
        self._home = home
        self._scratch = scratch
        self._progress = progress
        self._askers: list[EngineAsker] = []

    @cached_property
    def settings(self) -> "Settings":
        """Of the installation."""
        from engine.settings import load

        return load(home=self._home)

    @cached_property
    def encoder(self) -> "Encoder":
        """The configured encoder; prepared now if it is not."""
        from models.encoders import load_encoder

        if "models" in self.__dict__:
            return self.models.encoder  # loaded once
        models = self.settings.models
        return load_encoder(models.encoder, self.settings.models_folder, threads=models.threads)

    @cached_property
    def models(self) -> "Models":
        """Encoder and built-in heads; what is not prepared yet is prepared now."""
        from engine.assemble import open_models

        return open_models(self.settings)

    def searcher(self, kb: str | None) -> Searcher:
        """What the engine searches with, spelling and fusion included."""
        return PipelineSearcher(self, kb)

    def intent_trainer(self) -> Trainer:
        """What `kefu train intent` runs."""
        return IntentTrainer(self.encoder, self.encode)

    def sentiment_trainer(self) -> Trainer:
        """What the built-in sentiment head is fitted with."""
        return SentimentTrainer(self.encoder, self.encode)

    def handoff_trainer(self) -> Trainer:
        """A head with two classes, fitted as those of intents are."""
        return IntentTrainer(self.encoder, self.encode)

    def speller(self, kb: str | None, entries: Sequence[Entry]) -> Speller:
        """The spelling of a base, or one built from the entries' texts."""
        return KnowledgeSpeller(self, kb, entries)

    def asker(self, kb: str | None, entries: Sequence[Entry]) -> Asker:
        """The dialog engine."""
        if kb is None:
            self.publish(entries)
        asker = EngineAsker(self, kb)
        self._askers.append(asker)
        return asker

    def describe(self) -> dict[str, Json]:
        """Settings that bear on results, and the versions of the models that were loaded."""
        needed = self.__dict__  # where cached properties are kept
        versions = {"encoder": self.encoder.version} if "encoder" in needed else {}
        versions |= self.models.versions if "models" in needed else {}
        return {
            "encoder": self.settings.models.encoder,
            "max_wrong_rate": self.settings.knowledge.max_wrong_rate,
            "versions": versions,
            "dialogs_abreast": ABREAST if self._askers else None,
        }

    def settings_of(self, kb: str | None) -> "Settings":
        """The installation's settings for a base of its own; for a temporary one those of the scratch folder."""
        if kb is not None:
            return self.settings
        models = replace(self.settings.models, folder=str(self.settings.models_folder))
        # A temporary base is not left behind on a Qdrant server.
        store = "faiss://" if self.settings.knowledge.store.startswith("qdrant") else self.settings.knowledge.store
        knowledge = replace(self.settings.knowledge, store=store)
        return replace(self.settings, home=self._scratch, models=models, knowledge=knowledge)

    def publish(self, entries: Sequence[Entry]) -> None:
        """Ingest entries into the temporary base; they may have no answer.

        Raises:
            SuiteError: an entry was rejected, so that what it answers could never be found.
        """
        from ingest.assemble import open_indexer

        path = self._scratch / "faq.jsonl"
        path.write_text("".join(_line(entry) for entry in entries), encoding="utf-8")
        with open_indexer(self.settings_of(None), TEMPORARY_KB, self.models) as indexer:
            report = indexer.ingest([path], kb=TEMPORARY_KB, require_answers=False, progress=_Stages(self._progress))
        if report.rejections:
            first = report.rejections[0]
            msg = f"{len(report.rejections)} entries of faq.jsonl were rejected; {first.source.place}: {first.reason}"
            raise SuiteError(msg)

    @contextmanager
    def knowledge(self, kb: str | None) -> "Iterator[Knowledge]":
        """The live version of a base."""
        from engine.assemble import open_knowledge
        from engine.assemble import recipe as recipe_of
        from knowledge.catalog import Catalog
        from knowledge.layout import Layout
        from knowledge.live import Snapshots

        settings = self.settings_of(kb)
        layout, recipe = Layout(home=settings.home), recipe_of(settings.knowledge)
        with closing(Catalog(layout.catalog)) as catalog:
            snapshots = Snapshots(layout, catalog, backend=recipe.backend, analyse=recipe.analyse)
            yield open_knowledge(snapshots.current("default", kb or TEMPORARY_KB), encoder=self.models.encoder)

    def encode(self, texts: Sequence[str], stage: str) -> "FloatMatrix":
        """Encode texts, with progress."""
        import numpy as np

        self._progress.stage(stage, len(texts))
        parts = []
        for start in range(0, len(texts), BATCH):
            chunk = texts[start : start + BATCH]
            parts.append(self.encoder.encode(chunk))
            self._progress.advance(len(chunk))
        return np.concatenate(parts) if parts else np.empty((0, self.encoder.dim), dtype=np.float32)

    def close(self) -> None:
        """Close the engines."""
        for asker in self._askers:
            asker.close()


class _Stages:
    """Passes an ingest's progress on."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._stage = ""
        self._done = 0

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage != self._stage:
            self._progress.stage(stage, total)
            self._stage, self._done = stage, 0
        self._progress.advance(max(0, done - self._done))
        self._done = done


def _line(entry: Entry) -> str:
    fields = {
        "id": entry.id,
        "question": entry.question,
        "answer": entry.answer,
        "similar_questions": list(entry.similar_questions),
        "category": entry.category,
        "language": entry.language,
        "tags": list(entry.tags),
    }
    return json.dumps({key: value for key, value in fields.items() if value}, ensure_ascii=False) + "\n"
