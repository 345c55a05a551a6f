"""How sure to be: from the scores of a ranking to a probability, and from probabilities to thresholds.

The probability is a logistic model over a few properties of a ranking that mean the same for every encoder and
knowledge base. `python -m evals.fitting` fits it and its thresholds on FAQs of our own writing, each searched with
several encoders; docs/EVALS.md tells how well they hold on FAQs and encoders that were not fitted on.
The threshold is raised where a knowledge base is crowded: its own questions are asked with their entry taken away, so
that any answer would be wrong, and no more of them may pass than passed where the model was fitted.
"""

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.ranking import FloatVector, Ranker, Ranking, Searchable
from knowledge.types import PassageKind

CALIBRATION_VERSION = 3  # grows with every change that gives the same version of a knowledge base other numbers

FEATURES = ("bias", "lead", "answer_lead", "dense", "relative_margin")
# Fitted by logistic regression with weights that may not be negative, so that more evidence never makes less sure.
_WITH_VECTORS = (-2.367, 6.104, 2.716, 1.265, 4.177)
_WORDS_ONLY = (-1.645, 6.846, 0.0, 0.0, 2.299)

# On FAQs left out of the fit, one at a time: (share of all messages answered wrongly, threshold).
_WRONG_AT = (
    (0.005, 0.931),
    (0.01, 0.869),
    (0.02, 0.785),
    (0.03, 0.69),
    (0.05, 0.61),
    (0.08, 0.502),
    (0.12, 0.391),
    (0.2, 0.244),
)
_CLARIFY_SHARE = 0.4  # of the threshold for answering: from here on one of three choices is right every second time
_RIVALS = 5  # entries that the first one is compared with
_SELF_TESTS = 300  # own questions asked at publish


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What one published version needs to turn scores into decisions."""

    answer_at: float  # probability from which on the first candidate is the answer
    clarify_at: float  # from here on the visitor is asked; below, nothing was found
    max_wrong_rate: float  # share of all messages; what the thresholds were chosen for
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
        if made.features != FEATURES or not len(made.weights) == len(FEATURES) == len(made.words_weights):
            raise ValueError("the calibration is of another version of kefu; publish the knowledge base again.")
        return made


def describe(ranking: Ranking) -> tuple[float, ...]:
    """Describe how convincing the first of at least one entry is, in the order of FEATURES."""
    score = float(ranking.scores[0])
    rest = ranking.scores[ranking.rivals][:_RIVALS]
    margin = score - float(rest[0]) if len(rest) else score
    return (
        1.0,
        _lead(ranking.scores, ranking),
        _lead(ranking.dense_answer, ranking) if ranking.answered[0] else 0.0,
        float(ranking.dense[0]),
        margin / max(score, 0.05),
    )


def answerability(ranking: Ranking) -> float:
    """Tell how much speaks for the base having an answer at all, whichever entry it is: score plus lead, 0 without any.

    A close second makes the first less sure to be right, but not the base less likely to know.
    """
    return float(ranking.scores[0]) + _lead(ranking.scores, ranking) if len(ranking) else 0.0


def _lead(scores: FloatVector, ranking: Ranking) -> float:
    """Tell how far the first entry's score is above the average of its next rivals."""
    rest = scores[ranking.rivals][:_RIVALS]
    return float(scores[0]) - (float(rest.mean()) if len(rest) else 0.0)


def calibrate(version: Searchable, *, max_wrong_rate: float = 0.05) -> Calibration:
    """Choose the thresholds of one version.

    Args:
        version: complete but for its calibration.
        max_wrong_rate: in (0, 1); share of all messages that may be answered wrongly.

    Raises:
        ValueError: the rate is not between 0 and 1.
    """
    if not 0 < max_wrong_rate < 1:
        raise ValueError(f"max_wrong_rate is {max_wrong_rate}; it must lie between 0 and 1.")
    usual = _usual_threshold(max_wrong_rate)
    draft = Calibration(answer_at=usual, clarify_at=0.0, max_wrong_rate=max_wrong_rate, crowding=0.0)
    passing = np.array([draft.confidence(ranking) for ranking in rank_without_answer(Ranker(version))])
    answer_at = _raised(usual, passing)
    return Calibration(
        answer_at=answer_at,
        clarify_at=_CLARIFY_SHARE * answer_at,
        max_wrong_rate=max_wrong_rate,
        crowding=float((passing >= usual).mean()) if len(passing) else 0.0,
    )


_USUAL_CROWDING = 0.37  # share that passes at the usual threshold where the model was fitted


def _raised(usual: float, passing: NDArray[np.float64]) -> float:
    """Go half the way, in log-odds, to the threshold at which no more than the usual share passes; never down.

    Half, because a crowded base is also asked questions that are easy: measured, the whole way costs coverage and
    gains nothing.
    """
    if len(passing) < 20:
        return usual
    own = float(np.clip(np.quantile(passing, 1 - _USUAL_CROWDING), 0.01, 0.99))
    return max(usual, _sigmoid((_log_odds(usual) + _log_odds(own)) / 2))


def rank_without_answer(ranker: Ranker) -> list[Ranking]:
    """Ask own questions, evenly spread, each with all entries that ask the same taken away.

    Without vectors, by words alone, and only with its own entry taken away.
    """
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
        others = ranker.asking_something_else(int(ranker.entry_of[passage]), near[row])
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
