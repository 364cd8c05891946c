"""What an operation is: a frozen record of its arguments with its rules beside it.

There are two sorts. A `Primitive` is a node of the graph: it infers types and every backend lowers it or refuses it. A
`Layer` is something one writes that opens a variable scope and consists of primitives: its `build` makes variables and
emits nodes through a `Builder`, so that no backend ever hears of it. Both are language: the class docstring is the
manual page, the fields are the arguments in their order, and `name` is the spelling.

This room must not know the tree, spans, the graph's classes or any backend. What is wrong with types is raised as
`ShapeError`, which names the operand or argument at fault; `semantics` turns it into a diagnostic with a place.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

from slimdsl.types import Dim, DType, TensorType
from slimdsl.values import Value, positional, value


class ShapeError(Exception):
    """The types do not fit.

    Args:
        message: what is wrong, with the numbers in it.
        operand: the index of the input at fault, where it is one.
        argument: the name of the argument at fault, where it is one.
        help: what to do about it.
    """

    def __init__(
        self, message: str, *, operand: int | None = None, argument: str | None = None, help: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.operand = operand
        self.argument = argument
        self.help = help


class Operand(Protocol):
    """A tensor in the making, as ops see it: they read its type and pass it on."""

    @property
    def type(self) -> TensorType:
        """Element type and shape."""
        ...


@value
class Initializer(Value):
    """How the first values of a variable are drawn; subclasses are in `initializers`.

    Attributes:
        name: the spelling in the language.
        aliases: other spellings.
    """

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()


@value
class Regularizer(Value):
    """A penalty on a variable; subclasses are in `regularizers`."""

    name: ClassVar[str]


@value
class Op(Value):
    """Base of everything that can be written as a layer.

    Attributes:
        name: the spelling in the language.
        scope_name: TF-Slim's default variable scope for an unnamed call, or "" for an op that opens no scope: then `as`
            names the node itself.
        function_name: TF-Slim's Python name of the function; unnamed `repeat` and `stack` number it.
        defaults_of: the layer whose `with` defaults reach this one too, because TF-Slim builds it of that; "" for none.
    """

    name: ClassVar[str]
    scope_name: ClassVar[str] = ""
    function_name: ClassVar[str] = ""
    defaults_of: ClassVar[str] = ""

    @classmethod
    def scope_for(cls, x: TensorType) -> str:
        """The default scope for this input; differs from `scope_name` where it depends on the rank (``MaxPool3D``)."""
        return cls.scope_name

    @classmethod
    def function_for(cls, x: TensorType) -> str:
        """TF-Slim's function name for this input; differs from `function_name` where it depends on the rank."""
        return cls.function_name or cls.name


@positional
class Applicable(Value):
    """Base of what can be applied to a tensor in place of a layer: a `LayerValue`, or a block of the language."""


@positional
class LayerValue(Applicable):
    """A layer as a value, such as ``batch_norm(decay=0.9)``: the op and the arguments that were written, by name."""

    op: type[Op]
    arguments: tuple[tuple[str, object], ...] = ()

    @property
    def depth(self) -> int:
        """How many layers stand within each other in the arguments; 1 for a layer without layers."""
        return 1 + max((given.depth for _, given in self.arguments if isinstance(given, LayerValue)), default=0)

    def __str__(self) -> str:
        written = ", ".join(f"{name}={argument}" for name, argument in self.arguments)
        return f"{self.op.name}({written})" if written else self.op.name


class Builder(Protocol):
    """What a layer may do while it is built. Names are relative to the scope that was opened for it."""

    @property
    def training(self) -> bool:
        """True for the training graph, False for inference."""
        ...

    def variable(
        self,
        leaf: str,
        shape: tuple[Dim, ...],
        *,
        initializer: Initializer,
        regularizer: Regularizer | None = None,
        trainable: bool = True,
        dtype: DType = DType.FLOAT32,
    ) -> Operand:
        """Make the variable ``<scope>/<leaf>``.

        Raises:
            ShapeError: a dimension is not known, or is not positive.
        """
        ...

    def emit(self, op: Primitive, *inputs: Operand, name: str | None = None) -> Operand:
        """Add a node ``<scope>/<name>`` (default: the op's `node_name`), made unique; return its first result.

        Raises:
            ShapeError: the types do not fit.
        """
        ...

    def emit_all(self, op: Primitive, *inputs: Operand, name: str | None = None) -> tuple[Operand, ...]:
        """As `emit`, with all results."""
        ...

    def layer(self, layer: Applicable, x: Operand) -> Operand:
        """Apply an activation, a normaliser or the like in this scope, with the `with` defaults that hold for it."""
        ...

    def update(self, variable: Operand, new_value: Operand) -> None:
        """In the training graph, `variable` becomes `new_value` after each step."""
        ...


@value
class Primitive(Op):
    """A node of the graph.

    Attributes:
        node_name: the last part of the node's name, as TensorFlow calls the op (``Conv2D``).
        writable: False for the primitives that only layers use; they have no spelling of their own in the language.
    """

    node_name: ClassVar[str]
    writable: ClassVar[bool] = True

    def infer(self, *inputs: TensorType) -> TensorType:
        """The type of the (first) result.

        Raises:
            ShapeError: the types do not fit.
        """
        raise NotImplementedError

    def infer_all(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        """The types of all results; one unless a subclass says otherwise."""
        return (self.infer(*inputs),)

    def macs(self, inputs: tuple[TensorType, ...], result: TensorType) -> Dim:
        """Multiply-accumulate operations of one execution; 0 for what does no products."""
        return 0


@value
class Layer(Op):
    """Something that opens a variable scope and is built of primitives.

    Attributes:
        reserves_scope_name: True where a node must not be called as the scope itself, whatever the case of the letters:
            ``Conv2d_transpose/conv2d_transpose_1`` (TF-Slim's layers that go through ``tf.compat.v1.layers``).
    """

    reserves_scope_name: ClassVar[bool] = False

    @property
    def passes_on(self) -> bool:
        """True where these arguments leave the input as it is: there is no node then, and no scope."""
        return False

    def build(self, builder: Builder, x: Operand) -> Operand:
        """Make the variables and nodes; return the result.

        Raises:
            ShapeError: the types do not fit.
        """
        raise NotImplementedError
