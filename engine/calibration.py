"""How sure to be: from the scores of a ranking to a probability, and from probabilities to thresholds.

The probability is a logistic model over a few properties of a ranking that mean the same for every encoder and
knowledge base. It is fitted once, on FAQs of our own writing and on openly licensed intent data, each searched with
several encoders; the tables in docs/EVALS.md tell how well it holds on data and encoders that it was not fitted on.
The threshold comes from the same data, and is raised where a knowledge base is crowded: every one of its own
questions is asked with its entry taken away, so that any answer would be wrong, and no more of them may pass than
passed where the model was fitted.
"""

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.ranking import FloatVector, Ranker, Ranking, Searchable
from knowledge.types import PassageKind

CALIBRATION_VERSION = 2  # grows with every change that gives the same version of a knowledge base other numbers

FEATURES = ("bias", "lead", "dense", "lexical", "relative_margin")
# Fitted by logistic regression with weights that may not be negative, so that more evidence never makes less sure.
_WITH_VECTORS = (-1.838, 5.63, 0.631, 0.245, 4.771)
_WORDS_ONLY = (-1.598, 5.288, 0.0, 0.0, 2.409)

# On FAQs left out of the fit, one at a time: (share of all queries answered wrongly, threshold).
_WRONG_AT = (
    (0.005, 0.939),
    (0.01, 0.901),
    (0.02, 0.825),
    (0.03, 0.753),
    (0.05, 0.661),
    (0.08, 0.569),
    (0.12, 0.484),
    (0.2, 0.367),
)
_CAUTION = 0.85  # share of the allowed rate to aim at: a base may be harder than the average of those
_CLARIFY_SHARE = 0.4  # of the threshold for answering: from here on one of three choices is usually right
_SELF_TESTS = 300  # own questions asked at publish


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What one published version needs to turn scores into decisions."""

    answer_at: float  # probability from which on the first candidate is the answer
    clarify_at: float  # from here on the visitor is asked; below, nothing was found
    max_wrong_rate: float  # share of all queries; what the thresholds were chosen for
    crowding: float  # share of the base's own questions that passed with their entry taken away
    weights: tuple[float, ...] = _WITH_VECTORS  # over FEATURES
    words_weights: tuple[float, ...] = _WORDS_ONLY  # the same for a search by words alone
    features: tuple[str, ...] = field(default=FEATURES)

    def confidence(self, ranking: Ranking) -> float:
        """Give the probability that the first candidate answers the query; 0 without candidates."""
        if not len(ranking):
            return 0.0
        weights = self.weights if ranking.with_vectors else self.words_weights
        return _sigmoid(math.fsum(weight * value for weight, value in zip(weights, describe(ranking), strict=True)))

    def to_json(self) -> str:
        """Give a text that `from_json` reads."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Calibration":
        """Read what `to_json` wrote.

        Raises:
            ValueError: the text is something else, or of another version of kefu.
        """
        try:
            values: dict[str, Any] = json.loads(text)
            tuples: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
            made = cls(**tuples)
        except (TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"not a calibration ({error}); publish the knowledge base again.") from error
        if made.features != FEATURES or len(made.weights) != len(FEATURES) != len(made.words_weights):
            raise ValueError("the calibration is of another version of kefu; publish the knowledge base again.")
        return made


def describe(ranking: Ranking) -> tuple[float, ...]:
    """Describe how convincing the first of at least one entry is, in the order of FEATURES."""
    score = float(ranking.scores[0])
    rest = ranking.scores[1:6]
    margin = score - float(rest[0]) if len(rest) else score
    return (
        1.0,
        score - float(rest.mean()) if len(rest) else score,
        float(ranking.dense[0]),
        float(ranking.lexical[0]),
        margin / max(score, 0.05),
    )


def calibrate(version: Searchable, *, max_wrong_rate: float = 0.05) -> Calibration:
    """Choose the thresholds of one version.

    Args:
        version: complete but for its calibration.
        max_wrong_rate: in (0, 1); share of all queries that may be answered wrongly.

    Raises:
        ValueError: the rate is not between 0 and 1.
    """
    if not 0 < max_wrong_rate < 1:
        raise ValueError(f"max_wrong_rate is {max_wrong_rate}; it must lie between 0 and 1.")
    usual = _usual_threshold(max_wrong_rate * _CAUTION)
    draft = Calibration(answer_at=usual, clarify_at=0.0, max_wrong_rate=max_wrong_rate, crowding=0.0)
    passing = np.array([draft.confidence(ranking) for ranking in _rank_without_answer(Ranker(version))])
    answer_at = _raised(usual, passing)
    return Calibration(
        answer_at=answer_at,
        clarify_at=_CLARIFY_SHARE * answer_at,
        max_wrong_rate=max_wrong_rate,
        crowding=float((passing >= usual).mean()) if len(passing) else 0.0,
    )


_USUAL_CROWDING = 0.23  # share that passes at the usual threshold where the model was fitted


def _raised(usual: float, passing: NDArray[np.float64]) -> float:
    """Go half the way, in log-odds, to the threshold at which no more than the usual share passes; never down.

    Half, because a crowded base is also asked questions that are easy: measured, the whole way costs coverage and
    gains nothing.
    """
    if len(passing) < 20:
        return usual
    own = float(np.clip(np.quantile(passing, 1 - _USUAL_CROWDING), 0.01, 0.99))
    return max(usual, _sigmoid((_log_odds(usual) + _log_odds(own)) / 2))


def _rank_without_answer(ranker: Ranker) -> list[Ranking]:
    """Ask own questions, evenly spread, each with its entry taken away; without vectors, by words alone."""
    version = ranker.version
    questions = [p.id for p in version.passages if p.kind is not PassageKind.ANSWER]
    if len(ranker.entry_ids) < 2:
        return []
    chosen = [
        questions[place] for place in np.linspace(0, len(questions) - 1, min(_SELF_TESTS, len(questions)), dtype=int)
    ]
    vectors = None if version.vectors is None else np.asarray(version.vectors[chosen], dtype=np.float32)
    near = [()] * len(chosen) if vectors is None else ranker.near(vectors, enough=7)
    rankings = []
    for row, passage in enumerate(chosen):
        vector: FloatVector | None = None if vectors is None else vectors[row]
        others = ranker.entry_of != ranker.entry_of[passage]
        rankings.append(ranker.rank(version.passages[passage].text, vector, near[row], others))
    return rankings


def _usual_threshold(rate: float) -> float:
    """Interpolate between the measured thresholds."""
    rates, thresholds = zip(*_WRONG_AT, strict=True)
    return float(np.interp(rate, rates, thresholds))


def _log_odds(probability: float) -> float:
    return math.log(probability / (1 - probability))


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, value))))
