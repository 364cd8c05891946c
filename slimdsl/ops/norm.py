"""The layers that normalise an example by itself: over all of it, over groups of channels, over each channel.

Variables, their order, the numbers and the name of the result's node are TF-Slim's. The nodes take gamma and beta where
there are any, in this order; their `scale` and `center` say which there are, and what is missing is 1 and 0.
"""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops import layer_arguments as shared
from slimdsl.ops.activations import require_floating
from slimdsl.ops.arguments import BoolKind, InitializerKind, IntKind, IntsKind, NumberKind, arg
from slimdsl.ops.base import Applicable, Builder, Initializer, Layer, Operand, Primitive, ShapeError
from slimdsl.ops.initializers import Ones, Zeros
from slimdsl.ops.windows import known_channels, require_rank
from slimdsl.types import Dim, DType, Shape, TensorType, shape_text, surely_unequal
from slimdsl.values import value

EPSILON = NumberKind(minimum=0.0)


def require_parameters(x: TensorType, parameters: tuple[TensorType, ...]) -> None:
    """Refuse a gamma or beta whose axes are not the last ones of `x`.

    Raises:
        ShapeError: with both shapes.
    """
    for index, parameter in enumerate(parameters, start=1):
        last = x.shape[x.rank - parameter.rank :]
        if parameter.rank > x.rank or any(surely_unequal(a, b) for a, b in zip(parameter.shape, last, strict=True)):
            raise ShapeError(f"{shape_text(parameter.shape)} does not fit {shape_text(x.shape)}", operand=index)


@value
class Normalize(Primitive):
    """(x - mean) / √(variance + epsilon) · gamma + beta, the mean and the variance being those over `axes`."""

    name: ClassVar[str] = "normalize"
    node_name: ClassVar[str] = "batchnorm/add_1"
    writable: ClassVar[bool] = False
    axes: tuple[int, ...] = arg(IntsKind(minimum=0), doc="the axes that are averaged over")
    epsilon: float = arg(EPSILON, doc="added to the variance")
    scale: bool = arg(BoolKind(), doc="whether there is a gamma")
    center: bool = arg(BoolKind(), doc="whether there is a beta")

    def infer(self, *inputs: TensorType) -> TensorType:
        """The type of x."""
        x, *parameters = inputs
        require_floating("a norm", x)
        require_parameters(x, tuple(parameters))
        return x


@value
class NormalizeGroups(Primitive):
    """As `Normalize`, but the channels are cut into groups, and each group is averaged over by itself."""

    name: ClassVar[str] = "normalize_groups"
    node_name: ClassVar[str] = "Reshape"
    writable: ClassVar[bool] = False
    groups: int = arg(IntKind(minimum=1), doc="number of groups of channels")
    axes: tuple[int, ...] = arg(IntsKind(minimum=0), doc="the axes that are averaged over besides the group")
    epsilon: float = arg(EPSILON, doc="added to the variance")
    scale: bool = arg(BoolKind(), doc="whether there is a gamma")
    center: bool = arg(BoolKind(), doc="whether there is a beta")

    def infer(self, *inputs: TensorType) -> TensorType:
        """The type of x."""
        x, *parameters = inputs
        require_floating("group_norm", x)
        require_parameters(x, tuple(parameters))
        return x


def make_parameters(
    builder: Builder, layer: LayerNorm | GroupNorm | InstanceNorm, dtype: DType, shape: Shape
) -> tuple[Operand, ...]:
    """Make the variables ``beta`` and ``gamma``, in TF-Slim's order; return gamma and beta, as far as there are any."""
    made: list[Operand] = []
    if layer.center:
        beta = builder.variable("beta", shape, initializer=layer.beta_init, trainable=layer.trainable, dtype=dtype)
        made.append(beta)
    if layer.scale:
        gamma = builder.variable("gamma", shape, initializer=layer.gamma_init, trainable=layer.trainable, dtype=dtype)
        made.insert(0, gamma)
    return tuple(made)


