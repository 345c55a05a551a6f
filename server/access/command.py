"""What `kefu keys` does."""

import argparse
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from server.access.keys import Keys, Scope
from server.errors import BadCommand
from server.settings import Installation


def add(settings: Installation, arguments: argparse.Namespace, console: Console) -> int:
    """Make a key and show it; a secret one is shown this once.

    Raises:
        BadCommand: neither or both kinds were asked for, or a scope is unknown.
    """
    if bool(arguments.widget) == bool(arguments.secret):
        raise BadCommand("say --widget KB for a page, or --secret SCOPES for a program.")
    keys = Keys(settings.home / "keys.db")
    try:
        if arguments.widget:
            key = keys.add_widget(
                arguments.workspace, kb=arguments.widget, name=arguments.name, origins=tuple(arguments.origin)
            )
            console.print(f"widget key {key.id}", highlight=False, soft_wrap=True)
            console.print(f"identity secret {key.identity_secret}", highlight=False, soft_wrap=True)
        else:
            scopes = _scopes(arguments.secret)
            key, secret = keys.add_secret(arguments.workspace, scopes=scopes, name=arguments.name)
            console.print(f"{secret}", highlight=False, soft_wrap=True)
            console.print("Keep it: it is not shown again.", style="dim")
    finally:
        keys.close()
    return 0


def show(settings: Installation, arguments: argparse.Namespace, console: Console) -> int:
    """List the keys of a workspace."""
    table = Table("key", "kind", "name", "knowledge base", "scopes", "pages", "made", "state")
    keys = Keys(settings.home / "keys.db")
    try:
        for key in keys.all(arguments.workspace):
            made = datetime.fromtimestamp(key.created / 1000, UTC).strftime("%Y-%m-%d %H:%M")
            state = "revoked" if key.revoked else "live"
            pages = ", ".join(key.origins) or ("any" if key.kind == "widget" else "")
            table.add_row(key.id, key.kind, key.name, key.kb, ", ".join(key.scopes), pages, made, state)
    finally:
        keys.close()
    console.print(table if table.rows else "no keys yet; `kefu keys add --widget KB` makes one for a page")
    return 0


def revoke(settings: Installation, arguments: argparse.Namespace, console: Console) -> int:
    """Withdraw a key; running servers follow within a second."""
    keys = Keys(settings.home / "keys.db")
    try:
        if not keys.revoke(arguments.workspace, arguments.id):
            raise BadCommand(f"the workspace {arguments.workspace!r} has no live key {arguments.id!r}.")
    finally:
        keys.close()
    console.print(f"{arguments.id} is revoked")
    return 0


def _scopes(text: str) -> tuple[Scope, ...]:
    try:
        return tuple(Scope(each.strip()) for each in text.split(","))
    except ValueError as error:
        raise BadCommand(f"{error}; scopes are {', '.join(Scope)}.") from error
