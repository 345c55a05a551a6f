"""The child that prepares one encoder; started by `prepare.py`, and gone when its parent is.

Standard output carries one JSON object a line: steps, then what was made. Any error ends the process with its
traceback on standard error.
"""

import json
import os
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.encoders.onnx_encoder import GraphRunner, unit_rows
from models.encoders.prepare import SCRATCH, Prepared
from models.encoders.prepare_attempts import Attempts
from models.encoders.prepare_sources import Source, locate
from models.encoders.prepare_tokenizer import store_tokenizer
from models.encoders.prepare_verify import (
    LEAST_MEAN_COSINE,
    calibration_corpus,
    centres_of,
    check_golden_tokens,
    compare,
    verification_corpus,
)
from models.encoders.tokenizing import clean, open_tokenizer
from models.errors import ModelNotPrepared

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

MAX_TOKENS = 512  # read of one text, where the model could read more: attention's memory grows with the square


def main() -> None:
    """Prepare the encoder named by the first argument in the folder named by the second."""
    name, work = sys.argv[1], Path(sys.argv[2])
    threading.Thread(target=_die_with_parent, name="parent-watch", daemon=True).start()
    (work / SCRATCH).mkdir()
    _say("finding the model", 0.02)
    source = locate(name, work / SCRATCH)
    sys.stdout.write(json.dumps(asdict(_prepare(name, source, work))) + "\n")


def _prepare(name: str, source: Source, work: Path) -> Prepared:
    """Make every file of the prepared model."""
    _say("loading torch and the model", 0.05)
    model = _load(source)
    prompt, limit = _prompt(model), min(model.max_seq_length or MAX_TOKENS, MAX_TOKENS)
    corpus, calibration = verification_corpus(), calibration_corpus()
    probes = [clean(text, prompt=prompt, max_tokens=limit) for text in (*corpus.texts, *calibration.texts)]
    store_tokenizer(model.tokenizer.backend_tokenizer, work, max_tokens=limit, probes=probes)
    golden = check_golden_tokens(name, open_tokenizer(work, max_tokens=limit))
    _say("encoding the test corpus with the source model", 0.4)
    texts = probes[: len(corpus.texts)]
    expected = unit_rows(np.asarray(model.encode(texts, prompt="", show_progress_bar=False), np.float32))
    attempts = Attempts(model, work, prompt=prompt, max_tokens=limit, calibration=calibration)
    for label, attempt in attempts.all():
        _say(f"exporting to ONNX: {label}", 0.5)
        settings = attempt()
        _say("comparing with the source model", 0.9)
        vectors = GraphRunner(work, settings).run(corpus.texts)
        closeness = compare(vectors, expected)
        if closeness.mean >= LEAST_MEAN_COSINE:
            break
    else:
        raise ModelNotPrepared(
            f"{name} in 8 bits is too far from its source: mean cosine {closeness.mean:.4f}, wanted "
            f"{LEAST_MEAN_COSINE}. Choose another encoder."
        )
    centres_of(vectors, corpus).write(work)
    return Prepared(
        dim=expected.shape[1],
        settings=asdict(settings),
        data={**source.data, "export": label, "corpus_texts": len(texts), "golden_texts": golden},
        scores={"mean_cosine": closeness.mean, "min_cosine": closeness.least},
    )


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


def _say(doing: str, done: float) -> None:
    sys.stdout.write(json.dumps({"doing": doing, "done": done}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
