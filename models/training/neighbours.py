"""Fitting the neighbour vote: a small space in which texts are compared with the training examples."""

from enum import StrEnum

import numpy as np

from models.heads import IntVector, Neighbours
from models.protocols import FloatMatrix

_MOST_DIRECTIONS = 128
_MOST_EXAMPLES = 20_000  # 20,000 x 128 single floats are 10 MB and a millisecond
_SHRINKAGE = 0.7  # towards a round covariance: classes of ten examples do not know theirs


class Space(StrEnum):
    """Where neighbours are sought."""

    DISCRIMINANT = "discriminant"  # directions that separate the classes: best where the classes are all that matters
    PRINCIPAL = "principal"  # directions in which the examples differ: best for classes as varied as small talk


def fit_neighbours(
    centred: FloatMatrix, classes: IntVector, *, count: int, space: Space, sharpness: float, seed: int = 0
) -> Neighbours:
    """Fit the projection into a small space and keep the examples in it; all of `count` classes occur."""
    kept = _thin(classes, seed)
    projection = _discriminants(centred, classes, count) if space is Space.DISCRIMINANT else _principals(centred)
    order = kept[np.argsort(classes[kept], kind="stable")]
    projected = centred[order] @ projection
    lengths = np.maximum(np.linalg.norm(projected, axis=1, keepdims=True), 1e-6)
    return Neighbours(projection=projection, examples=projected / lengths, classes=classes[order], sharpness=sharpness)


def _principals(centred: FloatMatrix) -> FloatMatrix:
    from scipy.linalg import eigh  # numpy's has no way to ask for the leading ones only: four times the work

    width = centred.shape[1]
    leading = (max(0, width - _MOST_DIRECTIONS), width - 1)
    vectors = eigh((centred.T @ centred).astype(np.float64), subset_by_index=leading)[1]
    return np.ascontiguousarray(vectors[:, ::-1].astype(np.float32))


def _discriminants(centred: FloatMatrix, classes: IntVector, count: int) -> FloatMatrix:
    """Solve S_between v = w S_within v for the leading directions (Friedman 1989 for the shrinkage of S_within)."""
    sizes = np.bincount(classes, minlength=count)
    sums = np.zeros((count, centred.shape[1]), np.float32)
    np.add.at(sums, classes, centred)
    means = sums / np.maximum(sizes, 1)[:, None]
    spread = centred - means[classes]
    within = (spread.T @ spread).astype(np.float64) / len(centred)
    within = (1 - _SHRINKAGE) * within
    within.flat[:: len(within) + 1] += _SHRINKAGE * np.trace(spread.T @ spread) / len(centred) / len(within) + 1e-9
    shifted = (means - centred.mean(axis=0)) * np.sqrt(sizes / len(centred))[:, None]
    # Whitening S_within by its Cholesky factor turns the generalised problem into an SVD of the whitened class means.
    factor = np.linalg.cholesky(within)
    whitened = np.linalg.solve(factor, shifted.T)
    left, _, _ = np.linalg.svd(whitened, full_matrices=False)
    directions = np.linalg.solve(factor.T, left[:, : max(1, min(count - 1, _MOST_DIRECTIONS, left.shape[1]))])
    result: FloatMatrix = directions.astype(np.float32)
    return result


def _thin(classes: IntVector, seed: int) -> IntVector:
    """Choose which examples to keep: all, or an equal number per class where there are too many."""
    if len(classes) <= _MOST_EXAMPLES:
        return np.arange(len(classes))
    order = np.random.default_rng(seed).permutation(len(classes))
    sizes = np.bincount(classes)
    quota = _MOST_EXAMPLES // max(1, int((sizes > 0).sum()))
    seen = np.zeros(len(sizes), np.int64)
    kept = []
    for index in order:
        if seen[classes[index]] < quota:
            kept.append(index)
            seen[classes[index]] += 1
    return np.sort(np.array(kept, np.int64))
