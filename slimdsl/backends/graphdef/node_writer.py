"""The one way to add a node to an emitted graph: every NodeDef is checked against the table of TensorFlow's ops.

What is wrong here is a fault of the compiler, never of the network, and is raised as `EmitterError`. A node gets all
its attrs, the defaults included, because readers other than TensorFlow do not know the defaults. Knows nothing of the
graph that is emitted but the names that it reserves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from slimdsl.backends.graphdef.attributes import EmitterError, set_attr, tensor_content, type_name
from slimdsl.backends.graphdef.opdefs import REQUIRED, OpDef, op_table
from slimdsl.backends.graphdef.proto import DATA_TYPES, NodeDef
from slimdsl.types import DType

__all__ = ["EmitterError", "NodeWriter"]

_NODE_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*\Z")
"""What TensorFlow accepts as the name of a node."""

LAST_STEP = 2**63 - 1
"""The step at which whatever changes in the course of a training has come to its end."""

Number = float
"""What a constant may hold: int, float or bool."""


class NodeWriter:
    """Nodes in the order in which they were added, which is topological: an input must be there before its user.

    Args:
        training: True for the training graph.
        seed: the seed of everything random in the graph, from 0 to 2^64 - 1.
        reserved: names that `unique` must not give away, because the graph's own nodes and variables bear them.
        seed_argument: the argument of a function that its random numbers come from; "" where it has none.
        step_argument: likewise the argument with the step of the training.

    Attributes:
        training: as given.
        seed: as given.
        nodes: the NodeDef messages so far, and what was adopted.
    """

    def __init__(
        self,
        *,
        training: bool,
        seed: int,
        reserved: Iterable[str] = (),
        seed_argument: str = "",
        step_argument: str = "",
    ) -> None:
        self.training = training
        self.seed = seed
        self.nodes: list[Any] = []
        self._reserved = set(reserved)
        self._types: dict[str, tuple[str, ...]] = {}
        self._table = op_table()
        self._random_seed = ""
        self._seed_argument = seed_argument
        self._training_step = ""
        self._step_argument = step_argument

    def node(self, op: str, name: str, inputs: Sequence[str] = (), /, **attrs: object) -> str:
        """Add a node and return its name.

        Args:
            op: TensorFlow's name of the op.
            name: the node's name; must be free.
            inputs: names of the tensors it takes: ``name`` or ``name:index``; last ``^name`` for control inputs.
            attrs: DType for a type, bool, int, float, str, a list of these, or a tuple for a shape (None or -1 where a
                dimension is unknown). Those that have a default may be left out.

        Raises:
            EmitterError: the op does not exist or the node is not one TensorFlow accepts.
        """
        definition = self._table.get(op)
        if definition is None:
            raise EmitterError(f"node `{name}`: there is no op `{op}` in opdefs.json")
        if name in self._types:
            raise EmitterError(f"node `{name}` ({op}): there is a node of that name already")
        if not _NODE_NAME.match(name):
            raise EmitterError(f"`{name}` ({op}) is not a name for a node")
        unknown = [attr for attr in attrs if attr not in definition.attrs]
        if unknown:
            raise EmitterError(f"node `{name}`: {op} has no attr `{unknown[0]}`, only {sorted(definition.attrs)}")
        node = NodeDef(name=name, op=op, input=[canonical(tensor) for tensor in inputs])
        values: dict[str, object] = {}
        for attr, declared in definition.attrs.items():
            given = attrs.get(attr, declared.default)
            if given is REQUIRED:
                raise EmitterError(f"node `{name}`: {op} needs the attr `{attr}`")
            try:
                values[attr] = set_attr(node.attr[attr], declared, given)
            except EmitterError as error:
                raise EmitterError(f"node `{name}`: {op}'s attr `{attr}` {error}") from None
        self._check_inputs(op, name, inputs, definition, values)
        self._types[name] = tuple(_expand(definition.outputs, values))
        self.nodes.append(node)
        return name

    def const(
        self,
        name: str,
        values: Number | bytes | Sequence[Number] | Sequence[str],
        dtype: DType,
        shape: tuple[int, ...] = (),
    ) -> str:
        """Add a constant and return its name.

        Args:
            name: the node's name; must be free.
            values: as many numbers (or texts) as the shape has elements, in row-major order, or one for a scalar.
            dtype: the element type; numbers are rounded to it.
            shape: the shape; a scalar unless given.

        Raises:
            EmitterError: the count of values is not that of the shape, or a value does not fit the type.
        """
        flat: Sequence[Any] = values if isinstance(values, (list, tuple, range)) else (values,)
        try:
            content = tensor_content(flat, dtype, shape)
        except EmitterError as error:
            raise EmitterError(f"constant `{name}`: {error}") from None
        return self.node("Const", name, dtype=dtype, value=content)

    def unique(self, name: str) -> str:
        """The name itself or, where it is taken, with the first free number behind it; nobody else gets it."""
        free, number = name, 0
        while free in self._types or free in self._reserved:
            number += 1
            free = f"{name}_{number}"
        self._reserved.add(free)
        return free

    def random_seed(self) -> str:
        """The int64 tensor of shape [2] that all random ops take their seed from: (seed, 0), unless it is fed.

        In a function with a `seed_argument` it is that argument.
        """
        # TensorFlow's seeds are signed: those from 2^63 on are the negative numbers of the same bits.
        signed = self.seed - (self.seed >> 63 << 64)
        self._random_seed = self._random_seed or self._fed("random_seed", self._seed_argument, (signed, 0), (2,))
        return self._random_seed

    @property
    def random_seed_name(self) -> str:
        """The name that `random_seed` gave, or "" where nothing asked for it."""
        return self._random_seed

    def training_step(self) -> str:
        """The int64 scalar with the steps done before this one: more than any training has, unless it is fed.

        In a function with a `step_argument` it is that argument.
        """
        self._training_step = self._training_step or self._fed("training_step", self._step_argument, (LAST_STEP,), ())
        return self._training_step

    @property
    def training_step_name(self) -> str:
        """The name that `training_step` gave, or "" where nothing asked for it."""
        return self._training_step

    def _fed(self, wanted: str, argument: str, default: Sequence[int], shape: tuple[int, ...]) -> str:
        """An int64 tensor that is given from outside: the argument, or where there is none a node with a default."""
        if argument:
            return self.argument(argument, DType.INT64.value)
        name = self.unique(wanted)
        const = self.const(self.unique(f"{name}/default"), default, DType.INT64, shape)
        return self.node("PlaceholderWithDefault", name, [const], dtype=DType.INT64, shape=shape)

    def adopt(self, name: str, dtype: DType, item: object) -> str:
        """Put something else in the place of a node: a constant whose numbers come when the file is written.

        Args:
            name: the node's name; must be free.
            dtype: the element type of its one result.
            item: what `nodes` is to hold.

        Raises:
            EmitterError: there is a node of that name already.
        """
        if name in self._types:
            raise EmitterError(f"node `{name}`: there is a node of that name already")
        self._types[name] = (dtype.value,)
        self.nodes.append(item)
        return name

    def argument(self, name: str, type_name: str) -> str:
        """Say that there is a tensor that no node makes, as the argument of a function; return its name.

        Args:
            name: its name; must be free.
            type_name: its element type, as TensorFlow names it (``float32``, ``resource``).

        Raises:
            EmitterError: there is a node of that name already.
        """
        if name in self._types:
            raise EmitterError(f"argument `{name}`: there is a node of that name already")
        self._types[name] = (type_name,)
        return name

    def tensor_type(self, tensor: str) -> str:
        """The element type of a tensor, as TensorFlow names it (``float32``, ``resource``).

        Raises:
            EmitterError: there is no such tensor.
        """
        name, _, index = tensor.partition(":")
        types = self._types.get(name)
        if types is None:
            raise EmitterError(f"there is no node `{name}` yet")
        position = int(index or 0)
        if position >= len(types):
            raise EmitterError(f"node `{name}` has {len(types)} results, there is no `{tensor}`")
        return types[position]

    def _check_inputs(
        self, op: str, name: str, inputs: Sequence[str], definition: OpDef, values: dict[str, object]
    ) -> None:
        data = [tensor for tensor in inputs if not tensor.startswith("^")]
        if list(inputs[: len(data)]) != data:
            raise EmitterError(f"node `{name}` ({op}): control inputs come last")
        for control in inputs[len(data) :]:
            if control[1:] not in self._types:
                raise EmitterError(f"node `{name}` ({op}): there is no node `{control[1:]}` yet")
        wanted = list(_expand(definition.inputs, values))
        if len(wanted) != len(data):
            raise EmitterError(f"node `{name}`: {op} takes {len(wanted)} inputs, not {len(data)}")
        for position, (tensor, expected) in enumerate(zip(data, wanted, strict=True)):
            try:
                actual = self.tensor_type(tensor)
            except EmitterError as error:
                raise EmitterError(f"node `{name}` ({op}), input {position}: {error}") from None
            if actual != expected:
                raise EmitterError(f"node `{name}` ({op}), input {position}: `{tensor}` is {actual}, not {expected}")


def canonical(tensor: str) -> str:
    """A tensor's name as NodeDefs have it: without the index where that is 0."""
    return tensor.removesuffix(":0")


def _expand(arguments: tuple[str, ...], values: dict[str, object]) -> Iterable[str]:
    """The element type of every single tensor that the arguments of an op stand for."""
    for argument in arguments:
        if argument.startswith("*"):
            listed: Any = values[argument[1:]]
            yield from listed
            continue
        count, _, bare = argument.rpartition("*")
        times: Any = values[count] if count else 1
        yield from [type_name(values[bare]) if bare not in DATA_TYPES else bare] * times
