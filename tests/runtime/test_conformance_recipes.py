"""The command line's training gives what TF-Slim's gives: recipes and losses that the whole networks do not show."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import slimdsl
from slimdsl.cli.main import main
from tests.conformance.recipe import batch_values, variable_values
from tests.conformance.test_networks import MODELS

RECIPES = Path(__file__).parent.parent / "conformance" / "recipes"
CASES = sorted(path.stem for path in RECIPES.glob("*.json"))

NAMES = {
    "dropout_keep_prob": "keep_prob",
    "dense_dropout_keep_prob": "keep_prob",
    "drop_path_keep_prob": "path_keep_prob",
    "initial_accumulator_value": "initial_accumulator",
    "l1_regularization_strength": "l1",
    "l2_regularization_strength": "l2",
    "use_nesterov": "nesterov",
    "decay_steps": "steps",
    "decay_rate": "decay",
    "end_learning_rate": "end",
}
"""TF-Slim's names of arguments, where ours differ."""

TYPES = {"classes": "int64"}
"""Element types of inputs, by how their numbers are drawn, where they are not float32."""


def command(data: Mapping[str, Any], folder: Path) -> list[str]:
    """The training of a case on the command line; writes into the folder what it reads."""
    model = _model(data, folder)
    net = _net_arguments(data)
    variables = slimdsl.load(model, data["network"], training=True, **net).variables
    initial: dict[str, Any] = {v.name: variable_values(v.name, v.shape) for v in variables}
    np.savez(folder / "init.npz", **initial)
    steps = len(data["total_loss"])
    batches = [batch_values(data["inputs"], step) for step in range(steps)]
    arrays: dict[str, Any] = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
    np.savez(folder / "data.npz", **arrays)
    options = {
        "net": data["network"], "data": folder / "data.npz", "init": folder / "init.npz", "logdir": folder / "run",
        "steps": steps, "log-every": 1, "precision": "float32",
    }  # fmt: skip
    return [
        "train", str(model), "--no-shuffle",
        *(str(part) for name, given in options.items() for part in (f"--{name}", given)),
        *(part for name, given in net.items() for part in ("-D", f"{name}={_text(given)}")),
        *(part for name, given in _settings(data).items() for part in ("--set", f"train.{name}={given}")),
        *(part for scope in data.get("trainable_scopes", ()) for part in ("--trainable", scope)),
    ]  # fmt: skip


def _model(data: Mapping[str, Any], folder: Path) -> Path:
    """The file of the network; with losses of their own in a `train` block behind it."""
    own = RECIPES / f"{data['network']}.slim"
    if not own.exists():
        defines = re.compile(rf"^net {data['network']}\b", re.MULTILINE)
        (own,) = [path for path in MODELS.glob("*.slim") if defines.search(path.read_text(encoding="utf-8"))]
    if "losses" not in data:
        return own
    labels = list(data["inputs"].items())[1:]
    declared = [f"input {name}: {TYPES.get(given['draw'], 'float32')}{_type(given)}" for name, given in labels]
    block = "\n  ".join([*declared, *_losses(data), f"optimizer {data['optimizer']}"])
    model = folder / own.name
    model.write_text(f"{own.read_text(encoding='utf-8')}\ntrain {{\n  {block}\n}}\n", encoding="utf-8")
    return model


def _type(given: Mapping[str, Any]) -> str:
    return f"[{', '.join(['N', *map(str, given['shape'][1:])])}]"


def _losses(data: Mapping[str, Any]) -> Iterator[str]:
    for term in data["losses"]:
        weights = [term["weights"]] if isinstance(term["weights"], str) else []
        scale = {} if weights else {"weight": term["weights"]}
        yield f"loss {_call(term['loss'], {**term['arguments'], **scale}, [*term['operands'], *weights])}"


def _net_arguments(data: Mapping[str, Any]) -> dict[str, Any]:
    nested: list[dict[str, Any]] = [
        given if isinstance(given, dict) else {name: given} for name, given in data["args"].items()
    ]
    own: dict[str, Any] = {NAMES.get(name, name): given for arguments in nested for name, given in arguments.items()}
    image = data["inputs"].get("images")
    size: dict[str, Any] = {}
    if image and not (RECIPES / f"{data['network']}.slim").exists():
        size["size"] = image["shape"][1]
    return {"classes": data["num_classes"], "weight_decay": data["weight_decay"], **size, **own}


def _settings(data: Mapping[str, Any]) -> dict[str, Any]:
    rate: Any = data["learning_rate"]
    if "schedule" in data:
        arguments = dict(data["schedule"])
        rate = _call(arguments.pop("type"), arguments, [rate])
    settings = {
        "optimizer": _call(data["optimizer"], data["optimizer_arguments"], [f"learning_rate={rate}"]),
        "batch": data["batch"][0],
        "label_smoothing": data["label_smoothing"],
    }
    if "clip_gradient_norm" in data:
        settings["clip_norm"] = data["clip_gradient_norm"]
    if "gradient_multipliers" in data:
        pairs = [f'("{name}", {factor})' for name, factor in data["gradient_multipliers"].items()]
        settings["multipliers"] = f"[{', '.join(pairs)}]"
    if "moving_average_decay" in data:
        settings["averages"] = data["moving_average_decay"]
    return settings


def _call(name: str, arguments: Mapping[str, Any], first: list[Any]) -> str:
    named = [f"{NAMES.get(argument, argument)}={_text(given)}" for argument, given in arguments.items()]
    return f"{name}({', '.join([*map(str, first), *named])})"


def _text(given: Any) -> str:
    """A number or a truth value in the language."""
    return str(given).lower() if isinstance(given, bool) else f"{given}"


@pytest.mark.parametrize("case", CASES)
def test_what_a_training_reports_and_leaves_is_that_of_tf_slim(case: str, tmp_path: Path) -> None:
    data = json.loads((RECIPES / f"{case}.json").read_text())
    assert main(command(data, tmp_path)) == 0
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    steps = len(data["total_loss"])
    assert [row["step"] for row in rows] == list(range(1, steps + 1))
    expected = {name: data[name] for name in ("total_loss", "regularization_loss")}
    expected["learning_rate"] = data["learning_rates"]
    if "losses" in data:
        named = [name for name in rows[0] if name.startswith("losses/")]
        expected.update({name: term["values"] for name, term in zip(named, data["losses"], strict=True)})
    for name, column in expected.items():
        assert [row[name] for row in rows] == pytest.approx(column, rel=1e-4, abs=1e-12), name
    saved = tf.train.load_checkpoint(str(tmp_path / "run" / f"model.ckpt-{steps}"))
    # There are slots of variables that have no gradient, too; TF-Slim has none of those.
    assert set(data["variables_after"]) <= set(saved.get_variable_to_shape_map())
    for name, digest in data["variables_after"].items():
        value = saved.get_tensor(name).astype(np.float64)
        assert list(value.shape) == digest["shape"], name
        assert np.linalg.norm(value) == pytest.approx(digest["l2"], rel=1e-4, abs=1e-12), name
        for found, numbers in ((value.ravel()[:4], digest["first"]), (value.ravel()[-4:], digest["last"])):
            bound = 1e-4 * digest["l2"] / value.size**0.5
            np.testing.assert_allclose(found, numbers, rtol=1e-4, atol=bound, err_msg=name)
