"""Agents and departments: kept in the file of accounts, answered from memory. Is a `server.handoff.staff.Staff`."""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping

import msgspec

from server.errors import BadCommand
from server.handoff.staff import GENERAL, Agent, Department, Role
from server.ids import new_id, to_text
from server.staff.audit import Audit, difference
from server.staff.checking import checked_agent, checked_department, checked_login
from server.staff.errors import NoSuchThing
from server.staff.file import StaffFile

_agents_in = msgspec.json.Decoder(Agent)
_departments_in = msgspec.json.Decoder(Department)


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """All accounts at one moment, by workspace and id, the ids in order."""

    agents: Mapping[str, Mapping[str, Agent]] = {}
    departments: Mapping[str, Mapping[str, Department]] = {}


def general(workspace: str) -> Department:
    """Give the department that every workspace has: always open, unless it was changed."""
    return Department(id=GENERAL, workspace=workspace, name_zh="综合客服", name_en="Customer service")


class Accounts:
    """The staff. What is written is on disk when a call returns; other processes' changes come with `refresh`."""

    def __init__(self, file: StaffFile, audit: Audit | None = None) -> None:
        self._file = file
        self._audit = audit or Audit(file)
        self._followers: list[Callable[[str], None]] = []
        self._now = Snapshot()
        self._seen = -1  # the file's change counter
        self._turn = asyncio.Lock()

    # -- Staff: from memory

    def agent(self, workspace: str, agent: str) -> Agent | None:
        """Give an agent, also a disabled one."""
        return self._now.agents.get(workspace, {}).get(agent)

    def agents(self, workspace: str) -> list[Agent]:
        """Give all agents, disabled ones too, by their ids."""
        return list(self._now.agents.get(workspace, {}).values())

    def departments(self, workspace: str) -> list[Department]:
        """Give all departments by their ids."""
        known = {GENERAL: general(workspace)} | dict(self._now.departments.get(workspace, {}))
        return [known[name] for name in sorted(known)]

    def follow(self, changed: Callable[[str], None]) -> None:
        """Have a function called with the workspace in which something changed."""
        self._followers.append(changed)

    # -- keeping up

    def load(self) -> None:
        """Read everything now; for the start, and for commands."""
        self._seen, self._now = self._read()

    async def refresh(self) -> bool:
        """Take over what was changed since, here or by another process, and tell followers; give whether there was any.

        Raises:
            StaffUnavailable: the file cannot be read; what was known stays known.
        """
        async with self._turn:  # an older reading must not come behind a newer one
            if await asyncio.to_thread(self._file.change_counter) == self._seen:
                return False
            before = self._now
            self._seen, self._now = await asyncio.to_thread(self._read)
        for workspace in _changed(before, self._now):
            for tell in self._followers:
                tell(workspace)
        return True

    def _read(self) -> tuple[int, Snapshot]:
        counter = self._file.change_counter()  # before reading: what comes in between is read once more
        agents: dict[str, dict[str, Agent]] = {}
        departments: dict[str, dict[str, Department]] = {}
        for workspace, identifier, body in self._file.rows("SELECT workspace, id, body FROM agents ORDER BY id"):
            agents.setdefault(workspace, {})[identifier] = _agents_in.decode(body)
        for workspace, identifier, body in self._file.rows("SELECT workspace, id, body FROM departments ORDER BY id"):
            departments.setdefault(workspace, {})[identifier] = _departments_in.decode(body)
        return counter, Snapshot(agents=agents, departments=departments)

    # -- passwords

    def password_of(self, workspace: str, login: str) -> tuple[str, str]:
        """Give the id of the agent with a login, and what is kept of the password; ("", "") where there is none."""
        sql = "SELECT id, password FROM agents WHERE workspace = ? AND login = ? AND NOT disabled"
        found = self._file.rows(sql, (workspace, login))
        return (found[0][0], found[0][1]) if found else ("", "")

    def set_password(self, workspace: str, agent: str, kept: str, *, actor: str, but: str = "") -> None:
        """Keep another password, and sign the agent out everywhere but in one session.

        Raises:
            NoSuchThing: there is no such agent.
        """
        with self._file.writing() as db:
            sql = "UPDATE agents SET password = ? WHERE workspace = ? AND id = ?"
            if db.execute(sql, (kept, workspace, agent)).rowcount != 1:
                raise NoSuchThing("there is no such agent.")
            db.execute("DELETE FROM sessions WHERE workspace = ? AND agent = ? AND id <> ?", (workspace, agent, but))
            self._audit.note(db, workspace, actor, "agent.password", agent, {})

    def rehash(self, workspace: str, agent: str, kept: str) -> None:
        """Keep the same password in a newer form."""
        with self._file.writing() as db:
            db.execute("UPDATE agents SET password = ? WHERE workspace = ? AND id = ?", (kept, workspace, agent))

    # -- agents

    def add(self, agent: Agent, kept: str, *, actor: str) -> Agent:
        """Add an agent; give it with the id that it got.

        Raises:
            BadCommand: the login is taken, or a value is not as it must be.
        """
        agent = msgspec.structs.replace(agent, id=to_text(new_id()), login=checked_login(agent.login))
        try:
            with self._file.writing() as db:
                agent = checked_agent(agent, _departments_in_file(db, agent.workspace))
                db.execute(
                    "INSERT INTO agents (workspace, id, login, password, disabled, body) VALUES (?,?,?,?,?,?)",
                    (agent.workspace, agent.id, agent.login, kept, agent.disabled, _body(agent)),
                )
                self._audit.note(db, agent.workspace, actor, "agent.added", agent.id, difference(None, agent))
        except sqlite3.IntegrityError as error:
            raise BadCommand(f"the login {agent.login!r} is taken.") from error
        return agent

    def change(self, agent: Agent, *, actor: str) -> Agent:
        """Put an agent's new values in the place of the old ones; who is disabled is signed out.

        Raises:
            NoSuchThing: there is no such agent.
            BadCommand: a value is not as it must be, or nobody would be left to administer.
        """
        workspace = agent.workspace
        with self._file.writing() as db:
            before = _agent_in_file(db, workspace, agent.id)
            agent = msgspec.structs.replace(agent, login=before.login)
            agent = checked_agent(agent, _departments_in_file(db, workspace))
            if _administers(before) and not _administers(agent):
                _require_another(db, agent)
            db.execute(
                "UPDATE agents SET disabled = ?, body = ? WHERE workspace = ? AND id = ?",
                (agent.disabled, _body(agent), workspace, agent.id),
            )
            if agent.disabled:
                db.execute("DELETE FROM sessions WHERE workspace = ? AND agent = ?", (workspace, agent.id))
            if agent != before:
                self._audit.note(db, workspace, actor, "agent.changed", agent.id, difference(before, agent))
        return agent

    # -- departments

    def put_department(self, department: Department, *, actor: str, new: bool) -> Department:
        """Add a department, or change one.

        Raises:
            NoSuchThing: there is none to change.
            BadCommand: the id is taken, or a value is not as it must be.
        """
        workspace = department.workspace
        with self._file.writing() as db:
            known = {each.id: each for each in _departments_in_file(db, workspace)}
            before = known.get(department.id)
            if new and before is not None:
                raise BadCommand(f"there is a department {department.id!r} already.")
            if not new and before is None:
                raise NoSuchThing("there is no such department.")
            department = checked_department(department, known)
            db.execute(
                "INSERT INTO departments VALUES (?,?,?) ON CONFLICT DO UPDATE SET body = excluded.body",
                (workspace, department.id, _body(department)),
            )
            action = "department.added" if new else "department.changed"
            self._audit.note(db, workspace, actor, action, department.id, difference(before, department))
        return department


