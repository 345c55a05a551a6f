"""What the suites that train a classifier share: train for each bot apart, guess in batches, one case a text."""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from evals.datasets.queries import Example
from evals.datasets.split import Split
from evals.progress import Progress
from evals.tasks.protocols import Guess, Guesser, Trainer
from evals.types import Case, Json, TaskRun

BATCH = 64  # texts classified in one call; a case's ms is its share of that call
SHOWN = 5  # classes kept in a case's receipt


class Judged(NamedTuple):
    """A guess with the text that it is for."""

    example: Example
    guess: Guess
    ms: float
    trained: frozenset[str]  # the classes that the guesser learned


def classify(parts: Split, trainer: Trainer, progress: Progress, to_case: Callable[[Judged], Case]) -> TaskRun:
    """Train and guess for each bot apart; cases in the order of the scored rows."""
    bots = sorted({x.bot for x in parts.test})
    order = {x.id: place for place, x in enumerate(parts.test)}
    cases: list[Case] = []
    warnings: list[str] = []
    for bot in bots:
        fit = [x for x in parts.train if x.bot == bot]
        test = [x for x in parts.test if x.bot == bot]
        if not fit:
            warnings.append(f"no row to learn from for bot {bot!r}: its {len(test)} rows are not scored")
            continue
        cases += [to_case(judged) for judged in _guess(fit, test, trainer, progress, name=bot)]
        unknown = sorted({x.label for x in test} - {x.label for x in fit} - {"oos"})
        if unknown:
            warnings.append(f"classes that training has no row of, so never guessed rightly: {', '.join(unknown)}")
    if parts.leaked:
        warnings.append(f"{parts.leaked} scored rows have a text that was learned from too")
    cases.sort(key=lambda case: order[case.id])
    return TaskRun(cases=cases, config=_config(parts), warnings=tuple(warnings))


def learned_case(judged: Judged, *, correct: bool, got: str, confidence: float) -> Case:
    """A case with what every classification suite records."""
    example, guess = judged.example, judged.guess
    best = sorted(guess.probabilities.items(), key=lambda item: (-item[1], item[0]))[:SHOWN]
    return Case(
        id=example.id,
        query=example.text,
        expected=example.label,
        got=got,
        correct=correct,
        confidence=confidence,
        ms=judged.ms,
        group=example.group,
        facts={"best": guess.best, "oos_trained": "oos" in judged.trained},
        receipt={"probabilities": {label: round(p, 6) for label, p in best}},
    )


def _guess(
    fit: Sequence[Example], test: Sequence[Example], trainer: Trainer, progress: Progress, *, name: str
) -> list[Judged]:
    suffix = f" {name}" if name else ""
    progress.stage(f"train{suffix}", 1)
    guesser = trainer.train([x.text for x in fit], [x.label for x in fit])
    progress.advance()
    progress.stage(f"score{suffix}", len(test))
    trained = frozenset(x.label for x in fit)
    judged: list[Judged] = []
    for start in range(0, len(test), BATCH):
        chunk = test[start : start + BATCH]
        judged += _batch(chunk, guesser, trained)
        progress.advance(len(chunk))
    return judged


def _batch(chunk: Sequence[Example], guesser: Guesser, trained: frozenset[str]) -> list[Judged]:
    began = time.perf_counter()
    guesses = guesser.guess([x.text for x in chunk])
    ms = (time.perf_counter() - began) * 1000 / len(chunk)
    return [Judged(x, guess, ms, trained) for x, guess in zip(chunk, guesses, strict=True)]


def _config(parts: Split) -> dict[str, Json]:
    return {"split": parts.how, "trained_on": len(parts.train), "rows_learned_from_too": parts.leaked}
