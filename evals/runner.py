"""Runs a suite: reads the data, hands them to the task with the systems under test, and computes the metrics."""

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from evals.datasets.checksum import fingerprint
from evals.datasets.dialogs import read_dialogs
from evals.datasets.faq import missing_ids, read_faq
from evals.datasets.pairs import read_pairs
from evals.datasets.queries import (
    Question,
    queries_file,
    read_handoffs,
    read_intents,
    read_misspellings,
    read_questions,
    read_sentiments,
)
from evals.datasets.split import Reader, split
from evals.errors import SuiteError
from evals.measures import estimates
from evals.progress import Progress
from evals.tasks import answers, dialogs, handoff, intent, retrieval, sentiment, spelling
from evals.tasks.protocols import Asker, Searcher, Speller, Trainer
from evals.tasks.registry import measures_of
from evals.types import Json, Results, TaskRun
from knowledge.types import Entry


class Systems(Protocol):
    """Makes the systems under test; each is made when its suite asks for it."""

    def searcher(self, kb: str | None) -> Searcher:
        """Over the published base of that name, or over a temporary one that is yet to be indexed."""

    def intent_trainer(self) -> Trainer:
        """What `kefu train intent` runs."""

    def sentiment_trainer(self) -> Trainer:
        """What the sentiment head is fitted with."""

    def handoff_trainer(self) -> Trainer:
        """What tells apart the classes `true` and `false` of a hand-off."""

    def speller(self, kb: str | None, entries: Sequence[Entry]) -> Speller:
        """With the words of the published base of that name, or of the entries (there may be none)."""

    def asker(self, kb: str | None, entries: Sequence[Entry]) -> Asker:
        """Over the published base of that name, or over a temporary one of the entries."""

    def describe(self) -> dict[str, Json]:
        """Versions and settings of what was used, for the results."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to run on what."""

    suite: str
    data: Path
    train: Path | None = None
    kb: str | None = None


def run(request: Request, systems: Systems, progress: Progress) -> Results:
    """Run one suite.

    Raises:
        EvalError: the data are missing or malformed, or do not suit the suite.
    """
    if not request.data.exists():
        msg = f"--data {request.data}: there is no such folder"
        raise SuiteError(msg)
    if request.train is not None and not request.train.exists():
        msg = f"--train {request.train}: there is no such folder or file"
        raise SuiteError(msg)
    began = time.perf_counter()
    task = _SUITES[request.suite](request, systems, progress)
    progress.stage("metrics", 1)
    found = estimates(measures_of(request.suite, task.cases), task.cases)
    progress.advance()
    return Results(
        suite=request.suite,
        data=fingerprint(request.data, _files(request)),
        config=_config(request, systems, task, seconds=time.perf_counter() - began),
        metrics={**found, **task.extra},
        cases=task.cases,
    )


def _retrieval(request: Request, systems: Systems, progress: Progress) -> TaskRun:
    questions = read_questions(queries_file(request.data))
    entries = _entries(request)
    pairs = request.data / "pairs.jsonl"
    task = retrieval.RetrievalTask(
        entries=entries, questions=questions, pairs=read_pairs(pairs) if pairs.is_file() else ()
    )
    return _warned(task.run(systems.searcher(request.kb), progress), questions, entries)


def _entries(request: Request) -> list[Entry]:
    """What the queries are held against; none where a published base is named."""
    faq = request.data / "faq.jsonl"
    if request.kb:
        return []
    if not faq.is_file():
        msg = f"{request.data} has no faq.jsonl; put one there, or name a published knowledge base with --kb NAME"
        raise SuiteError(msg)
    return read_faq(faq)


def _learned(
    read: Reader, run_task: Callable[..., TaskRun], trainer: Callable[[Systems], Trainer]
) -> "Callable[[Request, Systems, Progress], TaskRun]":
    def run_suite(request: Request, systems: Systems, progress: Progress) -> TaskRun:
        parts = split(read, data=request.data, train=request.train)
        return run_task(parts, trainer(systems), progress)

    return run_suite


def _spelling(request: Request, systems: Systems, progress: Progress) -> TaskRun:
    texts = read_misspellings(queries_file(request.data))
    faq = request.data / "faq.jsonl"
    entries = read_faq(faq) if faq.is_file() and not request.kb else []
    return spelling.run(texts, systems.speller(request.kb, entries), progress)


def _answers(request: Request, systems: Systems, progress: Progress) -> TaskRun:
    questions = read_questions(queries_file(request.data))
    entries = _entries(request)
    return _warned(answers.run(questions, systems.asker(request.kb, entries), progress), questions, entries)


def _dialogs(request: Request, systems: Systems, progress: Progress) -> TaskRun:
    held = read_dialogs(request.data / "dialogs.jsonl")
    entries = _entries(request)
    return dialogs.run(held, systems.asker(request.kb, entries), progress)


_SUITES: dict[str, Callable[[Request, Systems, Progress], TaskRun]] = {
    "retrieval": _retrieval,
    "intent": _learned(read_intents, intent.run, lambda s: s.intent_trainer()),
    "sentiment": _learned(read_sentiments, sentiment.run, lambda s: s.sentiment_trainer()),
    "handoff": _learned(read_handoffs, handoff.run, lambda s: s.handoff_trainer()),
    "spelling": _spelling,
    "answers": _answers,
    "dialogs": _dialogs,
}


def _warned(task: TaskRun, questions: Sequence[Question], entries: Sequence[Entry]) -> TaskRun:
    """Add a warning for relevant ids that faq.jsonl does not have."""
    missing = missing_ids([q.relevant_ids for q in questions], entries) if entries else []
    if not missing:
        return task
    some = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
    text = f"{len(missing)} relevant ids are not in faq.jsonl ({some}): queries that need them cannot be right"
    return TaskRun(cases=task.cases, extra=task.extra, config=task.config, warnings=(*task.warnings, text))


def _files(request: Request) -> list[Path]:
    """The files of --data that the suite reads."""
    folder = request.data
    if request.suite == "dialogs":
        return [folder / "dialogs.jsonl", *([] if request.kb else [folder / "faq.jsonl"])]
    extra = {"retrieval": ["faq.jsonl", "pairs.jsonl"], "answers": ["faq.jsonl"], "spelling": ["faq.jsonl"]}
    read = [name for name in extra.get(request.suite, []) if not (request.kb and name == "faq.jsonl")]
    return [queries_file(folder), *(folder / name for name in read)]


def _config(request: Request, systems: Systems, task: TaskRun, *, seconds: float) -> dict[str, Json]:
    config: dict[str, Json] = {"kb": request.kb, "train": None}
    if request.train is not None:
        config["train"] = fingerprint(request.train, [queries_file(request.train)])
    return {
        **config,
        **task.config,
        **systems.describe(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "seconds": round(seconds, 3),
        "warnings": list(task.warnings),
    }
