"""Labelled texts, and what makes a set of them unfit to learn from."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from models.errors import TrainingDataError
from models.protocols import OUT_OF_SCOPE, Encoder
from models.text import normalise


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledText:
    """One example to learn from."""

    text: str
    label: str
    origin: str = ""  # where it was read, for messages: "intents.jsonl, line 12"


def check_examples(examples: Sequence[LabelledText]) -> None:
    """Make sure that the examples can be learned from.

    Raises:
        TrainingDataError: an empty text or label, or fewer than two classes.
    """
    for number, example in enumerate(examples, start=1):
        where = example.origin or f"example {number}"
        if not normalise(example.text):
            raise TrainingDataError(f"{where}: the text is empty; write one or remove the row.")
        if not example.label.strip():
            raise TrainingDataError(f"{where}: {example.text!r} has no label; give it one or remove the row.")
    classes = {example.label for example in examples} - {OUT_OF_SCOPE}
    if len(classes) < 2:
        found = ", ".join(sorted(classes)) or "none"
        raise TrainingDataError(
            f"A classifier needs examples of at least two classes besides {OUT_OF_SCOPE!r}; found: {found}. Add some."
        )


def without_repeats(examples: Sequence[LabelledText]) -> list[int]:
    """Choose the rows to learn from: each text once, with its most frequent label; gives row numbers in order.

    Texts are compared as normalised. Of equally frequent labels the first seen counts.
    """
    votes: dict[str, Counter[str]] = {}
    firsts: dict[tuple[str, str], int] = {}
    for row, example in enumerate(examples):
        key = normalise(example.text)
        votes.setdefault(key, Counter())[example.label] += 1
        firsts.setdefault((key, example.label), row)
    return sorted(firsts[key, count.most_common(1)[0][0]] for key, count in votes.items())


def examples_version(examples: Sequence[LabelledText], encoder: Encoder, settings: str) -> str:
    """Identify what a head was fitted to, in 12 hex digits."""
    digest = hashlib.sha256(f"{encoder.version}\0{settings}".encode())
    for example in examples:
        digest.update(f"\0{example.label}\0{example.text}".encode())
    return digest.hexdigest()[:12]
