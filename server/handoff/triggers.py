"""When the bot's part should end: what the last turns say about whether a person is needed."""

from collections.abc import Sequence

import msgspec

from engine.types import Reason
from server.handoff.actions import TurnSeen

# These go to a person at once; all others are offered, and the visitor decides. It is decided here, whatever the
# engine proposed.
AT_ONCE = frozenset(
    {
        Reason.CUSTOMER_REQUEST,
        Reason.COMPLAINT,
        Reason.SAFETY,
        Reason.RESTRICTED_TOPIC,
        Reason.TOOL_FAILURE,
    }
)
QUIET_TURNS = 3  # after a "no" nothing is offered for so many turns
UPSET_AT = -0.8  # sentiment at or below which a visitor is upset; the engine's policy has the same
_FAILED = frozenset({"clarify", "unknown"})


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """A person is needed."""

    reason: Reason

    @property
    def at_once(self) -> bool:
        """Whether the visitor is not asked first."""
        return self.reason in AT_ONCE


def need(recent: Sequence[TurnSeen]) -> Need | None:
    """Tell whether the last turn calls for a person.

    Args:
        recent: the turns that the bot answered since it has the conversation, oldest first.
    """
    if not recent:
        return None
    reason = _said_by_engine(recent[-1]) or _rated_down(recent) or _unsure(recent) or _asked_again(recent)
    reason = reason or _upset(recent)
    return Need(reason=reason) if reason is not None else None


def need_by_rating(recent: Sequence[TurnSeen]) -> Need | None:
    """Tell whether the thumbs call for a person."""
    reason = _rated_down(recent)
    return Need(reason=reason) if reason is not None else None


def _said_by_engine(last: TurnSeen) -> Reason | None:
    if last.decision != "handoff":
        return None
    try:
        return Reason(last.reason)
    except ValueError:  # of a newer engine
        return Reason.CUSTOMER_REQUEST


def _rated_down(recent: Sequence[TurnSeen]) -> Reason | None:
    rated = [turn.thumb for turn in recent if turn.thumb][-2:]
    return Reason.NEGATIVE_FEEDBACK if rated == ["down", "down"] else None


def _unsure(recent: Sequence[TurnSeen]) -> Reason | None:
    last_two = [turn.decision in _FAILED for turn in recent[-2:]]
    return Reason.LOW_CONFIDENCE if last_two == [True, True] else None


def _asked_again(recent: Sequence[TurnSeen]) -> Reason | None:
    """The same answer for the third time in a row: the question was put in other words twice."""
    entries = [turn.entry_id for turn in recent[-3:] if turn.decision in ("answer", "clarify")]
    same = len(entries) == 3 and entries[0] != "" and len(set(entries)) == 1
    return Reason.REPEATED_FAILURE if same else None


def _upset(recent: Sequence[TurnSeen]) -> Reason | None:
    """Upset and unanswered; or upset twice in three turns, answered or not: an answer alone does not help then."""
    last = recent[-1]
    if last.sentiment > UPSET_AT:
        return None
    times = sum(turn.sentiment <= UPSET_AT for turn in recent[-3:])
    return Reason.NEGATIVE_SENTIMENT if last.decision in _FAILED or times >= 2 else None
