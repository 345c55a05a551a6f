"""From the wish for a person to the agent who takes it, as a visitor and a support lead see it."""

from datetime import date

import pytest
from msgspec.structs import replace

from server.handoff import actions as does
from server.handoff.actions import WaitChoice
from server.handoff.outcomes import AlreadyTaken, Changed, NotAllowed, NothingToDo, TooEarly, Transition, Word
from server.handoff.routing import Pickup, Presence
from server.handoff.states import Handling, State
from server.handoff.timers import Kind
from tests.fakes.handoff_story import Story
from tests.fakes.handoff_world import MONDAY


@pytest.fixture
def story() -> Story:
    return Story()


def test_a_fresh_conversation_is_the_bots() -> None:
    assert Handling().state is State.BOT
    assert Handling().bot_may_speak
    assert Handling().owner == "bot"


def test_who_asks_for_a_person_gets_into_the_queue_at_once(story: Story) -> None:
    story.asks()
    assert story.state is State.QUEUED
    assert story.last == "Connecting you to a person. You are number 1."
    assert story.choices == ("ask_bot", "cancel")
    assert [notice.department for notice in story.words(Word.WAITS)] == ["general"]


def test_asking_again_while_waiting_changes_nothing(story: Story) -> None:
    story.asks()
    before = story.handling
    assert story.act(does.AskedForPerson()) == NothingToDo()
    assert story.handling == before


def test_the_second_in_the_queue_is_told_so_with_the_time_that_real_pickups_take(story: Story) -> None:
    story.world.pickups["general"] = [Pickup(at=MONDAY, waited_ms=90_000, position=1)] * 5
    story.asks(story.world.cases[0])
    story.asks()
    assert story.last == "Connecting you to a person. You are number 2, about 3 min."


def test_when_the_first_is_served_the_second_is_told_the_new_place(story: Story) -> None:
    first = story.world.cases[0]
    story.asks(first)
    story.asks()
    story.wait(20)
    story.rings(case=first)
    story.accepts(case=first)
    story.look()
    assert story.last == "You are now number 1."


def test_places_are_not_told_more_often_than_every_fifteen_seconds(story: Story) -> None:
    first = story.world.cases[0]
    story.asks(first)
    story.asks()
    story.act(does.Cancelled(), first)
    assert story.look() == TooEarly(until=MONDAY + 15_000)
    story.wait(15)
    assert isinstance(story.look(), Transition)


def test_who_waits_hears_of_it_after_45_seconds_and_then_every_90(story: Story) -> None:
    story.asks()
    heard_at = []
    for second in range(1, 250):
        before = len(story.told)
        story.wait(1)
        heard_at += [second] * (len(story.told) - before)
    assert heard_at == [45, 135, 225]
    assert story.last.startswith("You are still number 1.")


def test_after_five_minutes_the_visitor_may_choose_and_supervisors_know(story: Story) -> None:
    story.asks()
    story.wait(300)
    assert story.last == "Everyone is still busy. You are number 1. What would you like to do?"
    assert story.choices == ("keep_waiting", "leave_message", "back_to_bot")
    assert story.words(Word.NOBODY_TAKES_IT)[0].supervisors
    assert story.state is State.QUEUED


def test_who_keeps_waiting_keeps_the_place(story: Story) -> None:
    story.asks()
    story.wait(300)
    story.act(does.WaitChosen(choice=WaitChoice.KEEP_WAITING))
    assert story.last == "You keep your place: number 1."
    assert story.handling.enqueued_at == MONDAY


def test_who_would_rather_leave_a_message_gets_a_ticket_and_is_not_called_back_into_the_queue(story: Story) -> None:
    story.asks()
    story.act(does.WaitChosen(choice=WaitChoice.LEAVE_MESSAGE))
    assert story.state is State.OFFLINE_FORM
    assert story.words(Word.TICKET)
    assert story.look() == NothingToDo()
    story.act(does.MessageLeft(email="ann@example.com"))
    assert story.last == "Thank you. We'll answer to ann@example.com."


def test_who_goes_back_to_the_bot_is_with_the_bot(story: Story) -> None:
    story.asks()
    story.act(does.WaitChosen(choice=WaitChoice.BACK_TO_BOT))
    assert story.state is State.BOT
    assert story.last == "OK, I'm still here."


