"""When the bot's part ends: what goes to a person at once, what is offered first, and what is left alone."""

import pytest

from engine.types import Reason
from server.handoff import actions as does
from server.handoff.actions import TurnSeen
from server.handoff.outcomes import NothingToDo, Transition
from server.handoff.routing import Presence
from server.handoff.states import State
from server.handoff.triggers import need
from tests.fakes.handoff_story import Story


@pytest.fixture
def story() -> Story:
    return Story()


def reason_of(*turns: TurnSeen) -> str:
    found = need(turns)
    return found.reason.value if found is not None else ""


def turn(decision: str, **fields: object) -> TurnSeen:
    return TurnSeen(decision=decision, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "reason", ["customer_request", "complaint", "safety", "restricted_topic", "tool_failure", "some_newer_reason"]
)
def test_these_go_to_a_person_at_once(story: Story, reason: str) -> None:
    story.bot_says("handoff", reason=reason)
    assert story.state is State.QUEUED
    assert story.codes == ["queued"]


@pytest.mark.parametrize("reason", ["low_confidence", "repeated_failure", "negative_sentiment", "negative_feedback"])
def test_these_are_offered_first(story: Story, reason: str) -> None:
    story.bot_says("handoff", reason=reason)
    assert story.state is State.OFFER
    assert story.handling.reason == reason
    assert story.choices == ("yes", "no")
    assert story.handling.bot_may_speak


def test_every_reason_of_the_engine_leads_to_a_person_or_to_an_offer() -> None:
    for reason in Reason:
        assert reason_of(turn("handoff", reason=reason.value)) == reason.value


def test_who_is_in_danger_reads_first_whom_to_call(story: Story) -> None:
    story.bot_says("handoff", reason="safety")
    assert story.last == (
        "Your safety comes first: in an emergency, call your local emergency number now. "
        "Connecting you to a person. You are number 1."
    )


def test_who_is_in_danger_reads_so_also_when_nobody_is_there(story: Story) -> None:
    story.everyone_goes_home()
    story.bot_says("handoff", reason="safety")
    assert story.last.startswith("Your safety comes first")


def test_a_complaint_is_answered_with_regret(story: Story) -> None:
    story.case = story.world.cases[0]
    story.bot_says("handoff", reason="complaint")
    assert story.last == "非常抱歉给您带来不好的体验。正在为您转接人工客服。您排在第 1 位。"


def test_the_offer_says_so_kindly() -> None:
    story = Story()
    story.bot_says("unknown", "unknown")
    assert story.last == "I may not have the right answer. Would you like to talk to a person?"


def test_an_upset_visitor_is_offered_a_person_with_regret(story: Story) -> None:
    story.bot_says("unknown", sentiment=-0.9)
    assert story.last == "I'm sorry this is going badly. Would you like to talk to a person?"


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        pytest.param([turn("unknown")], "", id="one-unknown"),
        pytest.param([turn("unknown"), turn("clarify")], "low_confidence", id="two-in-a-row"),
        pytest.param([turn("unknown"), turn("answer"), turn("unknown")], "", id="an-answer-between"),
        pytest.param([turn("answer", thumb="down")], "", id="one-thumb-down"),
        pytest.param(
            [turn("answer", thumb="down"), turn("smalltalk"), turn("answer", thumb="down")],
            "negative_feedback",
            id="two-thumbs-down",
        ),
        pytest.param([turn("answer", thumb="down"), turn("answer", thumb="up")], "", id="down-then-up"),
        pytest.param([turn("answer", entry_id="a")] * 2, "", id="rephrased-once"),
        pytest.param([turn("answer", entry_id="a")] * 3, "repeated_failure", id="rephrased-twice"),
        pytest.param(
            [turn("answer", entry_id="a"), turn("answer", entry_id="b"), turn("answer", entry_id="a")],
            "",
            id="different-answers",
        ),
        pytest.param([turn("answer")] * 3, "", id="answers-of-no-entry"),
        pytest.param([turn("answer", sentiment=-0.95)], "", id="upset-but-answered"),
        pytest.param([turn("answer", sentiment=-0.95)] * 2, "negative_sentiment", id="upset-twice"),
        pytest.param([turn("unknown", sentiment=-0.8)], "negative_sentiment", id="upset-at-threshold"),
        pytest.param([turn("unknown", sentiment=-0.79)], "", id="below-threshold"),
        pytest.param([], "", id="nothing"),
    ],
)
def test_what_the_last_turns_say(turns: list[TurnSeen], reason: str) -> None:
    assert reason_of(*turns) == reason


