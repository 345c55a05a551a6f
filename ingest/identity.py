"""How entries are named whose documents give them no id."""

import hashlib

from knowledge.types import Entry
from models.text import normalise


def derived_id(question: str) -> str:
    """Name an entry whose file gives no id: the same question, however typed, gives the same id."""
    return id_of_key(normalise(question))


def id_of_key(key: str) -> str:
    """Name an entry by its question, normalised."""
    return "q-" + hashlib.sha256(key.encode()).hexdigest()[:16]


def prose_id(file: str, headings: str, text: str) -> str:
    """Name a passage of running text: several may stand below the same headings, and what it says is what it is."""
    return "p-" + hashlib.sha256("\0".join((file, headings, text)).encode()).hexdigest()[:16]


def is_prose(entry: Entry) -> bool:
    """Tell whether an entry is a passage of running text, as its document has it."""
    return entry.id.startswith("p-") and any(
        entry.id == prose_id(source.file, entry.question, entry.answer) for source in entry.sources
    )