def test_who_asks_the_bot_meanwhile_keeps_the_place_and_rings_do_not_void_the_answer(story: Story) -> None:
    story.asks()
    assert not story.handling.bot_may_speak
    story.act(does.WaitChosen(choice=WaitChoice.ASK_BOT))
    assert story.handling.bot_may_speak
    fence = story.handling.owner_epoch
    story.rings()
    story.wait(25)
    assert story.state is State.QUEUED
    assert story.handling.owner_epoch == fence
    assert story.handling.enqueued_at == MONDAY


def test_cancelling_while_it_rings_frees_the_agents_place(story: Story) -> None:
    story.asks()
    story.rings()
    assert story.world.load("ana") == 1
    story.act(does.Cancelled())
    assert story.world.load("ana") == 0
    assert [notice.agent for notice in story.words(Word.RING_OVER)] == ["ana"]


def test_the_agent_who_takes_it_is_named_and_has_it(story: Story) -> None:
    story.chat_with("ana")
    assert story.state is State.ACTIVE
    assert story.handling.agent == "ana"
    assert story.last == "Ana joined."
    assert not story.handling.bot_may_speak


def test_agents_may_take_from_the_queue_without_being_rung(story: Story) -> None:
    story.asks()
    assert isinstance(story.accepts("ben"), Transition)
    assert story.handling.agent == "ben"


def test_agents_take_the_first_in_the_queue_and_only_supervisors_choose(story: Story) -> None:
    story.asks(story.world.cases[0])
    story.wait(1)
    story.asks()
    refused = story.accepts("ben")
    assert refused == NotAllowed(why="somebody has waited longer for you. Take that one first.")
    assert story.act(does.TakeOver(by="ben", epoch=story.epoch)) == refused
    story.world.presence["dee"] = Presence.AVAILABLE
    assert isinstance(story.accepts("dee"), Transition)
    assert isinstance(story.accepts("ben", story.world.cases[0]), Transition)


def test_a_ring_for_all_is_taken_by_the_first_who_wants_it(story: Story) -> None:
    story.asks()
    story.rings("")
    story.act(does.Decline(by="ana", epoch=story.epoch))
    assert story.state is State.RINGING
    assert isinstance(story.accepts("ben"), Transition)


def test_a_ring_for_all_that_all_decline_goes_back_to_the_queue(story: Story) -> None:
    story.asks()
    story.rings("")
    story.act(does.Decline(by="ana", epoch=story.epoch))
    story.act(does.Decline(by="ben", epoch=story.epoch))
    assert story.state is State.QUEUED


def test_nobody_takes_what_rings_for_somebody_else(story: Story) -> None:
    story.asks()
    story.rings("ana")
    assert isinstance(story.accepts("ben"), NotAllowed)
    assert isinstance(story.act(does.Decline(by="ben", epoch=story.epoch)), NotAllowed)


def test_nobody_takes_more_than_there_is_room_for(story: Story) -> None:
    story.chat_with("ben", story.world.cases[0])
    story.asks()
    refused = story.accepts("ben")
    assert isinstance(refused, NotAllowed)
    assert "1 conversations already" in refused.why


def test_nobody_takes_what_belongs_to_another_department(story: Story) -> None:
    story.asks()
    assert isinstance(story.accepts("cyd"), NotAllowed)


def test_who_is_signed_out_or_disabled_takes_nothing(story: Story) -> None:
    story.asks()
    assert isinstance(story.accepts("dee"), NotAllowed)
    story.world.people["ana"] = replace(story.world.people["ana"], disabled=True)
    assert isinstance(story.accepts("ana"), NotAllowed)


def test_a_declined_ring_keeps_the_place_and_does_not_ring_there_again(story: Story) -> None:
    story.asks()
    story.rings("ana")
    told = len(story.told)
    story.act(does.Decline(by="ana", epoch=story.epoch))
    assert story.state is State.QUEUED
    assert story.handling.enqueued_at == MONDAY
    assert story.handling.declined == ("ana",)
    assert len(story.told) == told, "the visitor sees nothing of it"
    assert story.act(does.Ring(agent="ana")) == NothingToDo()


def test_who_lets_two_rings_pass_is_set_to_away(story: Story) -> None:
    for case in story.world.cases[:2]:
        story.asks(case)
        story.rings("ana", case)
        story.wait(25)
    assert [notice.agent for notice in story.words(Word.SET_AWAY)] == ["ana"]
    assert story.world.presence["ana"] is Presence.AWAY


def test_declining_is_no_missed_ring(story: Story) -> None:
    story.world.misses["ana"] = 1
    story.asks()
    story.rings("ana")
    story.act(does.Decline(by="ana", epoch=story.epoch))
    assert not story.words(Word.SET_AWAY)


