import numpy as np
import pytest

from models.errors import ArtifactCorrupt, TrainingDataError
from models.protocols import Sentiment
from models.sentiment import LinearSentimentScorer
from models.training.examples import LabelledText
from models.training.sentiment import train_sentiment
from tests.fakes.encoders import HashingEncoder

PHRASES = {
    "negative": ["this is terrible", "awful and terrible", "terrible quality", "what an awful shop", "awful service"],
    "neutral": [
        "where is the shop",
        "where do i send it",
        "which size is it",
        "when do you open",
        "which shop is near",
    ],
    "positive": ["this is lovely", "lovely quality", "great and lovely", "what a great shop", "great service"],
}
EXAMPLES = [LabelledText(text=text, label=label) for label, texts in PHRASES.items() for text in texts]


@pytest.fixture(scope="module")
def encoder() -> HashingEncoder:
    return HashingEncoder()


@pytest.fixture(scope="module")
def scorer(encoder) -> LinearSentimentScorer:
    return train_sentiment(EXAMPLES, encoder)


def test_a_new_wording_gets_its_sentiment(scorer, encoder):
    texts = ["an awful size", "where is it", "lovely service"]
    guesses = scorer.score(texts, encoder.encode(texts))
    assert [guess.label for guess in guesses] == [Sentiment.NEGATIVE, Sentiment.NEUTRAL, Sentiment.POSITIVE]


def test_the_score_leans_the_way_of_the_label_and_stays_within_one(scorer, encoder):
    texts = ["terrible", "lovely", "", "🙂"]
    bad, good, *_ = guesses = scorer.score(texts, encoder.encode(texts))
    assert bad.score < 0 < good.score
    assert all(-1 <= guess.score <= 1 for guess in guesses)


def test_two_sentiments_are_enough_and_only_those_are_given(encoder):
    pair = [example for example in EXAMPLES if example.label != "neutral"]
    guesses = train_sentiment(pair, encoder).score(["where is it", "awful"], encoder.encode(["where is it", "awful"]))
    assert {guess.label for guess in guesses} <= {Sentiment.NEGATIVE, Sentiment.POSITIVE}


def test_a_label_that_is_no_sentiment_is_named_with_its_row(encoder):
    with pytest.raises(TrainingDataError, match=r"x\.jsonl, line 3: 'angry' is not a sentiment"):
        train_sentiment([*EXAMPLES, LabelledText(text="grr", label="angry", origin="x.jsonl, line 3")], encoder)


def test_a_stored_scorer_scores_the_same(scorer, encoder, tmp_path):
    scorer.save(tmp_path / "mood")
    loaded = LinearSentimentScorer.load(tmp_path / "mood")
    vectors = encoder.encode(["awful", "lovely"])
    for before, after in zip(
        scorer.score(["awful", "lovely"], vectors), loaded.score(["awful", "lovely"], vectors), strict=True
    ):
        assert before.label == after.label
        assert before.score == pytest.approx(after.score, abs=0.01)
    assert loaded.version == scorer.version


def test_a_head_of_another_kind_is_refused(tmp_path, encoder):
    from models.training.intent import train_intent

    train_intent(EXAMPLES, encoder, reject=False).save(tmp_path / "head")
    with pytest.raises(ArtifactCorrupt, match="intent-head"):
        LinearSentimentScorer.load(tmp_path / "head")


def test_no_texts_give_no_scores(scorer):
    assert scorer.score([], np.empty((0, 256), np.float32)) == []