def axis_index(argument: str, axis: int, x: TensorType) -> int:
    """An axis of `x`, counted from the end where it is negative, as an index from 0.

    Raises:
        ShapeError: there is no such axis.
    """
    if not -x.rank <= axis < x.rank:
        raise ShapeError(
            f"{argument} {axis} is no axis of {shape_text(x.shape)}, which has {x.rank}", argument=argument
        )
    return axis % x.rank


@value
class LayerNorm(Layer):
    """Layer normalisation: each example by its own mean and variance. TF-Slim: ``layer_norm``.

    Takes ``[N, …, C]`` of rank 2 or more and gives the same. The mean and the variance are taken over the axes from
    `begin_norm_axis` on, by default all but the batch; ``begin_norm_axis=-1`` takes each position by itself, as
    transformers do. Makes ``beta`` (if `center`) and ``gamma`` (if `scale`) of the shape of the axes from
    `begin_params_axis` on, by default [C]. Paper: Ba et al., https://arxiv.org/abs/1607.06450.
    Example: ``fc(64, norm=layer_norm)``.
    """

    name: ClassVar[str] = "layer_norm"
    scope_name: ClassVar[str] = "LayerNorm"
    center: bool = arg(BoolKind(), True, doc="add the variable `beta`")
    scale: bool = arg(BoolKind(), True, doc="multiply by the variable `gamma`")
    activation: Applicable | None = shared.activation_argument(relu=False)
    begin_norm_axis: int = arg(IntKind(), 1, doc="the first axis of those that are averaged over")
    begin_params_axis: int = arg(IntKind(), -1, doc="the first axis of those that the parameters have")
    epsilon: float | None = arg(
        NumberKind(minimum=0.0, optional=True),
        None,
        doc="added to the variance; `none`: as in TF-Slim 1e-12, for float16 1e-3",
    )
    beta_init: Initializer = arg(InitializerKind(), Zeros(), doc="first values of `beta`")
    gamma_init: Initializer = arg(InitializerKind(), Ones(), doc="first values of `gamma`")
    trainable: bool = shared.trainable_argument()

    def build(self, builder: Builder, x: Operand) -> Operand:
        """Make the variables, normalise, then the activation."""
        require_floating(self.name, x.type)
        if x.type.rank < 2:
            raise ShapeError(f"layer_norm wants a tensor of rank 2 or more, not {shape_text(x.type.shape)}", operand=0)
        first = axis_index("begin_norm_axis", self.begin_norm_axis, x.type)
        shape = x.type.shape[axis_index("begin_params_axis", self.begin_params_axis, x.type) :]
        parameters = make_parameters(builder, self, x.type.dtype, shape)
        epsilon = self.epsilon
        if epsilon is None:
            epsilon = 1e-3 if x.type.dtype is DType.FLOAT16 else 1e-12
        axes = tuple(range(first, x.type.rank))
        op = Normalize(axes=axes, epsilon=epsilon, scale=self.scale, center=self.center)
        result = builder.emit(op, x, *parameters)
        return result if self.activation is None else builder.layer(self.activation, result)