def test_after_three_rings_the_priority_rises_and_supervisors_know(story: Story) -> None:
    story.asks()
    for _ in range(3):
        story.rings("")
        story.wait(25)
    assert story.handling.priority == 1
    assert story.words(Word.NOBODY_TAKES_IT)


# -- edge cases of the specification, by their numbers


def test_e1_back_within_two_minutes_the_place_is_kept(story: Story) -> None:
    story.asks()
    story.act(does.VisitorLeft())
    story.wait(90)
    story.act(does.VisitorReturned())
    story.wait(60)
    assert story.state is State.QUEUED
    assert story.handling.enqueued_at == MONDAY


def test_e2_back_later_the_place_is_lost_which_is_said_and_one_press_joins_again(story: Story) -> None:
    story.asks()
    story.act(does.VisitorLeft())
    story.wait(120)
    assert story.state is State.BOT
    assert story.handling.lost_place
    assert story.last == "You were away, so your place in the queue is gone. All you wrote is kept."
    assert story.choices == ("human",)
    story.act(does.VisitorReturned())
    story.asks()
    assert story.state is State.QUEUED


def test_e3_a_visitor_who_goes_while_it_rings_is_still_taken_and_written_to(story: Story) -> None:
    story.asks()
    story.rings()
    story.act(does.VisitorLeft())
    story.world.now += 24_000
    assert story.state is State.RINGING
    story.accepts()
    assert story.state is State.ACTIVE
    story.wait(10)
    assert [notice.agent for notice in story.words(Word.VISITOR_AWAY)] == ["ana"]


def test_e3_the_place_lasts_as_long_as_it_rings_even_if_the_visitor_is_long_gone(story: Story) -> None:
    story.asks()
    story.act(does.VisitorLeft())
    story.wait(110)
    story.rings()
    story.wait(24)
    assert story.state is State.RINGING
    story.wait(1)
    assert story.state is State.BOT


def test_e7_of_two_agents_at_once_one_wins_and_the_other_is_told_who(story: Story) -> None:
    story.asks()
    story.rings("")
    epoch = story.epoch
    assert isinstance(story.act(does.Accept(by="ben", epoch=epoch)), Transition)
    assert story.act(does.Accept(by="ana", epoch=epoch)) == AlreadyTaken(by="ben", at=MONDAY)
    assert story.told.count("Ben joined.") == 1
    assert "Ana joined." not in story.told


def test_e7_who_presses_a_button_that_is_still_there_is_told_who_has_it(story: Story) -> None:
    story.asks()
    story.rings("")
    story.act(does.Accept(by="ben", epoch=story.epoch))
    assert story.act(does.Accept(by="ana", epoch=story.epoch)) == AlreadyTaken(by="ben", at=MONDAY)


def test_e8_who_accepts_after_the_visitor_cancelled_is_told(story: Story) -> None:
    story.asks()
    story.rings()
    epoch = story.epoch
    story.act(does.Cancelled())
    assert story.act(does.Accept(by="ana", epoch=epoch)) == Changed(state=State.BOT, epoch=story.epoch)


def test_e8_who_cancels_after_an_agent_accepted_stays_with_the_agent(story: Story) -> None:
    story.chat_with()
    assert story.act(does.Cancelled()) == NothingToDo()
    assert story.state is State.ACTIVE


def test_e9_who_accepts_after_the_ring_ran_out_is_told(story: Story) -> None:
    story.asks()
    story.rings()
    epoch = story.epoch
    story.wait(25)
    assert story.act(does.Accept(by="ana", epoch=epoch)) == Changed(state=State.QUEUED, epoch=story.epoch)


def test_e9_a_ring_that_runs_out_after_it_was_accepted_does_nothing(story: Story) -> None:
    story.asks()
    story.rings()
    epoch = story.epoch
    story.accepts()
    assert story.act(does.TimerFired(kind=Kind.RING, epoch=epoch)) == NothingToDo()


def test_a_timer_of_an_older_epoch_does_nothing_even_when_its_kind_is_due(story: Story) -> None:
    story.asks()
    story.world.now += 45_000
    assert story.act(does.TimerFired(kind=Kind.NOTICE, epoch=story.epoch - 1)) == NothingToDo()
    assert isinstance(story.act(does.TimerFired(kind=Kind.NOTICE, epoch=story.epoch)), Transition)


