"""The stated share of wrong answers holds on a base that nothing was fitted on, whichever encoder searches it."""

from pathlib import Path

import numpy as np
import pytest

from engine.calibration import calibrate
from engine.ranking import Ranker
from evals.datasets.faq import read_faq
from evals.datasets.queries import read_questions
from evals.fitting.bases import Asked, Version, material_of, with_one_encoder
from models.encoders.load import load_encoder

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
STATED = 0.05
NOISE = 0.025  # two standard errors of 5 % over 300 messages


@pytest.fixture(scope="module")
def messages():
    """All English messages of the suite whose entries are in the sample; those that are no question as well."""
    known = {entry.id for entry in read_faq(ROOT / "ingest" / "samples" / "shop_en.jsonl")}
    asked = read_questions(ROOT / "evals" / "suites" / "shop" / "queries.jsonl")
    return [q for q in asked if q.text.isascii() and set(q.relevant_ids) <= known]


@pytest.fixture(scope="module")
def shop(messages):
    entries = read_faq(ROOT / "ingest" / "samples" / "shop_en.jsonl")
    questions = [
        Asked(text=q.text, relevant=frozenset(q.relevant_ids))
        for q in messages
        if q.expect in ("answer", "clarify_or_unknown")
    ]
    return material_of("shop", entries, questions, load_encoder())


@pytest.mark.parametrize("way", ["as-shipped", "first-encoder-alone", "companion-alone"])
def test_the_stated_rate_holds_on_an_unseen_base_with_every_encoder(shop, messages, way):
    material = shop if way == "as-shipped" else with_one_encoder(shop, companion=way == "companion-alone")
    version = Version(material)
    calibration, ranker = calibrate(version, max_wrong_rate=STATED), Ranker(version)
    vectors = version.centring.apply(material.asked_vectors)
    near = ranker.near(vectors)
    right = []
    for asked, vector, hits in zip(material.asked, vectors, near, strict=True):
        ranking = ranker.rank(asked.text, vector, hits)
        if calibration.confidence(ranking) >= calibration.answer_at:
            right.append(ranker.entry_ids[ranking.entries[0]] in asked.relevant)
    wrong = len(right) - sum(right)
    answerable = sum(bool(asked.relevant) for asked in material.asked)
    assert len(messages) > 250
    assert wrong / len(messages) <= STATED + NOISE
    assert sum(right) / answerable >= 0.35


def test_calibrating_for_fewer_wrong_answers_gives_fewer(shop):
    version = Version(shop)
    strict, usual = (calibrate(version, max_wrong_rate=rate).answer_at for rate in (0.01, STATED))
    assert np.log(strict / (1 - strict)) > np.log(usual / (1 - usual)) + 0.5
