"""What each role may do: one table, for the HTTP interface, the socket and the pages."""

from collections.abc import Mapping
from enum import StrEnum

from server.handoff.staff import Agent, Role


class Permission(StrEnum):
    """Something that not everybody may do."""

    WORK = "work"  # sign in; answer, take, transfer, hold and close conversations of one's departments; note; search
    CANNED_OWN = "canned_own"  # replies of one's own
    CANNED_SHARED = "canned_shared"  # replies that everybody, or a department, has
    SUPERVISE = "supervise"  # the board, every conversation of one's departments, assign, requeue, speak in any
    AUDIT = "audit"  # read who changed what
    SEE_ALL = "see_all"  # every department
    CONFIGURE = "configure"  # agents and departments


_WORKS = frozenset({Permission.WORK, Permission.CANNED_OWN})
_SUPERVISES = _WORKS | {Permission.CANNED_SHARED, Permission.SUPERVISE, Permission.AUDIT}
_ADMINISTERS = _SUPERVISES | {Permission.SEE_ALL, Permission.CONFIGURE}

PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.AGENT: _WORKS,
    Role.SUPERVISOR: _SUPERVISES,
    Role.ADMIN: _ADMINISTERS,
}


def may(agent: Agent, permission: Permission) -> bool:
    """Whether an agent has a permission; who is disabled has none."""
    return not agent.disabled and permission in PERMISSIONS[agent.role]