def _body(value: Agent | Department) -> str:
    return msgspec.json.encode(value).decode()


def _agent_in_file(db: sqlite3.Connection, workspace: str, agent: str) -> Agent:
    found = db.execute("SELECT body FROM agents WHERE workspace = ? AND id = ?", (workspace, agent)).fetchone()
    if found is None:
        raise NoSuchThing("there is no such agent.")
    return _agents_in.decode(found[0])


def _departments_in_file(db: sqlite3.Connection, workspace: str) -> list[Department]:
    rows = db.execute("SELECT body FROM departments WHERE workspace = ?", (workspace,))
    known = {GENERAL: general(workspace)} | {each.id: each for each in (_departments_in.decode(row[0]) for row in rows)}
    return [known[name] for name in sorted(known)]


def _administers(agent: Agent) -> bool:
    return agent.role is Role.ADMIN and not agent.disabled


def _require_another(db: sqlite3.Connection, agent: Agent) -> None:
    sql = "SELECT body FROM agents WHERE workspace = ? AND id <> ? AND NOT disabled"
    others = (_agents_in.decode(row[0]) for row in db.execute(sql, (agent.workspace, agent.id)))
    if not any(map(_administers, others)):
        raise BadCommand("this is the last administrator; make another one first.")


def _changed(before: Snapshot, after: Snapshot) -> list[str]:
    names = {*before.agents, *after.agents, *before.departments, *after.departments}
    return sorted(
        name
        for name in names
        if before.agents.get(name) != after.agents.get(name)
        or before.departments.get(name) != after.departments.get(name)
    )
