"""The child that prepares one encoder; started by `prepare.py`, and gone when its parent is.

Standard output carries one JSON object a line: steps, then what was made. Any error ends the process with its
traceback on standard error.
"""

import json
import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.encoders.onnx_encoder import EncoderSettings, unit_rows
from models.encoders.prepare import SCRATCH, Prepared
from models.encoders.prepare_attempts import Attempts
from models.encoders.prepare_sources import Source, locate
from models.encoders.prepare_tokenizer import store_tokenizer
from models.encoders.prepare_universal import prepare_universal
from models.encoders.prepare_verify import (
    LEAST_MEAN_COSINE,
    Closeness,
    Corpus,
    calibration_corpus,
    centres_of,
    check_golden_tokens,
    compare,
    verification_corpus,
)
from models.encoders.tokenizing import clean, open_tokenizer
from models.encoders.universal import NAME as UNIVERSAL
from models.errors import ModelNotPrepared, ModelUnavailable
from models.protocols import FloatMatrix

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

MAX_TOKENS = 512  # read of one text, where the model could read more: attention's memory grows with the square

# What torch, onnx and onnxruntime raise at a model that they cannot deal with.
EXPORT_ERRORS = (
    AttributeError,
    LookupError,
    ModelUnavailable,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
)


class Reports:
    """What this process tells its parent, kept apart from what libraries print."""

    def __init__(self) -> None:
        """Take standard output over, and let whatever else is written to it go to standard error."""
        self._channel = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def step(self, doing: str, done: float) -> None:
        """Tell what is done now, and how far that is, in [0, 1]."""
        self._write({"doing": doing, "done": done})

    def result(self, made: Prepared) -> None:
        """Tell what was made; nothing follows."""
        self._write(asdict(made))

    def _write(self, message: Mapping[str, object]) -> None:
        self._channel.write(json.dumps(message) + "\n")
        self._channel.flush()


def main() -> None:
    """Prepare the encoder named by the first argument in the folder named by the second."""
    name, work = sys.argv[1], Path(sys.argv[2])
    threading.Thread(target=_die_with_parent, name="parent-watch", daemon=True).start()
    reports = Reports()
    (work / SCRATCH).mkdir()
    if name == UNIVERSAL:
        reports.result(prepare_universal(work, reports.step))
        return
    reports.step("finding the model", 0.02)
    source = locate(name, work / SCRATCH)
    reports.result(_prepare(name, source, work, reports))


def _prepare(name: str, source: Source, work: Path, reports: Reports) -> Prepared:
    """Make every file of the prepared model."""
    reports.step("loading torch and the model", 0.05)
    model = _load(source)
    prompt, limit = _prompt(model), min(model.max_seq_length or MAX_TOKENS, MAX_TOKENS)
    corpus, calibration = verification_corpus(), calibration_corpus()
    probes = [clean(text, prompt=prompt, max_tokens=limit) for text in (*corpus.texts, *calibration.texts)]
    store_tokenizer(model.tokenizer.backend_tokenizer, work, max_tokens=limit, probes=probes)
    golden = check_golden_tokens(name, open_tokenizer(work, max_tokens=limit))
    reports.step("encoding the test corpus with the source model", 0.4)
    texts = probes[: len(corpus.texts)]
    expected = unit_rows(np.asarray(model.encode(texts, prompt="", show_progress_bar=False), np.float32))
    attempts = Attempts(model, work, prompt=prompt, max_tokens=limit, calibration=calibration)
    taken = _first_close_enough(attempts, expected, corpus, reports)
    centres_of(taken.vectors, corpus).write(work)
    return Prepared(
        dim=expected.shape[1],
        settings=asdict(taken.settings),
        data={**source.data, "export": taken.way, "corpus_texts": len(texts), "golden_texts": golden},
        scores={"mean_cosine": taken.closeness.mean, "min_cosine": taken.closeness.least},
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Taken:
    """The export that was stored."""

    way: str
    settings: EncoderSettings
    closeness: Closeness
    vectors: FloatMatrix  # of the verification corpus


def _first_close_enough(attempts: Attempts, expected: FloatMatrix, corpus: Corpus, reports: Reports) -> Taken:
    """Export in one way after the other until one gives the source model's vectors.

    Raises:
        ModelNotPrepared: none does; the message says why the last one was refused.
    """
    refused = ""
    for way, attempt in attempts.all():
        reports.step(f"exporting to ONNX: {way}", 0.5)
        try:
            settings = attempt()
            reports.step("comparing with the source model", 0.9)
            vectors = attempts.encode(settings, corpus.texts, dim=expected.shape[1])
        except EXPORT_ERRORS as exc:  # a model that cannot be exported in one way may well be in another
            refused = f"{type(exc).__name__}: {exc}".splitlines()[0]
            continue
        closeness = compare(vectors, expected)
        if closeness.mean >= LEAST_MEAN_COSINE:
            return Taken(way=way, settings=settings, closeness=closeness, vectors=vectors)
        refused = f"its mean cosine to the source is {closeness.mean:.4f}, wanted {LEAST_MEAN_COSINE}"
    raise ModelNotPrepared(f"no 8-bit export can stand in for it ({refused}); choose another encoder.")


def _load(source: Source) -> "SentenceTransformer":
    """Load the model on the CPU; one that is on disk is loaded without asking the hub for anything."""
    if Path(source.location).is_dir():
        os.environ["HF_HUB_OFFLINE"] = "1"  # read when the library is imported
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(source.location, device="cpu", model_kwargs={"attn_implementation": "eager"})


def _prompt(model: "SentenceTransformer") -> str:
    """Give what the model wants before a question: questions are compared with questions."""
    return str(model.prompts.get(model.default_prompt_name or "", "") or model.prompts.get("query", ""))


def _die_with_parent() -> None:
    """Wait for the end of standard input, which comes when the parent is gone, and end this process with it."""
    os.read(sys.stdin.fileno(), 1)  # not sys.stdin: its lock, held by a waiting thread, stops the interpreter's exit
    os._exit(1)


if __name__ == "__main__":
    main()
