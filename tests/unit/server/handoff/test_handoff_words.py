"""The limits that a department may set, and the words that a visitor reads."""

import re
from pathlib import Path

import pytest

from server.handoff.outcomes import Step
from server.handoff.states import Handling, State, heard
from server.handoff.timers import DEFAULTS, Kind, Limits, due, limits
from server.handoff.wording import Press, Told, word
from tests.fakes.handoff_world import MONDAY

VALUES = {
    "position": "2",
    "minutes": "3",
    "opens_at": "Mon 09:00",
    "email": "ann@example.com",
    "name": "Ana",
    "agent": "Ben",
    "department": "Billing",
}


def test_the_defaults_are_those_of_the_specification() -> None:
    said = {
        "offer": 60,
        "ring": 25,
        "rings": 3,
        "first_notice": 45,
        "notice": 90,
        "notice_gap": 15,
        "queue_max": 300,
        "visitor_grace": 120,
        "away": 30,
        "nudge": 600,
        "visitor_idle": 600,
        "agent_grace": 45,
        "first_reply": 90,
        "reassign": 60,
        "reply": 180,
        "hold": 86_400,
        "transfer": 60,
        "wrap_up": 60,
        "reopen": 1_800,
        "rating": 86_400,
        "idle": 1_800,
        "ticket": 604_800,
    }
    assert {name: getattr(DEFAULTS, name) for name in said} == said


def test_a_department_changes_some_and_keeps_the_others() -> None:
    assert limits({"ring": 10, "queue_max": 60}) == Limits(ring=10, queue_max=60)
    assert limits({}) == DEFAULTS


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        pytest.param({"rign": 10}, "there is no timer 'rign'", id="unknown"),
        pytest.param({"ring": 0}, "from 1 to", id="zero"),
        pytest.param({"ring": -5}, "from 1 to", id="negative"),
        pytest.param({"ring": 1.5}, "whole number", id="fraction"),
        pytest.param({"ring": True}, "whole number", id="boolean"),
        pytest.param({"hold": 10**9}, "from 1 to", id="years"),
    ],
)
def test_a_wrong_limit_is_refused_with_the_reason(wrong: dict[str, int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        limits(wrong)


def test_some_limits_may_be_switched_off() -> None:
    assert limits({"reopen": 0, "reply_reassign": 0}).reopen == 0


def test_timers_come_in_the_order_in_which_they_fire() -> None:
    queued = Handling(state=State.QUEUED, owner="", noticed_at=MONDAY, asked_at=MONDAY, visitor_gone_at=MONDAY)
    timers = due(queued, DEFAULTS, closes_at=MONDAY + 1_000)
    assert [timer.kind for timer in timers] == [Kind.HOURS_END, Kind.NOTICE, Kind.VISITOR_GRACE, Kind.QUEUE_MAX]
    assert [timer.fire_at - MONDAY for timer in timers] == [1_000, 45_000, 120_000, 300_000]


def test_a_message_in_the_queue_shows_that_the_visitor_is_there() -> None:
    gone = Handling(state=State.QUEUED, owner="", visitor_gone_at=MONDAY)
    assert heard(gone, MONDAY + 1).visitor_gone_at == 0


@pytest.mark.parametrize("language", ["zh", "en", "zh-TW", "de", ""])
@pytest.mark.parametrize("told", list(Told))
@pytest.mark.parametrize("known", [True, False], ids=["all-known", "only-what-must-be"])
def test_every_status_is_a_sentence_in_every_language(told: Told, language: str, known: bool) -> None:
    optional = {"minutes", "opens_at", "email"} | ({"name"} if told in (Told.TRANSFERRING, Told.CLOSED_IDLE) else set())
    values = {name: value for name, value in VALUES.items() if known or name not in optional}
    status = word(told, language, values)
    assert status.code == told.value
    assert status.text[-1] in ".?!。？！", status.text
    assert not set("{}") & set(status.text), status.text
    assert "  " not in status.text, status.text
    assert any("一" <= letter <= "鿿" for letter in status.text) is language.startswith("zh"), status.text
    assert len(status.text) <= 160


def test_no_status_asks_for_patience() -> None:
    texts = [word(told, language, VALUES).text.lower() for told in Told for language in ("zh", "en")]
    assert not [text for text in texts if "patien" in text or "耐心" in text]


def test_every_button_has_a_label_in_both_languages() -> None:
    for told in Told:
        chinese, english = (word(told, language, VALUES).choices for language in ("zh", "en"))
        assert [choice.value for choice in chinese] == [choice.value for choice in english]
        assert all(choice.label for choice in (*chinese, *english))
    shown = {choice.value for told in Told for choice in word(told, "en", VALUES).choices}
    assert set(Press) <= shown


def test_a_value_that_is_not_known_leaves_its_part_out() -> None:
    assert word(Told.QUEUED, "en", {"position": "2", "minutes": ""}).text == (
        "Connecting you to a person. You are number 2."
    )
    assert word(Told.TRANSFERRING, "zh", {"agent": "Ana", "department": "账务"}).text == "Ana 正在请账务来帮忙。"


def test_a_value_that_cannot_be_done_without_is_an_error() -> None:
    with pytest.raises(KeyError):
        word(Told.JOINED, "en")


def test_what_a_client_needs_to_word_it_itself_is_given_beside_the_text() -> None:
    assert word(Told.QUEUED, "en", {"position": "2", "minutes": "3"}).values == {"position": "2", "minutes": "3"}


def test_braces_in_a_name_are_only_a_name() -> None:
    assert word(Told.JOINED, "en", {"name": "{0} {email}"}).text == "{0} {email} joined."


# -- docs/HANDOFF.md is held to the code

PAGE = (Path(__file__).parents[4] / "docs" / "HANDOFF.md").read_text(encoding="utf-8")


def test_the_page_names_every_state_and_every_transition() -> None:
    for word_ in (*State, *Step):
        assert f"`{word_}`" in PAGE, word_


def test_the_page_gives_every_timer_with_its_default() -> None:
    said = {name: int(value) for name, value in re.findall(r"^\| `(\w+)` \| (\d+) \|", PAGE, re.MULTILINE)}
    assert said == {name: getattr(DEFAULTS, name) for name in Limits.__struct_fields__}
