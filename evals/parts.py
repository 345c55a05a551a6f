"""What is measured is made of: the installation's models and knowledge bases, and temporary bases beside them."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from evals.errors import SuiteError
from evals.progress import Progress
from evals.types import Json
from knowledge.types import Entry

if TYPE_CHECKING:
    from engine.pipeline import Knowledge, Models
    from engine.settings import Settings
    from models.protocols import Encoder, FloatMatrix

BATCH = 64  # texts encoded between two steps of the progress bar
TEMPORARY_KB = "eval"


class Parts:
    """Opens each part when it is needed; heavy modules are imported then."""

    def __init__(self, *, home: str | None, scratch: Path, progress: Progress) -> None:
        """Take where the installation lies and where temporary bases go."""
        self._home = home
        self._scratch = scratch
        self._progress = progress

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

    @property
    def versions(self) -> dict[str, Json]:
        """Of the models that were loaded so far."""
        needed = self.__dict__  # where cached properties are kept
        versions: dict[str, Json] = {"encoder": self.encoder.version} if "encoder" in needed else {}
        return versions | (self.models.versions if "models" in needed else {})

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
