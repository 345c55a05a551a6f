"""What agents, supervisors and their visitors see while a person has the conversation, and after it."""

import pytest
from msgspec.structs import replace

from server.handoff import actions as does
from server.handoff import routing
from server.handoff.actions import TurnSeen
from server.handoff.machine import apply, decide
from server.handoff.outcomes import AlreadyTaken, Changed, NotAllowed, NothingToDo, Transition, Word
from server.handoff.routing import Presence
from server.handoff.states import State
from server.handoff.timers import Kind
from tests.fakes.handoff_story import Story
from tests.fakes.handoff_world import MONDAY


@pytest.fixture
def story() -> Story:
    """Ana has the conversation."""
    story = Story()
    story.world.people["ben"] = replace(story.world.people["ben"], capacity=2)
    story.chat_with("ana")
    return story


# -- writing


def test_only_who_has_the_conversation_writes_and_others_are_asked_whether_they_take_it_over(story: Story) -> None:
    assert isinstance(story.says("ana"), Transition)
    refused = story.says("ben")
    assert refused == NotAllowed(why="Ana has this conversation. Take it over?")


def test_a_supervisor_may_write_without_taking_it(story: Story) -> None:
    assert isinstance(story.says("dee"), Transition)
    assert story.handling.agent == "ana"


def test_nobody_writes_where_no_agent_has_it() -> None:
    assert isinstance(Story().says("ana"), NotAllowed)


def test_messages_leave_no_audit_record_for_they_are_records_themselves(story: Story) -> None:
    said = story.says("ana")
    assert isinstance(said, Transition)
    assert said.moved is None


# -- taking over


def test_a_colleague_takes_over_and_both_sides_know(story: Story) -> None:
    epoch = story.epoch
    story.act(does.TakeOver(by="ben", epoch=epoch))
    assert story.handling.agent == "ben"
    assert story.last == "Ben is now helping you."
    assert [(notice.agent, notice.by) for notice in story.words(Word.TAKEN_OVER)] == [("ana", "ben")]
    assert story.act(does.Hold(by="ana", epoch=epoch)) == AlreadyTaken(by="ben", at=MONDAY)


def test_where_only_supervisors_take_over_agents_do_not(story: Story) -> None:
    floor = replace(story.world.floor(), agents_take_over=False)
    by_agent, by_admin = does.TakeOver(by="ben", epoch=story.epoch), does.TakeOver(by="dee", epoch=story.epoch)
    assert isinstance(decide(story.handling, by_agent, floor, MONDAY), NotAllowed)
    assert isinstance(decide(story.handling, by_admin, floor, MONDAY), Transition)


def test_an_agent_takes_over_from_the_bot_and_the_answer_in_flight_is_void() -> None:
    story = Story()
    fence = story.handling.owner_epoch
    story.act(does.TakeOver(by="ana", epoch=story.epoch))
    assert story.last == "Ana joined."
    assert story.handling.owner_epoch == fence + 1


# -- transfer


def test_a_transfer_needs_a_reason_and_one_target_that_is_there(story: Story) -> None:
    for note, agent, department in (("", "ben", ""), ("why", "", ""), ("why", "ben", "billing"), ("why", "ana", "")):
        action = does.Transfer(by="ana", epoch=story.epoch, note=note, to_agent=agent, to_department=department)
        assert isinstance(story.act(action), NotAllowed), action
    story.world.presence["ben"] = Presence.BUSY
    refused = story.act(does.Transfer(by="ana", epoch=story.epoch, note="knows it", to_agent="ben"))
    assert refused == NotAllowed(why="Ben is not available just now.")


def asked_ben(story: Story) -> None:
    story.act(does.Transfer(by="ana", epoch=story.epoch, note="knows refunds", to_agent="ben"))


def test_until_the_colleague_accepts_the_old_agent_keeps_it(story: Story) -> None:
    asked_ben(story)
    assert story.state is State.TRANSFERRING
    assert story.handling.agent == "ana"
    assert story.last == "Ana is asking Ben from Support to help."
    assert (story.world.load("ana"), story.world.load("ben")) == (1, 1), "a place is held before the old one is freed"
    assert isinstance(story.says("ana"), Transition)


