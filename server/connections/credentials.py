"""Who may connect: what a token or key stands for. The workspace comes from here and from nowhere else."""

from typing import Protocol

import msgspec

from server.conversations.events import Millis


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a credential allows."""

    workspace: str
    visitor: str
    kb: str
    verified: bool  # the embedding site vouched for who the visitor is
    token: str  # to be shown next time
    expires_at: Millis
    credential: str  # names the key it came from, so that revoking that one ends its connections


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """Whose connection it is."""

    workspace: str
    name: str  # a visitor, or "agent:ID"
    credential: str  # names the key or session it came from, so that revoking that one ends the connection


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """What a client shows at hello, or a program with a request."""

    token: str = ""  # of a visitor, from an earlier welcome
    key: str = ""  # a widget's publishable key, where there is no token yet: makes a new visitor
    user: str = ""  # who the visitor is, as the embedding site says
    signature: str = ""  # of the site's server over `user`
    origin: str = ""  # of the page; "" for programs, which send none


class Refused(Exception):
    """The credential is wrong, expired or withdrawn."""

    def __init__(self, message: str, *, expired: bool = False) -> None:
        super().__init__(message)
        self.expired = expired  # another one of the same kind would do


class Gate(Protocol):
    """Checks credentials."""

    async def admit(self, credential: Credential) -> Grant:
        """Tell what a credential allows.

        Raises:
            Refused: it allows nothing.
        """
