"""A prepared encoder, served by onnxruntime."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from models import artifacts
from models.encoders.tokenizing import TextTokenizer, clean, has_han, open_tokenizer
from models.errors import ArtifactCorrupt, ModelUnavailable
from models.protocols import FloatMatrix, FloatVector

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

KIND = "encoder"
GRAPH_FILE = "model.onnx"
CENTRES_FILE = "centres.safetensors"
LANGUAGE_INPUT = "language"  # (texts,) 1 for text with Chinese characters, else 0; of graphs with a built-in prompt

# Tokens in one call of the runtime, padding included. Short texts encoded per CPU second by e5 on a shared machine:
# 241 at 32 tokens, 286 at 64, 307 at 512, 267 at 2048; more than 512 only costs memory.
BATCH_TOKENS = 512

# Padding tokens that cost as much as one more call, which reads all weights once more: flat between 4 and 16.
PADDING_WORTH_A_CALL = 8

IndexVector = NDArray[np.int64]
IndexMatrix = NDArray[np.int64]


Feeds = dict[str, IndexMatrix]


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderSettings:
    """What serving must know beside the graph; stored in the manifest."""

    prompt: str  # put before every text, as the model was trained; empty where the graph has it built in
    prompt_tokens: int  # that the graph puts before every text by itself; 0 for none
    max_tokens: int  # the prompt's included
    pad_id: int

    @property
    def text_tokens(self) -> int:
        """Tokens of a text that are read, a first special token included even where the graph's prompt has it."""
        return self.max_tokens - max(self.prompt_tokens - 1, 0)


