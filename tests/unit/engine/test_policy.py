from itertools import product

import pytest

from engine.policy import TO_A_PERSON, decide
from engine.types import Answer, Clarify, Exchange, Handoff, Reason, Refuse, SmallTalk, Turn, Unknown
from tests.fakes.engine import NEGATIVE, THRESHOLDS, evidence

TURN = Turn(text="a question")
FAILED = Exchange(text="what", question="what", decision="unknown")
ANSWERED = Exchange(text="how", question="how", decision="answer", entry_ids=("returns",))


def ruled(turn=TURN, **found):
    return decide(turn, evidence(**found), THRESHOLDS).decision


@pytest.mark.parametrize(
    ("confidence", "expected"),
    [
        pytest.param(0.7, Answer(entry_id="returns"), id="at-the-answer-threshold"),
        pytest.param(0.699, Clarify(entry_ids=("returns", "sale")), id="just-below-it"),
        pytest.param(0.3, Clarify(entry_ids=("returns", "sale")), id="at-the-clarify-threshold"),
        pytest.param(0.299, Unknown(), id="just-below-that"),
    ],
)
def test_the_confidence_decides_between_answering_asking_back_and_admitting(confidence, expected):
    assert ruled(confidence=confidence, entry_ids=("returns", "sale")) == expected


def test_nothing_found_is_admitted_however_low_the_threshold():
    assert ruled(confidence=0.9, entry_ids=()) == Unknown()


def test_at_most_three_choices_are_offered():
    decision = ruled(confidence=0.5, entry_ids=("a", "b", "c", "d"))
    assert decision == Clarify(entry_ids=("a", "b", "c"))


@pytest.mark.parametrize(("said", "confidence"), list(product(TO_A_PERSON, [0.0, 0.99])))
def test_who_asks_for_a_person_or_is_in_danger_gets_one_even_when_an_answer_is_known(said, confidence):
    decision = ruled(said=said, confidence=confidence, entry_ids=("returns",))
    assert decision == Handoff(reason=TO_A_PERSON[said], confirm=False)


def test_an_injection_is_refused_even_when_it_quotes_a_known_question():
    assert ruled(said="injection", confidence=0.99, entry_ids=("returns",)) == Refuse(why="injection")


def test_a_greeting_is_small_talk():
    assert ruled(said="greeting") == SmallTalk(talk="greeting")


def test_a_known_question_outranks_a_doubtful_greeting():
    decision = ruled(said="greeting", said_confidence=0.6, confidence=0.95, entry_ids=("returns",))
    assert decision == Answer(entry_id="returns")


def test_a_subject_that_is_none_of_our_business_is_declined():
    assert ruled(said="off_topic", confidence=0.1, entry_ids=("returns",)) == Refuse(why="off_topic")


def test_say_it_again_repeats_the_last_answer():
    turn = Turn(text="say that again", history=(ANSWERED,))
    assert ruled(turn, said="repeat") == Answer(entry_id="returns")


def test_yes_to_a_single_choice_answers_it():
    offered = Exchange(text="x", question="x", decision="clarify", entry_ids=("sale",))
    assert ruled(Turn(text="yes", history=(offered,)), said="affirm") == Answer(entry_id="sale")


def test_the_third_failure_in_a_row_offers_a_person():
    turn = Turn(text="what", history=(FAILED, FAILED))
    assert ruled(turn, confidence=0.1) == Handoff(reason=Reason.LOW_CONFIDENCE, confirm=True)


def test_an_answer_in_between_starts_the_count_of_failures_again():
    turn = Turn(text="what", history=(FAILED, ANSWERED, FAILED))
    assert ruled(turn, confidence=0.1) == Unknown()


def test_the_same_question_for_the_third_time_offers_a_person():
    asked = Exchange(text="how", question="a question", decision="answer", entry_ids=("returns",))
    turn = Turn(text="a question", history=(asked, asked))
    decision = ruled(turn, confidence=0.9, entry_ids=("returns",))
    assert decision == Handoff(reason=Reason.REPEATED_FAILURE, confirm=True)


def test_an_upset_visitor_whom_nothing_helped_is_offered_a_person():
    turn = Turn(text="what", history=(FAILED,))
    decision = ruled(turn, confidence=0.1, sentiment=NEGATIVE)
    assert decision == Handoff(reason=Reason.NEGATIVE_SENTIMENT, confirm=True)


def test_an_answer_that_did_not_help_offers_a_person():
    turn = Turn(text="still not working", history=(ANSWERED,))
    ruling = decide(turn, evidence(confidence=0.9, entry_ids=("returns",)), THRESHOLDS, stuck=True)
    assert ruling.decision == Handoff(reason=Reason.REPEATED_FAILURE, confirm=True)


def test_still_not_working_about_something_with_an_answer_of_its_own_is_answered():
    turn = Turn(text="the app still doesn't work", history=(ANSWERED,))
    ruling = decide(turn, evidence(confidence=0.9, entry_ids=("sale",)), THRESHOLDS, stuck=True)
    assert ruling.decision == Answer(entry_id="sale")


@pytest.mark.parametrize("before", ["handoff", "unknown"])
def test_yes_to_the_offer_of_a_person_gets_one(before):
    offered = Exchange(text="x", question="x", decision=before)
    decision = ruled(Turn(text="yes please", history=(offered,)), said="affirm", confidence=0.9, entry_ids=("sale",))
    assert decision == Handoff(reason=Reason.CUSTOMER_REQUEST, confirm=False)


def test_a_choice_that_was_picked_is_answered():
    ruling = decide(TURN, evidence(), THRESHOLDS, chosen="sale")
    assert ruling.decision == Answer(entry_id="sale")
