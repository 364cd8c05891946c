"""A run's row in TensorBoard's table of hyper-parameters: what stands in it, and how the run ended."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from slimdsl.recipe.losses import SoftmaxCrossEntropy
from slimdsl.recipe.optimizers import Adam, Momentum
from slimdsl.recipe.recipe import LossTerm, Recipe
from slimdsl.recipe.schedules import Cosine, Piecewise, WarmUp
from slimdsl.runtime.hyperparameters import ROW_FILE, hyperparameters, table_row

LOSS = LossTerm(name="xent", loss=SoftmaxCrossEntropy(), operands=("logits", "labels"))


def recipe(**settings: Any) -> Recipe:
    return Recipe(**{"inputs": {}, "losses": (LOSS,), "optimizer": Momentum(), **settings})


def table(folder: Path) -> dict[str, Any]:
    """What TensorBoard finds in a folder: tag -> message."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    metadata = pytest.importorskip("tensorboard.plugins.hparams.metadata")
    read = {
        metadata.EXPERIMENT_TAG: metadata.parse_experiment_plugin_data,
        metadata.SESSION_START_INFO_TAG: metadata.parse_session_start_info_plugin_data,
        metadata.SESSION_END_INFO_TAG: metadata.parse_session_end_info_plugin_data,
    }
    found = accumulator.EventAccumulator(str(folder))
    found.Reload()
    return {
        tag.removeprefix("_hparams_/"): read[tag](content)
        for tag, content in found.PluginTagToContent("hparams").items()
    }


def settings_in(folder: Path) -> dict[str, Any]:
    hparams = table(folder)["session_start_info"].hparams
    return {name: getattr(found, found.WhichOneof("kind")) for name, found in hparams.items()}


def status(folder: Path) -> str:
    """How the run has ended; "" where its row does not say."""
    statuses = pytest.importorskip("tensorboard.plugins.hparams.api_pb2").Status
    found = table(folder)
    return str(statuses.Name(found["session_end_info"].status)) if "session_end_info" in found else ""


def test_settings_are_flat() -> None:
    found = hyperparameters(recipe(batch=8, steps=5, label_smoothing=0.1), network="lenet", shuffle=True, init=None)
    expected = {
        "network": "lenet",
        "shuffle": True,
        "losses": "softmax_cross_entropy(logits, labels, weight=1.0)",
        "optimizer": "momentum",
        "learning_rate": 0.01,
        "optimizer.momentum": 0.9,
        "optimizer.nesterov": False,
        "batch": 8,
        "steps": 5,
        "label_smoothing": 0.1,
        "freeze_batch_norm": False,
        "accumulate": 1,
        "seed": 0,
    }
    assert found == expected


def test_a_schedule_is_a_text_beside_the_rate_that_it_begins_with() -> None:
    def rates(rate: Any) -> tuple[object, object]:
        found = hyperparameters(recipe(optimizer=Adam(learning_rate=rate)))
        return found["learning_rate"], found.get("learning_rate.schedule")

    assert rates(0.5) == (0.5, None)
    assert rates(Cosine(rate=0.25)) == (0.25, "cosine(rate=0.25, alpha=0.0)")
    warm = WarmUp(schedule=Piecewise(boundaries=(5.0,), rates=(0.1, 0.01)), steps=9)
    assert rates(warm)[0] == 0.1
    assert str(rates(warm)[1]).startswith("warm_up(schedule=piecewise(")


def test_lists_are_texts() -> None:
    found = hyperparameters(recipe(trainable=("a", "b/c"), multipliers=(("a", 0.1), ("b", 2.0))))
    assert (found["trainable"], found["multipliers"]) == ("a, b/c", "a: 0.1, b: 2.0")


def test_tensorboard_reads_a_row(tmp_path: Path) -> None:
    with table_row(str(tmp_path), {"batch": 8.0, "optimizer": "sgd", "shuffle": False}, ["total_loss"]) as row:
        assert settings_in(tmp_path) == {"batch": 8, "optimizer": "sgd", "shuffle": False}
        assert status(tmp_path) == ""
        row.status = "SUCCESS"
    found = table(tmp_path)
    assert status(tmp_path) == "STATUS_SUCCESS"
    assert [metric.name.tag for metric in found["experiment"].metric_infos] == ["total_loss"]
    columns = {info.name: info.type for info in found["experiment"].hparam_infos}
    texts, flags, numbers = 1, 2, 3
    assert (columns["optimizer"], columns["shuffle"], columns["batch"]) == (texts, flags, numbers)
    # Those of other runs in the same table.
    assert (columns["optimizer.nesterov"], columns["optimizer.rho"], columns["init"]) == (flags, numbers, texts)


def test_errors_are_failures_and_interrupts_leave_it_open(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="x"), table_row(str(tmp_path), {"batch": 8.0}, []):
        raise ValueError("x")
    assert status(tmp_path) == "STATUS_FAILURE"
    # One that goes on begins its row anew.
    with table_row(str(tmp_path), {"batch": 9.0}, []):
        pass
    assert settings_in(tmp_path) == {"batch": 9}
    assert status(tmp_path) == ""
    with pytest.raises(KeyboardInterrupt), table_row(str(tmp_path), {"batch": 9.0}, []):
        raise KeyboardInterrupt
    assert status(tmp_path) == ""


def test_without_tensorboard_there_is_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.plugins.hparams.summary", None)
    with table_row(str(tmp_path), {"batch": 8.0}, []) as row:
        row.status = "SUCCESS"
    assert not (tmp_path / ROW_FILE).exists()


def test_every_run_has_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from slimdsl.cli.main import main
    from tests.runtime.test_train_command import NET

    (tmp_path / "small.slim").write_text(NET)
    command = ["train", str(tmp_path / "small.slim"), "--logdir", str(tmp_path / "run"), "--data", "synthetic"]
    assert main([*command, "--steps", "2"]) == 0, capsys.readouterr().err
    found = settings_in(tmp_path / "run")
    assert {name: found[name] for name in ("network", "optimizer", "optimizer.momentum", "batch", "steps")} == {
        "network": "small", "optimizer": "momentum", "optimizer.momentum": 0.9, "batch": 4, "steps": 2,
    }  # fmt: skip
    assert found["learning_rate.schedule"].startswith("exponential(rate=0.05, decay=0.9, steps=3")
    assert status(tmp_path / "run") == "STATUS_SUCCESS"
    assert main([*command, "--steps", "3"]) == 0
    assert settings_in(tmp_path / "run")["steps"] == 3
    assert len(list((tmp_path / "run").glob(ROW_FILE))) == 1
    rate = "train.optimizer=sgd(learning_rate=1e38)"
    assert main([*command, "--fresh", "--set", rate, "--set", "train.averages=none"]) == 1
    assert status(tmp_path / "run") == "STATUS_FAILURE"
    assert settings_in(tmp_path / "run")["optimizer"] == "sgd"
