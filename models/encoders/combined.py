"""Several encoders in one vector: a multilingual one for every text, and one that knows the text's language best."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.encoders.onnx_encoder import OnnxEncoder, unit_rows
from models.encoders.tokenizing import has_han
from models.protocols import Encoder, FloatMatrix

# Share of the similarity of two texts of the same language that comes from the multilingual encoder; the rest is its
# companion's. Chosen on six FAQs of our own and six public sets (docs/EVALS.md); flat between 0.4 and 0.6.
ENGLISH_SHARE = 0.5
CHINESE_SHARE = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Columns start..stop of a vector, and the encoder that they come from."""

    name: str
    start: int
    stop: int


class CombinedEncoder:
    """Concatenates the vectors of several encoders so that one dot product compares any two texts.

    The multilingual block is centred on the model's mean for the language (e5 puts all text into a narrow cone: its
    cosines lie in 0.7 to 1); every block has unit length before it is weighted. With share s, two texts of one language
    have the similarity s * cos(multilingual) + (1 - s) * cos(companion), and a Chinese and an English one the geometric
    mean of both shares * cos(multilingual). A text with any Han character counts as Chinese.
    """

    def __init__(self, multilingual: OnnxEncoder, *, english: OnnxEncoder, chinese: Encoder) -> None:
        """Combine encoders.

        Args:
            multilingual: encodes every text.
            english: encodes texts without Han characters as well.
            chinese: encodes the others as well.
        """
        self._multilingual = multilingual
        self._english = english
        self._chinese = chinese
        self._blocks = _side_by_side(multilingual, english, chinese)
        versions = "+".join(each.version for each in (multilingual, english, chinese))
        self._version = hashlib.sha256(f"{versions}@{ENGLISH_SHARE},{CHINESE_SHARE}".encode()).hexdigest()[:12]

    @property
    def name(self) -> str:
        """All names."""
        return "+".join(block.name for block in self._blocks)

    @property
    def version(self) -> str:
        """Follows from the encoders' versions and the shares."""
        return self._version

    @property
    def dim(self) -> int:
        """Columns of what `encode` gives."""
        return self._blocks[-1].stop

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Which columns come from which encoder."""
        return self._blocks

    def encode(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode texts with the encoders that their language needs. See `models.protocols.Encoder`."""
        vectors = np.zeros((len(texts), self.dim), np.float32)
        if not texts:
            return vectors
        han = np.fromiter((has_han(text) for text in texts), bool, len(texts))
        every, english, chinese = self._blocks
        share = np.where(han, CHINESE_SHARE, ENGLISH_SHARE).astype(np.float32)
        vectors[:, every.start : every.stop] = _centred(self._multilingual, texts, han) * np.sqrt(share)[:, None]
        for rows, block, companion in ((~han, english, self._english), (han, chinese, self._chinese)):
            if rows.any():
                chosen = np.flatnonzero(rows).tolist()
                own = companion.encode([texts[row] for row in chosen])
                vectors[chosen, block.start : block.stop] = own * np.sqrt(1 - share[chosen])[:, None]
        return unit_rows(vectors)


def _side_by_side(*encoders: Encoder) -> tuple[Block, ...]:
    stops = np.cumsum([encoder.dim for encoder in encoders]).tolist()
    return tuple(
        Block(name=encoder.name, start=stop - encoder.dim, stop=stop)
        for encoder, stop in zip(encoders, stops, strict=True)
    )


def _centred(encoder: OnnxEncoder, texts: Sequence[str], han: NDArray[np.bool_]) -> FloatMatrix:
    """Encode texts as unit vectors from the mean of their language."""
    centres = np.where(han[:, None], encoder.centres.zh, encoder.centres.en)
    return unit_rows(np.asarray(encoder.encode(texts) - centres, np.float32))
