import numpy as np
import pytest

from engine.calibration import FEATURES
from engine.ranking import Ranker
from evals.fitting.bases import Asked, Material, Version, with_one_encoder, without_answers
from evals.fitting.confidence import (
    ANSWERABLE,
    UNANSWERABLE,
    Evidence,
    Judged,
    crowding_at,
    evidence_of,
    fit,
    left_out,
    probabilities,
    threshold_for,
)
from ingest.split import SplitSettings, passages_of
from knowledge.types import Entry

TOPICS = ("cancel my order", "return a parcel", "change the address", "pay by card", "lost my password", "open a shop")


def units(rows, columns, seed):
    vectors = np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def material():
    entries = tuple(Entry(id=str(n), question=topic, answer=f"About {topic}.") for n, topic in enumerate(TOPICS))
    passages = tuple(passages_of(entries, SplitSettings()))
    asked = (
        Asked(text="how do I cancel my order", relevant=frozenset("0")),
        Asked(text="tulips", relevant=frozenset()),
        Asked(text="may I pay by card", relevant=frozenset("3")),
    )
    vectors = np.hstack([units(len(passages), 8, 1) * 0.6, units(len(passages), 4, 2) * 0.8])
    return Material(
        name="shop",
        entries=entries,
        passages=passages,
        asked=asked,
        passage_vectors=vectors,
        asked_vectors=vectors[[0, 5, 6]],
        blocks=(8, 4),
    )


def evidence(faq, *, way="combined", flip=False, n=40):
    """An FAQ where a lead above 0.5 means right, or, flipped, wrong; every fifth question has no answer."""
    lead = np.linspace(0, 1, n)
    features = np.zeros((n, len(FEATURES)))
    features[:, 0], features[:, 1] = 1, lead
    answerable = np.arange(n) % 5 > 0
    right = ((lead < 0.5) if flip else (lead > 0.5)) & answerable
    return Evidence(faq=faq, way=way, features=features, right=right, answerable=answerable, crowd=features[:5])


def test_more_evidence_never_makes_less_sure_even_if_the_data_say_so():
    assert (fit([evidence("a", flip=True)])[1:] >= 0).all()


def test_what_tells_right_from_wrong_gets_a_weight_and_what_does_not_gets_none():
    weights = fit([evidence("a")])
    assert weights[1] > 1
    assert (weights[2:] == 0).all()
    assert probabilities(weights, np.array([[1, 1.0, 0, 0, 0]]))[0] > 0.7


def test_an_faq_is_judged_by_weights_that_never_saw_it():
    (first, second) = left_out([evidence("a"), evidence("b", flip=True)], way="combined")
    assert np.ptp(first.confidence) == pytest.approx(0, abs=1e-6), "judged by b, where no lead helps"
    assert np.ptp(second.confidence) > 0.5, "judged by a"


def test_a_way_of_searching_can_be_left_out_as_well():
    seen = [evidence("a"), evidence("b"), evidence("a", way="companions", flip=True)]
    (with_it,) = left_out([*seen, evidence("c", way="companions")][-3:], way="companions")[-1:]
    (without,) = left_out([*seen, evidence("c", way="companions")], way="companions", way_too=True)[-1:]
    assert np.ptp(without.confidence) > np.ptp(with_it.confidence)


def test_wrong_answers_are_shares_of_all_messages():
    seen = evidence("a")
    judged = Judged(evidence=seen, confidence=np.ones(len(seen.right)))
    wrong, right, admitted = judged.answering_at(0.5)
    assert wrong == pytest.approx(ANSWERABLE * (1 - right) + UNANSWERABLE)
    assert admitted == 0
    assert judged.answering_at(1.1) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize("rate", [0.02, 0.05, 0.2])
def test_a_threshold_keeps_the_rate_and_asks_for_no_more_than_that(rate):
    judged = [
        Judged(evidence=evidence(name), confidence=np.random.default_rng(seed).random(40))
        for seed, name in enumerate("abc")
    ]
    at = threshold_for(rate, judged)
    lower = max(c for each in judged for c in each.confidence if c < at)

    def wrong(threshold):
        return np.mean([each.answering_at(threshold)[0] for each in judged])

    assert wrong(at) <= rate + 1e-9
    assert wrong(lower) >= wrong(at)


def test_crowding_is_a_share():
    assert 0 <= crowding_at(0.5, [evidence("a"), evidence("b")]) <= 1


def test_an_faq_is_searched_in_every_way(material):
    found = evidence_of(material)
    assert [each.way for each in found] == ["combined", "no answers", "first encoder", "companions", "words"]
    assert all(each.features.shape == (len(each.right), len(FEATURES)) for each in found)
    assert found[-1].right[0], "by words alone the order is found"


def test_without_answers_only_questions_are_left(material):
    bare = without_answers(material)
    assert [passage.text for passage in bare.passages] == list(TOPICS)
    assert [passage.id for passage in bare.passages] == list(range(len(TOPICS)))
    assert not Ranker(Version(bare)).rank(TOPICS[0], None).answered.any()


@pytest.mark.parametrize(("companion", "width"), [(False, 8), (True, 4)])
def test_one_encoder_of_a_combination_gives_unit_vectors_of_its_width(material, companion, width):
    alone = with_one_encoder(material, companion=companion)
    assert alone.passage_vectors.shape[1] == width == sum(alone.blocks)
    assert np.linalg.norm(alone.passage_vectors, axis=1) == pytest.approx(1, abs=1e-5)
