"""One conversation in memory: its state, its unanswered words, and the order of what is added to it."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

from engine.types import Exchange
from server.conversations.events import Acted, Action, Event, Noted, Opened, Replied, Spoke, Understood
from server.conversations.hub import Key
from server.conversations.recent import Recent
from server.conversations.state import VISITOR, Fence, Head
from server.handoff.outcomes import Step
from server.handoff.states import ENDED, Moved, Status

HISTORY = 6  # exchanges that the engine is told of
_REMEMBERED = 64  # client ids looked up without the log


class Lane:
    """What the service knows of a conversation that somebody follows or adds to.

    Whoever appends holds `turnstile`, so that numbers are given in one order. Nothing that waits for a model or a peer
    is done while holding it.
    """

    def __init__(self, head: Head) -> None:
        self.turnstile = asyncio.Lock()
        self.reset(head)
        self.first_unanswered_at = 0.0  # on the monotonic clock
        self.last_said_at = 0.0
        self.typing_until = 0.0
        self.answering: asyncio.Task[None] | None = None
        self.answering_to: Fence | None = None  # the turn that is being answered
        self.recording: Fence | None = None  # the turn whose answer is being stored
        self.users = 0  # sessions and calls that need the lane

    def reset(self, head: Head) -> None:
        """Begin anew from a state; what led to it is to be remembered again."""
        self.head = head
        self.history: tuple[Exchange, ...] = ()  # the last exchanges with the bot, oldest first
        self.unanswered: list[str] = []  # what the visitor said since the bot's last reply
        self.offered: dict[str, str] = {}  # the choices offered last: entry id -> label
        self.chosen = ""  # the one whose button was pressed
        self.recent = Recent()
        self._with_bot = True
        self._by_client_id: OrderedDict[tuple[str, str], Event] = OrderedDict()

    @property
    def key(self) -> Key:
        """Names the conversation."""
        return self.head.workspace, self.head.conversation

    def remember(self, events: Sequence[Event]) -> None:
        """Take over stored events."""
        for event in events:
            if event.client_msg_id:
                self._by_client_id[event.author, event.client_msg_id] = event
            self._follow(event)
        while len(self._by_client_id) > _REMEMBERED:
            self._by_client_id.popitem(last=False)

    def _follow(self, event: Event) -> None:
        self.recent.follow(event)
        match event.body:
            case Spoke(text=text) if event.author == VISITOR:
                self.unanswered.append(text)
                self.chosen = ""
            case Acted(action=Action.CHOOSE, value=entry_id, label=label):
                self.unanswered.append(label)
                self.chosen = entry_id
            case Acted(action=Action.HUMAN, label=label):
                self.unanswered.append(label)
            case Replied(choices=choices):
                self.unanswered.clear()
                self.chosen = ""
                self.offered = {choice.entry_id: choice.label for choice in choices} or self.offered
            case Understood():
                self.history = (*self.history, exchange_of(event.body))[-HISTORY:]
            case Moved() as moved:
                self._moved(moved)
            case Opened() | Spoke() | Acted() | Status() | Noted() | None:
                pass  # nothing that the bot must answer

    def _moved(self, moved: Moved) -> None:
        """Forget what is not the bot's to answer any more (as `state.apply`), and what an earlier episode was about."""
        with_bot = moved.handling.bot_may_speak
        if not (self._with_bot and with_bot):
            self.recent.clear()
        if not (self._with_bot and with_bot) or (moved.actor == VISITOR and moved.transition == Step.ASKED):
            self.unanswered.clear()
            self.chosen = ""
        if moved.from_state in ENDED and moved.to_state not in ENDED:
            self.history, self.offered = (), {}
        self._with_bot = with_bot

    def heard(self, now: float) -> None:
        """Note when the visitor said something, on the monotonic clock."""
        self.last_said_at = now
        self.typing_until = 0.0
        if len(self.unanswered) == 1:
            self.first_unanswered_at = now

    def known(self, author: str, client_msg_id: str) -> Event | None:
        """Find a recent event by the id that its client gave it."""
        return self._by_client_id.get((author, client_msg_id))


def exchange_of(understood: Understood) -> Exchange:
    """Give a turn as the next one needs to know it."""
    return Exchange(
        text=understood.text,
        question=understood.question,
        decision=understood.decision,
        entry_ids=understood.entry_ids,
    )
