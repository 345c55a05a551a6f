import json
from dataclasses import replace

import numpy as np
import pytest

from engine.calibration import FEATURES, Calibration, calibrate, describe
from engine.ranking import Ranking

CALIBRATION = Calibration(answer_at=0.7, clarify_at=0.3, max_wrong_rate=0.05, crowding=0.0)


def ranking(*scores, with_vectors=True):
    column = np.array(scores, dtype=np.float32)
    places = np.arange(len(scores))
    return Ranking(places, column, places, column, column, column, column, with_vectors)


def test_a_higher_score_is_surer():
    assert CALIBRATION.confidence(ranking(0.9, 0.3)) > CALIBRATION.confidence(ranking(0.5, 0.3))


def test_a_close_second_makes_less_sure():
    assert CALIBRATION.confidence(ranking(0.7, 0.69)) < CALIBRATION.confidence(ranking(0.7, 0.2))


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