class GraphRunner:
    """Texts to vectors: prompt, tokens, the graph (pooling included), unit length."""

    def __init__(self, folder: Path, settings: EncoderSettings, *, dim: int, threads: int = 1) -> None:
        """Load the graph and the tokenizer in `folder`; its vectors have `dim` columns.

        Raises:
            ArtifactCorrupt: the tokenizer cannot be read.
            ModelUnavailable: the runtime cannot load the graph.
        """
        self._settings = settings
        self._session = open_session(folder / GRAPH_FILE, threads)
        self._tokenizer = open_tokenizer(folder, max_tokens=settings.text_tokens)
        self.dim = dim

    def run(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode texts; see `models.protocols.Encoder.encode`."""
        vectors = np.empty((len(texts), self.dim), np.float32)
        ids = token_ids(self._tokenizer, texts, self._settings)
        for rows in batches([len(row) for row in ids]):
            inputs = feeds([ids[row] for row in rows], [texts[row] for row in rows], self._settings)
            vectors[rows] = self._call(inputs)
        return unit_rows(vectors)

    def _call(self, inputs: Feeds) -> FloatMatrix:
        try:
            (vectors,) = self._session.run(None, inputs)
        except Exception as exc:  # onnxruntime's errors have no common root below Exception
            count = len(inputs["input_ids"])
            raise ModelUnavailable(f"The encoder failed on {count} texts ({exc}); try again.") from exc
        return np.asarray(vectors, np.float32)


def token_ids(tokenizer: TextTokenizer, texts: Sequence[str], settings: EncoderSettings) -> list[list[int]]:
    """Give the ids that the graph wants: all, or those that are not part of the prompt it has built in."""
    cleaned = [clean(text, prompt=settings.prompt, max_tokens=settings.max_tokens) for text in texts]
    ids = tokenizer.ids(cleaned)
    return [row[1:] for row in ids] if settings.prompt_tokens else ids


def feeds(ids: Sequence[Sequence[int]], texts: Sequence[str], settings: EncoderSettings) -> Feeds:
    """Lay out texts of about one length as the graph's inputs."""
    width = max(map(len, ids))
    tokens = np.full((len(ids), width), settings.pad_id, np.int64)
    mask = np.zeros((len(ids), width), np.int64)
    for row, values in enumerate(ids):
        tokens[row, : len(values)] = values
        mask[row, : len(values)] = 1
    inputs = {"input_ids": tokens, "attention_mask": mask}
    if settings.prompt_tokens:
        inputs[LANGUAGE_INPUT] = np.fromiter((has_han(text) for text in texts), np.int64, len(texts))
    return inputs


class OnnxEncoder:
    """One prepared model. See `models.protocols.Encoder` for what it promises."""

    def __init__(self, runner: GraphRunner, manifest: artifacts.Manifest, centres: "Centres") -> None:
        self._runner = runner
        self._manifest = manifest
        self._centres = centres

    @classmethod
    def open(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load a prepared model, every file checked against its manifest.

        Args:
            folder: As `ensure_prepared` gave it.
            threads: That the runtime may use within one call; two are slower than one for single queries.

        Raises:
            ModelNotPrepared: there is no model in `folder`.
            ArtifactCorrupt: a file differs from what was stored.
        """
        manifest = artifacts.verify(folder, kind=KIND)
        try:
            settings = EncoderSettings(**manifest.settings)  # type: ignore[arg-type]
            centres = Centres.read(folder)
        except (TypeError, OSError, KeyError) as exc:
            raise ArtifactCorrupt(f"The manifest in {folder} is incomplete ({exc}); remove {folder}.") from exc
        return cls(GraphRunner(folder, settings, dim=len(centres.zh), threads=threads), manifest, centres)

    @property
    def name(self) -> str:
        """The model's name, as configured."""
        return self._manifest.name

    @property
    def version(self) -> str:
        """Follows from the hashes of the graph, the tokenizer and the settings."""
        return self._manifest.version

    @property
    def dim(self) -> int:
        """Columns of what `encode` gives."""
        return self._runner.dim

    @property
    def centres(self) -> "Centres":
        """Where this model's vectors lie on average, by language."""
        return self._centres

    def encode(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode texts; see `models.protocols.Encoder.encode`."""
        return self._runner.run(texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Centres:
    """Mean vectors of the shipped support texts; a text's difference from them is what it is about."""

    zh: FloatVector  # (dim,)
    en: FloatVector

    def write(self, folder: Path) -> None:
        """Store the means with the model."""
        from safetensors.numpy import save_file

        save_file({"zh": self.zh, "en": self.en}, folder / CENTRES_FILE)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Load what preparation measured."""
        from safetensors.numpy import load_file

        tensors = load_file(folder / CENTRES_FILE)
        return cls(zh=tensors["zh"], en=tensors["en"])


def batches(lengths: Sequence[int]) -> Iterator[IndexVector]:
    """Group texts of similar length, so that a call neither pads much nor carries little.

    Args:
        lengths: Tokens of each text.

    Yields:
        Indices into `lengths`, shortest texts first, each index once; at most BATCH_TOKENS padded tokens a group
        (one text alone may have more).
    """
    order = np.argsort(np.asarray(lengths, np.int64), kind="stable")
    start = 0
    for end in range(1, len(order) + 1):
        if end == len(order) or _starts_anew(lengths[order[end - 1]], lengths[order[end]], end - start):
            yield order[start:end]
            start = end


def _starts_anew(last: int, following: int, size: int) -> bool:
    """Tell whether a longer text should open a group of its own instead of joining `size` shorter ones."""
    return (size + 1) * following > BATCH_TOKENS or (following - last) * size > PADDING_WORTH_A_CALL


def unit_rows(vectors: FloatMatrix) -> FloatMatrix:
    """Scale rows to L2 norm 1; a row of zeros becomes the first axis, so that no text has a vector of NaN."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not norms.all():
        vectors = vectors.copy()
        vectors[norms[:, 0] == 0, 0] = 1.0
        norms[norms == 0] = 1.0
    return np.asarray(vectors / norms, np.float32)


def open_session(path: Path, threads: int) -> "InferenceSession":
    """Start the runtime on one graph: no busy waiting between calls, memory kept low."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as exc:  # onnxruntime's errors have no common root below Exception
        raise ModelUnavailable(f"onnxruntime cannot load {path} ({exc}); remove its folder.") from exc
