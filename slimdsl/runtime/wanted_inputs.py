"""What a network and a recipe want of data: their inputs, with what is known of the numbers."""

from __future__ import annotations

from slimdsl.artefacts.fixed_inputs import NoInputsError, candidate_sizes
from slimdsl.ir.graph import Graph
from slimdsl.recipe.recipe import Recipe
from slimdsl.runtime.data.arrays import is_synthetic
from slimdsl.runtime.data.errors import MissingDataError
from slimdsl.runtime.data.wanted import Wanted, WantedInput
from slimdsl.runtime.limits import drawn_for, limits_of
from slimdsl.types import DType, SymbolicDim, TensorType, symbol_names


def wanted_of(graph: Graph, recipe: Recipe, spec: str) -> Wanted:
    """What data have to know of a network and a recipe.

    Args:
        graph: the network.
        recipe: the recipe.
        spec: what `--data` names; where data are made up, named sizes get numbers.

    Raises:
        MissingDataError: no data of any kind can be fed to them, or none can be made up.
    """
    types = {**{name: tensor.type for name, tensor in graph.inputs.items()}, **recipe.inputs}
    for name, type in types.items():
        _require_rows(graph.name, name, type)
    limits = limits_of(graph, recipe)
    inputs = {
        name: WantedInput(
            name=name,
            type=type,
            label=name in recipe.inputs,
            limit=limits.get(name),
            drawn=drawn_for(recipe, name),
        )
        for name, type in types.items()
    }
    wanted = Wanted(network=graph.name, inputs=inputs)
    if not is_synthetic(spec) or wanted.of_classes:
        return wanted
    return Wanted(network=graph.name, inputs=inputs, sizes=_made_up_sizes(graph, types))


def _require_rows(network: str, name: str, type: TensorType) -> None:
    """Refuse an input that no examples can be fed to.

    Raises:
        MissingDataError: it is one.
    """
    at = f"`{network}` cannot be trained from the command line: its input `{name}: {type}`"
    if type.dtype is DType.STRING:
        raise MissingDataError(f"{at} is of texts: let it be numbers, which an .npz can hold")
    if not type.rank:
        raise MissingDataError(f"{at} has no axis of examples: make it `[N]`, or a parameter of the net")
    first = type.shape[0]
    batch = {str(first)} if isinstance(first, SymbolicDim) else set()
    if isinstance(first, SymbolicDim) and str(first) not in symbol_names(first):
        raise MissingDataError(f"{at} has {first} examples for each batch: let its first axis be the batch itself, `N`")
    for axis, dim in enumerate(type.shape[1:], 1):
        if symbol_names(dim) & batch:
            raise MissingDataError(f"{at} has the batch in axis {axis} too: examples are rows that know no others")


def _made_up_sizes(graph: Graph, types: dict[str, TensorType]) -> dict[str, int]:
    """Numbers for named sizes with which the network can be computed; none for the batch.

    Raises:
        MissingDataError: none of those that are tried fit.
    """
    try:
        sizes = next(candidate_sizes(graph, {}))
    except NoInputsError as error:
        raise MissingDataError(
            f"data for `{graph.name}` cannot be made up: {error}; write the sizes in the net, or give --data an .npz"
        ) from None
    return {name: size for name, size in sizes.items() if name not in {str(type.shape[0]) for type in types.values()}}
