"""Holding a prepared encoder to its source: the same tokens, and nearly the same vectors, on shipped texts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.encoders.onnx_encoder import Centres
from models.encoders.tokenizing import TextTokenizer
from models.errors import ModelNotPrepared
from models.protocols import FloatMatrix

DATA = Path(__file__).parent / "data"

# Mean cosine between the vectors of the prepared and of the source model below which the prepared one is refused.
LEAST_MEAN_COSINE = 0.98


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Questions to a shop's support, of our own writing."""

    zh: tuple[str, ...]
    en: tuple[str, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """All texts, Chinese ones first."""
        return self.zh + self.en


@dataclass(frozen=True, slots=True, kw_only=True)
class Closeness:
    """Cosines between the prepared and the source model's vectors."""

    mean: float
    least: float


def verification_corpus() -> Corpus:
    """Read the texts that a prepared model is compared with its source on."""
    return _read("verify")


def calibration_corpus() -> Corpus:
    """Read the texts that activations are measured on: other ones, more varied in length and tone."""
    return _read("calibrate")


def centres_of(vectors: FloatMatrix, corpus: Corpus) -> Centres:
    """Average the vectors of a corpus's texts by language."""
    chinese = len(corpus.zh)
    return Centres(zh=vectors[:chinese].mean(axis=0), en=vectors[chinese:].mean(axis=0))


def compare(ours: FloatMatrix, source: FloatMatrix) -> Closeness:
    """Compare vectors of the same texts; both (n, dim) with rows of L2 norm 1."""
    cosines = np.sum(ours * source, axis=1)
    return Closeness(mean=float(cosines.mean()), least=float(cosines.min()))


def check_golden_tokens(name: str, tokenizer: TextTokenizer) -> int:
    """Hold a tokenizer to the ids shipped for a built-in model; gives how many texts were compared.

    Raises:
        ModelNotPrepared: a text has other ids; the message names it.
    """
    golden = json.loads((DATA / "golden_tokens.json").read_text(encoding="utf-8")).get(name, [])
    texts: Sequence[str] = [row["text"] for row in golden]
    for text, row, ids in zip(texts, golden, tokenizer.ids(texts), strict=True):
        if ids != row["ids"]:
            raise ModelNotPrepared(
                f"The tokenizer of {name} gives {ids} for {text!r} and not {row['ids']}; "
                "install the versions of kefu's dependencies that its pyproject.toml names."
            )
    return len(golden)


def _read(name: str) -> Corpus:
    zh, en = ((DATA / f"{name}_{lang}.txt").read_text(encoding="utf-8").splitlines() for lang in ("zh", "en"))
    return Corpus(zh=tuple(zh), en=tuple(en))
