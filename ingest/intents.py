"""The trained intent heads of a knowledge base on disk: a folder each, and a file that names the one in use."""

import os
from pathlib import Path

_CURRENT = "CURRENT"


def current(folder: Path) -> str:
    """Name the head that new versions get, "" if none was trained."""
    try:
        return (folder / _CURRENT).read_text("utf-8").strip()
    except FileNotFoundError:
        return ""


def choose(folder: Path, name: str) -> None:
    """Let new versions have the head of that name; earlier versions keep theirs."""
    beside = folder / f".{_CURRENT}.{os.getpid()}"
    beside.write_text(name, "utf-8")
    beside.replace(folder / _CURRENT)
