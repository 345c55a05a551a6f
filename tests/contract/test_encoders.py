"""What every encoder promises, held against every encoder there is."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models.encoders import BUNDLED, default_models_dir, load_encoder
from models.encoders.universal import NAME as UNIVERSAL
from tests.fakes.encoders import HashingEncoder

E5 = "multilingual-e5-small"
MINILM = "all-MiniLM-L6-v2"
prepared = pytest.mark.integration

TEXTS = [
    "我的订单什么时候到？",
    "How do I return an item that I bought last week, and who pays for the parcel?",
    "退款",
    "我的 order 一直没有 ship",
    "refund",
    "收到的杯子碎了，能换一个新的吗？包装也破了，里面的说明书都湿了。",
    "hi",
]


@pytest.fixture(
    scope="session",
    params=[
        pytest.param("", id="hashing"),
        pytest.param(E5, id="e5", marks=prepared),
        pytest.param(MINILM, id="minilm", marks=prepared),
        pytest.param(UNIVERSAL, id="universal", marks=prepared),
        pytest.param(BUNDLED, id="bundled", marks=prepared),
    ],
)
def encoder(request):
    if not request.param:
        return HashingEncoder()
    return load_encoder(request.param, default_models_dir())


def cosines(a, b):
    return np.sum(a * b, axis=1)


def test_rows_have_the_encoders_width_unit_length_and_single_precision(encoder):
    vectors = encoder.encode(TEXTS)

    assert vectors.shape == (len(TEXTS), encoder.dim)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_no_texts_give_no_rows(encoder):
    vectors = encoder.encode([])

    assert vectors.shape == (0, encoder.dim)
    assert vectors.dtype == np.float32


def test_the_same_call_gives_the_same_vectors(encoder):
    np.testing.assert_array_equal(encoder.encode(TEXTS), encoder.encode(TEXTS))


def test_a_text_has_the_same_vector_alone_as_among_others(encoder):
    together = encoder.encode(TEXTS)
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])

    assert cosines(together, alone).min() > 0.999


def test_rows_come_in_the_order_of_the_texts(encoder):
    forwards = encoder.encode(TEXTS)
    backwards = encoder.encode(TEXTS[::-1])[::-1]

    similar = forwards @ backwards.T
    assert (similar.argmax(axis=1) == np.arange(len(TEXTS))).all()


def test_equal_texts_have_equal_vectors(encoder):
    vectors = encoder.encode(["退款", "refund", "退款"])

    assert vectors[0] @ vectors[2] > 0.999


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param(" \t\r\n\u3000", id="blank"),
        pytest.param("为什么我的包裹还没到" * 1000, id="ten-thousand-chinese-characters"),
        pytest.param("word " * 2000, id="ten-thousand-latin-characters"),
        pytest.param("a" * 10_000, id="one-endless-word"),
        pytest.param("\ud83d\ude00 broken \udc00 emoji", id="lone-surrogates"),
        pytest.param("a\x00b\x00\x00", id="null-characters"),
        pytest.param("\x07\x1b[31m\u202e\u200b\ufeff\ufffe", id="control-characters"),
        pytest.param("👩‍👩‍👧‍👦👍🏽🇨🇳", id="emoji"),
        pytest.param("e\u0301" * 50 + "\u0301" * 200, id="combining-marks"),
        pytest.param("<s></s><pad><unk>[CLS][SEP]<mask>", id="special-tokens-typed-by-a-visitor"),
        pytest.param("ありがとう спасибо ขอบคุณ", id="other-scripts"),
    ],
)
def test_any_text_has_a_finite_unit_vector(encoder, text):
    vectors = encoder.encode([text, "refund"])

    assert vectors.shape == (2, encoder.dim)
    assert np.isfinite(vectors).all()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_name_and_version_are_told(encoder):
    assert encoder.name
    assert encoder.version


@prepared
@pytest.mark.parametrize("name", [E5, MINILM, BUNDLED])
def test_a_question_is_nearest_to_its_paraphrase(name):
    encoder = load_encoder(name, default_models_dir())
    questions = ["How do I send an item back?", "When will my parcel arrive?", "Can I pay with a credit card?"]
    paraphrases = ["I want to return my order", "What is the delivery date of my order?", "Do you take Visa?"]

    similar = encoder.encode(questions) @ encoder.encode(paraphrases).T

    assert (similar.argmax(axis=1) == np.arange(3)).all()


@prepared
@pytest.mark.parametrize("name", [E5, BUNDLED])
def test_a_chinese_question_is_nearest_to_its_translation(name):
    encoder = load_encoder(name, default_models_dir())
    chinese = ["怎么申请退货？", "我的包裹什么时候到？", "可以用信用卡付款吗？", "忘记密码了"]
    english = [
        "How do I return an item?",
        "When will my parcel arrive?",
        "Can I pay by credit card?",
        "I forgot my password",
    ]

    similar = encoder.encode(chinese) @ encoder.encode(english).T

    assert (similar.argmax(axis=1) == np.arange(4)).all()


@prepared
def test_a_process_that_encodes_has_not_imported_the_training_libraries():
    script = (
        "import sys\n"
        "from models.encoders import load_encoder\n"
        "load_encoder().encode(['退货', 'refund'])\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'onnx', 'sklearn', 'scipy'}\n"
        "print(sorted(heavy & {name.partition('.')[0] for name in sys.modules}))\n"
    )
    root = str(Path(__file__).resolve().parents[2])

    ran = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )

    assert ran.stdout.splitlines()[-1] == "[]"


@prepared
def test_the_bundled_encoder_tells_which_columns_come_from_which_model():
    encoder = load_encoder(BUNDLED, default_models_dir())

    assert [(block.name, block.start, block.stop) for block in encoder.blocks] == [
        (E5, 0, 384),
        (MINILM, 384, 768),
        (UNIVERSAL, 768, 1280),
    ]


@prepared
def test_each_language_has_its_own_companion_and_the_shares_that_were_chosen():
    encoder = load_encoder(BUNDLED, default_models_dir())

    chinese, mixed, english = encoder.encode(["怎么退货", "我的 order 没到", "my order is late"])

    for vector, weights in ((chinese, (0.6, 0, 0.4)), (mixed, (0.6, 0, 0.4)), (english, (0.5, 0.5, 0))):
        norms = [np.sum(vector[block.start : block.stop] ** 2) for block in encoder.blocks]
        assert norms == pytest.approx(weights, abs=1e-5)
