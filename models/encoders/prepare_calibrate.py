"""Measuring the ranges that activations take, on texts that are unlike those a model is judged by."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.encoders.onnx_encoder import Feeds, open_session
from models.encoders.prepare_graph import Graph
from models.encoders.prepare_quantise import ActivationRange

if TYPE_CHECKING:
    from numpy.typing import NDArray


@contextmanager
def observed(graph: Graph, tensors: Iterable[str]) -> Iterator[list[str]]:
    """Make a graph give the least and the greatest value of each channel of some tensors, for a while.

    Args:
        graph: Is as it was afterwards.
        tensors: (texts, tokens, channels) each.

    Yields:
        The tensors' names, each once.
    """
    from onnx import TensorProto, helper

    names = sorted(set(tensors))
    nodes, outputs = len(graph.nodes), len(graph.model.graph.output)
    for name in names:
        for kind, ending in (("ReduceMin", "low"), ("ReduceMax", "high")):
            graph.add(kind, [name], [f"{name}.{ending}"], axes=[0, 1], keepdims=0)
            value = helper.make_tensor_value_info(f"{name}.{ending}", TensorProto.FLOAT, None)
            graph.model.graph.output.append(value)
    try:
        yield names
    finally:
        del graph.nodes[nodes:]
        del graph.model.graph.output[outputs:]


def ranges(path: Path, names: list[str], calls: Iterable[Feeds]) -> Mapping[str, ActivationRange]:
    """Run an observed graph and join what was seen.

    Args:
        path: Of the graph.
        names: As `observed` gave them.
        calls: What to run it on; without padding, whose activations mean nothing.
    """
    session = open_session(path, threads=1)
    wanted = [f"{name}.{ending}" for name in names for ending in ("low", "high")]
    lows: dict[str, NDArray[np.float32]] = {}
    highs: dict[str, NDArray[np.float32]] = {}
    for feeds in calls:
        found = session.run(wanted, feeds)
        for name, low, high in zip(names, found[::2], found[1::2], strict=True):
            lows[name] = np.minimum(lows.get(name, low), low)
            highs[name] = np.maximum(highs.get(name, high), high)
    return {name: ActivationRange(low=lows[name], high=highs[name]) for name in names}
