"""The trainings that `record_training` records, as data."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.conformance.record import WEIGHT_DECAY

Inputs = dict[str, dict[str, Any]]

STEPS = 5


class LossOf(NamedTuple):
    """A loss of TF-Slim: the names of its tensors, of its weights or their number, and its other arguments."""

    loss: str
    operands: tuple[str, str]
    weights: str | float = 1.0
    arguments: dict[str, Any] = {}  # noqa: RUF012 (nobody changes it)


class Case(NamedTuple):
    """A training: the arguments of the optimizer, the schedules and `create_train_op` by their names there."""

    network: str
    inputs: Inputs
    optimizer: str
    learning_rate: float
    args: dict[str, Any] = {}  # noqa: RUF012
    optimizer_arguments: dict[str, Any] = {}  # noqa: RUF012
    schedule: dict[str, Any] = {}  # noqa: RUF012
    num_classes: int = 10
    weight_decay: float = WEIGHT_DECAY
    label_smoothing: float = 0.0
    losses: tuple[LossOf, ...] = ()
    clip_gradient_norm: float = 0.0
    gradient_multipliers: dict[str, float] = {}  # noqa: RUF012
    trainable_scopes: tuple[str, ...] = ()
    moving_average_decay: float | None = None
    steps: int = STEPS


def _images(batch: int, size: int, channels: int = 3, classes: int = 10) -> Inputs:
    return {
        "images": {"draw": "normal", "shape": [batch, size, size, channels]},
        "labels": {"draw": "classes", "shape": [batch], "classes": classes},
    }


_KEPT = {"dropout_keep_prob": 1.0}
_DIGITS, _OBJECTS = _images(8, 28, 1), _images(8, 32)


def _lenet(optimizer: str, learning_rate: float, **more: Any) -> Case:
    return Case("lenet", _DIGITS, optimizer, learning_rate, _KEPT, **more)


def _cifarnet(optimizer: str, learning_rate: float, **more: Any) -> Case:
    return Case("cifarnet", _OBJECTS, optimizer, learning_rate, _KEPT, **more)


def _tiny(optimizer: str, learning_rate: float, **more: Any) -> Case:
    """Layers with batch normalisation, of images of 6 x 6."""
    return Case("tiny", _images(8, 6, 2, 5), optimizer, learning_rate, num_classes=5, **more)


def _other(network: str, batch: int, size: int, optimizer: str, learning_rate: float, **more: Any) -> Case:
    return Case(network, _images(batch, size), optimizer, learning_rate, **{"args": _KEPT, **more})


_NUMBERS: Inputs = {
    "images": {"draw": "normal", "shape": [8, 6, 6, 2]},
    "labels": {"draw": "classes", "shape": [8], "classes": 5},
    "numbers": {"draw": "normal", "shape": [8, 5]},
    "bits": {"draw": "bits", "shape": [8, 5]},
    "shares": {"draw": "shares", "shape": [8, 5]},
    "directions": {"draw": "unit_vectors", "shape": [8, 5]},
    "of_examples": {"draw": "weights", "shape": [8]},
    "of_elements": {"draw": "weights", "shape": [8, 5]},
    "nothing": {"draw": "zeros", "shape": [8]},
}


def _losses(*losses: LossOf, **more: Any) -> Case:
    return Case("tiny", _NUMBERS, "momentum", 0.05, num_classes=5, losses=losses, **more)


def _all_losses(weights: str | float) -> tuple[LossOf, ...]:
    """One of each sort; those of vectors have one weight for each example."""
    of_vectors = "of_examples" if weights == "of_elements" else weights
    return (
        LossOf("softmax_cross_entropy", ("logits", "labels"), of_vectors, {"label_smoothing": 0.1}),
        LossOf("sparse_softmax_cross_entropy", ("logits", "labels"), of_vectors),
        LossOf("sigmoid_cross_entropy", ("logits", "bits"), weights, {"label_smoothing": 0.2}),
        LossOf("mean_squared_error", ("logits", "numbers"), weights),
        LossOf("absolute_difference", ("logits", "numbers"), weights),
        LossOf("hinge_loss", ("logits", "bits"), weights),
        LossOf("log_loss", ("predictions", "shares"), weights, {"epsilon": 0.001}),
        LossOf("cosine_distance", ("directed", "directions"), of_vectors),
        LossOf("huber_loss", ("logits", "numbers"), weights, {"delta": 0.5}),
        LossOf("mean_pairwise_squared_error", ("logits", "numbers"), of_vectors),
    )


_STAIRS = {"type": "exponential", "decay_steps": 2, "decay_rate": 0.5, "staircase": True}
_WORDS: Inputs = {
    "words": {"draw": "classes", "shape": [8, 3], "classes": 40},
    "labels": {"draw": "classes", "shape": [8], "classes": 5},
}

_SHAPES: Inputs = {
    "images": {"draw": "normal", "shape": [8, 6, 6, 2]},
    "clips": {"draw": "normal", "shape": [8, 4, 4, 4, 2]},
    "series": {"draw": "normal", "shape": [8, 8, 2]},
    "labels": {"draw": "classes", "shape": [8], "classes": 5},
}

CASES: dict[str, Case] = {
    "norms": Case("norms", _SHAPES, "momentum", 0.05, num_classes=5),
    "lenet_adadelta": _lenet("adadelta", 0.5, optimizer_arguments={"rho": 0.95, "epsilon": 1.0}),
    "lenet_adagrad": _lenet("adagrad", 0.01),
    "cifarnet_rmsprop": _cifarnet("rmsprop", 0.001, label_smoothing=0.1, weight_decay=0.004),
    "tiny_sgd": _tiny("sgd", 0.1),
    "tiny_adadelta": _tiny("adadelta", 1.0, optimizer_arguments={"rho": 0.8, "epsilon": 1e-3}),
    "tiny_adagrad": _tiny("adagrad", 0.1, optimizer_arguments={"initial_accumulator_value": 0.5}),
    "tiny_adam": _tiny("adam", 0.01, optimizer_arguments={"beta1": 0.8, "beta2": 0.99, "epsilon": 1.0}),
    "tiny_ftrl": _tiny(
        "ftrl",
        0.1,
        optimizer_arguments={
            "learning_rate_power": -0.7,
            "initial_accumulator_value": 0.2,
            "l1_regularization_strength": 0.001,
            "l2_regularization_strength": 0.01,
        },
    ),
    "tiny_momentum": _tiny("momentum", 0.05, optimizer_arguments={"momentum": 0.8, "use_nesterov": True}),
    "tiny_rmsprop": _tiny("rmsprop", 0.01, optimizer_arguments={"decay": 0.8, "momentum": 0.5, "epsilon": 1e-3}),
    "tiny_without_decay": _tiny("momentum", 0.05, weight_decay=0.0, label_smoothing=0.3),
    "tiny_clipped": _tiny(
        "momentum",
        0.05,
        clip_gradient_norm=0.1,
        gradient_multipliers={"Tiny/out/weights": 10.0, "Tiny/out/biases": 0.5},
    ),
    "tiny_scopes": _tiny("adam", 0.01, trainable_scopes=("Tiny/out", "Tiny/conv2")),
    "tiny_spare": _tiny("ftrl", 0.1, args={"spare": True}),
    "tiny_averages": _tiny("sgd", 0.1, moving_average_decay=0.25),
    "tiny_exponential": _tiny("sgd", 0.1, schedule=_STAIRS, steps=12),
    "tiny_smooth_exponential": _tiny("sgd", 0.1, schedule={**_STAIRS, "staircase": False}, steps=12),
    "tiny_polynomial": _tiny(
        "sgd",
        0.1,
        schedule={"type": "polynomial", "decay_steps": 8, "end_learning_rate": 0.01, "power": 2.0, "cycle": False},
        steps=12,
    ),
    "tiny_cycle": _tiny(
        "sgd",
        0.1,
        schedule={"type": "polynomial", "decay_steps": 4, "end_learning_rate": 0.01, "power": 1.0, "cycle": True},
        steps=12,
    ),
    "losses": _losses(*_all_losses(1.0)),
    "losses_scaled": _losses(*_all_losses(0.25)),
    "losses_of_no_weight": _losses(*_all_losses(0.0), LossOf("mean_squared_error", ("logits", "bits"))),
    "losses_of_examples": _losses(*_all_losses("of_examples")),
    "losses_of_elements": _losses(*_all_losses("of_elements")),
    "losses_of_nothing": _losses(*_all_losses("nothing"), LossOf("mean_squared_error", ("logits", "bits"))),
}
# A batch has some rows of the table, some of them twice.
CASES.update(
    {
        f"words_{optimizer}": Case("words", _WORDS, optimizer, rate, num_classes=5, optimizer_arguments=arguments)
        for optimizer, rate, arguments in (
            ("sgd", 0.5, {}),
            ("momentum", 0.2, {"momentum": 0.9}),
            ("adagrad", 0.1, {}),
            ("adadelta", 1.0, {"epsilon": 0.01}),
            ("adam", 0.01, {}),
            ("ftrl", 0.1, {"l2_regularization_strength": 0.1}),
            ("rmsprop", 0.01, {"momentum": 0.9, "epsilon": 1.0}),
        )
    }
)
CASES["words_clipped"] = Case(
    "words",
    _WORDS,
    "momentum",
    0.2,
    num_classes=5,
    clip_gradient_norm=0.05,
    gradient_multipliers={"Words/embedding/embeddings": 2.0},
)
# Those below are compared by hand: they take minutes, or their files are large.
CASES.update(
    {
        "alexnet_v2_momentum": _other("alexnet_v2", 2, 224, "momentum", 0.001),
        "overfeat_sgd": _other("overfeat", 2, 231, "sgd", 0.001),
        "vgg_16_adagrad": _other("vgg_16", 2, 224, "adagrad", 0.0001),
        "inception_v1_adam": _other("inception_v1", 4, 224, "adam", 0.001, label_smoothing=0.1),
        "inception_v2_rmsprop": _other("inception_v2", 4, 224, "rmsprop", 0.01),
        "inception_v3_rmsprop": _other("inception_v3", 2, 299, "rmsprop", 0.001, label_smoothing=0.1),
        "inception_v3_without_auxiliary_loss": _other(
            "inception_v3", 2, 299, "ftrl", 0.01, losses=(LossOf("softmax_cross_entropy", ("logits", "labels")),)
        ),
        "inception_v4_sgd": _other("inception_v4", 2, 299, "sgd", 0.01),
        "inception_resnet_v2_momentum": _other("inception_resnet_v2", 2, 299, "momentum", 0.001),
        "mobilenet_v1_rmsprop": _other("mobilenet_v1", 4, 128, "rmsprop", 0.01),
        "mobilenet_v2_momentum": _other("mobilenet_v2", 4, 96, "momentum", 0.01, args={"scope": _KEPT}),
        "mobilenet_v3_small_rmsprop": _other("mobilenet_v3_small", 4, 96, "rmsprop", 0.01, args={"scope": _KEPT}),
        "mobilenet_edgetpu_sgd": _other("mobilenet_edgetpu", 4, 96, "sgd", 0.01, args={"scope": _KEPT}),
        "resnet_v1_50_adam": _other("resnet_v1_50", 4, 64, "adam", 0.0001, args={}),
        "resnet_v2_50_momentum": _other("resnet_v2_50", 4, 64, "momentum", 0.001, args={}),
        "nasnet_cifar_momentum": _other(
            "nasnet_cifar", 4, 32, "momentum", 0.01, args={"config": {"drop_path_keep_prob": 1.0}}
        ),
        "nasnet_mobile_sgd": _other(
            "nasnet_mobile", 2, 96, "sgd", 0.01, args={"config": {"dense_dropout_keep_prob": 1.0}}
        ),
        "pnasnet_mobile_sgd": _other(
            "pnasnet_mobile", 2, 96, "sgd", 0.01, args={"config": {"dense_dropout_keep_prob": 1.0}}
        ),
    }
)
