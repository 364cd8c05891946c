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
        "E0402",
        "branch-mismatch",
        "branches cannot be joined",
        """The branches of a merge do not fit each other: `add` and its like want equal shapes (an axis of size 1 is stretched),
`concat` equal ones but for the axis it joins along, and all of them two branches or more.

    add {
      branch { conv(8, 1x1) }
      branch { conv(16, 1x1) }   # error: branch 2 is [N, 28, 28, 16], branch 1 is [N, 28, 28, 8]
    }
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
