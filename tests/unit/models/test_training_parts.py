import numpy as np
import pytest
from scipy.sparse import csr_matrix

from models.protocols import OUT_OF_SCOPE
from models.text import has_han
from models.training.background import background_texts
from models.training.examples import LabelledText, without_repeats
from models.training.familiarity import fit_familiarity
from models.training.folds import alike_folds, random_folds
from models.training.heads import example_weights
from models.training.linear import Loss, fit_linear, minimise
from models.training.rejection import fit_logistic


def test_minimise_finds_the_bottom_of_a_narrow_valley():
    scales = np.array([1.0, 30.0], np.float32)

    def valley(point):
        shifted = point - np.array([3.0, -2.0], np.float32)
        return float((scales * shifted * shifted).sum()), 2 * scales * shifted

    assert minimise(valley, np.zeros(2, np.float32)) == pytest.approx([3, -2], abs=0.05)


@pytest.mark.parametrize("margin", [False, True], ids=["cross-entropy", "squared-hinge"])
def test_a_linear_map_uses_dense_and_sparse_features(margin):
    rng = np.random.default_rng(0)
    dense = rng.standard_normal((60, 4)).astype(np.float32)
    sparse = csr_matrix((rng.random((60, 3)) < 0.5).astype(np.float32))
    classes = (dense[:, 0] > 0).astype(np.int64) * 2 + np.asarray(sparse.todense())[:, 1].astype(np.int64)
    fitted = fit_linear(dense, sparse, classes, np.ones(60, np.float32), count=4, loss=Loss(margin=margin, ridge=0.01))
    scores = dense @ fitted.dense + sparse @ fitted.lexical + fitted.bias
    assert (scores.argmax(axis=1) == classes).mean() > 0.95


def test_a_balanced_weight_gives_each_class_the_same_sum():
    weights = example_weights(np.array([0, 0, 0, 1]), 1.0)
    assert weights[:3].sum() == pytest.approx(weights[3:].sum())
    assert weights.mean() == pytest.approx(1)


def test_logistic_regression_recovers_known_odds():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((20_000, 1)).astype(np.float32)
    truth = rng.random(20_000) < 1 / (1 + np.exp(-(2 * features[:, 0] - 1)))
    found = fit_logistic(features, truth, np.full(20_000, 1 / 20_000, np.float32))
    assert found == pytest.approx([2, -1], abs=0.15)


def test_logistic_regression_stays_finite_on_separable_data():
    features = np.array([[-1.0], [-0.5], [0.5], [1.0]], np.float32)
    found = fit_logistic(features, features[:, 0] > 0, np.full(4, 0.25, np.float32))
    assert np.isfinite(found).all()
    assert found[0] > 0


def test_folds_share_out_every_class_evenly():
    folds = random_folds(["a"] * 9 + ["b"] * 6, 3)
    assert np.bincount(folds[:9]).tolist() == [3, 3, 3]
    assert np.bincount(folds[9:]).tolist() == [2, 2, 2]


def test_variants_of_one_sentence_are_held_out_together():
    angles = np.array([0.0, 0.05, 1.5, 1.55, 3.0, 3.05])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    folds = alike_folds(vectors, ["a"] * 6, 3)
    assert folds[0] == folds[1]
    assert folds[2] == folds[3]
    assert folds[4] == folds[5]
    assert sorted(np.bincount(folds)) == [2, 2, 2]


def test_a_text_given_twice_counts_once_with_its_most_frequent_label():
    rows = [("Hi", "a"), ("hi ", "b"), ("HI", "b"), ("ho", "a")]
    assert without_repeats([LabelledText(text=text, label=label) for text, label in rows]) == [1, 3]


def test_an_example_is_familiar_and_an_opposite_is_not():
    vectors = np.eye(6, dtype=np.float32)[:4]
    words = csr_matrix(np.eye(4, 5, dtype=np.float32))
    familiarity = fit_familiarity(vectors, words)
    probes = np.eye(6, dtype=np.float32)[[0, 5]]
    from models.heads import SparseRow

    rows = [
        SparseRow(columns=np.array([0]), weights=np.array([1], np.float32), known=1.0),
        SparseRow(columns=np.array([4]), weights=np.array([1], np.float32), known=1.0),
    ]
    own, other = familiarity.apply(probes, rows)
    assert own == pytest.approx(2, abs=1e-3)
    assert other == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(
    ("like", "chinese", "english"),
    [(["怎么退货"], True, False), (["return it"], False, True), (["怎么退货", "return it"], True, True)],
    ids=["zh", "en", "both"],
)
def test_background_speaks_the_languages_of_the_examples(like, chinese, english):
    texts = background_texts(like)
    assert any(has_han(text) for text in texts) is chinese
    assert any(not has_han(text) for text in texts) is english
    assert OUT_OF_SCOPE not in texts
