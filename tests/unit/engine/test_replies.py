import pytest

from engine import replies
from engine.types import Answer
from knowledge.types import Entry
from models.protocols import Language


def said(answer):
    entry = Entry(id="e1", question="q", answer=answer)
    return replies.say(Answer(entry_id="e1"), {"e1": entry}, Language.EN)


def test_an_approved_answer_goes_out_to_the_letter():
    answer = "Within **30 days**, see [our terms](https://shop.example/terms?a=1&b=2).\n\n- a < b\n- `x`"
    assert said(answer) == answer


@pytest.mark.parametrize(
    "payload",
    ["<script>steal()</script>", "<img src=x onerror=steal()>", "[here](javascript:steal())", "<svg onload=steal()>"],
)
def test_what_no_page_may_show_does_not_go_out_even_if_it_was_stored_before_there_were_rules(payload):
    shown = said(f"Hello {payload} there")
    assert "Hello" in shown
    assert "steal" not in shown or "<" not in shown.replace("&lt;", "")
    assert "javascript:" not in shown
