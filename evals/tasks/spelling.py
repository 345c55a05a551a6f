"""Suite `spelling`: are errors found and mended, and are clean texts left alone?

A text's errors are the token edits from `query` to `target`, a system's changes the edits from `query` to what it
made of it, both found in the same way (`evals.metrics.spelling_edits`).
"""

import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from evals.datasets.queries import Misspelling
from evals.measures import Measure, measure, with_groups
from evals.metrics import accuracy, clean_changed_rate, edit_spelling, sentence_spelling
from evals.metrics.metric import Metric, Row
from evals.metrics.spelling_edits import SpellingEdit, edits
from evals.progress import Progress
from evals.tasks.protocols import Speller
from evals.types import Case, TaskRun

BATCH = 32  # texts corrected between two steps of the progress bar; ms is a text's share of the call


class RowOf(Protocol):
    """What a text adds to a metric over edits."""

    def __call__(self, *, gold: frozenset[SpellingEdit], made: frozenset[SpellingEdit], level: str) -> Row | None:
        """The row; None where the metric does not score the text."""


def run(texts: Sequence[Misspelling], speller: Speller, progress: Progress) -> TaskRun:
    """Correct every text and judge."""
    progress.stage("correct", len(texts))
    cases: list[Case] = []
    for start in range(0, len(texts), BATCH):
        chunk = texts[start : start + BATCH]
        began = time.perf_counter()
        made = speller.correct([x.text for x in chunk], [x.lang for x in chunk])
        ms = (time.perf_counter() - began) * 1000 / len(chunk)
        cases += [_case(x, y, ms) for x, y in zip(chunk, made, strict=True)]
        progress.advance(len(chunk))
    return TaskRun(cases=cases, config={"texts_with_errors": sum(x.text != x.target for x in texts)})


def measures(cases: Sequence[Case]) -> list[Measure]:
    """Texts mended whole, clean texts harmed, then precision, recall and F1 by sentence and by edit."""
    whole = [
        measure(accuracy.ACCURACY, lambda c: accuracy.row(expected=str(c.expected), got=str(c.got))),
        measure(
            clean_changed_rate.CLEAN_CHANGED_RATE,
            lambda c: clean_changed_rate.row(query=c.query, target=str(c.expected), made=str(c.got)),
        ),
        *_by_edits(),
    ]
    return with_groups(whole, cases)


def _by_edits() -> list[Measure]:
    sentence, edit = sentence_spelling, edit_spelling
    tables: list[tuple[Mapping[str, Metric], RowOf]] = [
        (sentence.SENTENCE_PRECISION, sentence.precision_row),
        (sentence.SENTENCE_RECALL, sentence.recall_row),
        (sentence.SENTENCE_F1, sentence.f1_row),
        (edit.EDIT_PRECISION, edit.precision_row),
        (edit.EDIT_RECALL, edit.recall_row),
        (edit.EDIT_F1, edit.f1_row),
    ]
    return [_bound(metric, row, level) for metrics, row in tables for level, metric in metrics.items()]


def _bound(metric: Metric, row: RowOf, level: str) -> Measure:
    def pick(case: Case) -> Row | None:
        gold, made = edits(case.query, str(case.expected)), edits(case.query, str(case.got))
        return row(gold=gold, made=made, level=level)

    return measure(metric, pick)


def _case(text: Misspelling, made: str, ms: float) -> Case:
    return Case(
        id=text.id,
        query=text.text,
        expected=text.target,
        got=made,
        correct=made == text.target,
        ms=ms,
        group=text.group,
    )
