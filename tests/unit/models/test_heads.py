import numpy as np
import pytest

from models.errors import ArtifactCorrupt
from models.heads import (
    Block,
    Centring,
    Head,
    Lexicon,
    Neighbours,
    char_grams,
    log_softmax,
    read_parts,
    softmax,
    word_grams,
    write_parts,
)
from models.training.features import blocks_of, fit_centring, fit_lexicon
from models.training.heads import Recipe, fit_head
from tests.fakes.encoders import HashingEncoder

TEXTS = [
    "where is my parcel",
    "track my parcel",
    "parcel is late",
    "refund my money",
    "money back please",
    "i want a refund",
]
LABELS = ["parcel"] * 3 + ["refund"] * 3


@pytest.fixture
def head() -> Head:
    encoder = HashingEncoder()
    return fit_head(TEXTS, encoder.encode(TEXTS), LABELS, blocks=blocks_of(encoder), recipe=Recipe())


def test_softmax_survives_great_logits():
    assert softmax(np.array([[1e4, 0.0]], np.float32)).tolist() == [[1.0, 0.0]]
    assert log_softmax(np.array([[1e4, 0.0]], np.float32)).tolist() == [[0.0, -1e4]]


def test_word_grams_are_words_pairs_and_single_chinese_characters():
    assert word_grams("退货 in 3 days").keys() == {"退", "货", "in", "3", "days", "退 货", "货 in", "in 3", "3 days"}


def test_char_grams_of_a_short_text_are_all_of_its_runs():
    assert char_grams("abc").keys() == {"a", "b", "c", "ab", "bc", "abc"}


@pytest.mark.parametrize("text", ["", "   ", "\u200b", "ΩΩΩ"], ids=["empty", "blank", "invisible", "unknown-script"])
def test_a_text_without_known_terms_gives_an_empty_row(text: str):
    row = fit_lexicon(TEXTS).row(text)
    assert len(row.weights) == 0
    assert row.known == 0


def test_rows_have_unit_length_and_ignore_case_and_width():
    lexicon = fit_lexicon(TEXTS)
    row = lexicon.row("ＭＹ  Parcel")
    assert np.linalg.norm(row.weights) == pytest.approx(1, abs=1e-5)
    assert row.columns.tolist() == lexicon.row("my parcel").columns.tolist()
    assert row.known == 1


def test_rarer_terms_weigh_more():
    lexicon = fit_lexicon(TEXTS)
    weight = dict(zip(lexicon.words, lexicon.idf[len(lexicon.chars) :], strict=True))
    assert weight["late"] > weight["parcel"]


def test_centring_leaves_the_block_of_an_unknown_language_at_zero():
    vectors = np.array([[0.6, 0.8, 0, 0], [0.8, 0.6, 0, 0], [0.6, 0, 0.8, 0]], np.float32)
    centring = fit_centring((Block(name="a", start=0, stop=2), Block(name="b", start=2, stop=4)), vectors)
    centred = centring.apply(vectors)
    assert centred[0, 2:].tolist() == [0, 0]
    assert np.linalg.norm(centred[:2], axis=1) == pytest.approx([1, 1], abs=1e-5)


def test_centring_ignores_how_heavy_a_block_is():
    blocks = (Block(name="a", start=0, stop=2), Block(name="b", start=2, stop=4))
    mean = np.array([0.1, 0.2, 0.3, 0.1], np.float32)
    vectors = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
    heavier = vectors * np.array([3, 3, 1, 1], np.float32)
    centring = Centring(blocks=blocks, mean=mean)
    np.testing.assert_allclose(centring.apply(vectors), centring.apply(heavier), atol=1e-5)


def test_neighbours_vote_for_the_class_of_the_nearest():
    neighbours = Neighbours(
        projection=np.eye(2, dtype=np.float32),
        examples=np.array([[1, 0], [0.8, 0.6], [0, 1]], np.float32),
        classes=np.array([0, 0, 1]),
        sharpness=20,
    )
    votes = np.exp(neighbours.votes(neighbours.cosines(np.array([[0.1, 2.0], [5.0, 0.1]], np.float32))))
    assert votes[0, 1] > 0.99
    assert votes[1, 0] > 0.99


def test_a_head_finds_the_class_of_new_words(head: Head):
    texts = ["my parcel is not here", "give me a refund of my money"]
    best = head.log_probabilities(texts, HashingEncoder().encode(texts)).argmax(axis=1)
    assert [head.labels[index] for index in best] == ["parcel", "refund"]


def test_probabilities_sum_to_one_for_any_text(head: Head):
    texts = ["", "🙂", "退货", "x" * 100_000, "parcel"]
    chances = np.exp(head.log_probabilities(texts, HashingEncoder().encode(texts)))
    assert chances.sum(axis=1) == pytest.approx(np.ones(5), abs=1e-4)


def test_no_text_gives_no_row(head: Head):
    assert head.log_probabilities([], np.empty((0, 256), np.float32)).shape == (0, 2)


def test_a_batch_scores_as_one_by_one(head: Head):
    texts = ["parcel late", "money", "hello"]
    vectors = HashingEncoder().encode(texts)
    together = head.log_probabilities(texts, vectors)
    alone = [head.log_probabilities([text], vectors[row : row + 1])[0] for row, text in enumerate(texts)]
    np.testing.assert_allclose(together, np.stack(alone), atol=1e-4)


def test_a_higher_temperature_keeps_the_order_and_flattens(head: Head):
    vectors = HashingEncoder().encode(TEXTS)
    sharp = head.log_probabilities(TEXTS, vectors)
    head.temperature = 3.0
    flat = head.log_probabilities(TEXTS, vectors)
    assert (sharp.argmax(axis=1) == flat.argmax(axis=1)).all()
    assert flat.max() < sharp.max()


def test_a_stored_head_scores_the_same(head: Head, tmp_path):
    write_parts(tmp_path, head.tensors(), head.description())
    parts = read_parts(tmp_path)
    restored = Head.restore(parts.tensors, parts.description)
    vectors = HashingEncoder().encode(TEXTS)
    np.testing.assert_allclose(
        restored.log_probabilities(TEXTS, vectors), head.log_probabilities(TEXTS, vectors), atol=0.02
    )


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "head.json").write_text("{", encoding="utf-8")
    with pytest.raises(ArtifactCorrupt, match="train it again"):
        read_parts(tmp_path)


def test_a_lexicon_knows_its_size():
    assert len(Lexicon(chars=["a"], words=["b", "c"], idf=np.ones(3, np.float32))) == 3
