"""Agents of an installation."""

from pathlib import Path

from tests.e2e.harness import kefu


def add_agent(home: Path, login: str, *arguments: str) -> str:
    """Let somebody sign in; give the password."""
    printed = kefu(home, "agents", "add", login, *arguments)
    return next(line.split()[1] for line in printed.splitlines() if line.startswith("password "))
