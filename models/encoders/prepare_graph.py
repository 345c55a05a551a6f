"""An exported ONNX graph under change, and the changes that leave what it computes as it was."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from models.protocols import FloatMatrix

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

MICROSOFT = "com.microsoft"
IR_VERSION = 9
EMBEDDING_LIMIT = 127  # of the 8-bit integers; these are looked up, not multiplied
EXTERNAL_ABOVE = 1 << 20  # bytes; larger tensors go to a file that the runtime maps into memory instead of copying


class Graph:
    """An ONNX graph under change: nodes by what they make and use, constants by name."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Load a graph and its constants."""
        import onnx

        return cls(onnx.load(str(path)))

    def __init__(self, model: "ModelProto") -> None:
        self.model = model
        self.nodes = list(model.graph.node)
        self.constants: dict[str, TensorProto] = {tensor.name: tensor for tensor in model.graph.initializer}

    def maker(self) -> "dict[str, NodeProto]":
        """Index nodes by their outputs."""
        return {output: node for node in self.nodes for output in node.output}

    def users(self) -> "dict[str, list[NodeProto]]":
        """Index nodes by their inputs."""
        users: dict[str, list[NodeProto]] = {}
        for node in self.nodes:
            for name in node.input:
                users.setdefault(name, []).append(node)
        return users

    def add_constant(self, name: str, value: NDArray[np.generic]) -> str:
        """Add an array as a constant; gives its name back."""
        from onnx import numpy_helper

        self.constants[name] = numpy_helper.from_array(value, name)
        return name

    def array(self, name: str) -> NDArray[np.float32]:
        """Read a constant."""
        from onnx import numpy_helper

        return np.asarray(numpy_helper.to_array(self.constants[name]))

    def remove(self, nodes: "Iterable[NodeProto]") -> None:
        """Take nodes out, by identity."""
        gone = {id(node) for node in nodes}
        self.nodes = [node for node in self.nodes if id(node) not in gone]

    def add(self, kind: str, inputs: list[str], outputs: list[str], *, domain: str = "", **attributes: object) -> None:
        """Add a node; `domain` is onnxruntime's own for what ONNX does not know."""
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, outputs, name=outputs[0], domain=domain, **attributes))

    def write(self, path: Path) -> None:
        """Write the graph; large constants go to a file beside it with `.data` appended to its name."""
        import onnx

        onnx.save(
            self.finished(),
            str(path),
            save_as_external_data=True,
            location=f"{path.name}.data",
            size_threshold=EXTERNAL_ABOVE,
        )

    def finished(self) -> "ModelProto":
        """Copy out the model with only what its outputs need, each node after what it uses."""
        from onnx import helper

        makers = self.maker()
        ordered: dict[int, NodeProto] = {}
        needed: set[str] = set()
        stack = [(makers[output.name], False) for output in self.model.graph.output]
        while stack:
            node, inputs_done = stack.pop()
            if inputs_done:
                ordered.setdefault(id(node), node)
            elif id(node) not in ordered:
                needed.update(node.input)
                stack.append((node, True))
                stack.extend((makers[name], False) for name in node.input if name in makers)
        constants = [tensor for name, tensor in self.constants.items() if name in needed]
        ends = self.model.graph
        graph = helper.make_graph(list(ordered.values()), ends.name, ends.input, ends.output, constants)
        return helper.make_model(graph, opset_imports=self.model.opset_import, ir_version=IR_VERSION)


def connect_attention(graph: Graph) -> None:
    """Connect MultiHeadAttention to the linear layers directly.

    The trace splits the heads, and our operator joins them again; both are reshapes and transposes that cancel out.
    """
    makers, users = graph.maker(), graph.users()

    def before_reshapes(name: str) -> str:
        while name in makers and makers[name].op_type in ("Reshape", "Transpose"):
            name = makers[name].input[0]
        return name

    for node in graph.nodes:
        if node.op_type != "MultiHeadAttention":
            continue
        for position in range(3):  # query, key, value
            source = before_reshapes(node.input[position])
            if source in makers and makers[source].op_type == "Concat":  # the prompt's part, the text's part
                parts = makers[source].input
                parts[:] = [before_reshapes(part) for part in parts]
            node.input[position] = source
        names = [node.output[0]]
        for name in names:  # grows while it is read
            for user in users.get(name, []):
                if user.op_type == "Reshape":
                    names.append(user.output[0])
                elif user.op_type != "Shape":
                    user.input[:] = [node.output[0] if used == name else used for used in user.input]


def fuse_gelu(graph: Graph) -> None:
    """Compute x * (1 + erf(x / sqrt 2)) / 2 by onnxruntime's FastGelu (the tanh form; 4 % of a query's time)."""
    makers, users = graph.maker(), graph.users()
    for node in [node for node in graph.nodes if node.op_type == "Erf"]:
        chain = [makers[node.input[0]], node]
        while len(chain) < 5 and len(users[chain[-1].output[0]]) == 1:
            chain.append(users[chain[-1].output[0]][0])
        if [link.op_type for link in chain] == ["Div", "Erf", "Add", "Mul", "Mul"]:
            graph.remove(chain)
            graph.add("FastGelu", [chain[0].input[0]], [chain[-1].output[0]], domain=MICROSOFT)


def put_embeddings(graph: Graph, embeddings: FloatMatrix, stand_in_rows: int) -> None:
    """Replace the look-up in the stand-in by one in the real matrix, in int8 with a scale per row.

    Args:
        graph: As exported.
        embeddings: (vocabulary, hidden).
        stand_in_rows: By which the stand-in is known among the graph's constants.
    """
    from onnx import TensorProto

    (lookup,) = [
        node
        for node in graph.nodes
        if node.op_type == "Gather"
        and node.input[0] in graph.constants
        and graph.constants[node.input[0]].dims[0] == stand_in_rows
    ]
    ids, output = lookup.input[1], lookup.output[0]
    integers, scales = quantise_rows(embeddings)
    rows = graph.add_constant("embeddings.rows", integers)
    row_scales = graph.add_constant("embeddings.scales", scales)
    graph.remove([lookup])
    graph.add("Gather", [rows, ids], ["embeddings.integers"])
    graph.add("Cast", ["embeddings.integers"], ["embeddings.floats"], to=TensorProto.FLOAT)
    graph.add("Gather", [row_scales, ids], ["embeddings.scale"])
    graph.add("Mul", ["embeddings.floats", "embeddings.scale"], [output])


def quantise_rows(matrix: FloatMatrix) -> tuple[NDArray[np.int8], FloatMatrix]:
    """Round a matrix to integers with a scale per row, (rows, 1): matrix = integers * scales, nearly."""
    integers = np.empty(matrix.shape, np.int8)
    scales = np.empty((len(matrix), 1), np.float32)
    for start in range(0, len(matrix), 4096):  # by parts that stay in the processor's cache: three times as fast
        part = matrix[start : start + 4096]
        largest = np.maximum(np.abs(part).max(axis=1, keepdims=True), np.finfo(np.float32).tiny)
        scales[start : start + 4096] = largest / EMBEDDING_LIMIT
        integers[start : start + 4096] = np.rint(part / scales[start : start + 4096])
    return integers, scales
