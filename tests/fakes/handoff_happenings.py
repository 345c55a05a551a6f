"""What can happen at a small company. Each thing is chosen by numbers, so that a test can shrink them."""

from msgspec.structs import replace

from server.handoff import actions as does
from server.handoff.actions import Action, TurnSeen, WaitChoice
from server.handoff.outcomes import AlreadyTaken, Changed, Transition
from server.handoff.routing import Presence
from server.handoff.states import WITH_AGENT, State
from tests.fakes.handoff_world import PEOPLE, Case, World


def happen(world: World, what: int, case: int, who: int, amount: int) -> None:
    """Let one thing happen; the numbers say which."""
    HAPPENINGS[what % len(HAPPENINGS)](world, world.cases[case % len(world.cases)], PEOPLE[who % len(PEOPLE)], amount)


def _visitor_speaks(world: World, case: Case, who: str, amount: int) -> None:
    case.turn += 1
    world.act(case, does.VisitorSpoke())
    if case.handling.bot_may_speak:
        case.thinking = (case.handling.owner_epoch, case.turn)


def _bot_answers(world: World, case: Case, who: str, amount: int) -> None:
    case = next((each for each in world.cases if each.thinking is not None), case)
    if case.thinking is None:
        return
    holds = case.thinking == (case.handling.owner_epoch, case.turn) and case.handling.bot_may_speak
    world.bot_line(case)
    if not holds:
        return
    decision, reason = TURNS[amount % len(TURNS)]
    seen = TurnSeen(decision=decision, reason=reason, entry_id="e1" if decision == "answer" else "")
    case.recent = (*case.recent, seen)[-6:]
    world.act(case, does.BotReplied(recent=case.recent))


def _bot_fails(world: World, case: Case, who: str, amount: int) -> None:
    world.act(case, does.BotFailed())


def _asks_for_person(world: World, case: Case, who: str, amount: int) -> None:
    case.turn += 1
    world.act(case, does.AskedForPerson())


def _presses(world: World, case: Case, who: str, amount: int) -> None:
    pressed: list[Action] = [
        does.OfferAnswered(yes=True),
        does.OfferAnswered(yes=False),
        does.Cancelled(),
        does.ChatEnded(),
        does.ChatRated(stars=1 + amount % 5),
        does.MessageLeft(email="v@example.com"),
        does.ReplyRated(recent=(TurnSeen(decision="answer", thumb="down"),) * 2),
        *(does.WaitChosen(choice=choice) for choice in WaitChoice),
    ]
    case.turn += 1
    world.act(case, pressed[amount % len(pressed)])


def _visitor_goes_or_comes(world: World, case: Case, who: str, amount: int) -> None:
    world.act(case, does.VisitorReturned() if case.handling.visitor_gone_at else does.VisitorLeft())


def _agent_takes(world: World, case: Case, who: str, amount: int) -> None:
    epoch = case.handling.epoch - (amount % 7 == 0)
    result = world.act(case, does.Accept(by=who, epoch=epoch))
    if not isinstance(result, Transition):
        return
    other = next(name for name in PEOPLE if name != who)
    late = world.act(case, does.Accept(by=other, epoch=epoch))
    member = case.handling.department in world.people[other].departments or other == "dee"
    if member and not world.people[other].disabled:
        assert late == AlreadyTaken(by=who, at=world.now)


def _offered_agent_takes(world: World, case: Case, who: str, amount: int) -> None:
    case = world.one_in({State.RINGING}, case)
    taker = case.handling.offered_to or who
    world.act(case, does.Accept(by=taker, epoch=case.handling.epoch))


