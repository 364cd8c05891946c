"""Dropout, which acts in the training graph alone unless it is told otherwise."""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops.activations import require_floating
from slimdsl.ops.arguments import BoolKind, IntKind, NumberKind, arg
from slimdsl.ops.base import Builder, Layer, Operand, Primitive, ShapeError
from slimdsl.ops.shape import Identity
from slimdsl.types import TensorType
from slimdsl.values import value

_KEEP_PROB = NumberKind(above=0.0, maximum=1.0)

_BURN_IN = IntKind(minimum=0, maximum=2**31 - 1)
"""Steps that, times 32 bits of a probability, fit into an int64."""


@value
class RandomDrop(Primitive):
    """Keep each element, or each example, with a probability, divided by it; put 0 in place of the others.

    The probability goes from 1 to `keep_prob` in the first `burn_in` steps of the training.
    """

    name: ClassVar[str] = "random_drop"
    node_name: ClassVar[str] = "dropout/SelectV2"
    writable: ClassVar[bool] = False
    keep_prob: float = arg(_KEEP_PROB, doc="probability of being kept")
    whole: bool = arg(BoolKind(), False, doc="whether an example is kept or dropped as a whole")
    burn_in: int = arg(_BURN_IN, 0, doc="steps in which the probability comes to `keep_prob`; 0: it is there at once")

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        require_floating("dropout", x)
        return x


@value
class Dropout(Layer):
    """Drop elements at random while training. TF-Slim: ``dropout``.

    Takes a tensor of any shape and gives the same shape. In the training graph each element is kept with probability
    `keep_prob` and divided by it, else it becomes 0; the bits depend on the graph's seed and on the layer's name, and
    are the same on every device. In the inference graph nothing changes, unless ``training=true`` (the noise of
    pix2pix); with ``keep_prob=1`` nothing changes at all.
    Paper: https://jmlr.org/papers/v15/srivastava14a.html. Example: ``dropout(0.8) as dropout6``.
    """

    name: ClassVar[str] = "dropout"
    scope_name: ClassVar[str] = "Dropout"
    function_name: ClassVar[str] = "dropout"
    reserves_scope_name: ClassVar[bool] = True
    keep_prob: float = arg(_KEEP_PROB, 0.5, doc="probability that an element is kept")
    training: bool | None = arg(
        BoolKind(optional=True), None, doc="drop always (`true`) or never (`false`); `none`: as the graph is for"
    )

    def build(self, builder: Builder, x: Operand) -> Operand:
        """Drop while training; pass on otherwise."""
        require_floating(self.name, x.type)
        training = builder.training if self.training is None else self.training
        if training and self.keep_prob < 1.0:
            return builder.emit(RandomDrop(keep_prob=self.keep_prob), x)
        return builder.emit(Identity(), x)


@value
class DropPath(Layer):
    """Drop whole examples at random while training: stochastic depth. TF-Slim's networks: ``drop_path`` of NASNet.

    Takes a tensor ``[N, …]`` and gives the same shape. In the training graph each example is kept with probability
    `keep_prob` and divided by it, else all of it becomes 0, so that of a residual branch only the shortcut is left. In
    the inference graph, and with ``keep_prob=1``, nothing changes.

    With ``burn_in=n`` the probability goes in a straight line from 1 at step 0 to `keep_prob` at step n, and stays
    there: ``1 - min(1, step / n) * (1 - keep_prob)``, as in TF-Slim's NASNet, whose `drop_path_burn_in_steps` it is.
    The step is that of `train`; a program that trains the compiled graph feeds it as `training_step`.
    Papers: https://arxiv.org/abs/1603.09382, https://arxiv.org/abs/1707.07012.
    Example: ``drop_path(0.9)``, ``drop_path(0.6, burn_in=250000)``.
    """

    name: ClassVar[str] = "drop_path"
    scope_name: ClassVar[str] = "DropPath"
    function_name: ClassVar[str] = "drop_path"
    keep_prob: float = arg(_KEEP_PROB, doc="probability that an example is kept")
    burn_in: int = arg(_BURN_IN, 0, doc="steps in which the probability comes to `keep_prob`; 0: it is there at once")

    def build(self, builder: Builder, x: Operand) -> Operand:
        """Drop while training; pass on otherwise."""
        require_floating(self.name, x.type)
        if not x.type.rank:
            raise ShapeError("drop_path wants a tensor with a batch, this one is a scalar", operand=0)
        if builder.training and self.keep_prob < 1.0:
            drop = RandomDrop(keep_prob=self.keep_prob, whole=True, burn_in=self.burn_in)
            return builder.emit(drop, x, name="SelectV2")
        return builder.emit(Identity(), x)