def test_yes_leads_into_the_queue_with_the_reason_of_the_offer(story: Story) -> None:
    story.bot_says("unknown", "unknown")
    story.act(does.OfferAnswered(yes=True))
    assert (story.state, story.handling.reason) == (State.QUEUED, "low_confidence")


def test_a_typed_yes_counts_like_the_button(story: Story) -> None:
    story.bot_says("unknown", "unknown")
    story.bot_says("smalltalk", reason="affirm")
    assert story.state is State.QUEUED


def test_after_a_no_nothing_is_offered_for_three_turns(story: Story) -> None:
    story.bot_says("unknown", "unknown")
    story.act(does.OfferAnswered(yes=False))
    assert (story.state, story.last) == (State.BOT, "OK, I'll keep trying.")
    for _ in range(3):
        story.bot_says("unknown", "unknown")
        assert story.state is State.BOT
    story.bot_says("unknown", "unknown")
    assert story.state is State.OFFER


def test_after_a_no_an_explicit_wish_still_counts_at_once(story: Story) -> None:
    story.bot_says("unknown", "unknown")
    story.bot_says("smalltalk", reason="deny")
    assert (story.state, story.handling.quiet_turns) == (State.BOT, 3)
    story.bot_says("handoff", reason="customer_request")
    assert story.state is State.QUEUED


def test_another_question_passes_the_offer_and_it_is_not_repeated_at_once(story: Story) -> None:
    story.bot_says("unknown", "unknown")
    story.bot_says("unknown", "unknown")
    assert story.state is State.BOT
    story.bot_says("unknown", "unknown")
    assert story.state is State.BOT
    story.bot_says("unknown", "unknown")
    assert story.state is State.OFFER


def test_an_offer_that_nobody_takes_is_withdrawn_after_a_minute_but_a_late_yes_counts(story: Story) -> None:
    story.bot_says("unknown", "unknown")
    story.wait(60)
    assert story.state is State.BOT
    story.act(does.OfferAnswered(yes=True))
    assert story.state is State.QUEUED


def test_two_thumbs_down_lead_to_an_offer(story: Story) -> None:
    down = TurnSeen(decision="answer", thumb="down")
    assert story.act(does.ReplyRated(recent=(down,))) == NothingToDo()
    story.act(does.ReplyRated(recent=(down, down)))
    assert (story.state, story.handling.reason) == (State.OFFER, "negative_feedback")


def test_nobody_is_offered_who_is_not_there(story: Story) -> None:
    story.everyone_goes_home()
    story.bot_says("unknown", "unknown")
    assert story.state is State.OFFLINE_FORM
    story.presence("ana", Presence.AVAILABLE)
    assert story.state is State.OFFLINE_FORM, "who did not ask for a person is not queued"


def test_with_a_ticket_the_bot_goes_on_and_only_a_wish_counts(story: Story) -> None:
    story.everyone_goes_home()
    story.asks()
    story.bot_says("unknown", "unknown")
    assert story.state is State.OFFLINE_FORM
    story.world.presence["ana"] = Presence.AVAILABLE
    story.bot_says("handoff", reason="customer_request")
    assert story.state is State.QUEUED


def test_a_bot_that_fails_says_so_and_the_second_time_gets_a_person(story: Story) -> None:
    story.act(does.BotFailed())
    assert story.last == "That went wrong on my side. Please send it again, or talk to a person."
    assert story.state is State.BOT
    story.act(does.BotFailed())
    assert (story.state, story.handling.reason) == (State.QUEUED, "tool_failure")


def test_failures_count_in_a_row_only(story: Story) -> None:
    story.act(does.BotFailed())
    story.bot_says("answer")
    story.act(does.BotFailed())
    assert story.state is State.BOT


def test_e14_a_person_in_between_voids_the_fence_of_the_bots_answer(story: Story) -> None:
    fence = story.handling.owner_epoch
    story.chat_with("ana")
    assert story.handling.owner_epoch == fence + 1
    story.act(does.ReturnToBot(by="ana", epoch=story.epoch))
    assert story.handling.owner_epoch == fence + 2


def test_while_a_person_has_it_no_turn_triggers_anything(story: Story) -> None:
    story.chat_with("ana")
    before = story.handling.state
    result = story.bot_says("handoff", reason="customer_request")
    assert isinstance(result, Transition)
    assert result.moved is None
    assert story.state is before


def test_in_chinese_the_visitor_reads_chinese() -> None:
    story = Story()
    story.case = story.world.cases[0]
    story.asks()
    assert story.last == "正在为您转接人工客服。您排在第 1 位。"
