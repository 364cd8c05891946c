"""The file `saved_model.pb`: a graph with everything around it, as pieces that go out one after another.

The messages around the graph are opened by hand, because their lengths count the weights in it, which are passed on
only when the file is written.
"""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.graphdef.emission import Emission, varint
from slimdsl.backends.savedmodel.messages import Content, message
from slimdsl.backends.savedmodel.signatures import Signature

FILE_NAME = "saved_model.pb"
ENTRIES = (FILE_NAME, "assets", "assets.extra", "fingerprint.pb", "keras_metadata.pb", "variables")
"""What a SavedModel's folder may hold; anything else is somebody's own and would be lost with it."""
TAG = "serve"
"""The tag under which every loader looks for what is to be served."""


def saved_model(
    graph: Emission, signatures: Sequence[Signature], *, functions: Sequence[bytes] = (), **parts: Content
) -> Emission:
    """The pieces of a SavedModel with one graph.

    Args:
        graph: the graph.
        signatures: what it offers.
        functions: the FunctionDefs of its library.
        **parts: further fields of the MetaGraphDef.
    """
    library = message("GraphDef", library=message("FunctionDefLibrary", function=list(functions))) if functions else b""
    before = message("MetaGraphDef", meta_info_def=message("MetaInfoDef", tags=[TAG]))
    after = library + message(
        "MetaGraphDef", signature_def={signature.name: signature.definition for signature in signatures}, **parts
    )
    graph_start = _opened("MetaGraphDef", "graph_def", graph.size + len(library))
    size = len(before) + len(graph_start) + graph.size + len(after)
    version = message("SavedModel", saved_model_schema_version=1)
    start = version + _opened("SavedModel", "meta_graphs", size) + before + graph_start
    return Emission(
        form=graph.form,
        pieces=(start, *graph.pieces, after),
        node_count=graph.node_count,
        inputs=graph.inputs,
        outputs=graph.outputs,
        variables=graph.variables,
    )


def _opened(kind: str, name: str, size: int) -> bytes:
    """How a field with a message of so many bytes begins."""
    # An empty message's field is its tag and a length of one byte.
    return message(kind, **{name: b""})[:-1] + varint(size)
