"""The page that leads from TF-Slim: it has every export of `tf_slim.layers`, and what it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import slimdsl
from slimdsl.semantics.tables import INITIALIZER_NAMES, LAYERS, MERGES, REGULARIZER_NAMES

PAGE = (Path(__file__).parent.parent.parent / "docs" / "tf_slim.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]*)\|$", PAGE, re.MULTILINE)
WORDS = {"repeat", "stack"}

EXPORTS = (
    "GDN", "OPTIMIZER_CLS_NAMES", "OPTIMIZER_SUMMARIES", "RevBlock", "adaptive_clipping_fn", "apply_regularization",
    "avg_pool2d", "avg_pool3d", "batch_norm", "bias_add", "bucketize", "conv1d", "conv2d", "conv2d_in_plane",
    "conv2d_transpose", "conv3d", "conv3d_transpose", "convolution", "convolution1d", "convolution2d",
    "convolution2d_in_plane", "convolution2d_transpose", "convolution3d", "convolution3d_transpose",
    "dense_to_sparse", "dropout", "elu", "flatten", "fully_connected", "gdn", "group_norm", "images_to_sequence",
    "instance_norm", "l1_l2_regularizer", "l1_regularizer", "l2_regularizer", "layer_norm",
    "legacy_fully_connected", "legacy_linear", "legacy_relu", "linear", "max_pool2d", "max_pool3d", "maxout",
    "one_hot_encoding", "optimize_loss", "pool", "recompute_grad", "relu", "relu6", "repeat", "rev_block",
    "scale_gradient", "separable_conv2d", "separable_convolution2d", "sequence_to_images", "softmax",
    "spatial_softmax", "stack", "sum_regularizer", "summarize_activation", "summarize_activations",
    "summarize_biases", "summarize_collection", "summarize_tensor", "summarize_tensors", "summarize_variables",
    "summarize_weights", "unit_norm", "variance_scaling_initializer", "xavier_initializer",
    "xavier_initializer_conv2d",
)  # fmt: skip
"""``dir(tf_slim.layers)`` of TF-Slim 1.1.0, without modules and what `__future__` leaves there."""


def test_every_export_has_a_row() -> None:
    assert sorted(name for name, _, _ in ROWS) == sorted(EXPORTS)


def test_every_counterpart_exists() -> None:
    known = {*LAYERS, *MERGES, *INITIALIZER_NAMES, *REGULARIZER_NAMES, *WORDS}
    for name, here, remark in ROWS:
        named = re.findall(r"`(\w+)`", here)
        if here.strip() == "none":
            assert remark.strip(), f"{name}: why there is none"
        else:
            assert named, name
            assert set(named) <= known, name


def test_images_become_a_sequence_and_images_again() -> None:
    model = slimdsl.loads(
        "slim 1\nnet n {\n  input x: float32[N, 4, 5, 3]\n"
        "  transpose([2, 0, 1, 3]) as t\n  reshape([-1, channels(it)]) as s\n"
        "  reshape([-1, 4, channels(it)]) as r\n  transpose([1, 2, 0, 3])\n  output y\n}\n"
    )
    assert model.diagnostics == ()
    assert [str(model.graph.end_points[f"n/{name}"].type) for name in "tsr"] == [
        "float32[5, N, 4, 3]",
        "float32[5, 4*N, 3]",
        "float32[5, N, 4, 3]",
    ]
    assert str(model.graph.outputs["y"].type) == "float32[N, 4, 5, 3]"
