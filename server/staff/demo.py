"""Two agents to try the console with; only in an installation that has none."""

from rich.console import Console

from server.handoff.staff import Agent, Role
from server.settings import Installation
from server.staff.accounts import Accounts
from server.staff.audit import COMMAND
from server.staff.file import StaffFile
from server.staff.passwords import Passwords, generated

_WORKSPACE = "default"
_AGENTS = (("ana", "Ana", Role.ADMIN), ("ben", "Ben", Role.AGENT))


def add_demo_agents(settings: Installation, console: Console) -> None:
    """Add them, and show their passwords this once."""
    file = StaffFile(settings.staff_file)
    try:
        accounts = Accounts(file)
        accounts.load()
        if accounts.agents(_WORKSPACE):
            return
        console.print("Two agents may sign in at the console:")
        for login, name, role in _AGENTS:
            password = generated()
            agent = Agent(id="", workspace=_WORKSPACE, login=login, name=name, role=role)
            accounts.add(agent, Passwords().hash(password), actor=COMMAND)
            console.print(f"  {login}  password {password}  ({role.value})", highlight=False, soft_wrap=True)
        console.print("Keep them: they are not shown again.", style="dim")
    finally:
        file.close()
