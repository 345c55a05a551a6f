"""Dividing examples for cross-validation."""

from collections.abc import Sequence

import numpy as np

from models.heads import IntVector
from models.protocols import FloatMatrix


def random_folds(labels: Sequence[str], count: int, *, seed: int = 0) -> IntVector:
    """Deal each class out over the folds in random order; gives each example's fold, (n,)."""
    names = np.array(labels)
    folds = np.zeros(len(names), np.int64)
    rng = np.random.default_rng(seed)
    for number, name in enumerate(np.unique(names)):
        rows = rng.permutation(np.flatnonzero(names == name))
        folds[rows] = (np.arange(len(rows)) + number) % count
    return folds


def alike_folds(vectors: FloatMatrix, labels: Sequence[str], count: int) -> IntVector:
    """Put examples of a class that resemble each other into the same fold; gives each example's fold, (n,).

    People who write examples write variants of a sentence; visitors do not. Holding out the variants together shows how
    a text of a known class, in words that nobody thought of, will score.
    """
    names = np.array(labels)
    folds = np.zeros(len(names), np.int64)
    for number, name in enumerate(np.unique(names)):
        rows = np.flatnonzero(names == name)
        folds[rows] = (_groups(vectors[rows], count) + number) % count
    return folds


def _groups(vectors: FloatMatrix, count: int) -> IntVector:
    """Divide into groups of equal size: what lies farthest from the middle with its nearest neighbours, and again."""
    groups = np.zeros(len(vectors), np.int64)
    middle = vectors.mean(axis=0)
    left = np.arange(len(vectors))
    size = -(-len(vectors) // count)
    for group in range(count):
        if not len(left):
            break
        seed = left[int((vectors[left] @ middle).argmin())]
        near = left[np.argsort(-(vectors[left] @ vectors[seed]), kind="stable")[:size]]
        groups[near] = group
        left = np.setdiff1d(left, near)
    return groups
