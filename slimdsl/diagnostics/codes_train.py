"""The codes of training: what a `train` block says."""

from __future__ import annotations

from slimdsl.diagnostics.catalogue import Code

CODES: tuple[Code, ...] = (
    Code(
        "E0217",
        "train-block",
        "the train block does not say this right",
        """Losses and metrics are calls that name tensors first: inputs of the block, inputs and outputs of the net. The length of a
training is given by `steps` or by `epochs`, not by both.

    loss softmax_cross_entropy(logits -> relu, labels)   # error: losses and metrics take tensors by their names

What a loss is to take is made an output of the net, `output rectified = logits -> relu`, and then named.
""",
    ),
)
