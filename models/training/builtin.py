"""The heads that every installation has: conversational moves and sentiment, fitted to an encoder.

The installation chooses the encoder, so the heads cannot ship ready-made; they are fitted once and stored beside it.
"""

import hashlib
import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models import artifacts
from models.errors import ArtifactCorrupt, ModelNotPrepared
from models.intent import TalkClassifier
from models.protocols import OUT_OF_SCOPE, Encoder, FloatMatrix
from models.sentiment import LinearSentimentScorer
from models.training.examples import LabelledText
from models.training.sentiment import train_sentiment
from models.training.talk import train_talk

TALK_DATA = "talk.jsonl"
SENTIMENT_DATA = "sentiment.jsonl"
_DATA = Path(__file__).parents[1] / "data"
_FORMAT = "2"  # raise it when the same examples and encoder give other heads
_MOST_THREADS = 4
_TEXTS_A_CALL = 512  # the same on every machine, so that the same vectors come out


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltinHeads:
    """What is known about any text, whatever the company."""

    talk: TalkClassifier
    sentiment: LinearSentimentScorer


def build_builtin_heads(encoder: Encoder, folder: Path) -> BuiltinHeads:
    """Fit both heads to an encoder and store them under `folder`; what is there already and still fits is kept.

    Two processes may do this at once: each head appears whole, and both are the same.

    Raises:
        ModelUnavailable: the encoder failed.
    """
    try:
        return load_builtin_heads(encoder, folder)
    except (ModelNotPrepared, ArtifactCorrupt):
        pass
    sys.stderr.write("fitting the built-in classifiers to the encoder: once, a minute on two cores\n")
    sys.stderr.flush()
    moves, feelings = talk_examples(), read_examples(SENTIMENT_DATA)
    # Nobody is served yet: every core may help.
    with ThreadPoolExecutor(min(len(os.sched_getaffinity(0)), _MOST_THREADS)) as pool:
        of_moves, of_feelings = (_encode(encoder, examples, pool) for examples in (moves, feelings))
        fitting = pool.submit(train_sentiment, feelings, encoder, vectors=of_feelings)
        talk = train_talk(moves, encoder, vectors=of_moves)
        sentiment = fitting.result()
    talk.save(_home(encoder, folder) / "talk", data={"examples": TALK_DATA, "encoder": encoder.name})
    sentiment.save(_home(encoder, folder) / "sentiment", data={"examples": SENTIMENT_DATA, "encoder": encoder.name})
    return BuiltinHeads(talk=talk, sentiment=sentiment)


def _encode(encoder: Encoder, examples: Sequence[LabelledText], pool: ThreadPoolExecutor) -> FloatMatrix:
    texts = [example.text for example in examples]
    parts = [texts[start : start + _TEXTS_A_CALL] for start in range(0, len(texts), _TEXTS_A_CALL)]
    return np.concatenate(list(pool.map(encoder.encode, parts)))


def load_builtin_heads(encoder: Encoder, folder: Path) -> BuiltinHeads:
    """Load the heads that were fitted to this version of the encoder and of our examples.

    Raises:
        ModelNotPrepared: there are none yet; `build_builtin_heads` makes them.
        ArtifactCorrupt: a file does not match its manifest; building them again helps.
    """
    home = _home(encoder, folder)
    for name in ("talk", "sentiment"):
        artifacts.read_manifest(home / name)
    return BuiltinHeads(
        talk=TalkClassifier.load(home / "talk"), sentiment=LinearSentimentScorer.load(home / "sentiment")
    )


def read_examples(name: str) -> list[LabelledText]:
    """Read one of our own example files, by its name in `models/data`."""
    lines = (_DATA / name).read_text(encoding="utf-8").splitlines()
    return [_example(line, f"{name}, line {number}") for number, line in enumerate(lines, start=1) if line.strip()]


def talk_examples() -> list[LabelledText]:
    """Collect the examples of conversational moves, and questions to several kinds of business as ordinary texts."""
    found = read_examples(TALK_DATA)
    for path in _question_files():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            row = json.loads(line)
            if row["expect"] == "answer":
                origin = f"{path.parent.name}/{path.name}, line {number}"
                found.append(LabelledText(text=row["query"], label=OUT_OF_SCOPE, origin=origin))
    return found


def _question_files() -> list[Path]:
    return sorted(_DATA.glob("generic/*/queries.jsonl"))


def _example(line: str, origin: str) -> LabelledText:
    row = json.loads(line)
    return LabelledText(text=row["text"], label=row["label"], origin=origin)


def _home(encoder: Encoder, folder: Path) -> Path:
    """Name the folder by what the heads depend on: another encoder or other examples get another one."""
    digest = hashlib.sha256(f"{_FORMAT}\0{encoder.version}".encode())
    for path in (_DATA / TALK_DATA, _DATA / SENTIMENT_DATA, *_question_files()):
        digest.update(path.read_bytes())
    return folder / f"heads-{digest.hexdigest()[:12]}"
