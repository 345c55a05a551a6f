"""How texts are laid out for the Chinese encoder's graph; needs no model."""

import numpy as np
import pytest

from models.encoders.universal import feeds, groups


def test_a_text_is_one_row_of_tokens_with_its_windows():
    inputs = feeds([[1, 50, 60, 2]])

    assert inputs["ids"].tolist() == [[1, 50, 60, 2]]
    assert inputs["windows"].tolist() == [[4, 4, 0, 1, 2], [4, 0, 1, 2, 3], [0, 1, 2, 3, 4], [1, 2, 3, 4, 4]]


def test_no_window_reaches_into_another_text():
    inputs = feeds([[1, 2], [1, 50, 2], [1, 2]])

    owner = np.array([0, 0, 1, 1, 1, 2, 2, -1])  # the place after the last token is nobody's
    for place, window in enumerate(inputs["windows"].tolist()):
        assert set(owner[window]) <= {owner[place], -1}
        assert window[2] == place


def test_texts_of_one_length_keep_their_own_places():
    first, second = feeds([[1, 2]])["windows"], feeds([[1, 2], [1, 2]])["windows"]

    assert first.tolist() == [[2, 2, 0, 1, 2], [2, 0, 1, 2, 2]]
    assert second.tolist() == [[4, 4, 0, 1, 4], [4, 0, 1, 4, 4], [4, 4, 2, 3, 4], [4, 2, 3, 4, 4]]


def test_each_text_is_averaged_over_its_own_tokens_by_the_root_of_their_number():
    pooling = feeds([[1, 2], [1, 50, 60, 2]])["pooling"]

    assert pooling.shape == (1, 2, 6)
    np.testing.assert_allclose(pooling[0, 0], [2**-0.5, 2**-0.5, 0, 0, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(pooling[0, 1], [0, 0, 0.5, 0.5, 0.5, 0.5], rtol=1e-6)


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        pytest.param([], [], id="none"),
        pytest.param([10, 20], [2], id="few"),
        pytest.param([200, 200, 100], [1, 2], id="too-many-for-one-call"),
        pytest.param([900, 3], [1, 1], id="a-long-one-alone"),
        pytest.param([384, 1], [1, 1], id="at-the-limit"),
    ],
)
def test_texts_go_together_as_far_as_a_call_bears_them(lengths, expected):
    texts = [[number] * length for number, length in enumerate(lengths)]

    found = list(groups(iter(texts)))

    assert [len(group) for group in found] == expected
    assert [text for group in found for text in group] == texts
