"""The confidence's weights and thresholds, fitted on invented FAQs, and how well they hold on FAQs left out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.calibration import FEATURES, describe, rank_without_answer
from engine.ranking import Ranker
from evals.fitting.bases import Material, Version, with_one_encoder, without_answers

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

WEIGHTS = {"combined": 1.0, "no answers": 0.5, "first encoder": 0.33, "companions": 0.33, "words": 1.0}
# What a support desk is sent, of 100 messages: the rest (greetings, complaints, requests for a person) is never
# answered from the base.
ANSWERABLE, UNANSWERABLE = 0.7, 0.1
RATES = (0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2)
_RIDGE = 1.0  # in units of examples; keeps weights finite where all answers are right


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """What searching one FAQ in one way showed; rows are questions for which anything was found."""

    faq: str
    way: str  # a key of WEIGHTS
    features: Array  # (n, FEATURES) of the ranking
    right: Bools  # (n,) the first entry answers
    answerable: Bools  # (n,) some entry answers
    crowd: Array  # (m, FEATURES) own questions with their entry taken away


def evidence_of(material: Material) -> list[Evidence]:
    """Search an FAQ as it is, without answers, with other encoders, and by words alone."""
    ways = {"combined": material, "no answers": without_answers(material)}
    if len(material.blocks) > 1:
        ways["first encoder"] = with_one_encoder(material, companion=False)
        ways["companions"] = with_one_encoder(material, companion=True)
    found = [_search(way, each, by_words=False) for way, each in ways.items()]
    return [*found, _search("words", material, by_words=True)]


def fit(evidence: Iterable[Evidence]) -> Array:
    """Fit a logistic model with weights that may not be negative, so that more evidence never makes less sure.

    Returns:
        (FEATURES,) weights, the bias first.
    """
    from scipy.optimize import minimize

    chosen = list(evidence)
    features = np.vstack([each.features for each in chosen])[:, 1:]
    right = np.concatenate([each.right for each in chosen]).astype(np.float64)
    importance = np.concatenate([np.full(len(each.right), WEIGHTS[each.way]) for each in chosen])
    scale = features.std(axis=0) + 1e-9
    scaled = features / scale

    def loss(weights: Array) -> tuple[float, Array]:
        logits = scaled @ weights[1:] + weights[0]
        off = importance * (_sigmoid(logits) - right)
        value = importance @ (np.logaddexp(0, logits) - right * logits) + _RIDGE * weights[1:] @ weights[1:] / 2
        return float(value), np.concatenate([[off.sum()], off @ scaled + _RIDGE * weights[1:]])

    bounds = [(None, None)] + [(0, None)] * features.shape[1]
    found = minimize(loss, np.zeros(len(FEATURES)), jac=True, method="L-BFGS-B", bounds=bounds).x
    return np.concatenate([found[:1], found[1:] / scale])


def probabilities(weights: Array, features: Array) -> Array:
    """The probability of being right for each row of features."""
    return _sigmoid(features @ weights)


def threshold_for(rate: float, judged: Sequence["Judged"]) -> float:
    """The lowest confidence to answer at so that at most `rate` of all messages get a wrong answer, on average."""
    confidence = np.concatenate([each.confidence for each in judged])
    costs = np.concatenate([each.costs for each in judged]) / len(judged)
    order = np.argsort(-confidence, kind="stable")
    passing = int((np.cumsum(costs[order]) <= rate).sum())
    return float(confidence[order][max(passing - 1, 0)])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """The questions about one FAQ with the confidence of weights that have not seen it."""

    evidence: Evidence
    confidence: Array  # (n,)

    @property
    def costs(self) -> Array:
        """(n,) the share of all messages that each question stands for if it is answered wrongly, else 0."""
        answerable = self.evidence.answerable
        shares = np.where(answerable, ANSWERABLE / answerable.sum(), UNANSWERABLE / max((~answerable).sum(), 1))
        return np.where(self.evidence.right, 0.0, shares)

    def answering_at(self, threshold: float) -> tuple[float, float, float]:
        """Wrong answers of all messages, right answers of the answerable ones, and unanswerable ones not answered."""
        given, seen = self.confidence >= threshold, self.evidence
        right = (given & seen.right).sum() / seen.answerable.sum()
        return float(self.costs[given].sum()), float(right), float((~given[~seen.answerable]).mean())


def left_out(evidence: Sequence[Evidence], *, way: str, way_too: bool = False) -> list[Judged]:
    """Judge each FAQ with weights fitted on the others.

    Args:
        evidence: of all FAQs.
        way: which searches to judge.
        way_too: leave this way of searching out of the fit as well, as for an encoder never seen.
    """
    judged = []
    for each in (e for e in evidence if e.way == way):
        alike = [e for e in evidence if (e.way == "words") == (way == "words")]
        others = [e for e in alike if e.faq != each.faq and not (way_too and e.way == way)]
        judged.append(Judged(evidence=each, confidence=probabilities(fit(others), each.features)))
    return judged


def crowding_at(threshold: float, evidence: Sequence[Evidence]) -> float:
    """The share of an FAQ's own questions that pass with their entry taken away, on average over FAQs."""
    weights = fit(each for each in evidence if each.way != "words")
    crowds = [each.crowd for each in evidence if each.way == "combined"]
    return float(np.mean([(probabilities(weights, crowd) >= threshold).mean() for crowd in crowds]))


def _search(way: str, material: Material, *, by_words: bool) -> Evidence:
    version = Version(material)
    ranker = Ranker(version)
    vectors = version.centring.apply(material.asked_vectors)
    near = ranker.near(vectors)
    rows, right, answerable = [], [], []
    for asked, vector, hits in zip(material.asked, vectors, near, strict=True):
        ranking = ranker.rank(asked.text, None, ()) if by_words else ranker.rank(asked.text, vector, hits)
        if len(ranking):
            rows.append(describe(ranking))
            right.append(ranker.entry_ids[ranking.entries[0]] in asked.relevant)
            answerable.append(bool(asked.relevant))
    crowd = [] if by_words else rank_without_answer(ranker)
    return Evidence(
        faq=material.name,
        way=way,
        features=np.array(rows),
        right=np.array(right),
        answerable=np.array(answerable),
        crowd=np.array([describe(ranking) for ranking in crowd if len(ranking)]).reshape(-1, len(FEATURES)),
    )


def _sigmoid(values: Array) -> Array:
    result: Array = 1 / (1 + np.exp(-values))
    return result
