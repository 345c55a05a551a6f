"""What heads make of examples that they were not fitted to, and the temperature that makes them honest."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.heads import Block, IntVector, log_softmax
from models.protocols import FloatMatrix
from models.training.folds import random_folds
from models.training.heads import Recipe, fit_head

TEMPERATURES = (1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0)
_ROUNDS = 3
_UNSEEN = -20.0  # log probability of a label that a round's head does not know


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Texts with their vectors and labels, in one order."""

    texts: Sequence[str]
    vectors: FloatMatrix
    labels: Sequence[str]

    def at(self, rows: IntVector) -> "Corpus":
        """Give the rows named, in that order."""
        return Corpus(
            texts=[self.texts[row] for row in rows],
            vectors=self.vectors[rows],
            labels=[self.labels[row] for row in rows],
        )


def held_out_logs(corpus: Corpus, *, blocks: Sequence[Block], recipe: Recipe, seed: int) -> FloatMatrix:
    """Give each example's log probabilities from a head that was fitted without it.

    Shape (n, labels), labels sorted, at temperature 1.
    """
    names = sorted(set(corpus.labels))
    folds = random_folds(corpus.labels, _ROUNDS, seed=seed)
    logs = np.full((len(corpus.texts), len(names)), _UNSEEN, np.float32)
    for number in range(_ROUNDS):
        held, rest = np.flatnonzero(folds == number), np.flatnonzero(folds != number)
        if not len(held) or not len(rest):
            continue
        fitted, tested = corpus.at(rest), corpus.at(held)
        head = fit_head(fitted.texts, fitted.vectors, fitted.labels, blocks=blocks, recipe=recipe)
        columns = np.array([names.index(label) for label in head.labels])
        logs[np.ix_(held, columns)] = head.log_probabilities(tested.texts, tested.vectors)
    return logs


def surprise(logs: FloatMatrix, truth: Sequence[str], names: Sequence[str]) -> FloatMatrix:
    """Give -log of the true label's probability at each temperature, (n, len(TEMPERATURES)).

    It is 0 where the true label is not among the names, which are those of the columns.
    """
    position = {name: index for index, name in enumerate(names)}
    columns = np.array([position.get(label, 0) for label in truth], np.int64)
    known = np.array([label in position for label in truth], np.bool_)
    rows = np.arange(len(truth))
    losses = [-log_softmax(logs / np.float32(value))[rows, columns] * known for value in TEMPERATURES]
    return np.stack(losses, axis=1)


def best_temperature(losses: FloatMatrix) -> float:
    """Choose the temperature at which held-out examples surprise least (Guo et al. 2017), from what `surprise` gave."""
    return TEMPERATURES[int(losses.sum(axis=0).argmin())]
