"""A conversation that an agent's browser follows: each event of both audiences once, in order."""

from typing import Protocol

import msgspec

from server.console.receipts import Receipts, agent_event
from server.conversations.events import Audience, Event, Understood
from server.conversations.signals import ErasedSignal, ReadSignal, Signal, TypingSignal, WordingSignal
from server.conversations.state import Head
from server.handoff.states import Moved
from server.wire import agent_frames as frames

_encoder = msgspec.json.Encoder()


class Browser(Protocol):
    """Where frames go."""

    def put(self, raw: bytes, *, replaces: str = "") -> None:
        """Queue an encoded frame."""


class Followed:
    """Is a `server.conversations.hub.Session`."""

    def __init__(self, browser: Browser, head: Head, conversation: str, receipts: Receipts) -> None:
        self._browser = browser
        self.head = head  # as of its last transition
        self._conversation = conversation
        self._receipts = receipts
        self._shown = {Audience.PUBLIC: head.seq, Audience.INTERNAL: head.internal_seq}

    def begin(self, head: Head) -> None:
        """Show what comes after a state; what came before was shown otherwise."""
        self.head = head
        self._shown = {Audience.PUBLIC: head.seq, Audience.INTERNAL: head.internal_seq}

    def deliver(self, event: Event) -> None:
        """Show an event, once."""
        if event.seq > self._shown[event.audience]:
            self._shown[event.audience] = event.seq
            if isinstance(event.body, Moved):
                self.head = msgspec.structs.replace(self.head, handling=event.body.handling)
            self._browser.put(self._encoded(event))

    def signal(self, signal: Signal) -> None:
        """Show something ephemeral; of typing and reading only the newest waits."""
        frame: frames.ToAgent
        replaces = f"{type(signal).__name__} {self._conversation} "
        match signal:
            case ErasedSignal():
                return  # the desk tells it to all who may see the conversation, whether they follow it or not
            case TypingSignal(author=author, on=on, text=text):
                frame = frames.AgentTyping(conversation=self._conversation, author=author, on=on, text=text)
                replaces += author
            case ReadSignal(author=author, seq=seq):
                frame = frames.AgentRead(conversation=self._conversation, author=author, seq=seq)
                replaces += author
            case WordingSignal(fence=fence, text=text, aborted=aborted):
                frame = frames.AgentChunk(conversation=self._conversation, turn=fence.turn, text=text, aborted=aborted)
                replaces = ""  # a piece is no substitute for the one before
        self._browser.put(_encoder.encode(frame), replaces=replaces)

    def _encoded(self, event: Event) -> bytes:
        """Encode an event; for many browsers in a row it is done once."""
        global _last
        if _last is None or _last[0] is not event:
            receipt = None
            if isinstance(event.body, Understood):
                receipt = self._receipts.of(event.body, self.head.workspace, self.head.kb)
            frame = agent_event(event, conversation=self._conversation, receipt=receipt)
            _last = (event, _encoder.encode(frame))
        return _last[1]


_last: tuple[Event, bytes] | None = None
