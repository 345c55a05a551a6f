"""What passes between the sessions of a conversation and is never stored: dropped when stale, never resumed."""

import msgspec

from server.conversations.state import Fence


class TypingSignal(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody types, or stopped."""

    author: str
    on: bool
    text: str = ""  # what a visitor has typed so far; for agents only


class ReadSignal(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody saw all up to an event."""

    author: str
    seq: int


class WordingSignal(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a reply in the making; the event replaces it. Aborted: forget the pieces."""

    fence: Fence
    text: str = ""
    aborted: bool = False


class ErasedSignal(msgspec.Struct, frozen=True, kw_only=True):
    """What was said until now was erased: whoever shows it is to show what is left."""


ShownSignal = TypingSignal | ReadSignal | WordingSignal
Signal = ShownSignal | ErasedSignal
