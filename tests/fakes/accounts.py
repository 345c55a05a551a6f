"""Accounts over a file, with passwords that cost next to nothing."""

from pathlib import Path

from argon2 import PasswordHasher

from server.handoff.staff import Agent, Role
from server.staff.file import StaffFile
from server.staff.passwords import Passwords
from server.staff.running import RunningStaff

PASSWORD = "correct horse battery"


def cheap() -> Passwords:
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def open_staff(home: Path) -> RunningStaff:
    staff = RunningStaff.over(StaffFile(home / "staff.db"), cheap())
    staff.accounts.load()
    return staff


def add(staff: RunningStaff, login: str, workspace: str = "acme", **values: object) -> Agent:
    """Add somebody whose password is `PASSWORD`."""
    agent = Agent(id="", workspace=workspace, login=login, name=login.title(), **values)
    agent = staff.accounts.add(agent, staff.passwords.hash(PASSWORD), actor="command")
    staff.accounts.load()
    return agent


def add_three(staff: RunningStaff, workspace: str = "acme") -> dict[Role, Agent]:
    """Add one of each role."""
    return {role: add(staff, f"{role.value}1", workspace, role=role) for role in Role}
