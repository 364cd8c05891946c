"""`slimdsl manifest`: what a network is called from outside, as JSON."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from slimdsl.cli.loading import open_graph
from slimdsl.cli.options import add_colour_option, add_net_options
from slimdsl.ir.graph import Graph
from slimdsl.json_text import json_text
from slimdsl.passes.deploy import deploy
from slimdsl.weights.manifest import manifest


def configure(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = "Print inputs, outputs, variables in their order and end points as JSON."
    parser.add_argument("file", metavar="FILE", help="a .slim file")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--training", action="store_true", help="describe the training graph")
    which.add_argument(
        "-O",
        dest="level",
        metavar="LEVEL",
        type=int,
        choices=(0, 1),
        default=0,
        help="1: describe the graph after the deploy passes, as `compile` writes a frozen one (0)",
    )
    add_net_options(parser)
    add_colour_option(parser)


def run(arguments: Namespace) -> int:
    """Print the manifest; return 1 where the file has errors."""
    graph = open_graph(arguments.file, arguments, training=arguments.training)
    if graph is None:
        return 1
    if arguments.level:
        deployed = deploy(graph)
        print(json_text({**manifest(deployed.graph), "folded_end_points": dict(deployed.folded_end_points)}))
        return 0
    print(json_text({**manifest(graph), **(_training_names(graph) if graph.training else {})}))
    return 0


def _training_names(graph: Graph) -> dict[str, object]:
    """What `compile --training` calls the nodes that stand for no layer; what the graph does not have is left out."""
    # Loads protobuf, which nothing else of a manifest needs: the backend alone decides these names.
    from slimdsl.backends.graphdef.emitter import emit

    emission = emit(graph, form="graphdef", seed=0)
    names = {
        "update_ops": emission.update_ops,
        "regularization_loss": emission.regularization_loss,
        "random_seed": emission.random_seed,
        "training_step": emission.training_step,
    }
    return {key: name for key, name in names.items() if name}
