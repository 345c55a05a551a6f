"""Learning when to say "none of these", from training data alone.

Heads are fitted without part of the examples, and what they make of that part is what a visitor's text would meet:
examples of known classes, examples of classes that were left out whole, and generic texts that belong to none. A
logistic model over the signals then tells the first from the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.heads import Block, Head, IntVector
from models.intent import Acceptance, Familiarity, signals
from models.protocols import OUT_OF_SCOPE, FloatMatrix, FloatVector
from models.training.familiarity import fit_familiarity
from models.training.features import fit_centring, stack
from models.training.folds import alike_folds, random_folds
from models.training.heads import Recipe, fit_head
from models.training.held_out import Corpus, best_temperature, surprise

Flags = NDArray[np.bool_]

_ROUNDS = 3
_MOST_EXAMPLES = 4500  # for calibration; more would take minutes and change the threshold little
_ENOUGH_OUTSIDERS = 30  # labelled out-of-scope examples from which a threshold can be read
_ENOUGH_CLASSES = 6  # from which some can be left out and the rest is still a task
_REPEATS = 6  # of the rounds with other classes left out, for small sets: one division says little
_SMALL = 1500  # examples
_REJECTED_BACKGROUND = 0.955  # share of generic outsiders to turn away where the company has labelled none of its own
_AS_GOOD = 0.01  # in the sum of two shares; less than the error of measuring them
_BACKGROUND_SHARE = 0.75  # of the weight of outsiders; the rest goes to classes left out
_RIDGE = 1e-3

INSIDER, LEFT_OUT, GENERIC, LABELLED = range(4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What heads made of texts that they had not been fitted to."""

    signals: FloatMatrix
    kinds: IntVector  # INSIDER, LEFT_OUT, GENERIC or LABELLED
    right: Flags  # the best class was the true one
    losses: FloatMatrix  # (n, len(TEMPERATURES)): what `surprise` gives


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all rounds of a calibration share."""

    folds: IntVector  # of each example
    blocks: Sequence[Block]
    recipe: Recipe
    leave_out: bool  # classes too, not only examples


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One fit of a calibration."""

    number: int  # the fold that is held out
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How to turn scores into decisions."""

    acceptance: Acceptance
    temperature: float


# For a classifier that takes every text: its score is familiarity, which is seldom below 0.
ACCEPT_ALL = Calibration(
    acceptance=Acceptance(weights=np.array([0, 0, 1, 0, 0], np.float32), offset=3.0, threshold=-1e9), temperature=2.0
)


def familiarity_of(head: Head, corpus: Corpus, *, seed: int) -> Familiarity:
    """Fit how familiar a text is to the examples that the head was fitted to."""
    rows = [head.lexicon.row(text) for text in corpus.texts]
    return fit_familiarity(head.centring.apply(corpus.vectors), stack(rows, len(head.lexicon)), seed=seed)


def calibrate(corpus: Corpus, background: Corpus, *, blocks: Sequence[Block], recipe: Recipe, seed: int) -> Calibration:
    """Learn acceptance and temperature by cross-validation.

    Args:
        corpus: the training examples; labels may include `OUT_OF_SCOPE`.
        background: generic texts that belong to no class; their labels are not read.
        blocks: of the encoder.
        recipe: of the head.
        seed: of what is drawn at random.
    """
    corpus = corpus.at(_sample(corpus.labels, seed))
    outsiders = sum(label == OUT_OF_SCOPE for label in corpus.labels)
    labelled = outsiders >= _ENOUGH_OUTSIDERS
    if labelled:
        folds = random_folds(corpus.labels, _ROUNDS, seed=seed)
        background = background.at(np.empty(0, np.int64))
    else:
        centred = fit_centring(blocks, corpus.vectors).apply(corpus.vectors)
        folds = alike_folds(centred, corpus.labels, _ROUNDS)
    repeats = 1 if labelled or len(corpus.texts) > _SMALL else _REPEATS
    rounds = [Round(number=number, seed=seed + repeat) for repeat in range(repeats) for number in range(_ROUNDS)]
    setting = Setting(folds=folds, blocks=blocks, recipe=recipe, leave_out=not labelled)
    trials = [trial for each in rounds if (trial := _try(corpus, background, each, setting))]
    if not trials:
        return ACCEPT_ALL
    joined = Trial(
        signals=np.concatenate([trial.signals for trial in trials]),
        kinds=np.concatenate([trial.kinds for trial in trials]),
        right=np.concatenate([trial.right for trial in trials]),
        losses=np.concatenate([trial.losses for trial in trials]),
    )
    return Calibration(acceptance=_fit_acceptance(joined), temperature=best_temperature(joined.losses))


def _sample(labels: Sequence[str], seed: int) -> IntVector:
    """Choose the rows to calibrate on: every out-of-scope one, and of the others as many as there is time for."""
    outside = np.array([label == OUT_OF_SCOPE for label in labels])
    order = np.random.default_rng(seed).permutation(np.flatnonzero(~outside))[:_MOST_EXAMPLES]
    return np.sort(np.concatenate([order, np.flatnonzero(outside)]))


def _try(corpus: Corpus, background: Corpus, trying: Round, setting: Setting) -> Trial | None:
    """Fit a head without one fold (and some classes) and measure it there; None where too little is left to fit."""
    labels = np.array(corpus.labels)
    hidden_classes = _hidden_classes(labels, trying) if setting.leave_out else []
    hidden = np.isin(labels, hidden_classes)
    held = (setting.folds == trying.number) & ~hidden
    fitted = corpus.at(np.flatnonzero(~held & ~hidden))
    if len(set(fitted.labels) - {OUT_OF_SCOPE}) < 2:
        return None
    head = fit_head(fitted.texts, fitted.vectors, fitted.labels, blocks=setting.blocks, recipe=setting.recipe)
    familiarity = familiarity_of(head, fitted, seed=trying.seed)
    scored = held & np.isin(labels, [*head.labels, OUT_OF_SCOPE])
    tested = [corpus.at(np.flatnonzero(scored)), corpus.at(np.flatnonzero(hidden))]
    tested.append(background.at(np.arange(trying.number, len(background.texts), _ROUNDS)))
    kinds = [
        np.where(labels[scored] == OUT_OF_SCOPE, LABELLED, INSIDER),
        np.full(len(tested[1].texts), LEFT_OUT),
        np.full(len(tested[2].texts), GENERIC),
    ]
    return _measure(head, familiarity, tested, np.concatenate(kinds).astype(np.int64))


def _hidden_classes(labels: NDArray[np.str_], trying: Round) -> list[str]:
    """Choose the classes to leave out in a round; over the rounds of one seed each class is left out once."""
    classes = [label for label in np.unique(labels) if label != OUT_OF_SCOPE]
    if len(classes) < _ENOUGH_CLASSES:
        return []
    shuffled = np.random.default_rng(trying.seed).permutation(classes)
    return [str(label) for label in shuffled[trying.number :: _ROUNDS]]


def _measure(head: Head, familiarity: Familiarity, tested: Sequence[Corpus], kinds: IntVector) -> Trial | None:
    texts = [text for corpus in tested for text in corpus.texts]
    if not texts:
        return None
    truth = [label for corpus in tested for label in corpus.labels]
    centred = head.centring.apply(np.concatenate([corpus.vectors for corpus in tested]))
    rows = [head.lexicon.row(text) for text in texts]
    reading = head.read(centred, rows)
    in_scope = np.array([label != OUT_OF_SCOPE for label in head.labels])
    best = np.array(head.labels)[reading.joint.argmax(axis=1)]
    return Trial(
        signals=signals(reading, familiarity.apply(centred, rows), rows, in_scope=in_scope),
        kinds=kinds,
        right=(best == np.array(truth)) & (kinds == INSIDER),
        losses=surprise(reading.joint, truth, head.labels),
    )


def _fit_acceptance(trial: Trial) -> Acceptance:
    inside = trial.kinds == INSIDER
    if not inside.any() or inside.all():
        return ACCEPT_ALL.acceptance
    weights = _trial_weights(trial.kinds)
    mean, spread = trial.signals.mean(axis=0), trial.signals.std(axis=0) + 1e-6
    found = fit_logistic((trial.signals - mean) / spread, inside, weights)
    scaled = found[:-1] / spread
    offset = float(found[-1] - scaled @ mean)
    scores = trial.signals @ scaled + offset
    threshold = _threshold(scores, trial, weights)
    return Acceptance(weights=scaled.astype(np.float32), offset=offset, threshold=threshold)


def _trial_weights(kinds: IntVector) -> FloatVector:
    """Weigh insiders and outsiders alike, and among outsiders generic ones more than classes left out."""
    shares = {INSIDER: 1.0, LEFT_OUT: 1 - _BACKGROUND_SHARE, GENERIC: _BACKGROUND_SHARE, LABELLED: 1.0}
    present = {kind: share for kind, share in shares.items() if (kinds == kind).any()}
    outside = sum(share for kind, share in present.items() if kind != INSIDER)
    weights = np.zeros(len(kinds), np.float32)
    for kind, share in present.items():
        part = share if kind == INSIDER else share / outside
        weights[kinds == kind] = 0.5 * part / (kinds == kind).sum()
    return weights


def _threshold(scores: FloatVector, trial: Trial, weights: FloatVector) -> float:
    """Choose the score to accept from.

    With labelled outsiders: where the share of insiders accepted with their right class plus the share of outsiders
    rejected is greatest, or the highest score that is about as good: a wrong answer is worse than none. Without: where
    the wanted share of generic outsiders is rejected, for want of better ones. The balance point is of no use then:
    left-out classes are nearer than most strangers, and visitors less like the examples than examples are like each
    other.
    """
    generic = scores[trial.kinds == GENERIC]
    if len(generic):
        return float(np.quantile(generic, _REJECTED_BACKGROUND))
    inside = trial.kinds == INSIDER
    order = np.argsort(scores, kind="stable")
    gains = np.where(inside, -(trial.right / inside.sum()), weights / weights[~inside].sum())[order]
    total = np.cumsum(gains)
    last = int(np.flatnonzero(total >= total.max() - _AS_GOOD)[-1])
    return float(scores[order][last]) + 1e-6


def fit_logistic(features: FloatMatrix, truth: Flags, weights: FloatVector) -> NDArray[np.float64]:
    """Fit a weighted logistic regression by Newton's method; the last coefficient is the offset.

    `weights` sum to 1; a small ridge keeps separable data finite.
    """
    design = np.hstack([features, np.ones((len(features), 1))]).astype(np.float64)
    found = np.zeros(design.shape[1])
    ridge = np.full(design.shape[1], _RIDGE)
    ridge[-1] = 1e-9
    for _ in range(50):
        chance = 1 / (1 + np.exp(-np.clip(design @ found, -30, 30)))
        gradient = design.T @ (weights * (chance - truth)) + ridge * found
        curvature = (design * (weights * chance * (1 - chance))[:, None]).T @ design + np.diag(ridge)
        step = np.linalg.solve(curvature, gradient)
        found -= step * min(1.0, 5.0 / max(1e-9, float(np.abs(step).max())))
        if float(np.abs(step).max()) < 1e-6:
            break
    return found
