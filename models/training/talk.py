"""Training the classifier of conversational moves."""

from collections.abc import Sequence

import numpy as np

from models.errors import TrainingDataError
from models.heads import log_softmax
from models.intent import TalkClassifier, best_move
from models.protocols import OUT_OF_SCOPE, Encoder, FloatMatrix
from models.training.examples import LabelledText, check_examples, examples_version, without_repeats
from models.training.features import blocks_of
from models.training.heads import Recipe, fit_head
from models.training.held_out import Corpus, best_temperature, held_out_logs, surprise
from models.training.neighbours import Space

_FORMAT = "talk-2"  # part of the version: raise it when the same examples give another classifier
_FALSE_ALARMS = 0.0015  # share of our ordinary texts, most of them near misses, that one move may claim
# Least log odds against an ordinary text, as far as the data leave it open. To overlook that somebody is in danger or
# wants a person is worse than to ask once too often; to take a keyword ("没有这功能") for small talk answers nothing.
_URGENT = frozenset({"human", "complaint", "safety", "repeated_failure", "injection"})
_URGENT_ODDS = (0.0, 1.0)
_OTHER_ODDS = (1.0, 2.0)

# Small talk is as varied as people: nearness to any example says more than directions that separate the moves.
RECIPE = Recipe(
    balance=0.5,
    entropy_ridge=0.05,
    margin_share=0.0,
    space=Space.PRINCIPAL,
    sharpness=30.0,
    neighbour_weight=1.0,
)


def train_talk(
    examples: Sequence[LabelledText],
    encoder: Encoder,
    *,
    vectors: FloatMatrix | None = None,
    recipe: Recipe | None = None,
    seed: int = 0,
) -> TalkClassifier:
    """Fit a classifier of conversational moves; the same input gives the same classifier.

    Args:
        examples: the moves, and ordinary texts under `oos`: without them nothing could be told from a move.
        encoder: gives the vectors; whoever predicts uses the same one.
        vectors: those of `examples`, where they are known already; else the encoder is asked.
        recipe: how to fit; the default is right for most data.
        seed: of what is drawn at random.

    Raises:
        TrainingDataError: the examples cannot be learned from, or none is labelled `oos`.
        ModelUnavailable: the encoder failed.
    """
    check_examples(examples)
    if all(example.label != OUT_OF_SCOPE for example in examples):
        raise TrainingDataError(f"No example is labelled {OUT_OF_SCOPE!r}; add ordinary questions under that label.")
    rows = without_repeats(examples)
    kept = [examples[row] for row in rows]
    texts = [example.text for example in kept]
    known = encoder.encode(texts) if vectors is None else vectors[rows]
    corpus = Corpus(texts=texts, vectors=known, labels=[example.label for example in kept])
    chosen = recipe or RECIPE
    blocks = blocks_of(encoder)
    logs = held_out_logs(corpus, blocks=blocks, recipe=chosen, seed=seed)
    temperature = best_temperature(surprise(logs, corpus.labels, sorted(set(corpus.labels))))
    head = fit_head(texts, known, corpus.labels, blocks=blocks, recipe=chosen, temperature=temperature)
    version = examples_version(kept, encoder, f"{_FORMAT} {chosen} {seed}")
    chances = np.exp(log_softmax(logs / np.float32(temperature)))
    return TalkClassifier(head=head, thresholds=_thresholds(chances, corpus.labels, head.labels), version=version)


def _thresholds(chances: FloatMatrix, truth: Sequence[str], names: Sequence[str]) -> dict[str, float]:
    """Choose for each move the least odds at which held-out ordinary texts hardly ever look like it."""
    outside = names.index(OUT_OF_SCOPE)
    claims: dict[str, list[float]] = {name: [] for name in names if name != OUT_OF_SCOPE}
    ordinary = chances[[label == OUT_OF_SCOPE for label in truth]]
    for row in ordinary:
        move = best_move(row, outside)
        claims[names[move.column]].append(move.odds)
    allowed = int(_FALSE_ALARMS * len(ordinary))
    return {name: _threshold(name, sorted(found, reverse=True), allowed) for name, found in claims.items()}


def _threshold(name: str, claims: Sequence[float], allowed: int) -> float:
    """Give the least odds at which no more than `allowed` of the claims (greatest first) pass, within fixed bounds."""
    low, high = _URGENT_ODDS if name in _URGENT else _OTHER_ODDS
    needed = claims[allowed] + 1e-6 if len(claims) > allowed else low
    return float(np.clip(needed, low, high))
