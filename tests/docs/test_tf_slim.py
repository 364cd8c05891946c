"""The page that leads from TF-Slim: it has every export of `tf_slim.layers`, and what it names exists."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from importlib import import_module
from pathlib import Path

import pytest

import slimdsl
from slimdsl.cli.main import COMMANDS
from slimdsl.compiler import Compilation, read_source
from slimdsl.recipe.recipe import SETTINGS
from slimdsl.semantics.tables import INITIALIZER_NAMES, LAYERS, MERGES, REGULARIZER_NAMES

PAGE = (Path(__file__).parent.parent.parent / "docs" / "tf_slim.md").read_text(encoding="utf-8")
LAYERS_PART, _, _ = PAGE.partition("\n## `train_image_classifier.py`")
ROWS = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]*)\|$", LAYERS_PART, re.MULTILINE)
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


# The flags of the scripts.

SCRIPTS = dict(re.findall(r"^## `(\w+\.py|slim\.\w+)`\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
FLAGS = {
    "train_image_classifier.py": """
        adadelta_rho adagrad_initial_accumulator_value adam_beta1 adam_beta2 batch_size checkpoint_exclude_scopes
        checkpoint_path clone_on_cpu dataset_dir dataset_name dataset_split_name end_learning_rate
        ftrl_initial_accumulator_value ftrl_l1 ftrl_l2 ftrl_learning_rate_power ignore_missing_vars label_smoothing
        labels_offset learning_rate learning_rate_decay_factor learning_rate_decay_type log_every_n_steps master
        max_number_of_steps model_name momentum moving_average_decay num_clones num_epochs_per_decay
        num_preprocessing_threads num_ps_tasks num_readers opt_epsilon optimizer preprocessing_name quantize_delay
        replicas_to_aggregate rmsprop_decay rmsprop_momentum save_interval_secs save_summaries_secs sync_replicas task
        train_dir train_image_size trainable_scopes use_grayscale warmup_epochs weight_decay worker_replicas
    """,
    "eval_image_classifier.py": """
        batch_size checkpoint_path dataset_dir dataset_name dataset_split_name eval_dir eval_image_size labels_offset
        master max_num_batches model_name moving_average_decay num_preprocessing_threads preprocessing_name quantize
        use_grayscale
    """,
    "export_inference_graph.py": """
        batch_size dataset_dir dataset_name image_size is_training is_video_model labels_offset model_name num_frames
        output_file quantize use_grayscale write_text_graphdef
    """,
}
"""All flags that the scripts define, in the library of the last commit that works with TF-Slim 1.1.0."""


def cells(text: str) -> list[tuple[str, str, str]]:
    """The rows of the tables, without their heads."""
    found = re.findall(r"^\| (`.+?) \| (.+?) \| (.*?)\|$", text, re.MULTILINE)
    return [(given, here, remark.strip()) for given, here, remark in found if here != "here"]


@pytest.mark.parametrize("script", FLAGS)
def test_every_flag_of_a_script_has_a_row(script: str) -> None:
    named = {flag for given, _, _ in cells(SCRIPTS[script]) for flag in re.findall(r"--(\w+)", given)}
    assert named == set(FLAGS[script].split())


def options(command: str) -> set[str]:
    """What a command takes."""
    (found,) = [known for known in COMMANDS if known.name == command]
    parser = ArgumentParser()
    import_module(found.module).configure(parser)
    return set(re.findall(r"(?<!\S)--?[a-zA-Z][\w-]*", parser.format_help()))


def test_every_option_that_the_tables_name_exists() -> None:
    assert list(SCRIPTS) == [*FLAGS, "slim.learning", "slim.evaluation"]
    for text in SCRIPTS.values():
        for given, here, remark in cells(text):
            assert here != "not here" or remark, f"{given}: why it is not here"
            for written in re.findall(r"`([^`]+)`", here):
                words = written.removeprefix("slimdsl ").split()
                command = words[0] if words[0] in ("train", "evaluate", "compile") else "train"
                assert set(re.findall(r"(?<!\S)--?[a-zA-Z][\w-]*", written)) <= options(command), written
                for name in re.findall(r"^train\.(\w+)$", written):
                    assert name in {*SETTINGS, "loss", "metric", "optimizer"}, written


def test_every_setting_in_the_tables_can_be_given() -> None:
    given = re.findall(r"`--set '?train\.(\w+)=([^`']+)'?`", PAGE)
    assert len(given) > 15
    source, _ = read_source(str(Path(slimdsl.__file__).parent.parent / "models" / "slim" / "vgg_16.slim"))
    compilation = Compilation(source)
    for name, text in given:
        assert compilation.recipe({name: text}) is not None
