"""The pieces of preparing and serving an encoder that need no model."""

import json

import numpy as np
import pytest

from models.encoders.onnx_encoder import BATCH_TOKENS, EncoderSettings, batches, feeds, unit_rows
from models.encoders.prepare import folder_name, source_stamp
from models.encoders.prepare_e5 import check_vocabulary
from models.encoders.prepare_graph import quantise_rows
from models.encoders.prepare_quantise import (
    ActivationRange,
    quantise_columns,
    quantise_range,
    smoothing_factors,
)
from models.encoders.prepare_verify import calibration_corpus, check_golden_tokens, compare, verification_corpus
from models.encoders.tokenizing import clean, has_han
from models.errors import ModelNotPrepared

PLAIN = EncoderSettings(prompt="", prompt_tokens=0, max_tokens=512, pad_id=9)
PROMPTED = EncoderSettings(prompt="", prompt_tokens=4, max_tokens=512, pad_id=9)


@pytest.mark.parametrize(
    "lengths",
    [
        pytest.param([], id="none"),
        pytest.param([5], id="one"),
        pytest.param([7, 3, 7, 3, 500, 4, 12], id="mixed"),
        pytest.param([12] * 300, id="many-equal"),
        pytest.param([600, 700, 5], id="longer-than-a-batch"),
    ],
)
def test_every_text_is_in_one_batch_and_batches_are_bounded(lengths):
    found = list(batches(lengths))

    assert sorted(row for rows in found for row in rows.tolist()) == list(range(len(lengths)))
    for rows in found:
        longest = max(lengths[row] for row in rows)
        assert len(rows) == 1 or len(rows) * longest <= BATCH_TOKENS


def test_texts_of_one_length_share_a_batch_and_others_are_not_padded_to_it():
    together, *others = list(batches([10, 200, 10, 10]))

    assert together.tolist() == [0, 2, 3]
    assert [rows.tolist() for rows in others] == [[1]]


def test_texts_are_padded_and_masked():
    inputs = feeds([[1, 2, 3], [4]], ["abc", "退"], PLAIN)

    assert inputs["input_ids"].tolist() == [[1, 2, 3], [4, 9, 9]]
    assert inputs["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert "language" not in inputs


def test_a_graph_with_a_built_in_prompt_is_told_the_language():
    assert feeds([[1], [2], [3]], ["abc", "退", "a退"], PROMPTED)["language"].tolist() == [0, 1, 1]


def test_the_prompt_counts_towards_the_limit():
    assert PLAIN.text_tokens == 512
    assert PROMPTED.text_tokens == 509  # four tokens of prompt, the first of which every text has anyway


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("退货", True, id="common"),
        pytest.param("𠮷野家", True, id="outside-the-basic-plane"),
        pytest.param("㐀", True, id="extension-a"),
        pytest.param("refund。", False, id="chinese-punctuation-only"),
        pytest.param("ありがとう", False, id="kana"),
        pytest.param("", False, id="empty"),
    ],
)
def test_chinese_is_told_by_its_characters(text, expected):
    assert has_han(text) is expected


def test_a_text_is_stripped_bounded_and_put_behind_the_prompt():
    assert clean("  退货 \n", prompt="query: ", max_tokens=8) == "query: 退货"
    assert clean("", prompt="query: ", max_tokens=8) == "query:"
    assert len(clean("a" * 100_000, prompt="", max_tokens=8)) == 128
    assert clean("a\ud83d", prompt="", max_tokens=8) == "a?"


def test_a_row_of_zeros_becomes_a_unit_vector():
    rows = unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]], np.float32))

    np.testing.assert_allclose(rows, [[0.6, 0.8], [1.0, 0.0]])
    assert rows.dtype == np.float32


def test_rounded_weights_are_close_to_the_weights():
    weights = np.random.default_rng(3).normal(size=(32, 8)).astype(np.float32)
    weights[:, 4] *= 100
    weights[:, 5] = 0

    integers, scales = quantise_columns(weights)

    assert integers.dtype == np.int8
    np.testing.assert_allclose(integers * scales, weights, atol=np.abs(weights).max(axis=0).max() / 199)
    assert not integers[:, 5].any()


def test_rounded_rows_are_close_to_the_rows_in_every_part():
    matrix = np.random.default_rng(3).normal(size=(9000, 4)).astype(np.float32)
    matrix[8999] = 0

    integers, scales = quantise_rows(matrix)

    np.testing.assert_allclose(integers * scales, matrix, atol=np.abs(matrix).max() / 253)


