"""The start of an FAQ: a Markdown file with the questions, that `kefu ingest` reads once the answers are filled in."""

import re
from collections.abc import Sequence

from ingest.gaps.groups import Group
from ingest.sources.questions import is_question
from models.text import has_han

# A comment is no text: as long as nothing is written below it, the question has no answer and is rejected as such.
_PLACE = "<!-- write the answer here -->"
_MARKS = re.compile(r"([\\`*_\[\]<>#~{}&])")
_OTHERS = 8  # wordings beside the central one; more of the same would add little
_LONGEST = 200  # characters of a wording; what is longer tells a story


def draft(groups: Sequence[Group], kb: str) -> str:
    """Write the groups as questions to be answered, in their order."""
    parts = [f"# {_escaped(kb)}: questions that had no answer"]
    for group in groups:
        texts = [w.text for w in group.others if w.text != group.central.text and len(w.text) <= _LONGEST][:_OTHERS]
        also = " | ".join(_escaped(text.replace("|", "/")) for text in texts)
        parts += [f"## {_escaped(as_question(group.central.text))}", f"Also asked: {also}".rstrip(), _PLACE]
    return "\n\n".join(parts) + "\n"


def as_question(text: str) -> str:
    """Let a statement ("my parcel is lost") end as a question: its heading is read as one then, however long."""
    if is_question(text):
        return text
    return text.rstrip(" .。!！;；:：,，…") + ("？" if has_han(text) else "?")


def _escaped(text: str) -> str:
    """Let Markdown show a text as it is."""
    return _MARKS.sub(r"\\\1", text)
