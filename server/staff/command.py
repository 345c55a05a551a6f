"""What `kefu agents` does."""

import argparse
import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from rich.console import Console
from rich.table import Table

from server.errors import BadCommand
from server.handoff.staff import GENERAL, Agent, Role
from server.settings import Installation
from server.staff.accounts import Accounts
from server.staff.audit import COMMAND
from server.staff.checking import plain_login
from server.staff.file import StaffFile
from server.staff.passwords import Passwords, generated


def add(settings: Installation, arguments: argparse.Namespace, console: Console) -> int:
    """Add an agent, and show the password if it was made here.

    Raises:
        BadCommand: the login is taken, or a value cannot be used.
    """
    with _opened(settings) as accounts:
        password, made = _password(ask=arguments.ask_password)
        agent = Agent(
            id="",
            workspace=arguments.workspace,
            login=arguments.login,
            name=arguments.name or arguments.login,
            role=_role(arguments.role),
            departments=tuple(arguments.department) or (GENERAL,),
            languages=tuple(arguments.language),
            skills=tuple(arguments.skill),
            capacity=arguments.capacity,
        )
        agent = accounts.add(agent, Passwords().hash(password), actor=COMMAND)
    console.print(f"{agent.login} may sign in at /console", highlight=False)
    if made:
        _show(console, password)
    return 0


def show(settings: Installation, arguments: argparse.Namespace, console: Console) -> int:
    """List the agents of a workspace."""
    table = Table("login", "name", "role", "departments", "languages", "capacity", "state")
    with _opened(settings) as accounts:
        for agent in sorted(accounts.agents(arguments.workspace), key=lambda each: each.login):
            state = "disabled" if agent.disabled else "live"
            departments, languages = ", ".join(agent.departments), ", ".join(agent.languages) or "any"
            table.add_row(agent.login, agent.name, agent.role.value, departments, languages, str(agent.capacity), state)
    console.print(table if table.rows else "no agents yet; `kefu agents add LOGIN` adds one")
    return 0


def disable(settings: Installation, arguments: argparse.Namespace, console: Console) -> int:
    """Disable an agent: signed out everywhere within a second, conversations go back to the queue."""
    return _set_disabled(settings, arguments, console, disabled=True)


def enable(settings: Installation, arguments: argparse.Namespace, console: Console) -> int:
    """Let a disabled agent sign in again."""
    return _set_disabled(settings, arguments, console, disabled=False)


def password(settings: Installation, arguments: argparse.Namespace, console: Console) -> int:
    """Set another password; the agent is signed out everywhere."""
    with _opened(settings) as accounts:
        agent = _agent(accounts, arguments)
        fresh, made = _password(ask=arguments.ask_password)
        accounts.set_password(agent.workspace, agent.id, Passwords().hash(fresh), actor=COMMAND)
    console.print(f"{agent.login} has another password, and was signed out everywhere", highlight=False)
    if made:
        _show(console, fresh)
    return 0


def _set_disabled(settings: Installation, arguments: argparse.Namespace, console: Console, *, disabled: bool) -> int:
    with _opened(settings) as accounts:
        agent = _agent(accounts, arguments)
        accounts.change(msgspec.structs.replace(agent, disabled=disabled), actor=COMMAND)
    console.print(f"{agent.login} is {'disabled' if disabled else 'enabled'}", highlight=False)
    return 0


@contextmanager
def _opened(settings: Installation) -> Iterator[Accounts]:
    file = StaffFile(settings.staff_file)
    try:
        accounts = Accounts(file)
        accounts.load()
        yield accounts
    finally:
        file.close()


def _agent(accounts: Accounts, arguments: argparse.Namespace) -> Agent:
    login = plain_login(arguments.login)
    for agent in accounts.agents(arguments.workspace):
        if agent.login == login:
            return agent
    raise BadCommand(f"the workspace {arguments.workspace!r} has no agent {login!r}; see `kefu agents list`.")


def _role(name: str) -> Role:
    try:
        return Role(name)
    except ValueError as error:
        raise BadCommand(f"roles are {', '.join(Role)}, not {name!r}.") from error


def _password(*, ask: bool) -> tuple[str, bool]:
    """Give a password, and whether it was made here; asked for, it may come from a pipe as a line."""
    if not ask:
        return generated(), True
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n"), False
    first = getpass.getpass("password: ")
    if first != getpass.getpass("once more: "):
        raise BadCommand("the passwords differ; nothing was changed.")
    return first, False


def _show(console: Console, password: str) -> None:
    console.print(f"password {password}", highlight=False, soft_wrap=True)
    console.print("Keep it: it is not shown again.", style="dim")
