"""Element-wise mathematics: the result has the type of the input."""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops.activations import require_floating
from slimdsl.ops.arguments import NumberKind, arg
from slimdsl.ops.base import Primitive, ShapeError
from slimdsl.ops.element_types import require_fitting, require_numbers
from slimdsl.types import DType, TensorType
from slimdsl.values import value


@value
class Function(Primitive):
    """Base of the functions of one element; `node_name` is TensorFlow's op.

    Attributes:
        of_integers: True where integers have a result that is an integer.
    """

    of_integers: ClassVar[bool] = False

    def infer(self, *inputs: TensorType) -> TensorType:
        """The input's type."""
        (x,) = inputs
        if not self.of_integers:
            require_floating(self.name, x)
        require_numbers(self.name, x)
        if x.dtype is DType.UINT8:
            raise ShapeError(f"{self.name} wants numbers that may be negative, this tensor is uint8", operand=0)
        return x


@value
class Abs(Function):
    """The value without its sign. TensorFlow: ``tf.abs``.

    Opens no scope: `as` names the node. Example: ``abs``.
    """

    name: ClassVar[str] = "abs"
    node_name: ClassVar[str] = "Abs"
    of_integers: ClassVar[bool] = True


@value
class Cos(Function):
    """The cosine. TensorFlow: ``tf.cos``.

    Opens no scope: `as` names the node. Example: ``cos``.
    """

    name: ClassVar[str] = "cos"
    node_name: ClassVar[str] = "Cos"


@value
class Exp(Function):
    """e to the power of x. TensorFlow: ``tf.exp``.

    Opens no scope: `as` names the node. Example: ``exp``.
    """

    name: ClassVar[str] = "exp"
    node_name: ClassVar[str] = "Exp"


@value
class Log(Function):
    """The natural logarithm; not a number below 0. TensorFlow: ``tf.math.log``.

    Opens no scope: `as` names the node. Example: ``log``.
    """

    name: ClassVar[str] = "log"
    node_name: ClassVar[str] = "Log"


@value
class Neg(Function):
    """The negative. TensorFlow: ``-x``.

    Opens no scope: `as` names the node. Example: ``neg``.
    """

    name: ClassVar[str] = "neg"
    node_name: ClassVar[str] = "Neg"
    of_integers: ClassVar[bool] = True


@value
class Rsqrt(Function):
    """1 / √x. TensorFlow: ``tf.math.rsqrt``.

    Opens no scope: `as` names the node. Example: ``rsqrt``.
    """

    name: ClassVar[str] = "rsqrt"
    node_name: ClassVar[str] = "Rsqrt"


@value
class Sign(Function):
    """-1, 0 or 1. TensorFlow: ``tf.sign``.

    Opens no scope: `as` names the node. Example: ``sign``.
    """

    name: ClassVar[str] = "sign"
    node_name: ClassVar[str] = "Sign"


@value
class Sin(Function):
    """The sine. TensorFlow: ``tf.sin``.

    Opens no scope: `as` names the node. Example: ``sin``.
    """

    name: ClassVar[str] = "sin"
    node_name: ClassVar[str] = "Sin"


@value
class Sqrt(Function):
    """√x; not a number below 0. TensorFlow: ``tf.sqrt``.

    Opens no scope: `as` names the node. Example: ``sqrt``.
    """

    name: ClassVar[str] = "sqrt"
    node_name: ClassVar[str] = "Sqrt"


@value
class Square(Function):
    """x². TensorFlow: ``tf.square``.

    Opens no scope: `as` names the node. Example: ``square``.
    """

    name: ClassVar[str] = "square"
    node_name: ClassVar[str] = "Square"


@value
class Scale(Primitive):
    """x · factor, the factor being a number. TensorFlow: ``x * factor``.

    Takes numbers of any type; the factor of integers is an integer. `layer_scale` has a factor that is trained. Opens
    no scope: `as` names the node. Example: ``scale(1 / 255)``.
    """

    name: ClassVar[str] = "scale"
    node_name: ClassVar[str] = "mul"
    factor: float = arg(NumberKind(), doc="what each element is multiplied by")

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        require_fitting(self.name, x, self.factor, "factor")
        return x


@value
class Shift(Primitive):
    """x + offset, the offset being a number. TensorFlow: ``x + offset``.

    Takes numbers of any type; the offset of integers is an integer. Opens no scope: `as` names the node.
    Example: ``shift(-1)``.
    """

    name: ClassVar[str] = "shift"
    node_name: ClassVar[str] = "add"
    offset: float = arg(NumberKind(), doc="what is added to each element")

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        require_fitting(self.name, x, self.offset, "offset")
        return x


@value
class Power(Primitive):
    """x to the power of a number. TensorFlow: ``x ** exponent``.

    Opens no scope: `as` names the node. Example: ``power(3)``.
    """

    name: ClassVar[str] = "power"
    node_name: ClassVar[str] = "pow"
    exponent: float = arg(NumberKind(), doc="the power")

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        require_floating(self.name, x)
        return x


@value
class Clip(Primitive):
    """The nearest number between two bounds. TensorFlow: ``tf.clip_by_value``.

    With one bound `none`, there is none on that side. Opens no scope: `as` names the node. Example: ``clip(0, 6)``.
    """

    name: ClassVar[str] = "clip"
    node_name: ClassVar[str] = "clip_by_value"
    min: float | None = arg(NumberKind(optional=True), None, doc="the least number; `none`: no bound")
    max: float | None = arg(NumberKind(optional=True), None, doc="the greatest number; `none`: no bound")

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if self.min is None and self.max is None:
            raise ShapeError("clip is given no bound", argument="min", help="write `min=0`, `max=1`, or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ShapeError(f"min {self.min:g} is above max {self.max:g}", argument="min")
        for argument, bound in (("min", self.min), ("max", self.max)):
            if bound is not None:
                require_fitting(self.name, x, bound, argument)
        return x