def test_the_colleague_accepts(story: Story) -> None:
    asked_ben(story)
    assert isinstance(story.act(does.AcceptTransfer(by="ben", epoch=story.epoch)), Transition)
    assert (story.state, story.handling.agent, story.handling.former) == (State.ACTIVE, "ben", "ana")
    assert story.last == "Ben joined."
    assert story.world.load("ana") == 0


def test_nobody_else_accepts_it(story: Story) -> None:
    asked_ben(story)
    assert isinstance(story.act(does.AcceptTransfer(by="cyd", epoch=story.epoch)), NotAllowed)
    assert isinstance(story.act(does.AcceptTransfer(by="ana", epoch=story.epoch)), NotAllowed)


@pytest.mark.parametrize("how", ["declined", "withdrawn", "no answer"])
def test_a_transfer_that_fails_leaves_it_with_the_old_agent(story: Story, how: str) -> None:
    asked_ben(story)
    match how:
        case "declined":
            story.act(does.DeclineTransfer(by="ben", epoch=story.epoch))
        case "withdrawn":
            story.act(does.DeclineTransfer(by="ana", epoch=story.epoch))
        case _:
            story.wait(60)
    assert (story.state, story.handling.agent) == (State.ACTIVE, "ana")
    assert story.last == "Ana is still with you."
    assert "ana" in [notice.agent for notice in story.words(Word.TRANSFER_BACK)]
    assert story.world.load("ben") == 0


def test_e22_a_transfer_target_that_signs_off_leaves_it_with_the_old_agent(story: Story) -> None:
    asked_ben(story)
    story.presence("ben", Presence.OFFLINE)
    assert (story.state, story.handling.agent) == (State.ACTIVE, "ana")
    assert story.handling.transfer_to == ""


def test_e23_what_goes_round_is_noticed_the_second_time_and_told_to_supervisors_the_third(story: Story) -> None:
    def passes(by: str, to: str) -> list[bool]:
        story.notices.clear()
        story.act(does.Transfer(by=by, epoch=story.epoch, note="yours", to_agent=to))
        warnings = [notice.supervisors for notice in story.words(Word.GOES_ROUND)]
        story.act(does.AcceptTransfer(by=to, epoch=story.epoch))
        return warnings

    assert passes("ana", "ben") == []
    assert passes("ben", "ana") == [False]
    assert passes("ana", "ben") == [False, True]


def test_a_whole_department_can_be_asked_and_its_first_taker_gets_it(story: Story) -> None:
    story.world.now += 15 * 60_000
    story.act(does.AgentSpoke(by="ana"))
    story.act(does.Transfer(by="ana", epoch=story.epoch, note="an invoice", to_department="billing"))
    assert story.last == "Ana is asking Billing to help."
    assert story.act(does.DeclineTransfer(by="cyd", epoch=story.epoch)) == NothingToDo()
    story.act(does.AcceptTransfer(by="cyd", epoch=story.epoch))
    assert (story.handling.agent, story.handling.department) == ("cyd", "billing")


def test_a_department_that_is_closed_is_not_asked(story: Story) -> None:
    refused = story.act(does.Transfer(by="ana", epoch=story.epoch, note="an invoice", to_department="billing"))
    assert refused == NotAllowed(why="nobody of Billing is there just now.")


def test_a_cold_transfer_puts_the_visitor_before_the_others_of_that_department(story: Story) -> None:
    story.world.now += 15 * 60_000
    story.act(does.Transfer(by="ana", epoch=story.epoch, note="an invoice", to_department="billing", cold=True))
    assert (story.state, story.handling.department, story.handling.priority) == (State.QUEUED, "billing", 1)
    assert story.last == "Ana is passing you on to Billing. You are number 1."
    assert story.world.load("ana") == 0


# -- slowness and silence


def test_an_agent_who_does_not_begin_is_warned_and_then_replaced(story: Story) -> None:
    story.wait(90)
    assert [notice.agent for notice in story.words(Word.FIRST_REPLY_DUE)] == ["ana"]
    story.wait(60)
    assert story.state is State.QUEUED
    assert (story.handling.priority, story.handling.declined) == (1, ("ana",))
    assert story.last == "Sorry for the wait. We're finding someone else. You are number 1."


