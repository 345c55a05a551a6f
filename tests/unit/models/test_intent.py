import numpy as np
import pytest

from models.errors import ArtifactCorrupt, ModelNotPrepared, TrainingDataError
from models.intent import LinearIntentClassifier, TalkClassifier, best_move
from models.protocols import OUT_OF_SCOPE
from models.training.examples import LabelledText
from models.training.intent import train_intent
from models.training.talk import train_talk
from tests.fakes.encoders import HashingEncoder

PHRASES = {
    "parcel": [
        "where is my parcel",
        "track my parcel",
        "my parcel is late",
        "parcel not here yet",
        "follow the parcel",
    ],
    "refund": [
        "refund my money",
        "money back please",
        "i want a refund",
        "when is the refund paid",
        "refund for shoes",
    ],
    "invoice": [
        "send the invoice",
        "invoice for my company",
        "i need an invoice",
        "invoice missing",
        "print an invoice",
    ],
    "login": ["cannot log in", "log in fails", "password forgotten", "reset my password", "login page is blank"],
    "sizes": ["which size fits", "size chart please", "shoe size 42", "is the size large", "sizes for kids"],
    "gift": ["gift wrap it", "buy a gift card", "gift card balance", "wrap as a gift", "a gift for my mother"],
}
EXAMPLES = [LabelledText(text=text, label=label) for label, texts in PHRASES.items() for text in texts]
STRANGERS = [
    "recipe with leeks",
    "who won at chess",
    "vulcanos of iceland",
    "tune a guitar",
    "qwertz uiop",
    "zebra jazz",
]
OUTSIDERS = [LabelledText(text=f"{text} {number}", label=OUT_OF_SCOPE) for text in STRANGERS for number in range(6)]


@pytest.fixture(scope="module")
def encoder() -> HashingEncoder:
    return HashingEncoder()


@pytest.fixture(scope="module")
def classifier(encoder) -> LinearIntentClassifier:
    return train_intent(EXAMPLES, encoder, background=STRANGERS)


def test_a_new_wording_finds_its_class(classifier, encoder):
    texts = ["my parcel is still not here", "please reset the password", "an invoice for the company"]
    guesses = classifier.predict(texts, encoder.encode(texts))
    assert [guess.ranked[0].label for guess in guesses] == ["parcel", "login", "invoice"]


def test_a_stranger_is_out_of_scope_and_still_ranked(classifier, encoder):
    (guess,) = classifier.predict(["jazz zzz qux"], encoder.encode(["jazz zzz qux"]))
    assert guess.label == OUT_OF_SCOPE
    assert guess.ranked[0].label in PHRASES
    assert guess.confidence < 0.5


def test_a_training_text_is_accepted_with_more_confidence_than_a_stranger(classifier, encoder):
    texts = ["where is my parcel", "who won at chess"]
    known, strange = classifier.predict(texts, encoder.encode(texts))
    assert known.label == "parcel"
    assert known.confidence > strange.confidence


def test_labels_are_sorted_and_without_out_of_scope(encoder):
    classifier = train_intent([*EXAMPLES, *OUTSIDERS], encoder)
    assert classifier.labels == tuple(sorted(PHRASES))
    (guess,) = classifier.predict(["who won at chess 7"], encoder.encode(["who won at chess 7"]))
    assert guess.label == OUT_OF_SCOPE
    assert guess.ranked[0].label == OUT_OF_SCOPE


def test_without_rejection_every_text_gets_a_class(encoder):
    classifier = train_intent(EXAMPLES, encoder, reject=False)
    guesses = classifier.predict(STRANGERS, encoder.encode(STRANGERS))
    assert {guess.label for guess in guesses} <= set(PHRASES)


def test_the_same_examples_give_the_same_classifier(classifier, encoder):
    again = train_intent(EXAMPLES, encoder, background=STRANGERS)
    vectors = encoder.encode(STRANGERS)
    assert again.version == classifier.version
    assert again.predict(STRANGERS, vectors) == classifier.predict(STRANGERS, vectors)


def test_another_example_gives_another_version(classifier, encoder):
    more = [*EXAMPLES, LabelledText(text="parcel lost", label="parcel")]
    assert train_intent(more, encoder, background=STRANGERS).version != classifier.version


def test_probabilities_of_a_guess_are_ranked_and_sum_to_at_most_one(classifier, encoder):
    (guess,) = classifier.predict(["size of the gift"], encoder.encode(["size of the gift"]))
    chances = [entry.probability for entry in guess.ranked]
    assert chances == sorted(chances, reverse=True)
    assert sum(chances) == pytest.approx(1, abs=1e-3)


def test_no_texts_give_no_guesses(classifier):
    assert classifier.predict([], np.empty((0, 256), np.float32)) == []


