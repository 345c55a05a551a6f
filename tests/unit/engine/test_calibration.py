import json
from dataclasses import replace

import numpy as np
import pytest

from engine.calibration import FEATURES, Calibration, answerability, calibrate, describe
from engine.ranking import Ranking

CALIBRATION = Calibration(answer_at=0.7, clarify_at=0.3, max_wrong_rate=0.05, crowding=0.0)


def ranking(*scores, with_vectors=True, same=0, answers=None):
    """A ranking with these scores; `same` of the entries after the first ask the same, and answers may score apart."""
    column = np.array(scores, dtype=np.float32)
    places = np.arange(len(scores))
    return Ranking(
        entries=places,
        scores=column,
        passages=places,
        dense=column,
        dense_answer=column if answers is None else np.array(answers, dtype=np.float32),
        lexical=column,
        lexical_answer=column,
        answered=np.full(len(scores), answers is not None),
        rivals=places > same,
        with_vectors=with_vectors,
    )


def test_a_higher_score_is_surer():
    assert CALIBRATION.confidence(ranking(0.9, 0.3)) > CALIBRATION.confidence(ranking(0.5, 0.3))


def test_a_close_second_makes_less_sure():
    assert CALIBRATION.confidence(ranking(0.7, 0.69)) < CALIBRATION.confidence(ranking(0.7, 0.2))


def test_a_close_second_that_asks_the_same_is_no_doubt():
    twin = ranking(0.7, 0.69, 0.2, same=1)
    assert CALIBRATION.confidence(twin) == pytest.approx(CALIBRATION.confidence(ranking(0.7, 0.2)))


def test_an_answer_that_stands_out_makes_surer():
    plain, apart = ranking(0.7, 0.4, answers=(0.4, 0.4)), ranking(0.7, 0.4, answers=(0.7, 0.1))
    assert CALIBRATION.confidence(plain) < CALIBRATION.confidence(apart)


def test_for_want_of_an_answer_the_question_is_not_counted_twice():
    assert dict(zip(FEATURES, describe(ranking(0.7, 0.1)), strict=True))["answer_lead"] == 0


def test_a_rival_far_below_the_sixth_does_not_count():
    assert describe(ranking(0.7, *[0.3] * 5)) == pytest.approx(describe(ranking(0.7, *[0.3] * 5, 0.0)))


def test_a_close_second_makes_the_base_hardly_less_likely_to_know():
    alone, close = ranking(0.7, *[0.2] * 5), ranking(0.7, 0.69, *[0.2] * 4)
    assert answerability(close) > answerability(ranking(0.4, *[0.2] * 5))
    assert answerability(ranking()) == 0 < answerability(close) < answerability(alone)


@pytest.mark.parametrize("with_vectors", [True, False], ids=["vectors", "words"])
@pytest.mark.parametrize("scores", [(0.0,), (1.4,), (0.8, 0.1, 0.0), (0.0, 0.0)])
def test_a_confidence_is_a_probability(scores, with_vectors):
    assert 0 <= CALIBRATION.confidence(ranking(*scores, with_vectors=with_vectors)) <= 1


def test_nothing_found_is_no_confidence():
    assert CALIBRATION.confidence(ranking()) == 0


def test_each_feature_has_a_value():
    assert len(describe(ranking(0.5))) == len(FEATURES) == len(CALIBRATION.weights)


def test_a_calibration_survives_its_json():
    assert Calibration.from_json(CALIBRATION.to_json()) == CALIBRATION


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"answer_at": 1}'], ids=["empty", "list", "no-fields", "one-field"])
def test_what_is_not_a_calibration_is_refused(text):
    with pytest.raises(ValueError, match="publish"):
        Calibration.from_json(text)


def test_a_calibration_with_other_features_is_refused():
    values = json.loads(CALIBRATION.to_json()) | {"features": ["bias"]}
    with pytest.raises(ValueError, match="another version"):
        Calibration.from_json(json.dumps(values))


def test_weights_change_the_confidence():
    doubtful = replace(CALIBRATION, weights=(-9.0, *CALIBRATION.weights[1:]))
    assert doubtful.confidence(ranking(0.9, 0.3)) < CALIBRATION.confidence(ranking(0.9, 0.3))


class Nothing:
    """A version without entries."""

    def __init__(self):
        self.entries, self.passages, self.entry_of = {}, [], np.zeros(0, dtype=np.int32)
        self.vectors = self.lexical = None


def test_a_stricter_rate_asks_for_more_confidence():
    strict, usual, lax = (calibrate(Nothing(), max_wrong_rate=rate) for rate in (0.01, 0.05, 0.2))
    assert strict.answer_at > usual.answer_at > lax.answer_at > lax.clarify_at > 0


@pytest.mark.parametrize("rate", [0, 1, -0.1])
def test_a_rate_that_is_no_share_is_refused(rate):
    with pytest.raises(ValueError, match="between 0 and 1"):
        calibrate(Nothing(), max_wrong_rate=rate)