def test_a_slow_agent_is_not_replaced_by_nobody(story: Story) -> None:
    story.world.presence["ben"] = Presence.OFFLINE
    story.wait(150)
    assert (story.state, story.handling.agent) == (State.ACTIVE, "ana")
    assert story.words(Word.REPLY_LATE)[0].supervisors


def test_a_late_answer_is_told_to_supervisors_and_nothing_else(story: Story) -> None:
    story.says()
    story.writes()
    told = len(story.told)
    story.wait(180)
    assert story.words(Word.REPLY_LATE)[0].supervisors
    story.wait(600)
    assert (story.state, story.handling.agent, len(story.told)) == (State.ACTIVE, "ana", told)


def test_a_silent_visitor_is_asked_once_and_then_let_go_with_a_way_back(story: Story) -> None:
    story.says()
    story.wait(600)
    assert story.last == "Are you still there?"
    story.wait(600)
    assert story.state is State.WRAP_UP
    assert story.last == "Closed for now. Reply within 30 min to reach Ana again."
    assert story.handling.close_reason == "visitor_idle"


def test_who_answers_the_nudge_stays(story: Story) -> None:
    story.says()
    story.wait(600)
    story.writes()
    story.says()
    story.wait(599)
    assert story.state is State.ACTIVE
    assert story.told.count("Are you still there?") == 1


def test_an_agent_is_told_when_the_visitor_left_half_a_minute_ago_and_when_it_is_back(story: Story) -> None:
    story.act(does.VisitorLeft())
    story.wait(29)
    assert not story.words(Word.VISITOR_AWAY)
    story.wait(1)
    assert story.words(Word.VISITOR_AWAY)
    story.act(does.VisitorReturned())
    assert story.words(Word.VISITOR_BACK)


# -- hold


def test_on_hold_the_visitor_knows_that_somebody_is_at_it_and_no_one_is_nudged(story: Story) -> None:
    story.act(does.Hold(by="ana", epoch=story.epoch))
    assert (story.state, story.last) == (State.ON_HOLD, "Ana is looking into it.")
    story.wait(3 * 3_600)
    assert story.state is State.ON_HOLD
    assert len([told for told in story.told if told == "Are you still there?"]) == 0


def test_a_message_ends_the_hold(story: Story) -> None:
    story.act(does.Hold(by="ana", epoch=story.epoch))
    story.writes()
    assert story.state is State.ACTIVE
    assert story.handling.waits_since == MONDAY


def test_a_hold_ends_by_itself_and_then_the_agent_owes_an_answer(story: Story) -> None:
    story.act(does.Hold(by="ana", epoch=story.epoch, until=MONDAY + 60_000))
    story.wait(60)
    assert story.state is State.ACTIVE
    assert story.handling.waits_since == MONDAY + 60_000


def test_a_hold_in_the_past_or_for_too_long_is_refused(story: Story) -> None:
    for until in (MONDAY - 1, MONDAY, MONDAY + 90_000_000):
        assert isinstance(story.act(does.Hold(by="ana", epoch=story.epoch, until=until)), NotAllowed)


# -- an agent's connection


def test_e4_the_chats_of_a_crashed_browser_go_to_the_front_and_are_spread_over_those_with_room() -> None:
    story = Story(cases=7)
    world = story.world
    world.people["ana"] = replace(world.people["ana"], capacity=5)
    world.people["ben"] = replace(world.people["ben"], capacity=3)
    world.people["dee"] = replace(world.people["dee"], capacity=2)
    cases = [case for case in world.cases if case.handling.department == "general"]
    chats, waiting = cases[:5], cases[5]
    for case in chats:
        story.chat_with("ana", case)
        story.act(does.AgentSpoke(by="ana"), case)
    story.asks(waiting)
    world.presence["ana"] = Presence.OFFLINE
    for case in world.cases:
        story.act(does.AgentLeft(agent="ana"), case)
    told = len(story.told)
    story.wait(44)
    assert len(story.told) == told, "nobody sees anything for 45 seconds"
    world.presence["dee"] = Presence.AVAILABLE
    story.wait(1)
    assert [case.handling.state for case in chats] == [State.QUEUED] * 5
    assert story.last == "Ana lost connection. We're connecting you to a colleague."
    ahead = sorted(world.queue(), key=lambda each: each.order)
    assert ahead[-1].conversation == waiting.name
    world.route()
    rung = sorted(case.handling.offered_to for case in chats)
    assert rung == ["ben", "ben", "ben", "dee", "dee"]
    assert waiting.handling.state is State.QUEUED