@value
class GroupNorm(Layer):
    """Group normalisation: the channels are cut into groups, each normalised by itself. TF-Slim: ``group_norm``.

    Takes ``[N, …, C]`` and gives the same; `groups` divides C. The mean and the variance are taken over the group's
    channels and `reduction_axes`, by default the two before the channels: ``[]`` for ``[N, C]``, ``[-2]`` for
    ``[N, L, C]``. Makes ``beta`` (if `center`) and ``gamma`` (if `scale`), both [C].
    Paper: Wu and He, https://arxiv.org/abs/1803.08494. Example: ``conv(64, 3x3, norm=group_norm(groups=8))``.
    """

    name: ClassVar[str] = "group_norm"
    scope_name: ClassVar[str] = "GroupNorm"
    groups: int = arg(IntKind(minimum=1), 32, doc="number of groups")
    reduction_axes: tuple[int, ...] = arg(IntsKind(), (-3, -2), doc="axes that are averaged over besides the group")
    center: bool = arg(BoolKind(), True, doc="add the variable `beta`")
    scale: bool = arg(BoolKind(), True, doc="multiply by the variable `gamma`")
    epsilon: float = arg(EPSILON, 1e-6, doc="added to the variance")
    activation: Applicable | None = shared.activation_argument(relu=False)
    beta_init: Initializer = arg(InitializerKind(), Zeros(), doc="first values of `beta`")
    gamma_init: Initializer = arg(InitializerKind(), Ones(), doc="first values of `gamma`")
    trainable: bool = shared.trainable_argument()

    def build(self, builder: Builder, x: Operand) -> Operand:
        """Make the variables, normalise, then the activation."""
        require_floating(self.name, x.type)
        channels = self._channels(x.type)
        axes = self._axes(x.type)
        parameters = make_parameters(builder, self, x.type.dtype, (channels,))
        op = NormalizeGroups(groups=self.groups, axes=axes, epsilon=self.epsilon, scale=self.scale, center=self.center)
        # TF-Slim reshapes the parameters first, so the number in the name depends on how many there are.
        result = builder.emit(op, x, *parameters, name=f"Reshape_{len(parameters)}" if parameters else "Reshape")
        return result if self.activation is None else builder.layer(self.activation, result)

    def _channels(self, x: TensorType) -> Dim:
        if x.rank < 2:
            raise ShapeError(f"group_norm wants a tensor of rank 2 or more, not {shape_text(x.shape)}", operand=0)
        channels = known_channels(self.name, x)
        if channels % self.groups:
            divisors = [count for count in range(1, min(channels, self.groups) + 1) if channels % count == 0]
            raise ShapeError(
                f"{channels} channels cannot be cut into {self.groups} groups of one size",
                argument="groups",
                help=f"write `groups={divisors[-1]}`",
            )
        return channels

    def _axes(self, x: TensorType) -> tuple[int, ...]:
        fitting = {2: "reduction_axes=[]", 3: "reduction_axes=[-2]"}.get(x.rank, "")
        if any(axis < 1 - x.rank or axis >= x.rank or axis % x.rank in (0, x.rank - 1) for axis in self.reduction_axes):
            raise ShapeError(
                f"reduction_axes {list(self.reduction_axes)} are not all axes between the batch and the channels of "
                f"{shape_text(x.shape)}",
                argument="reduction_axes",
                help=f"write `{fitting}`" if fitting else "",
            )
        return tuple(sorted({axis % x.rank for axis in self.reduction_axes}))


@value
class InstanceNorm(Layer):
    """Instance normalisation: each channel of each example by its own mean and variance. TF-Slim: ``instance_norm``.

    Takes ``[N, L, C]``, ``[N, H, W, C]`` or ``[N, D, H, W, C]`` and gives the same. Makes ``beta`` (if `center`) and
    ``gamma`` (if `scale`), both [C]. Paper: Ulyanov et al., https://arxiv.org/abs/1607.08022.
    Example: ``conv(32, 9x9, norm=instance_norm)``.
    """

    name: ClassVar[str] = "instance_norm"
    scope_name: ClassVar[str] = "InstanceNorm"
    center: bool = arg(BoolKind(), True, doc="add the variable `beta`")
    scale: bool = arg(BoolKind(), True, doc="multiply by the variable `gamma`")
    epsilon: float = arg(EPSILON, 1e-6, doc="added to the variance")
    activation: Applicable | None = shared.activation_argument(relu=False)
    beta_init: Initializer = arg(InitializerKind(), Zeros(), doc="first values of `beta`")
    gamma_init: Initializer = arg(InitializerKind(), Ones(), doc="first values of `gamma`")
    trainable: bool = shared.trainable_argument()

    def build(self, builder: Builder, x: Operand) -> Operand:
        """Make the variables, normalise, then the activation."""
        require_floating(self.name, x.type)
        require_rank(self.name, x.type, (3, 4, 5))
        channels = known_channels(self.name, x.type)
        parameters = make_parameters(builder, self, x.type.dtype, (channels,))
        axes = tuple(range(1, x.type.rank - 1))
        op = Normalize(axes=axes, epsilon=self.epsilon, scale=self.scale, center=self.center)
        result = builder.emit(op, x, *parameters, name="instancenorm/add_1")
        return result if self.activation is None else builder.layer(self.activation, result)
