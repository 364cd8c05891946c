"""A small convolutional network built by hand, without the language."""

from __future__ import annotations

import zlib

import numpy as np

from slimdsl.ir.graph import Graph, Node, Tensor, Update, Variable
from slimdsl.ops.activations import Relu
from slimdsl.ops.base import Initializer, Primitive, Regularizer
from slimdsl.ops.batch_norm import FusedBatchNorm, MovingAverage
from slimdsl.ops.bias import AddBias
from slimdsl.ops.conv import Convolution
from slimdsl.ops.dense import MatMul
from slimdsl.ops.dropout import RandomDrop
from slimdsl.ops.initializers import Constant, Ones, TruncatedNormal, Zeros
from slimdsl.ops.pool import MaxPooling
from slimdsl.ops.regularizers import L2
from slimdsl.ops.reshape import Reshape
from slimdsl.types import Dim, DType, SymbolicDim, TensorType
from slimdsl.weights.source import Sink, WeightSource

N = SymbolicDim.named("N")
DECAY = 0.9


class GraphMaker:
    """Makes the values of a graph and keeps them in order."""

    def __init__(self) -> None:
        self.variables: list[Variable] = []
        self.nodes: list[Node] = []

    def tensor(self, name: str, shape: tuple[Dim, ...]) -> Tensor:
        return Tensor(name, 0, TensorType(dtype=DType.FLOAT32, shape=shape))

    def variable(
        self, name: str, shape: tuple[int, ...], initializer: Initializer, regularizer: Regularizer | None = None
    ) -> Tensor:
        tensor = self.tensor(name, shape)
        scope = name.rpartition("/")[0]
        self.variables.append(Variable(name, tensor, initializer, regularizer, trainable=True, scope=scope))
        return tensor

    def node(self, name: str, op: Primitive, *inputs: Tensor) -> tuple[Tensor, ...]:
        types = op.infer_all(*(tensor.type for tensor in inputs))
        results = tuple(Tensor(name, index, type_) for index, type_ in enumerate(types))
        self.nodes.append(Node(name, op, inputs, results, scope=name.rpartition("/")[0]))
        return results


def small_graph(*, training: bool, classes: int = 3) -> Graph:
    """[N, 8, 8, 2] -> conv, batch norm (training) or biases, relu, pool, dropout (training), fc."""
    make = GraphMaker()
    images = make.tensor("images", (N, 8, 8, 2))
    kernel = make.variable("net/conv1/weights", (3, 3, 2, 4), TruncatedNormal(stddev=0.1), L2(scale=0.01))
    convolution = Convolution(stride=(1, 1), padding="same", rate=(1, 1))
    (x,) = make.node("net/conv1/Conv2D", convolution, images, kernel)
    updates: tuple[Update, ...] = ()
    if training:
        gamma = make.variable("net/conv1/BatchNorm/gamma", (4,), Ones())
        beta = make.variable("net/conv1/BatchNorm/beta", (4,), Zeros())
        moving = make.variable("net/conv1/BatchNorm/moving_mean", (4,), Zeros())
        norm = FusedBatchNorm(center=True, scale=True, epsilon=0.001, training=True)
        x, mean, _ = make.node("net/conv1/BatchNorm/FusedBatchNormV3", norm, x, gamma, beta)
        (moved,) = make.node("net/conv1/BatchNorm/AssignMovingAvg", MovingAverage(decay=DECAY), moving, mean)
        updates = (Update(make.variables[-1], moved),)
    else:
        biases = make.variable("net/conv1/biases", (4,), Constant(value=0.1))
        (x,) = make.node("net/conv1/BiasAdd", AddBias(), x, biases)
    (x,) = make.node("net/conv1/Relu", Relu(), x)
    (x,) = make.node("net/pool1/MaxPool", MaxPooling(kernel=(2, 2), stride=(2, 2), padding="valid"), x)
    (x,) = make.node("net/Flatten/Reshape", Reshape(shape=(64,)), x)
    if training:
        (x,) = make.node("net/dropout/dropout/SelectV2", RandomDrop(keep_prob=0.5), x)
    matrix = make.variable("net/fc/weights", (64, classes), TruncatedNormal(stddev=0.1), L2(scale=0.02))
    (x,) = make.node("net/fc/MatMul", MatMul(), x, matrix)
    return Graph(
        name="net",
        inputs={"images": images},
        variables=tuple(make.variables),
        nodes=tuple(make.nodes),
        outputs={"logits": x},
        end_points={},
        updates=updates,
        training=training,
    )


def weight_values(variable: Variable) -> np.ndarray:
    """Numbers that depend on the variable's name alone."""
    random = np.random.default_rng(zlib.crc32(variable.name.encode()))
    return (0.3 * random.standard_normal(variable.shape)).astype("<f4")


class NamedWeights(WeightSource):
    """A source of `weight_values`."""

    def write(self, variable: Variable, sink: Sink) -> None:
        sink(weight_values(variable).tobytes())
