from hypothesis import given
from hypothesis import strategies as st

from models.text import normalise, terms, tokens


@given(st.text())
def test_cleaning_twice_changes_nothing_more(text):
    assert normalise(normalise(text)) == normalise(text)


@given(st.text())
def test_cleaning_never_lets_a_text_explode(text):
    assert len(normalise(text)) <= 18 * len(text)


@given(st.text())
def test_tokens_are_those_of_the_clean_text(text):
    assert tokens(text) == tokens(normalise(text))
    assert terms(text) == terms(normalise(text))


@given(st.text())
def test_every_token_has_a_visible_character_and_every_term_a_weight(text):
    assert all(token.strip() for token in tokens(text))
    assert all(weight > 0 for weight in terms(text).values())
