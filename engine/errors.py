"""What can go wrong in the engine. A visitor never sees one of these: the caller turns them into a handoff."""


class EngineError(Exception):
    """Root of the errors that `engine` raises."""


class EngineOverloaded(EngineError):
    """Too many turns are waiting already; a person should take this one, or the caller tries again later."""

    def __init__(self, waiting: int, limit: int) -> None:
        self.waiting = waiting
        self.limit = limit
        super().__init__(f"{waiting} turns are waiting and the limit is {limit}; try again later")


class EngineClosed(EngineError):
    """The engine was closed before this turn got its answer; a person should take it, or another process."""

    def __init__(self) -> None:
        super().__init__("the engine is closing; ask again once it is open")


class SettingsError(EngineError):
    """A setting is unknown or out of range; the message names the key, the value and what is allowed."""