def _agent_acts(world: World, case: Case, who: str, amount: int) -> None:
    case = world.one_in(WITH_AGENT, case) if amount % 2 else case
    handling = case.handling
    by = handling.agent or who
    epoch = handling.epoch - (amount % 13 == 0)
    other = PEOPLE[amount // 17 % len(PEOPLE)]
    acts: list[Action] = [
        does.AgentSpoke(by=by),
        does.AgentSpoke(by=who),
        does.Transfer(by=by, epoch=epoch, note="knows more", to_agent=other),
        does.Hold(by=by, epoch=epoch),
        does.Resume(by=by, epoch=epoch),
        does.Transfer(by=by, epoch=epoch, note="knows it", to_agent=other),
        does.Transfer(by=by, epoch=epoch, note="theirs", to_department="billing"),
        does.Transfer(by=by, epoch=epoch, note="theirs", to_department="general", cold=True),
        does.ReturnToBot(by=by, epoch=epoch, note="done"),
        does.CloseChat(by=by, epoch=epoch, tags=("refund",)),
        does.FinishWrapUp(by=by, epoch=epoch),
        does.SetTags(by=by, epoch=epoch, tags=("vip",)),
        does.TakeOver(by=who, epoch=epoch),
        does.Decline(by=handling.offered_to or who, epoch=epoch),
        does.Assign(by="dee", epoch=epoch, agent=other),
        does.Requeue(by="dee", epoch=epoch),
        does.Block(by="dee", epoch=epoch),
    ]
    result = world.act(case, acts[amount % len(acts)])
    if epoch != handling.epoch and not isinstance(acts[amount % len(acts)], does.AgentSpoke | does.SetTags):
        assert not isinstance(result, Transition), "an agent's action of another epoch counted"
        assert isinstance(result, Changed | AlreadyTaken) or case.handling == handling


def _transfer_is_answered(world: World, case: Case, who: str, amount: int) -> None:
    case = world.one_in({State.TRANSFERRING}, case)
    target = case.handling.transfer_to.removeprefix("agent:") if case.handling.transfer_to.startswith("agent:") else who
    action = does.AcceptTransfer if amount % 3 else does.DeclineTransfer
    world.act(case, action(by=target, epoch=case.handling.epoch))


def _presence_changes(world: World, case: Case, who: str, amount: int) -> None:
    order = (Presence.AVAILABLE, Presence.AVAILABLE, Presence.AVAILABLE, Presence.BUSY, Presence.AWAY, Presence.OFFLINE)
    was, world.presence[who] = world.presence[who], order[amount % len(order)]
    if world.presence[who] is Presence.AVAILABLE:
        world.misses[who] = 0
    for each in world.cases:
        if world.presence[who] is Presence.OFFLINE:
            world.act(each, does.AgentLeft(agent=who))
        elif was is Presence.OFFLINE:
            world.act(each, does.AgentReturned(agent=who))
    _everybody_looks(world, case, who, amount)


def _everybody_looks(world: World, case: Case, who: str, amount: int) -> None:
    for each in world.cases:
        world.act(each, does.FloorChanged())


def _staff_changes(world: World, case: Case, who: str, amount: int) -> None:
    if amount % 4 == 0:
        agent = world.people[who]
        world.people[who] = replace(agent, disabled=not agent.disabled)
    elif amount % 4 == 1:
        world.people[who] = replace(world.people[who], capacity=1 + amount % 3)
    else:
        billing = world.departments["billing"]
        world.departments["billing"] = replace(billing, enabled=not billing.enabled)
    _everybody_looks(world, case, who, amount)


def _rings(world: World, case: Case, who: str, amount: int) -> None:
    if amount % 5:
        world.route()
    else:
        world.act(case, does.Ring(agent="" if amount % 2 else who))


def _time_passes(world: World, case: Case, who: str, amount: int) -> None:
    seconds = (1, 5, 20, 26, 46, 61, 61, 95, 130, 310)[amount % 10]
    if amount % 31 == 0:  # a long silence; a night now and then
        seconds = 33_000 if amount % 155 == 0 else 2_000
    world.pass_time(seconds)


def _a_stale_timer_fires(world: World, case: Case, who: str, amount: int) -> None:
    for timer in case.timers[:1]:
        before = case.handling
        world.act(case, does.TimerFired(kind=timer.kind, epoch=timer.epoch - 1))
        assert case.handling == before


def _server_crashes(world: World, case: Case, who: str, amount: int) -> None:
    world.crash_everything()


TURNS = [
    ("answer", ""),
    ("answer", ""),
    ("unknown", ""),
    ("clarify", ""),
    ("handoff", "customer_request"),
    ("handoff", "complaint"),
    ("handoff", "low_confidence"),
    ("smalltalk", "deny"),
    ("smalltalk", "affirm"),
]
HAPPENINGS = [
    _visitor_speaks,
    _visitor_speaks,
    _bot_answers,
    _bot_answers,
    _bot_fails,
    _asks_for_person,
    _asks_for_person,
    _presses,
    _presses,
    _visitor_goes_or_comes,
    _agent_takes,
    _offered_agent_takes,
    _offered_agent_takes,
    _agent_acts,
    _agent_acts,
    _agent_acts,
    _transfer_is_answered,
    _presence_changes,
    _presence_changes,
    _staff_changes,
    _rings,
    _rings,
    _rings,
    _time_passes,
    _time_passes,
    _time_passes,
    _a_stale_timer_fires,
    _server_crashes,
]
