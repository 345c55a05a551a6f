"""Who is there: the live sessions of each conversation, and delivery to all of them."""

from typing import Protocol

from server.conversations.events import Event
from server.conversations.signals import Signal

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
        self._sessions: dict[Key, list[Session]] = {}

    def join(self, key: Key, session: Session) -> None:
        """Let a session have what happens from now on."""
        self._sessions.setdefault(key, []).append(session)

    def leave(self, key: Key, session: Session) -> None:
        """Forget a session; one that never joined is no error."""
        others = [each for each in self._sessions.get(key, ()) if each is not session]
        if others:
            self._sessions[key] = others
        else:
            self._sessions.pop(key, None)

    def publish(self, key: Key, event: Event) -> None:
        """Give a stored event to all sessions."""
        for session in tuple(self._sessions.get(key, ())):
            session.deliver(event)

    def signal(self, key: Key, signal: Signal, *, but: Session | None = None) -> None:
        """Give something ephemeral to all sessions but its sender's."""
        for session in tuple(self._sessions.get(key, ())):
            if session is not but:
                session.signal(signal)

    def present(self, key: Key) -> bool:
        """Whether anybody follows the conversation."""
        return key in self._sessions
