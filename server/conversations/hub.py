"""Who is there: the live sessions of each conversation, and delivery to all of them."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from server.conversations.events import Audience, Event
from server.conversations.signals import Signal, TypingSignal

Key = tuple[str, bytes]  # workspace, conversation


class Session(Protocol):
    """A live connection of a visitor's device, or of whoever else follows the conversation."""

    def deliver(self, event: Event) -> None:
        """Take an event, in the order of `seq`. Never waits: a session that cannot keep up ends, and resumes."""

    def signal(self, signal: Signal) -> None:
        """Take something ephemeral; it may be dropped."""


class Hub:
    """Sessions by conversation, on one event loop. A delivery costs one call a session."""

    def __init__(self) -> None:
        self._sessions: dict[Key, list[Session]] = {}  # of visitors
        self._watching: dict[Key, list[Session]] = {}  # of agents
        self.came_or_went: Callable[[Key], None] = lambda key: None  # told when a visitor's session joins or leaves

    def join(self, key: Key, session: Session) -> None:
        """Let a visitor's session have what happens from now on."""
        self._sessions.setdefault(key, []).append(session)
        self.came_or_went(key)

    def watch(self, key: Key, session: Session) -> None:
        """Let an agent's session have it, what visitors do not see included; once, however often it asks."""
        watching = self._watching.setdefault(key, [])
        if all(each is not session for each in watching):
            watching.append(session)

    def leave(self, key: Key, session: Session) -> None:
        """Forget a session; one that never joined is no error."""
        _drop(self._watching, key, session)
        if _drop(self._sessions, key, session):
            self.came_or_went(key)

    def publish(self, key: Key, event: Event) -> None:
        """Give a stored event to all sessions that may see it."""
        if event.audience is Audience.PUBLIC:
            for session in tuple(self._sessions.get(key, ())):
                session.deliver(event)
        for session in tuple(self._watching.get(key, ())):
            session.deliver(event)

    def signal(
        self, key: Key, signal: Signal, *, but: Session | None = None, preview: str = "", agents_only: bool = False
    ) -> None:
        """Give something ephemeral to all sessions but its sender's.

        Args:
            key: the conversation.
            signal: to be given.
            but: who sent it.
            preview: what the visitor has typed so far; only agents see it.
            agents_only: whether visitors are not told.
        """
        for session in () if agents_only else tuple(self._sessions.get(key, ())):
            if session is not but:
                session.signal(signal)
        if isinstance(signal, TypingSignal) and preview:
            signal = msgspec.structs.replace(signal, text=preview)
        for session in tuple(self._watching.get(key, ())):
            if session is not but:
                session.signal(signal)

    def present(self, key: Key) -> bool:
        """Whether a session of the visitor follows the conversation."""
        return key in self._sessions


def _drop(sessions: dict[Key, list[Session]], key: Key, session: Session) -> bool:
    """Take a session out; tell whether it was there."""
    before = sessions.get(key, ())
    others = [each for each in before if each is not session]
    if others:
        sessions[key] = others
    else:
        sessions.pop(key, None)
    return len(others) < len(before)
