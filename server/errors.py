"""What can go wrong in the server, and whether trying again helps."""


class ServerError(Exception):
    """Root of the server's errors."""


class LogUnavailable(ServerError):
    """The conversation log cannot be written or read; nothing was stored, trying again may work."""


class Conflict(ServerError):
    """Somebody else appended first; load the conversation again and decide anew."""


class IdReused(ServerError):
    """A client gave an id to a second, different message. Trying again cannot help."""

    def __init__(self, client_msg_id: str) -> None:
        super().__init__(f"the message id {client_msg_id!r} was used before for another message; give each its own.")


class BadCommand(ServerError):
    """What was asked for cannot be done as things stand. Trying again cannot help."""


class ConversationNotFound(ServerError):
    """There is no such conversation that the caller may see."""


class Busy(ServerError):
    """Too much is waiting already; trying again after `retry_after_ms` may work."""

    def __init__(self, what: str, retry_after_ms: int) -> None:
        super().__init__(f"{what}; try again in {retry_after_ms} ms.")
        self.retry_after_ms = retry_after_ms


class NotAllowed(ServerError):
    """Not by this person, or not as things stand. Trying again cannot help."""


class Outdated(ServerError):
    """It is no longer as the asker saw it: look at it again, then decide anew."""

    def __init__(self, state: str, epoch: int) -> None:
        super().__init__("the conversation has changed meanwhile; look at it again.")
        self.state = state
        self.epoch = epoch


class AlreadyTaken(ServerError):
    """Another agent was faster. Trying again cannot help."""

    def __init__(self, by: str, name: str, at: int) -> None:
        super().__init__(f"{name} has this conversation already.")
        self.by = by  # the agent's id
        self.name = name
        self.at = at  # milliseconds since 1970
