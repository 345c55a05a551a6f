"""What comes of an action: a transition, or the reason why there is none."""

from enum import StrEnum

import msgspec

from server.handoff.states import Handling, Millis, Moved, State, Status
from server.handoff.timers import Timer


class Step(StrEnum):
    """The transitions, by the name that the audit gives them."""

    OFFERED = "offered"
    OFFER_DECLINED = "offer_declined"
    OFFER_EXPIRED = "offer_expired"
    OFFER_PASSED = "offer_passed"
    ASKED = "asked"
    OFFLINE = "offline"
    MESSAGE_LEFT = "message_left"
    RANG = "rang"
    ACCEPTED = "accepted"
    RING_DECLINED = "ring_declined"
    RING_MISSED = "ring_missed"
    RING_WITHDRAWN = "ring_withdrawn"
    POSITION = "position"
    STILL_WAITING = "still_waiting"
    CANCELLED = "cancelled"
    PLACE_LOST = "place_lost"
    ALL_BUSY = "all_busy"
    KEPT_WAITING = "kept_waiting"
    ASKING_BOT = "asking_bot"
    UNSERVED = "unserved"
    DEPARTMENT_CHANGED = "department_changed"
    TEAM_BACK = "team_back"
    TAKEN_OVER = "taken_over"
    TRANSFER_ASKED = "transfer_asked"
    TRANSFER_ACCEPTED = "transfer_accepted"
    TRANSFER_DECLINED = "transfer_declined"
    TRANSFER_MISSED = "transfer_missed"
    TRANSFER_TARGET_GONE = "transfer_target_gone"
    PASSED_ON = "passed_on"
    AGENT_WARNED = "agent_warned"
    REPLY_LATE = "reply_late"
    AGENT_TOO_SLOW = "agent_too_slow"
    AGENT_LEFT = "agent_left"
    AGENT_RETURNED = "agent_returned"
    AGENT_LOST = "agent_lost"
    AGENT_REMOVED = "agent_removed"
    VISITOR_LEFT = "visitor_left"
    VISITOR_AWAY = "visitor_away"
    VISITOR_RETURNED = "visitor_returned"
    NUDGED = "nudged"
    VISITOR_IDLE = "visitor_idle"
    RETURNED_TO_BOT = "returned_to_bot"
    CLOSED = "closed"
    WRAPPED_UP = "wrapped_up"
    TAGGED = "tagged"
    RATED = "rated"
    ASSIGNED = "assigned"
    REQUEUED = "requeued"
    BLOCKED = "blocked"
    TICKET_TAKEN = "ticket_taken"
    RECONNECTING = "reconnecting"
    REOPENED = "reopened"
    NEW_EPISODE = "new_episode"
    BOT_FAILED = "bot_failed"
    HELD = "held"
    RESUMED = "resumed"
    IDLE = "idle"


class Word(StrEnum):
    """Why somebody is notified."""

    WAITS = "waits"  # a conversation is in the queue
    RINGS = "rings"
    RING_OVER = "ring_over"  # the card goes away
    SET_AWAY = "set_away"  # too many rings missed: the presence becomes away
    NOBODY_TAKES_IT = "nobody_takes_it"
    TICKET = "ticket"
    MINE = "mine"  # you have it now
    TAKEN_OVER = "taken_over"  # you had it
    REASSIGNED = "reassigned"  # you had it, and were too slow or away
    ASKED_TO_TAKE = "asked_to_take"
    TRANSFER_OVER = "transfer_over"  # the card goes away
    TRANSFER_BACK = "transfer_back"  # you asked, and `by` declined, or nobody took it
    GOES_ROUND = "goes_round"  # it comes back to who had it already
    FIRST_REPLY_DUE = "first_reply_due"
    REPLY_LATE = "reply_late"
    VISITOR_AWAY = "visitor_away"
    VISITOR_BACK = "visitor_back"
    ENDED = "ended"
    MAIL = "mail"  # the visitor is not here, but left an address


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody is to be told now."""

    word: Word
    agent: str = ""  # one agent
    department: str = ""  # or all agents of a department that are there
    supervisors: bool = False  # of the department only those who supervise
    by: str = ""  # the agent who caused it


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """What an action makes of a handling. It holds whole, or not at all."""

    handling: Handling  # after it
    moved: Moved | None  # the audit record; None where what was said is the record
    status: Status | None = None  # what the visitor is told
    notices: tuple[Notice, ...] = ()
    timers: tuple[Timer, ...] = ()  # all that are set from now on; those set before are void


class AlreadyTaken(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Another agent was faster."""

    by: str
    at: Millis


class Changed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """It is no longer as the agent saw it: look again."""

    state: State
    epoch: int


class NotAllowed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Not by this agent, or not as things stand. Trying again cannot help."""

    why: str  # a sentence


class TooEarly(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """It is not time yet; try again then."""

    until: Millis


class NothingToDo(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """It is so already, or concerns nobody any more. No error."""


Refusal = AlreadyTaken | Changed | NotAllowed | TooEarly | NothingToDo
Result = Transition | Refusal
