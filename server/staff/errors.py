"""What can go wrong with accounts."""

from server.errors import BadCommand, ServerError


class StaffUnavailable(ServerError):
    """The accounts cannot be read or written; trying again may work."""


class BadValue(BadCommand):
    """A value is not as it must be; the message says how it must be."""


class BadPassword(BadValue):
    """The password cannot be used as one; another one may."""


class NotYours(ServerError):
    """Somebody may do this, but not this agent. Trying again cannot help."""


class NoSuchThing(ServerError):
    """There is no such agent, department or reply in the workspace. Trying again cannot help."""


class SignInRefused(ServerError):
    """Login and password do not belong together, or the account is disabled. It is not said which."""

    def __init__(self) -> None:
        super().__init__("this login and password do not belong together.")


class LockedOut(ServerError):
    """Too many attempts failed; the next one is looked at after `retry_after_s`."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many attempts failed; try again in {retry_after_s} s.")
        self.retry_after_s = retry_after_s
