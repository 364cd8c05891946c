"""The codes of shapes: tensors that do not fit."""

from __future__ import annotations

from slimdsl.diagnostics.catalogue import Code

CODES: tuple[Code, ...] = (
    Code(
        "E0401",
        "shape-mismatch",
        "the tensor does not fit the layer",
        """A layer cannot take the tensor that flows into it: the rank, the element type or a size is wrong. The message has the
numbers, and where the tensor comes from is shown beside.

    max_pool(2x2) as pool5
    fc(4096)                     # error: `fc` takes a tensor of rank 2, not [N, 7, 7, 512]

    max_pool(2x2) as pool5
    flatten
    fc(4096)

TF-Slim builds the first of these in silence, as a layer that acts on the last axis; who means that writes `axis=-1`.
""",
    ),
    Code(
        "E0403",
        "bad-dimension",
        "this cannot be a dimension",
        """The dimensions of an input are positive integers below 2^31, or names for sizes that are not known, such as `N` and `H`.

    input images: float32[N, 0, 224, 3]      # error: a dimension must be at least 1, not 0
""",
    ),
)
