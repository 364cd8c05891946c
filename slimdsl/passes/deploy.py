"""The passes behind ``-O1``: a network for inference, with constant weights, as it is served.

**Names.** What keeps its name keeps its value. The outputs keep theirs; inputs too. The result of a batch normalisation
that was folded keeps the name it had, and the convolution before it, whose value is another now, has a new one
(``conv1/Conv2D_folded``, ``conv1/weights_folded``, ``conv1/biases_folded``). An end point stays as long as its value
does: that of a dropout is then the tensor the dropout was given.

**How exact.** Changed weights are computed in float64 and rounded once. So a folded network differs from the other as
two orders of the same sums in float32 do: by a few units in the last place of
gain · (Σ |kernel| · |x| + |mean|) + |beta|. That bounds no relative error of a single element: where these cancel, both
networks have lost the same digits. Networks in half precision keep their batch normalisation.

**What stays.** Batch normalisation that stands behind no convolution, such as those before the activations of
ResNet-v2; one by the statistics of the batch; one whose convolution has other readers or is an output.

**Layers** of the deployed graph are those whose result there still is, their ranges of nodes and variables counted
anew. A convolution whose result was folded away is no layer of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from slimdsl.ir.graph import Graph
from slimdsl.passes.constants import FoldConstants
from slimdsl.passes.dead import RemoveDead
from slimdsl.passes.derivation import Derivation
from slimdsl.passes.fold_channel_maps import FoldChannelMaps
from slimdsl.passes.identities import RemoveIdentities
from slimdsl.passes.plain_norms import SimplifyNorms
from slimdsl.passes.rewriting import Pass, begin
from slimdsl.values import Record, value

DEPLOY: tuple[Pass, ...] = (
    # First, since an identity between a convolution and what is to be folded into it would hide one from the other.
    RemoveIdentities(),
    # Before the kernels are changed: only what is a constant can be.
    FoldConstants(),
    # The gain: a batch normalisation is a pass over the whole tensor, biases are part of the convolution's kernel.
    FoldChannelMaps(),
    # What is left of the formula, with less to compute.
    SimplifyNorms(),
    # Last: the others leave the variables that they have made superfluous where they are.
    RemoveDead(),
)


@value
class Deployed(Record):
    """A network that is ready to be written with constant weights.

    Attributes:
        graph: the network. Its derived variables have no initialiser that could be drawn, and it has no updates.
        derivations: name of a variable that the network as written has not -> how its values are computed of those
            that it has; see `weights.derived`.
        folded_end_points: scope path of an end point that is gone -> why, such as ``folded into conv1/Conv2D_folded``.
    """

    graph: Graph
    derivations: Mapping[str, Derivation]
    folded_end_points: Mapping[str, str]


def deploy(graph: Graph) -> Deployed:
    """Run the passes.

    Raises:
        ValueError: it is a training graph.
    """
    if graph.training:
        raise ValueError(f"`{graph.name}` is a training graph, and only one for inference can be deployed")
    state = begin(graph)
    for step in DEPLOY:
        state = step.run(state)
    made = {variable.name for variable in state.graph.variables}
    return Deployed(
        graph=state.graph,
        derivations={name: derivation for name, derivation in state.derivations.items() if name in made},
        folded_end_points=state.folded_end_points,
    )
