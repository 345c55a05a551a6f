"""Linear layers in 8 bits: what makes an encoder small and twice as fast, and what must not make it worse.

Weights are int8 with a scale per output column. Activations are uint8 with one fixed scale per layer, measured on the
calibration texts: unlike a scale per call it gives a text the same vector whatever other texts are in the batch, and
it costs no pass over the data. Fixed scales waste bits on the few channels that are ten times as large as all others;
these are evened out first by dividing each channel by a factor and multiplying its weights by it (Xiao et al. 2023,
"SmoothQuant", equation 4). Layers that read the same input (query, key, value) are joined into one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.encoders.prepare_graph import MICROSOFT, Graph
from models.protocols import FloatMatrix, FloatVector

if TYPE_CHECKING:
    from onnx import NodeProto

# Of the 127 that int8 could hold. Without VNNI the kernels add two products in 16 bits, saturating; smaller weights
# saturate less and round more. Mean cosine of all-MiniLM-L6-v2 to its source on the verification texts, on such a CPU:
# 0.9936 at 63, 0.9952 at 80, 0.9959 at 100, 0.9953 at 127.
WEIGHT_LIMIT = 100

SMOOTHING = 0.8  # share of the difficulty that moves from activations to weights: SmoothQuant's alpha; 0.7 is as good
HEADROOM = 1.1  # times the largest activation seen in calibration, before larger ones are clipped; 1.0 to 1.5 are alike
_TINY = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ActivationRange:
    """What calibration saw of the input of a linear layer."""

    low: FloatVector  # (channels,)
    high: FloatVector


class LinearGroup:
    """Linear layers that read the same input."""

    def __init__(self, source: str, *, uneven: bool) -> None:
        self.source = source
        self.uneven = uneven  # whether its channels differ enough in size to be evened out
        self.weights: list[FloatMatrix] = []  # each (inputs, outputs)
        self.biases: list[FloatVector] = []
        self.outputs: list[str] = []


def linear_inputs(graph: Graph) -> list[str]:
    """Name what the linear layers of a graph read."""
    return [node.input[0] for node in graph.nodes if _is_linear(graph, node)]


def take_linears(graph: Graph) -> list[LinearGroup]:
    """Take every linear layer out of a graph: a MatMul by a constant, with the constant that is added to it if any."""
    users, makers = graph.users(), graph.maker()
    groups: dict[str, LinearGroup] = {}
    for node in [node for node in graph.nodes if _is_linear(graph, node)]:
        source = node.input[0]
        # what attention mixes is even by itself: factors there cost a pass and gain nothing
        group = groups.setdefault(source, LinearGroup(source, uneven=makers[source].op_type != "MultiHeadAttention"))
        weights = graph.array(node.input[1])
        bias, output, gone = np.zeros(weights.shape[1], np.float32), node.output[0], [node]
        after = users.get(output, [])
        if len(after) == 1 and after[0].op_type == "Add":
            (other,) = [name for name in after[0].input if name != output]
            if other in graph.constants and graph.array(other).shape == bias.shape:
                bias, output = graph.array(other), after[0].output[0]
                gone.append(after[0])
        graph.remove(gone)
        group.weights.append(weights)
        group.biases.append(bias)
        group.outputs.append(output)
    return list(groups.values())


def put_quantised(graph: Graph, groups: list[LinearGroup], ranges: Mapping[str, ActivationRange]) -> None:
    """Put linear layers back in 8 bits.

    Args:
        graph: Without them.
        groups: As taken.
        ranges: Of each group's source.
    """
    for number, group in enumerate(groups):
        _put_group(graph, f"linear{number}", group, ranges[group.source])


def smoothing_factors(weights: FloatMatrix, seen: ActivationRange) -> FloatVector:
    """Give the factor that each input channel is divided by, about 1 on average."""
    activations = np.maximum(np.maximum(np.abs(seen.low), np.abs(seen.high)), _TINY)
    rows = np.maximum(np.abs(weights).max(axis=1), _TINY)
    factors = activations**SMOOTHING / rows ** (1 - SMOOTHING)
    return np.asarray(factors / factors.mean(), np.float32)


def quantise_columns(weights: FloatMatrix) -> tuple[NDArray[np.int8], FloatVector]:
    """Round a weight matrix to integers with a scale per column: weights = integers * scales, nearly."""
    scales = np.maximum(np.abs(weights).max(axis=0), _TINY) / WEIGHT_LIMIT
    return np.rint(weights / scales).astype(np.int8), scales.astype(np.float32)


def quantise_range(low: float, high: float) -> tuple[np.float32, np.uint8]:
    """Give scale and zero point of uint8 values that cover low..high and have an exact zero."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = max(high - low, _TINY) / 255
    return np.float32(scale), np.uint8(round(-low / scale))


def _is_linear(graph: Graph, node: "NodeProto") -> bool:
    return node.op_type == "MatMul" and node.input[1] in graph.constants


def _put_group(graph: Graph, name: str, group: LinearGroup, seen: ActivationRange) -> None:
    """Add the nodes of one group: even out, round, multiply, and split what was joined."""
    constant = graph.add_constant
    weights = np.concatenate(group.weights, axis=1)
    source, rounded = group.source, f"{name}.rounded"
    if group.uneven:
        factors = smoothing_factors(weights, seen)
        weights = weights * factors[:, None]
        seen = ActivationRange(low=seen.low / factors, high=seen.high / factors)
        source = f"{name}.evened"
        graph.add("Mul", [group.source, constant(f"{name}.factors", 1 / factors)], [source])
    scale, zero = quantise_range(float(seen.low.min()) * HEADROOM, float(seen.high.max()) * HEADROOM)
    activation_scale = constant(f"{name}.activation_scale", np.asarray(scale))
    activation_zero = constant(f"{name}.activation_zero", np.asarray(zero))
    graph.add("QuantizeLinear", [source, activation_scale, activation_zero], [rounded])
    integers, scales = quantise_columns(weights)
    inputs = [
        rounded,
        constant(f"{name}.weights", integers),
        activation_scale,
        constant(f"{name}.scales", scales),
        activation_zero,
        "",  # weights have no zero point
        constant(f"{name}.bias", np.concatenate(group.biases)),
    ]
    joined = group.outputs[0] if len(group.outputs) == 1 else f"{name}.joined"
    graph.add("MatMulIntegerToFloat", inputs, [joined], domain=MICROSOFT)
    if len(group.outputs) > 1:
        widths = constant(f"{name}.widths", np.array([part.shape[1] for part in group.weights], np.int64))
        graph.add("Split", [joined, widths], group.outputs, axis=-1)
