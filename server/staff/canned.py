"""Replies that are written once and used often: an agent's own, a department's, or everybody's."""

import re
from collections.abc import Iterable

import msgspec

from server.handoff.staff import Agent
from server.ids import new_id, to_text
from server.staff.audit import Audit, difference
from server.staff.errors import BadValue, NoSuchThing, NotYours
from server.staff.file import StaffFile
from server.staff.permissions import Permission, may

PLACEHOLDERS = ("visitor", "agent", "department")  # written {visitor}; the page fills them in
_SHORTCUT = re.compile(r"[\w-]{1,40}")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_MAX_TEXT_CHARS = 4_000
_MOST = 1_000  # of one agent, and shared ones of a workspace


class CannedReply(msgspec.Struct, frozen=True, kw_only=True):
    """A reply."""

    id: str
    shortcut: str  # what is typed after "/"
    text_zh: str = ""
    text_en: str = ""
    department: str = ""  # whose it is, where it is shared; "": everybody's
    mine: bool = False  # nobody else sees it


class Canned:
    """All replies of an installation."""

    def __init__(self, file: StaffFile, audit: Audit) -> None:
        self._file = file
        self._audit = audit

    def seen_by(self, agent: Agent) -> list[CannedReply]:
        """Give the replies that an agent may use, by their shortcuts."""
        sql = "SELECT body FROM canned WHERE workspace = ? AND owner IN ('', ?)"
        found = [_reply(row[0]) for row in self._file.rows(sql, (agent.workspace, agent.id))]
        everywhere = may(agent, Permission.SEE_ALL)
        return sorted(
            (each for each in found if everywhere or each.mine or each.department in ("", *agent.departments)),
            key=lambda each: (each.shortcut, each.id),
        )

    def put(self, agent: Agent, reply: CannedReply, departments: Iterable[str], *, new: bool) -> CannedReply:
        """Add a reply, or change one.

        Raises:
            NoSuchThing: there is none to change that the agent may see.
            BadValue: it is not as it must be.
            NotYours: it is not the agent's to write.
        """
        reply = _checked(reply, departments)
        self._require_may_write(agent, reply)
        before = None if new else self._found(agent, reply.id)
        if before is not None:
            self._require_may_write(agent, before)
        if new:
            reply = msgspec.structs.replace(reply, id=to_text(new_id()))
        owner, body = agent.id if reply.mine else "", msgspec.json.encode(reply).decode()
        with self._file.writing() as db:
            sql = "SELECT count(*) FROM canned WHERE workspace = ? AND owner = ?"
            if new and db.execute(sql, (agent.workspace, owner)).fetchone()[0] >= _MOST:
                raise BadValue(f"there are {_MOST} replies already; remove some first.")
            db.execute(
                "INSERT INTO canned VALUES (?,?,?,?) "
                "ON CONFLICT DO UPDATE SET owner = excluded.owner, body = excluded.body",
                (agent.workspace, reply.id, owner, body),
            )
            if not (reply.mine and (before is None or before.mine)):
                change = difference(before, reply)
                action = "canned.added" if new else "canned.changed"
                self._audit.note(db, agent.workspace, f"agent:{agent.id}", action, reply.id, change)
        return reply

    def remove(self, agent: Agent, reply: str) -> None:
        """Remove a reply.

        Raises:
            NoSuchThing: there is none that the agent may see.
            NotYours: it is not the agent's to remove.
        """
        before = self._found(agent, reply)
        self._require_may_write(agent, before)
        with self._file.writing() as db:
            db.execute("DELETE FROM canned WHERE workspace = ? AND id = ?", (agent.workspace, reply))
            if not before.mine:
                change = difference(before, None)
                self._audit.note(db, agent.workspace, f"agent:{agent.id}", "canned.removed", reply, change)

    def _found(self, agent: Agent, reply: str) -> CannedReply:
        for each in self.seen_by(agent):
            if each.id == reply:
                return each
        raise NoSuchThing("there is no such reply.")

    def _require_may_write(self, agent: Agent, reply: CannedReply) -> None:
        if reply.mine:
            return
        theirs = may(agent, Permission.SEE_ALL) or reply.department in ("", *agent.departments)
        if not may(agent, Permission.CANNED_SHARED) or not theirs:
            raise NotYours("replies that others use are written by a supervisor.")


def _checked(reply: CannedReply, departments: Iterable[str]) -> CannedReply:
    if _SHORTCUT.fullmatch(reply.shortcut) is None:
        raise BadValue("a shortcut has 1 to 40 letters, digits, _ and -.")
    texts = (reply.text_zh.strip(), reply.text_en.strip())
    if not any(texts) or max(map(len, texts)) > _MAX_TEXT_CHARS or "\0" in "".join(texts):
        raise BadValue(f"a reply has a text in Chinese or English, of {_MAX_TEXT_CHARS} characters at most.")
    for name in _PLACEHOLDER.findall("".join(texts)):
        if name not in PLACEHOLDERS:
            raise BadValue(f"placeholders are {', '.join(PLACEHOLDERS)}, not {name!r}.")
    if reply.department and (reply.mine or reply.department not in set(departments)):
        raise BadValue("a reply belongs to you, to a department that there is, or to everybody.")
    return msgspec.structs.replace(reply, text_zh=texts[0], text_en=texts[1])


def _reply(body: str) -> CannedReply:
    return msgspec.json.decode(body, type=CannedReply)