@pytest.mark.parametrize(
    ("low", "high"),
    [(-1.0, 3.0), (0.0, 5.0), (2.0, 5.0), (-7.0, -2.0), (0.0, 0.0)],
    ids=["both-signs", "from-zero", "positive", "negative", "nothing"],
)
def test_a_range_is_covered_with_an_exact_zero(low, high):
    scale, zero = quantise_range(low, high)

    assert 0 <= zero <= 255
    for value in (low, high, 0.0):
        rounded = np.clip(round(value / float(scale)) + int(zero), 0, 255)
        assert (rounded - int(zero)) * float(scale) == pytest.approx(value, abs=float(scale))


def test_a_channel_that_sticks_out_is_evened_and_the_product_stays():
    random = np.random.default_rng(3)
    activations = random.normal(size=(50, 16)).astype(np.float32)
    activations[:, 7] *= 40
    weights = random.normal(size=(16, 4)).astype(np.float32)

    seen = ActivationRange(low=activations.min(axis=0), high=activations.max(axis=0))
    factors = smoothing_factors(weights, seen)
    evened = activations / factors

    assert np.abs(evened).max(axis=0).max() < 5 * np.median(np.abs(evened).max(axis=0))
    np.testing.assert_allclose(evened @ (weights * factors[:, None]), activations @ weights, rtol=1e-3, atol=1e-3)


def test_closeness_reports_mean_and_least():
    ours = np.array([[1.0, 0.0], [0.6, 0.8]], np.float32)
    source = np.array([[1.0, 0.0], [1.0, 0.0]], np.float32)

    found = compare(ours, source)

    assert found.mean == pytest.approx(0.8)
    assert found.least == pytest.approx(0.6)


def test_the_corpora_share_no_text_and_have_both_languages():
    verification, calibration = verification_corpus(), calibration_corpus()

    assert not set(verification.texts) & set(calibration.texts)
    assert len(verification.texts) == len(set(verification.texts)) >= 120
    for corpus in (verification, calibration):
        assert min(len(corpus.zh), len(corpus.en)) >= 50
        assert sum(map(has_han, corpus.zh)) >= len(corpus.zh) - 1
        assert not any(map(has_han, corpus.en))


class EchoTokenizer:
    """Gives every text the same ids."""

    def __init__(self, ids):
        self._ids = ids

    def ids(self, texts):
        return [self._ids for _ in texts]


def test_a_tokenizer_with_other_ids_than_the_golden_ones_is_refused():
    with pytest.raises(ModelNotPrepared, match="multilingual-e5-small gives"):
        check_golden_tokens("multilingual-e5-small", EchoTokenizer([0, 2]))


def test_a_model_without_golden_ids_has_none_to_fail():
    assert check_golden_tokens("some/model", EchoTokenizer([])) == 0


def tokenizer_file(folder, pieces):
    path = folder / "tokenizer.json"
    path.write_text(json.dumps({"model": {"vocab": [[piece, 0.0] for piece in pieces]}}), encoding="utf-8")
    return path


def test_the_same_pieces_on_both_sides_are_accepted(tmp_path):
    check_vocabulary([b"<s>", "退".encode()], tokenizer_file(tmp_path, ["<s>", "退"]))


@pytest.mark.parametrize(
    ("pieces", "first"),
    [([b"<s>", b"x"], 1), ([b"<s>"], 1), ([b"<s>", "退".encode(), b"y"], 2)],
    ids=["another-piece", "one-less", "one-more"],
)
def test_another_vocabulary_is_refused_with_the_first_difference(tmp_path, pieces, first):
    with pytest.raises(ModelNotPrepared, match=f"from piece {first} on"):
        check_vocabulary(pieces, tokenizer_file(tmp_path, ["<s>", "退"]))


def test_folders_of_models_are_named_readably_and_apart(tmp_path):
    for parent in ("a", "b"):
        (tmp_path / parent / "model").mkdir(parents=True)

    assert folder_name("multilingual-e5-small") == "multilingual-e5-small"
    assert folder_name("BAAI/bge-m3") == "BAAI--bge-m3"
    names = {folder_name(str(tmp_path / parent / "model")) for parent in ("a", "b")}
    assert len(names) == 2
    assert all(name.startswith("model-") for name in names)


def test_a_folder_that_changed_has_another_stamp(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    before = source_stamp(str(tmp_path))

    (tmp_path / "config.json").write_text('{"a": 1}')

    assert source_stamp(str(tmp_path)) != before
    assert source_stamp("BAAI/bge-m3") == ""
