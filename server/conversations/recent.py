"""The last turns that the bot answered, as far as they tell whether a person is needed."""

from msgspec.structs import replace

from server.conversations.bot import Reply
from server.conversations.events import Acted, Action, Event, Replied, Understood
from server.handoff.actions import TurnSeen
from server.ids import to_text

_KEPT = 6


class Recent:
    """Follows a conversation's events in their order, since the bot has it."""

    def __init__(self) -> None:
        self._turns: list[tuple[str, int, TurnSeen]] = []  # the reply's id, its turn

    @property
    def turns(self) -> tuple[TurnSeen, ...]:
        """Oldest first."""
        return tuple(seen for _, _, seen in self._turns)

    def clear(self) -> None:
        """Begin anew: somebody else had the conversation, or the episode ended."""
        self._turns.clear()

    def follow(self, event: Event) -> None:
        """Take over a stored event."""
        match event.body:
            case Replied(decision=decision, reason=reason):
                self._turns.append((to_text(event.id), event.turn, TurnSeen(decision=decision, reason=reason)))
                del self._turns[:-_KEPT]
            case Understood() as understood if self._turns and self._turns[-1][1] == event.turn:
                reply, turn, seen = self._turns[-1]
                self._turns[-1] = (reply, turn, _with(seen, understood))
            case Acted(action=Action.FEEDBACK, value=thumb, about=about):
                self._turns = [
                    (reply, turn, replace(seen, thumb=thumb) if reply == about else seen)
                    for reply, turn, seen in self._turns
                ]
            case _:
                pass  # tells nothing of the bot's turns

    def and_reply(self, reply: Reply) -> tuple[TurnSeen, ...]:
        """Give the turns with one that is about to be stored."""
        seen = TurnSeen(decision=reply.said.decision, reason=reply.said.reason)
        if reply.understood is not None:
            seen = _with(seen, reply.understood)
        return (*self.turns, seen)[-_KEPT:]

    def and_thumb(self, about: str, *, up: bool) -> tuple[TurnSeen, ...]:
        """Give the turns with a rating that is about to be stored."""
        thumb = "up" if up else "down"
        return tuple(replace(seen, thumb=thumb) if reply == about else seen for reply, _, seen in self._turns)


def _with(seen: TurnSeen, understood: Understood) -> TurnSeen:
    entry_id = understood.entry_ids[0] if understood.entry_ids else ""
    return replace(seen, entry_id=entry_id, sentiment=understood.sentiment_score)