def test_e5_an_agent_who_is_back_in_time_finds_everything_as_it_was(story: Story) -> None:
    story.says()
    told = len(story.told)
    story.act(does.AgentLeft(agent="ana"))
    story.wait(40)
    story.act(does.AgentReturned(agent="ana"))
    story.wait(60)
    assert (story.state, story.handling.agent, len(story.told)) == (State.ACTIVE, "ana", told)


def test_an_agent_lost_during_a_hold_or_a_transfer_is_replaced_too(story: Story) -> None:
    asked_ben(story)
    story.act(does.AgentLeft(agent="ana"))
    story.wait(45)
    assert (story.state, story.handling.front) == (State.QUEUED, True)
    assert "ben" in [notice.agent for notice in story.words(Word.TRANSFER_OVER)]
    assert story.world.load("ben") == 0


def test_e17_when_the_hours_end_a_chat_goes_on(story: Story) -> None:
    story.hours("general", (540, 541))
    story.says()
    story.wait(500)
    story.look()
    assert (story.state, story.handling.agent) == (State.ACTIVE, "ana")


def test_e20_an_agent_who_goes_away_keeps_the_chats_and_gets_no_new_ones(story: Story) -> None:
    story.presence("ana", Presence.AWAY)
    assert story.handling.agent == "ana"
    other = story.world.cases[0]
    story.asks(other)
    assert story.act(does.Ring(agent="ana"), other) == NothingToDo()


def test_e21_a_capacity_below_the_load_takes_nothing_away(story: Story) -> None:
    story.world.people["ana"] = replace(story.world.people["ana"], capacity=1)
    story.look()
    assert story.handling.agent == "ana"
    other = story.world.cases[0]
    story.asks(other)
    assert story.act(does.Ring(agent="ana"), other) == NothingToDo()


@pytest.mark.parametrize("how", ["disabled", "deleted"])
def test_e24_the_chats_of_an_agent_who_is_no_more_go_to_the_front(story: Story, how: str) -> None:
    if how == "disabled":
        story.world.people["ana"] = replace(story.world.people["ana"], disabled=True)
    else:
        del story.world.people["ana"]
    story.look()
    assert (story.state, story.handling.front) == (State.QUEUED, True)


# -- the end of it


def test_after_the_end_the_visitor_rates_and_the_agent_finishes(story: Story) -> None:
    story.act(does.CloseChat(by="ana", epoch=story.epoch, resolution="refunded", tags=("refund", "refund")))
    assert story.state is State.WRAP_UP
    assert (story.last, story.choices) == ("This chat has ended. How did we do?", ("1", "2", "3", "4", "5"))
    assert (story.handling.resolution, story.handling.tags) == ("refunded", ("refund",))
    assert isinstance(story.act(does.ChatRated(stars=5)), Transition)
    assert story.world.load("ana") == 1
    story.wait(60)
    assert (story.state, story.handling.rating, story.world.load("ana")) == (State.CLOSED, 5, 0)


def test_a_rating_counts_for_a_day_and_is_one_to_five(story: Story) -> None:
    assert isinstance(story.act(does.ChatRated(stars=5)), NotAllowed)
    story.act(does.CloseChat(by="ana", epoch=story.epoch))
    assert isinstance(story.act(does.ChatRated(stars=6)), NotAllowed)
    story.world.now += 86_400_000
    assert isinstance(story.act(does.ChatRated(stars=5)), NotAllowed)


def test_e25_a_message_at_the_very_end_opens_it_again_and_rings_at_the_former_agent(story: Story) -> None:
    story.act(does.CloseChat(by="ana", epoch=story.epoch))
    story.writes()
    assert (story.state, story.handling.offered_to) == (State.RINGING, "ana")
    assert story.last == "Reconnecting you with Ana."
    assert story.handling.episode == 2


