"""Every network gives the same after `deploy`: its outputs, and every tensor that keeps its name.

Both graphs stand in one TensorFlow graph and are run together. Their weights are fed: constants of hundreds of
megabytes are what TensorFlow takes longest over. That they are what a frozen file holds, `tests/passes` shows.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import slimdsl
from slimdsl.compiler import Compilation, read_source
from slimdsl.ir.graph import Graph, Tensor, Variable
from slimdsl.ir.verify import verify
from slimdsl.passes.deploy import Deployed, deploy
from slimdsl.weights.derived import DerivedWeights
from slimdsl.weights.source import WeightSource
from tests.conformance.feeding import fed_graph
from tests.conformance.recipe import scaled
from tests.harness import Array, sizes_of, tensorflow

MODELS = Path(__file__).parents[2] / "models"

SMALLER: dict[str, dict[str, Any]] = {
    "cyclegan_generator_resnet": {"size": 64},
    "efficientnet_b0": {"size": 96},
    "gpt": {"layers": 3, "width": 48, "heads": 4, "vocabulary": 60, "context": 16},
    "lstm_classifier": {"vocabulary": 60, "length": 6},
    "nasnet_large": {"size": 95},
    "nasnet_mobile": {"size": 96},
    "pix2pix_discriminator": {"size": 64},
    "pix2pix_generator": {"size": 128},
    "pnasnet_large": {"size": 95},
    "pnasnet_mobile": {"size": 96},
    "unet": {"size": 188},
    "vit_s16": {"size": 64},
}
"""Parameters that make less work of networks; those that are not here have none that does."""

SIZES = {"N": 1, "L": 7, "frames": 9}
"""What named sizes are."""

BOUND = 1e-5
"""Of the outputs, in relative L2 distance."""

BOUND_WITHIN = 5e-5
"""Of the other tensors: some are small differences of large numbers. Of probabilities too: what is an error of logits
relative to their size is one of exponentials relative to 1, and these logits are some tens to some thousands."""

PROBABILITIES = ("predictions", "probabilities")

DRAWN = 1_000_003
"""Numbers that are drawn for a variable; larger ones repeat them."""


def networks() -> list[tuple[Path, str]]:
    """File and name of every net that has a graph."""
    found = []
    for path in sorted(MODELS.rglob("*.slim")):
        source, findings = read_source(str(path))
        found += [(path, net) for net in Compilation(source, read_diagnostics=findings).complete_names]
    return found


NETWORKS = {net: path for path, net in networks()}


class QuickWeights(WeightSource):
    """Values distributed as those of the recipe, drawn ten times as fast, and only once."""

    def __init__(self) -> None:
        self._drawn: dict[str, Array] = {}

    def values(self, variable: Variable) -> Array:
        """The values of a variable."""
        if variable.name not in self._drawn:
            random = np.random.default_rng(zlib.crc32(variable.name.encode()))
            normal = np.resize(random.standard_normal(min(variable.size, DRAWN), dtype=np.float32), variable.shape)
            self._drawn[variable.name] = scaled(variable.name, normal).astype(np.float32, copy=False)
        return self._drawn[variable.name]

    def write(self, variable: Variable, sink: Callable[[bytes | memoryview], None]) -> None:
        """Pass on the values of a variable."""
        sink(np.ascontiguousarray(self.values(variable)).data.cast("B"))


def load(network: str) -> Graph:
    return slimdsl.load(NETWORKS[network], network, **SMALLER.get(network, {})).graph


def weights_of(deployed: Deployed, source: QuickWeights) -> dict[str, Array]:
    """The values of the variables of a deployed network."""
    derived, found = DerivedWeights(source, deployed.derivations), {}
    for variable in deployed.graph.variables:
        if variable.name in deployed.derivations:
            content = bytearray()
            derived.write(variable, content.extend)
            values = np.frombuffer(content, variable.tensor.type.dtype.value).reshape(variable.shape)
        else:
            values = source.values(variable)
        found[variable.name] = values
    return found


def input_values(tensor: Tensor) -> Array:
    shape = sizes_of(tensor.type.shape, SIZES)
    random = np.random.RandomState(zlib.crc32(tensor.node.encode()))
    if not tensor.type.dtype.floating:
        return random.randint(50, size=shape).astype(tensor.type.dtype.value)
    return (0.5 * random.standard_normal(shape)).astype(tensor.type.dtype.value)


def together(graph: Graph, deployed: Deployed) -> tuple[Any, dict[str, Array]]:
    """A graph with both networks, as ``before`` and ``after``, and what is fed to it."""
    tf = tensorflow()
    source = QuickWeights()
    inputs = {name: input_values(tensor) for name, tensor in graph.inputs.items()}
    weights = {variable.name: source.values(variable) for variable in graph.variables}
    feeds: dict[str, Array] = {}
    with tf.Graph().as_default() as both:
        for prefix, part, values in (
            ("before", graph, weights),
            ("after", deployed.graph, weights_of(deployed, source)),
        ):
            tf.import_graph_def(fed_graph(part), name=prefix)
            feeds.update({f"{prefix}/{name}:0": array for name, array in {**inputs, **values}.items()})
    return both, feeds


def distances(both: Any, feeds: dict[str, Array], names: list[str], *, optimized: bool) -> dict[str, float]:
    """How far the tensors of these names are from each other."""
    tf = tensorflow().compat.v1
    config = tf.ConfigProto()
    # Where it optimizes, TensorFlow (2.21) joins nodes although they are asked for, and then does not find them.
    config.graph_options.rewrite_options.disable_meta_optimizer = not optimized
    with tf.Session(graph=both, config=config) as session:
        found = session.run([[f"before/{name}", f"after/{name}"] for name in names], feeds)
    return {name: distance(after, before) for name, (before, after) in zip(names, found, strict=True)}


def distance(found: Array, expected: Array) -> float:
    if np.array_equal(found, expected):
        return 0.0
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


@pytest.mark.parametrize("network", NETWORKS)
def test_a_deployed_network_gives_the_same(network: str) -> None:
    graph = load(network)
    deployed = deploy(graph)
    verify(deployed.graph)
    outputs = {output: tensor.name for output, tensor in graph.outputs.items()}
    assert outputs == {output: tensor.name for output, tensor in deployed.graph.outputs.items()}
    left = {result.name for node in deployed.graph.nodes for result in node.results}
    names = [result.name for node in graph.nodes for result in node.results if result.name in left]
    both, feeds = together(graph, deployed)

    found = distances(both, feeds, list(outputs.values()), optimized=True)
    for output, tensor in outputs.items():
        assert found[tensor] <= (BOUND_WITHIN if output in PROBABILITIES else BOUND), output
    every = distances(both, feeds, names, optimized=False)
    assert {name: off for name, off in every.items() if not off <= BOUND_WITHIN} == {}
