"""Errors as agents' browsers are told of them."""

from server.errors import (
    AlreadyTaken,
    BadCommand,
    Busy,
    ConversationNotFound,
    IdReused,
    NotAllowed,
    Outdated,
    ServerError,
)
from server.wire.agent_frames import AgentCode, AgentProblem

_LATER_MS = 2_000
_CODES: tuple[tuple[type[ServerError], AgentCode], ...] = (
    (AlreadyTaken, AgentCode.ALREADY_TAKEN),
    (Busy, AgentCode.BUSY),
    (Outdated, AgentCode.STALE),
    (NotAllowed, AgentCode.NOT_ALLOWED),
    (ConversationNotFound, AgentCode.NOT_FOUND),
    (IdReused, AgentCode.ID_REUSED),
    (BadCommand, AgentCode.BAD_VALUE),
)


def problem_of(error: ServerError, client_msg_id: str) -> AgentProblem:
    """Say an error the way a browser may hear it: what is to be done is in the code, never only in the words."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return AgentProblem(
                code=code.value,
                message=str(error),
                client_msg_id=client_msg_id,
                retry_after_ms=error.retry_after_ms if isinstance(error, Busy) else 0,
                by=error.by if isinstance(error, AlreadyTaken) else "",
                at=error.at if isinstance(error, AlreadyTaken) else 0,
            )
    return AgentProblem(
        code=AgentCode.UNAVAILABLE.value,
        message="this could not be stored just now; it is tried again.",
        client_msg_id=client_msg_id,
        retry_after_ms=_LATER_MS,
    )
