"""Until when a conversation may stay as it is. Timers follow from the handling alone, so they survive any restart.

`due` gives all timers of a conversation; whatever was set before is void. A timer that fires for another epoch, or
before its time, does nothing.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from server.handoff.states import WAITING, WITH_AGENT, Handling, Millis, State

SECOND = 1_000


class Kind(StrEnum):
    """What a timer is for."""

    OFFER = "offer"  # the offer of a person is taken back
    RING = "ring"  # the agent did not answer
    NOTICE = "notice"  # "you are still number 2"
    QUEUE_MAX = "queue_max"  # the choices are shown
    HOURS_END = "hours_end"  # the department closes
    VISITOR_GRACE = "visitor_grace"  # the place in the queue is given up
    AWAY = "away"  # the agent is told that the visitor left
    NUDGE = "nudge"  # "are you still there?"
    VISITOR_IDLE = "visitor_idle"  # closed
    AGENT_GRACE = "agent_grace"  # the agent does not come back
    FIRST_REPLY = "first_reply"  # the agent is warned
    REASSIGN = "reassign"  # the agent is replaced
    REPLY = "reply"  # the supervisor is warned
    HOLD = "hold"
    TRANSFER = "transfer"  # nobody took it
    WRAP_UP = "wrap_up"
    IDLE = "idle"  # nothing was said to the bot


class Timer(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the log's timers."""

    kind: Kind
    epoch: int
    fire_at: Millis


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds, as a department sets them."""

    offer: int = 60
    ring: int = 25
    rings: int = 3  # a number: after so many the priority rises and the supervisor is told
    misses: int = 2  # a number: rings that an agent lets pass before being set to away
    first_notice: int = 45
    notice: int = 90
    notice_gap: int = 15  # at least between two lines in the queue
    queue_max: int = 300
    visitor_grace: int = 120
    away: int = 30
    nudge: int = 600
    visitor_idle: int = 600  # after the nudge
    agent_grace: int = 45
    first_reply: int = 90
    reassign: int = 60  # after the warning
    reply: int = 180
    reply_reassign: int = 0  # after a late later reply; 0: never, the supervisor decides
    hold: int = 86_400
    transfer: int = 60
    wrap_up: int = 60
    reopen: int = 1_800
    rating: int = 86_400
    idle: int = 1_800
    ticket: int = 604_800


_MAY_BE_ZERO = frozenset({"reply_reassign", "reopen"})
_MOST = 366 * 86_400
DEFAULTS = Limits()


def limits(overrides: Mapping[str, int]) -> Limits:
    """Give the limits of a department that sets some of them otherwise.

    Raises:
        ValueError: an unknown name, or a value out of its range.
    """
    for name, value in overrides.items():
        if name not in Limits.__struct_fields__:
            raise ValueError(f"there is no timer {name!r}; timers are {', '.join(Limits.__struct_fields__)}.")
        least = 0 if name in _MAY_BE_ZERO else 1
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _MOST:
            raise ValueError(f"timer {name} must be a whole number from {least} to {_MOST}; got {value!r}.")
    return msgspec.structs.replace(DEFAULTS, **overrides)


def due(handling: Handling, limits: Limits, *, closes_at: Millis | None = None) -> tuple[Timer, ...]:
    """Give all timers of a conversation, the first to fire first.

    Args:
        handling: where it stands.
        limits: of its department.
        closes_at: when the department closes, if it does.
    """
    state = handling.state
    if state in WAITING:
        at = _while_waiting(handling, limits, closes_at)
    elif state in WITH_AGENT:
        at = _with_an_agent(handling, limits)
    else:
        at = _else(handling, limits)
    timers = (Timer(kind=kind, epoch=handling.epoch, fire_at=moment) for kind, moment in at.items())
    return tuple(sorted(timers, key=lambda timer: (timer.fire_at, timer.kind)))


def _while_waiting(handling: Handling, limits: Limits, closes_at: Millis | None) -> dict[Kind, Millis]:
    notice = limits.notice if handling.reminded else limits.first_notice
    at = {
        Kind.NOTICE: handling.noticed_at + notice * SECOND,
        Kind.QUEUE_MAX: handling.asked_at + limits.queue_max * SECOND,
    }
    if closes_at is not None:
        at[Kind.HOURS_END] = closes_at
    if handling.state is State.RINGING:
        at[Kind.RING] = handling.since + limits.ring * SECOND
    elif handling.visitor_gone_at:  # while it rings the ring goes on
        at[Kind.VISITOR_GRACE] = handling.visitor_gone_at + limits.visitor_grace * SECOND
    return at


def _with_an_agent(handling: Handling, limits: Limits) -> dict[Kind, Millis]:
    at: dict[Kind, Millis] = {}
    if handling.agent_gone_at:
        at[Kind.AGENT_GRACE] = handling.agent_gone_at + limits.agent_grace * SECOND
    if handling.visitor_gone_at and not handling.away_marked:
        at[Kind.AWAY] = handling.visitor_gone_at + limits.away * SECOND
    if handling.state is State.ON_HOLD:
        at[Kind.HOLD] = handling.hold_until
    elif handling.state is State.TRANSFERRING:
        at[Kind.TRANSFER] = handling.since + limits.transfer * SECOND
    elif not handling.agent_gone_at:
        at |= _while_answering(handling, limits)
    return at


def _while_answering(handling: Handling, limits: Limits) -> dict[Kind, Millis]:
    """Give the timers of a chat whose agent is there: one of the two has to speak."""
    if not handling.spoke_at:
        warning = handling.accepted_at + limits.first_reply * SECOND
        return {Kind.REASSIGN: warning + limits.reassign * SECOND} if handling.warned else {Kind.FIRST_REPLY: warning}
    if handling.waits_since:
        if not handling.warned:
            return {Kind.REPLY: handling.waits_since + limits.reply * SECOND}
        if limits.reply_reassign:
            return {Kind.REASSIGN: handling.waits_since + (limits.reply + limits.reply_reassign) * SECOND}
        return {}
    quiet_since = max(handling.spoke_at, handling.heard_at, handling.since)
    nudge = quiet_since + limits.nudge * SECOND
    return {Kind.VISITOR_IDLE: nudge + limits.visitor_idle * SECOND} if handling.nudged else {Kind.NUDGE: nudge}


def _else(handling: Handling, limits: Limits) -> dict[Kind, Millis]:
    last = max(handling.since, handling.heard_at)
    match handling.state:
        case State.OFFER:
            return {Kind.OFFER: handling.since + limits.offer * SECOND}
        case State.BOT:
            return {Kind.IDLE: last + limits.idle * SECOND}
        case State.OFFLINE_FORM:
            return {Kind.IDLE: last + limits.ticket * SECOND}
        case State.WRAP_UP:
            return {Kind.WRAP_UP: handling.since + limits.wrap_up * SECOND}
        case _:
            return {}
