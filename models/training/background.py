"""Texts of our own that no company's classes should claim: what visitors say that is about something else."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.text import has_han

_TALK = Path(__file__).parents[1] / "data" / "talk.jsonl"
_LABELS = ("oos", "off_topic")
_PER_LANGUAGE = 500


def background_texts(like: Sequence[str], *, seed: int = 0) -> list[str]:
    """Choose generic out-of-scope texts in the languages (Chinese script or not) of the texts given.

    A language counts when at least a twentieth of the texts is written in it.
    """
    lines = _TALK.read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    texts = [str(row["text"]) for row in rows if row["label"] in _LABELS]
    share = sum(has_han(text) for text in like) / max(1, len(like))
    rng = np.random.default_rng(seed)
    chosen: list[str] = []
    for chinese, wanted in ((True, share >= 0.05), (False, share <= 0.95)):
        pool = [text for text in texts if has_han(text) is chinese]
        if wanted:
            chosen.extend(pool[index] for index in np.sort(rng.permutation(len(pool))[:_PER_LANGUAGE]))
    return chosen
