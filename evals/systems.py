"""The systems under test, made of kefu's own parts; heavy modules are imported when a suite needs them."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from evals.adapters import ABREAST, EngineAsker, KnowledgeSpeller, PipelineSearcher
from evals.parts import Parts
from evals.progress import Progress
from evals.tasks.protocols import Asker, Searcher, Speller, Trainer
from evals.trainers import IntentTrainer, SentimentTrainer
from evals.types import Json
from knowledge.types import Entry


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
        self._parts = Parts(home=home, scratch=scratch, progress=progress)
        self._askers: list[EngineAsker] = []

    def searcher(self, kb: str | None) -> Searcher:
        """What the engine searches with, spelling and fusion included."""
        return PipelineSearcher(self._parts, kb)

    def intent_trainer(self) -> Trainer:
        """What `kefu train intent` runs."""
        return IntentTrainer(self._parts.encoder, self._parts.encode)

    def sentiment_trainer(self) -> Trainer:
        """What the built-in sentiment head is fitted with."""
        return SentimentTrainer(self._parts.encoder, self._parts.encode)

    def handoff_trainer(self) -> Trainer:
        """A head with two classes, fitted as those of intents are."""
        return IntentTrainer(self._parts.encoder, self._parts.encode)

    def speller(self, kb: str | None, entries: Sequence[Entry]) -> Speller:
        """The spelling of a base, or one built from the entries' texts."""
        return KnowledgeSpeller(self._parts, kb, entries)

    def asker(self, kb: str | None, entries: Sequence[Entry]) -> Asker:
        """The dialog engine."""
        if kb is None:
            self._parts.publish(entries)
        asker = EngineAsker(self._parts, kb)
        self._askers.append(asker)
        return asker

    def describe(self) -> dict[str, Json]:
        """Settings that bear on results, and the versions of the models that were loaded."""
        settings = self._parts.settings
        return {
            "encoder": settings.models.encoder,
            "max_wrong_rate": settings.knowledge.max_wrong_rate,
            "versions": self._parts.versions,
            "dialogs_abreast": ABREAST if self._askers else None,
        }

    def close(self) -> None:
        """Close the engines."""
        for asker in self._askers:
            asker.close()
