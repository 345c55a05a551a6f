"""Fitting a head: one recipe for every classifier of the system."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.heads import Block, Head, IntVector, LinearMap, Neighbours
from models.protocols import FloatMatrix, FloatVector
from models.training.features import fit_centring, fit_lexicon, stack
from models.training.linear import Loss, fit_linear
from models.training.neighbours import Space, fit_neighbours

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a head is fitted; the defaults were chosen over ten public intent sets, not for one."""

    balance: float = 0.0  # 0: each example counts alike; 1: each class counts alike
    entropy_ridge: float = 0.02  # of the map fitted to cross entropy
    margin_ridge: float = 0.5  # of the map fitted to the squared hinge
    margin_share: float = 3.0  # of the latter's scores, which live in [-1, 1], beside the logits of the former
    space: Space = Space.DISCRIMINANT  # where neighbours are sought
    sharpness: float = 20.0  # of the neighbours' votes
    neighbour_weight: float = 0.75  # of the log votes beside the linear log probabilities; 0 leaves neighbours out


def fit_head(
    texts: Sequence[str],
    vectors: FloatMatrix,
    labels: Sequence[str],
    *,
    blocks: Sequence[Block],
    recipe: Recipe,
    temperature: float = 1.0,
) -> Head:
    """Fit a head to texts, their vectors and their labels; the same input gives the same head."""
    names = sorted(set(labels))
    position = {name: index for index, name in enumerate(names)}
    classes = np.array([position[label] for label in labels], np.int64)
    lexicon = fit_lexicon(texts)
    centring = fit_centring(blocks, vectors)
    centred = centring.apply(vectors)
    lexical = stack([lexicon.row(text) for text in texts], len(lexicon))
    return Head(
        labels=names,
        centring=centring,
        lexicon=lexicon,
        linear=_fit_maps(centred, lexical, classes, count=len(names), recipe=recipe),
        neighbours=_fit_neighbours(centred, classes, count=len(names), recipe=recipe),
        neighbour_weight=recipe.neighbour_weight,
        temperature=temperature,
    )


def _fit_maps(
    centred: FloatMatrix, lexical: "csr_matrix", classes: IntVector, *, count: int, recipe: Recipe
) -> LinearMap:
    """Fit the two maps and add their scores: both are linear, so that one map serves for both."""
    weights = example_weights(classes, recipe.balance)
    entropy = Loss(margin=False, ridge=recipe.entropy_ridge)
    first = fit_linear(centred, lexical, classes, weights, count=count, loss=entropy)
    if not recipe.margin_share:
        return first
    margin = Loss(margin=True, ridge=recipe.margin_ridge)
    second = fit_linear(centred, lexical, classes, weights, count=count, loss=margin)
    return LinearMap(
        dense=first.dense + recipe.margin_share * second.dense,
        lexical=first.lexical + recipe.margin_share * second.lexical,
        bias=first.bias + recipe.margin_share * second.bias,
    )


def _fit_neighbours(centred: FloatMatrix, classes: IntVector, *, count: int, recipe: Recipe) -> Neighbours | None:
    if not recipe.neighbour_weight:
        return None
    return fit_neighbours(centred, classes, count=count, space=recipe.space, sharpness=recipe.sharpness)


def example_weights(classes: IntVector, balance: float) -> FloatVector:
    """Weigh examples so that classes count more alike, with a mean of 1."""
    sizes = np.bincount(classes)
    rarity = len(classes) / (len(sizes) * np.maximum(sizes, 1))
    weights: FloatVector = (rarity[classes] ** balance).astype(np.float32)
    weights /= weights.mean()
    return weights