def test_e26_who_writes_within_the_window_while_the_former_agent_is_away_gets_the_bot_and_a_better_place(
    story: Story,
) -> None:
    story.act(does.CloseChat(by="ana", epoch=story.epoch))
    story.wait(120)
    story.presence("ana", Presence.AWAY)
    story.writes()
    assert (story.state, story.handling.former, story.handling.episode) == (State.BOT, "ana", 2)
    story.asks()
    assert (story.state, story.handling.priority) == (State.QUEUED, 1)


def test_who_presses_the_button_after_the_end_is_queued_at_once_with_a_better_place(story: Story) -> None:
    story.act(does.CloseChat(by="ana", epoch=story.epoch))
    story.presence("ana", Presence.AWAY)
    story.asks()
    assert (story.state, story.handling.priority, story.handling.episode) == (State.QUEUED, 1, 2)


def test_who_presses_the_button_after_the_end_when_nobody_is_there_begins_another_episode_with_a_ticket(
    story: Story,
) -> None:
    story.act(does.CloseChat(by="ana", epoch=story.epoch))
    story.everyone_goes_home()
    story.asks()
    assert (story.state, story.handling.episode) == (State.OFFLINE_FORM, 2)


def test_after_the_window_an_episode_begins_with_a_clean_page(story: Story) -> None:
    story.act(does.CloseChat(by="ana", epoch=story.epoch, tags=("refund",)))
    story.wait(1_800)
    story.writes()
    handling = story.handling
    assert (handling.state, handling.former, handling.tags, handling.priority) == (State.BOT, "", (), 0)
    assert handling.episode == 2


def test_the_former_agent_who_does_not_answer_leaves_the_visitor_in_the_normal_queue(story: Story) -> None:
    story.act(does.CloseChat(by="ana", epoch=story.epoch))
    story.writes()
    story.wait(25)
    assert story.state is State.QUEUED
    assert story.handling.declined == ("ana",)


def test_back_with_the_bot_the_episode_stays_one_that_a_person_handled(story: Story) -> None:
    fence = story.handling.owner_epoch
    story.act(does.ReturnToBot(by="ana", epoch=story.epoch, note="only hours left to tell"))
    assert story.state is State.BOT
    assert story.last == "Back with the assistant. Say “agent” any time."
    assert story.handling.human_handled
    assert story.handling.owner_epoch == fence + 1
    moved = story.case.log[-1].moved
    assert moved is not None
    assert moved.reason == "only hours left to tell"


def test_who_ends_it_leaves_notes_and_tags_to_the_agent(story: Story) -> None:
    story.act(does.ChatEnded())
    assert (story.state, story.handling.close_reason) == (State.WRAP_UP, "visitor_left")
    assert story.words(Word.ENDED)
    story.act(does.FinishWrapUp(by="ana", epoch=story.epoch))
    assert story.state is State.CLOSED


# -- supervisors


def test_agents_do_not_assign_requeue_or_block(story: Story) -> None:
    for action in (
        does.Assign(by="ben", epoch=story.epoch, agent="ben"),
        does.Requeue(by="ben", epoch=story.epoch),
        does.Block(by="ben", epoch=story.epoch),
        does.CloseChat(by="ben", epoch=story.epoch),
    ):
        assert isinstance(story.act(action), NotAllowed), action


def test_a_supervisor_of_another_department_is_nobody_here(story: Story) -> None:
    assert isinstance(story.act(does.Requeue(by="cyd", epoch=story.epoch)), NotAllowed)
    assert isinstance(story.says("cyd"), NotAllowed)


def test_a_supervisor_gives_it_to_somebody_else(story: Story) -> None:
    story.act(does.Assign(by="dee", epoch=story.epoch, agent="ben"))
    assert story.handling.agent == "ben"
    assert story.last == "Ben is now helping you."
    moved = story.case.log[-1].moved
    assert moved is not None
    assert moved.actor == "agent:dee"


def test_nothing_is_given_to_who_is_not_signed_in(story: Story) -> None:
    story.world.presence["ben"] = Presence.OFFLINE
    assert isinstance(story.act(does.Assign(by="dee", epoch=story.epoch, agent="ben")), NotAllowed)