def test_e17_when_the_hours_end_the_waiting_become_tickets(story: Story) -> None:
    story.hours("general", (540, 545))  # 09:00 to 09:05; it is 08:50
    story.world.now += 10 * 60_000
    story.asks()
    assert story.state is State.QUEUED
    story.wait(300)
    assert story.state is State.OFFLINE_FORM
    assert story.last.startswith("I'm sorry, nobody is left who can take your chat. Our team is back tomorrow 09:00")
    assert story.words(Word.TICKET)


def test_e18_the_next_opening_skips_a_holiday_and_is_told_in_the_visitors_time_too(story: Story) -> None:
    story.hours("general", (540, 1080))
    department = story.world.departments["general"]
    story.world.departments["general"] = replace(department, holidays=(date(2026, 3, 2), date(2026, 3, 3)))
    story.asks()
    assert story.last == "Our team is back Wed 09:00 (your time 18:00). Leave your e-mail, or keep asking me."


def test_e19_a_department_that_is_switched_off_hands_over_with_the_place(story: Story) -> None:
    billed = story.world.cases[3]
    story.world.now += 15 * 60_000
    began = story.world.now
    story.asks(billed)
    assert billed.handling.department == "billing"
    billing = story.world.departments["billing"]
    story.world.departments["billing"] = replace(billing, enabled=False)
    story.act(does.FloorChanged(), billed)
    assert (billed.handling.state, billed.handling.department) == (State.QUEUED, "general")
    assert billed.handling.enqueued_at == began
    story.everyone_goes_home()
    story.act(does.FloorChanged(), billed)
    assert billed.handling.state is State.OFFLINE_FORM


def test_e21_a_ring_to_an_agent_whose_capacity_was_lowered_is_withdrawn(story: Story) -> None:
    story.asks()
    story.rings()
    story.world.people["ana"] = replace(story.world.people["ana"], capacity=0)
    assert isinstance(story.accepts("ana"), NotAllowed)
    story.look()
    assert story.state is State.QUEUED
    assert story.handling.enqueued_at == MONDAY


def test_e32_when_nobody_is_signed_in_there_is_no_pretended_queue(story: Story) -> None:
    story.everyone_goes_home()
    story.asks()
    assert story.state is State.OFFLINE_FORM
    assert story.last == "Nobody of our team is here right now. Leave your e-mail, or keep asking me."
    assert story.handling.bot_may_speak


def test_e33_what_all_decline_stays_in_the_queue_and_supervisors_know(story: Story) -> None:
    story.asks()
    for agent in ("ana", "ben"):
        story.rings(agent)
        story.act(does.Decline(by=agent, epoch=story.epoch))
    assert story.state is State.QUEUED
    assert story.words(Word.NOBODY_TAKES_IT)
    story.wait(300)
    assert story.codes[-1] == "all_busy"
    assert story.handling.declined == (), "and then all are asked anew"


def test_e34_a_blocked_visitor_leaves_the_queue_and_the_agents_place_is_free(story: Story) -> None:
    story.asks()
    story.rings()
    story.act(does.Block(by="dee", epoch=story.epoch))
    assert story.state is State.CLOSED
    assert story.handling.close_reason == "blocked"
    assert story.world.load("ana") == 0


def test_those_who_wait_while_all_go_home_become_tickets_and_queue_again_when_somebody_comes(story: Story) -> None:
    story.asks()
    story.everyone_goes_home()
    story.look()
    assert story.state is State.OFFLINE_FORM
    story.presence("ben", Presence.AVAILABLE)
    assert story.state is State.QUEUED
    assert story.last == "Our team is back. You are number 1."
    assert story.handling.enqueued_at == MONDAY


def test_agents_who_are_away_keep_those_who_wait_in_the_queue(story: Story) -> None:
    story.asks()
    story.presence("ana", Presence.AWAY)
    story.presence("ben", Presence.AWAY)
    assert story.state is State.QUEUED


def test_when_it_takes_too_long_another_department_takes_over_at_the_same_place(story: Story) -> None:
    billed = story.world.cases[3]
    story.world.now += 15 * 60_000
    began = story.world.now
    story.asks(billed)
    story.wait(120)
    assert (billed.handling.department, billed.handling.enqueued_at) == ("general", began)


def test_a_ticket_is_taken_by_an_agent(story: Story) -> None:
    story.everyone_goes_home()
    story.asks()
    story.act(does.MessageLeft(email="ann@example.com"))
    story.act(does.VisitorLeft())
    story.world.presence["ana"] = Presence.AVAILABLE
    assert isinstance(story.accepts("ana"), Transition)
    assert story.handling.agent == "ana"
    assert [notice.agent for notice in story.words(Word.MAIL)] == ["ana"]
