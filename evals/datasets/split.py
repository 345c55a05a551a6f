"""Which rows are learned from and which are scored.

- `--train FOLDER`: its queries.jsonl without the rows whose split is `test_open`; `--train FILE.jsonl`: all its rows.
  All rows of `--data` are scored.
- The same folder for both, or no `--train`: learn from the rows that are not `test_open`, score those that are; if
  there are none, a stratified fifth of the rows, drawn with a fixed seed, is held out and scored.
- `--train` a file that lies in the folder of `--data`: learn from the file, score the `test_open` rows of the folder;
  if there are none, the rows whose text is not in the file.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from evals.datasets.queries import Example, queries_file
from evals.errors import DatasetError

SEED = 20240229
HELD_OUT = 0.2  # share of each class that is scored where the data have no test rows
TEST = "test_open"

Reader = Callable[[Path], list[Example]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Rows to learn from, rows to score, and how they were told apart."""

    train: list[Example]
    test: list[Example]
    how: str
    leaked: int  # scored rows whose text, in the same bot, was learned from too


def split(read: Reader, *, data: Path, train: Path | None) -> Split:
    """Choose the rows as the module's docstring says.

    Raises:
        DatasetError: a file is missing or malformed, or no row is left to learn from or to score.
    """
    scored = queries_file(data)
    learned = scored if train is None else queries_file(train)
    if learned.resolve() == scored.resolve():
        parts = _within(read(scored))
    elif train is not None and train.is_file() and train.resolve().parent == data.resolve():
        parts = _beside(read(learned), read(scored), name=train.name)
    else:
        rows = read(learned)
        kept = rows if train is not None and train.is_file() else [x for x in rows if x.split != TEST]
        parts = kept, read(scored), f"learned from {learned}, all rows of {scored} scored"
    fit, test, how = parts
    if not fit:
        raise DatasetError(learned, "no row is left to learn from")
    if not test:
        raise DatasetError(scored, "no row is left to score")
    seen = {(x.bot, x.text) for x in fit}
    return Split(train=fit, test=test, how=how, leaked=sum((x.bot, x.text) in seen for x in test))


def _within(rows: Sequence[Example]) -> tuple[list[Example], list[Example], str]:
    test = [x for x in rows if x.split == TEST]
    if test:
        return [x for x in rows if x.split != TEST], test, f"learned from the other rows, {TEST} rows scored"
    return _hold_out(rows)


def _beside(fit: list[Example], rows: Sequence[Example], *, name: str) -> tuple[list[Example], list[Example], str]:
    test = [x for x in rows if x.split == TEST]
    if test:
        return fit, test, f"learned from {name}, {TEST} rows scored"
    texts = {x.text for x in fit}
    return fit, [x for x in rows if x.text not in texts], f"learned from {name}, rows that are not in it scored"


def _hold_out(rows: Sequence[Example]) -> tuple[list[Example], list[Example], str]:
    """Hold out a fifth of each class of each bot; a class with one row is learned from only."""
    strata: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        strata[row.bot, row.label].append(i)
    rng = random.Random(SEED)
    held: set[int] = set()
    for key in sorted(strata):
        members = strata[key]
        wanted = max(1, round(HELD_OUT * len(members))) if len(members) > 1 else 0
        held.update(rng.sample(members, wanted))
    how = f"{HELD_OUT:.0%} of each class held out and scored, seed {SEED}"
    return [x for i, x in enumerate(rows) if i not in held], [rows[i] for i in sorted(held)], how