def test_a_stored_classifier_guesses_the_same(classifier, encoder, tmp_path):
    manifest = classifier.save(tmp_path / "shop", data={"rows": len(EXAMPLES)})
    loaded = LinearIntentClassifier.load(tmp_path / "shop")
    texts = [*STRANGERS, *(example.text for example in EXAMPLES)]
    vectors = encoder.encode(texts)
    expected = [guess.label for guess in classifier.predict(texts, vectors)]
    assert [guess.label for guess in loaded.predict(texts, vectors)] == expected
    assert loaded.version == classifier.version
    assert manifest.data == {"rows": len(EXAMPLES)}


def test_a_changed_file_is_refused(classifier, tmp_path):
    classifier.save(tmp_path / "shop")
    path = tmp_path / "shop" / "head.json"
    path.write_text(path.read_text(encoding="utf-8").replace("parcel", "parcels"), encoding="utf-8")
    with pytest.raises(ArtifactCorrupt, match=r"head\.json"):
        LinearIntentClassifier.load(tmp_path / "shop")


def test_a_missing_classifier_is_not_prepared(tmp_path):
    with pytest.raises(ModelNotPrepared):
        LinearIntentClassifier.load(tmp_path / "none")


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ([LabelledText(text="hi", label="a", origin="x.jsonl, line 1")], "at least two classes"),
        (
            [*EXAMPLES, LabelledText(text=" \n", label="a", origin="x.jsonl, line 9")],
            r"x\.jsonl, line 9: the text is empty",
        ),
        ([*EXAMPLES, LabelledText(text="hi", label=" ")], "example 31: 'hi' has no label"),
        ([LabelledText(text="hi", label="a"), LabelledText(text="ho", label=OUT_OF_SCOPE)], "at least two classes"),
        ([], "found: none"),
    ],
    ids=["one-class", "empty-text", "no-label", "only-oos-beside", "nothing"],
)
def test_examples_that_cannot_be_learned_from_are_named(examples, message, encoder):
    with pytest.raises(TrainingDataError, match=message):
        train_intent(examples, encoder)


def test_two_classes_of_one_example_each_are_enough(encoder):
    pair = [LabelledText(text="where is my parcel", label="parcel"), LabelledText(text="refund", label="refund")]
    classifier = train_intent(pair, encoder, background=STRANGERS)
    (guess,) = classifier.predict(["refund"], encoder.encode(["refund"]))
    assert guess.ranked[0].label == "refund"


def test_more_labels_than_are_ranked_keep_the_best_ones(encoder):
    examples = [LabelledText(text=f"topic {word} {word}", label=word) for word in ("a" * n for n in range(1, 31))]
    classifier = train_intent(examples, encoder, reject=False)
    (guess,) = classifier.predict(["topic a a"], encoder.encode(["topic a a"]))
    assert len(guess.ranked) == 20


def test_a_conversational_move_is_told_from_business(encoder):
    moves = [LabelledText(text=text, label="greeting") for text in ("hello", "hello there", "hi hello", "oh hello")]
    moves += [
        LabelledText(text=text, label="thanks") for text in ("thanks", "many thanks", "thanks a lot", "ok thanks")
    ]
    business = [LabelledText(text=example.text, label=OUT_OF_SCOPE) for example in EXAMPLES]
    talk = train_talk([*moves, *business], encoder)
    texts = ["hello hello", "thanks so much", "where is the parcel"]
    guesses = talk.predict(texts, encoder.encode(texts))
    assert [guess.label for guess in guesses] == ["greeting", "thanks", OUT_OF_SCOPE]
    assert talk.labels == ("greeting", "thanks")
    assert [talk.possible("greeting", text) for text in ("well hello there", "shoes and gloves")] == [True, False]
    assert not talk.possible("no such move", "hello")


def test_a_stored_talk_head_guesses_the_same(encoder, tmp_path):
    rows = [*OUTSIDERS, *(LabelledText(text=text, label="a") for text in PHRASES["gift"])]
    rows += [LabelledText(text=text, label="b") for text in PHRASES["login"]]
    talk = train_talk(rows, encoder)
    talk.save(tmp_path / "talk")
    texts = ["gift card", "log in", "zebra jazz 9"]
    vectors = encoder.encode(texts)
    loaded = TalkClassifier.load(tmp_path / "talk")
    assert [g.label for g in loaded.predict(texts, vectors)] == [g.label for g in talk.predict(texts, vectors)]


def test_talk_needs_ordinary_texts(encoder):
    with pytest.raises(TrainingDataError, match="ordinary questions"):
        train_talk(EXAMPLES, encoder)


def test_all_moves_together_count_against_the_ordinary():
    move = best_move(np.array([0.3, 0.4, 0.3], np.float32), outside=1)
    assert move.column == 0
    assert move.odds == pytest.approx(np.log(0.6 / 0.4), abs=1e-5)
