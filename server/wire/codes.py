"""Error codes and close codes: closed lists, each with what the client should do."""

from enum import IntEnum, StrEnum


class Code(StrEnum):
    """Why a frame was refused."""

    BAD_FRAME = "bad_frame"  # not a frame, or fields of the wrong kind; mend the client
    BAD_VALUE = "bad_value"  # a field out of its range; mend the client
    ID_REUSED = "id_reused"  # the client_msg_id belongs to another message
    NOT_FOUND = "not_found"
    FORBIDDEN = "forbidden"
    RATE_LIMITED = "rate_limited"  # again after retry_after_ms
    BUSY = "busy"  # again after retry_after_ms
    UNAVAILABLE = "unavailable"  # the log cannot be written; again after retry_after_ms


class Close(IntEnum):
    """Why a connection was closed. From 3000 to 3499 come back and resume; from 3500 on do not."""

    NORMAL = 1000
    SHUTDOWN = 3001  # the server restarts
    ERASED = 3004  # what was said was erased: what is left comes with the next welcome
    EXPIRED = 3005  # the token ran out: get another one
    SLOW = 3008  # the client did not read what was sent
    NO_PONG = 3012
    RATE_LIMITED = 3013
    FULL = 3014  # too many connections; come back later
    BAD_TOKEN = 3500
    BAD_REQUEST = 3501
    NO_HELLO = 3502  # no hello in time
    TOO_MANY = 3504  # of this visitor
    REVOKED = 3505  # the key or session was withdrawn

    @property
    def comes_back(self) -> bool:
        """Whether a client should connect again and resume."""
        return 3000 <= self < 3500


def comes_back(code: int) -> bool:
    """Whether a client that did not want the end connects again; codes that are not ours mean a lost connection."""
    return not 3500 <= code < 4000
