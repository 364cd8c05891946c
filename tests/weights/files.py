"""Files of weights for tests, made of names and shapes alone."""

from __future__ import annotations

from collections.abc import Mapping

from slimdsl.ir.graph import Tensor, Variable
from slimdsl.ops.initializers import Zeros
from slimdsl.types import DType, TensorType
from slimdsl.weights.source import Sink
from slimdsl.weights.stored import StoredTensor, WeightsFile


class FakeFile(WeightsFile):
    """A file whose tensors are all zeros."""

    kind = "fake"

    def __init__(self, tensors: Mapping[str, tuple[int, ...]], dtype: DType = DType.FLOAT32) -> None:
        super().__init__(
            "weights.fake",
            {
                name: StoredTensor(name=name, dtype=dtype, shape=shape, type_text=dtype.value)
                for name, shape in tensors.items()
            },
        )

    def write(self, name: str, sink: Sink) -> None:
        sink(bytes(self.tensors[name].size))


def variable(name: str, *shape: int, trainable: bool = True) -> Variable:
    """A float32 variable."""
    tensor = Tensor(name, 0, TensorType(dtype=DType.FLOAT32, shape=shape))
    return Variable(name, tensor, Zeros(), None, trainable=trainable, scope=name.rpartition("/")[0])