def test_an_agent_may_let_go_and_is_not_rung_again(story: Story) -> None:
    story.act(does.Requeue(by="ana", epoch=story.epoch))
    assert (story.state, story.handling.declined, story.handling.priority) == (State.QUEUED, ("ana",), 1)


def test_an_action_that_names_another_epoch_does_nothing(story: Story) -> None:
    before = story.handling
    old = story.epoch - 1
    assert story.act(does.CloseChat(by="ana", epoch=old)) == Changed(state=State.ACTIVE, epoch=before.epoch)
    assert story.act(does.TakeOver(by="ben", epoch=old)) == AlreadyTaken(by="ana", at=MONDAY)
    assert story.handling == before


def test_tags_may_be_set_whatever_happened_since(story: Story) -> None:
    story.act(does.SetTags(by="ben", epoch=0, tags=("vip",)))
    assert story.handling.tags == ("vip",)
    assert isinstance(story.act(does.SetTags(by="ben", epoch=0, tags=("x" * 41,))), NotAllowed)


# -- restarts and clocks


@pytest.mark.parametrize("state", [state for state in State])
def test_e30_after_a_restart_in_any_state_all_is_as_it_was(state: State) -> None:
    story = Story()
    reach(story, state)
    assert story.state is state
    timers = story.case.timers
    story.world.crash_everything()
    again = decide(story.handling, does.FloorChanged(), story.world.floor(), MONDAY)
    assert again == NothingToDo()
    assert story.case.timers == timers


def reach(story: Story, state: State) -> None:
    """Bring a conversation into a state."""
    match state:
        case State.BOT:
            pass
        case State.OFFER:
            story.act(does.BotReplied(recent=(TurnSeen(decision="unknown"),) * 2))
        case State.QUEUED:
            story.asks()
        case State.RINGING:
            story.asks()
            story.rings()
        case State.OFFLINE_FORM:
            story.act(does.MessageLeft(email="ann@example.com"))
        case _:
            story.chat_with("ana")
            after = {
                State.ON_HOLD: [does.Hold(by="ana", epoch=story.epoch)],
                State.TRANSFERRING: [does.Transfer(by="ana", epoch=story.epoch, note="why", to_agent="ben")],
                State.WRAP_UP: [does.CloseChat(by="ana", epoch=story.epoch)],
                State.CLOSED: [does.Block(by="dee", epoch=story.epoch)],
            }
            for action in after.get(state, []):
                story.act(action)


def test_e31_a_clock_that_is_set_back_neither_fires_timers_nor_breaks_the_order(story: Story) -> None:
    before = story.handling
    story.world.now -= 3_600_000
    for timer in story.case.timers:
        story.act(does.TimerFired(kind=timer.kind, epoch=timer.epoch))
    assert story.handling == before
    story.act(does.ReturnToBot(by="ana", epoch=story.epoch))
    assert story.epoch == before.epoch + 1


def test_a_transition_cannot_be_applied_where_it_did_not_begin(story: Story) -> None:
    moved = story.case.log[-1].moved
    assert moved is not None
    with pytest.raises(ValueError, match="cannot follow"):
        apply(story.handling, moved)


def test_what_waits_idle_with_the_bot_is_closed_without_a_word() -> None:
    story = Story()
    story.wait(1_800)
    assert (story.state, story.handling.close_reason, story.told) == (State.CLOSED, "idle", [])


def test_who_writes_to_the_bot_now_and_then_is_not_idle() -> None:
    story = Story()
    story.wait(1_000)
    story.writes()
    early = story.act(does.TimerFired(kind=Kind.IDLE, epoch=story.epoch))
    assert not isinstance(early, Transition)
    story.wait(1_799)
    assert story.state is State.BOT


def test_routing_prefers_the_agent_whom_the_visitor_had_while_a_reopening_counts(story: Story) -> None:
    story.act(does.Requeue(by="dee", epoch=story.epoch))
    waiting = routing.Waiting(conversation=b"x", handling=story.handling, sticky="ben")
    assert [offer.agent for offer in routing.assign([waiting], story.world.seats(), MONDAY)] == ["ben"]
