"""Fitting linear classifiers over dense and sparse features together, by L-BFGS in single precision.

General solvers take one matrix: sparse (the dense block then costs ten times its time) or dense (the sparse block does
not fit into memory). Keeping the two apart makes 10,000 examples of 77 classes a matter of seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.heads import IntVector, LinearMap
from models.protocols import FloatMatrix, FloatVector

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_MEMORY = 6  # pairs of steps and gradient changes that L-BFGS remembers
_ITERATIONS = 40
_FLAT = 1e-3  # relative to the first gradient
_SMALL_GAIN = 2e-5  # relative improvement of the objective at which to stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What a linear map is fitted to, and how strongly its weights are held down."""

    margin: bool  # squared hinge, one class against the rest; otherwise cross entropy over softmax
    ridge: float  # lambda of 0.5 * lambda * |W|^2, against the sum of losses over examples


def fit_linear(
    centred: FloatMatrix, lexical: "csr_matrix", classes: IntVector, weights: FloatVector, *, count: int, loss: Loss
) -> LinearMap:
    """Fit a linear map from (n, dim) vectors and (n, terms) term weights to `count` classes.

    Args:
        centred: (n, dim) vectors.
        lexical: (n, terms) tf-idf rows of the same examples.
        classes: (n,) class of each example, 0 <= class < count.
        weights: (n,) how much each example counts.
        count: number of classes.
        loss: objective.
    """
    dim = centred.shape[1]
    size = (dim + lexical.shape[1]) * count
    transposed = lexical.T.tocsr()
    truth = np.zeros((len(classes), count), np.float32)
    truth[np.arange(len(classes)), classes] = 1
    slope_of = _margin_slopes if loss.margin else _entropy_slopes

    def objective(point: FloatVector) -> tuple[float, FloatVector]:
        matrix = point[:size].reshape(-1, count)
        logits = centred @ matrix[:dim] + point[size:] + lexical @ matrix[dim:]
        value, slopes = slope_of(logits, truth, weights[:, None])
        gradient = np.empty_like(point)
        inner = gradient[:size].reshape(-1, count)
        inner[:dim] = centred.T @ slopes
        inner[dim:] = transposed @ slopes
        gradient[:size] += loss.ridge * point[:size]
        gradient[size:] = slopes.sum(axis=0)
        return value + 0.5 * loss.ridge * float(point[:size] @ point[:size]), gradient

    found = minimise(objective, np.zeros(size + count, np.float32))
    matrix = found[:size].reshape(-1, count)
    return LinearMap(dense=matrix[:dim].copy(), lexical=matrix[dim:].copy(), bias=found[size:].copy())


def _entropy_slopes(logits: FloatMatrix, truth: FloatMatrix, weights: FloatMatrix) -> tuple[float, FloatMatrix]:
    highest = logits.max(axis=1, keepdims=True)
    powers = np.exp(logits - highest)
    sums = powers.sum(axis=1, keepdims=True)
    losses = np.log(sums) + highest - (logits * truth).sum(axis=1, keepdims=True)
    return float((weights * losses).sum()), weights * (powers / sums - truth)


def _margin_slopes(logits: FloatMatrix, truth: FloatMatrix, weights: FloatMatrix) -> tuple[float, FloatMatrix]:
    signs = 2 * truth - 1
    short = np.maximum(0, 1 - signs * logits)
    return float((weights * short * short).sum()), -2 * weights * signs * short


def minimise(objective: Callable[[FloatVector], tuple[float, FloatVector]], start: FloatVector) -> FloatVector:
    """Minimise a smooth convex function by L-BFGS with backtracking (Nocedal and Wright 2006, algorithms 7.4 and 3.1).

    `objective` gives value and gradient. It stops when the gradient or the gain has become small, or after 40 steps:
    a classifier is as good long before the optimum is exact.
    """
    point = start
    value, gradient = objective(point)
    steps: list[tuple[FloatVector, FloatVector]] = []
    flat = _FLAT * float(np.linalg.norm(gradient))
    for _ in range(_ITERATIONS):
        direction = _direction(gradient, steps)
        slope = float(gradient @ direction)
        length = 1.0
        while True:
            next_point = point - np.float32(length) * direction
            next_value, next_gradient = objective(next_point)
            if next_value <= value - 1e-4 * length * slope or length < 1e-6:
                break
            length *= 0.4
        step, change = next_point - point, next_gradient - gradient
        if float(step @ change) > 1e-10:
            steps = [*steps[-(_MEMORY - 1) :], (step, change)]
        gain = value - next_value
        point, value, gradient = next_point, next_value, next_gradient
        if float(np.linalg.norm(gradient)) < flat or gain < _SMALL_GAIN * abs(value):
            break
    return point


def _direction(gradient: FloatVector, steps: list[tuple[FloatVector, FloatVector]]) -> FloatVector:
    """Multiply the gradient by the inverse Hessian as estimated from the remembered steps; without any, unit length."""
    direction = gradient.copy()
    if not steps:
        return direction / np.float32(max(float(np.linalg.norm(gradient)), 1e-12))
    shares: list[float] = []
    for step, change in reversed(steps):
        share = float(step @ direction) / float(step @ change)
        shares.append(share)
        direction -= np.float32(share) * change
    step, change = steps[-1]
    direction *= np.float32(float(step @ change) / float(change @ change))
    for (step, change), share in zip(steps, reversed(shares), strict=True):
        direction += np.float32(share - float(change @ direction) / float(step @ change)) * step
    return direction
