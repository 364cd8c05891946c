"""The loop: what is logged and saved when, and what ends it early; with an engine of a few lines."""

from __future__ import annotations

import io
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import summary_pb2
from tensorflow.core.util import event_pb2

from slimdsl.files import FileWriteError
from slimdsl.recipe.losses import MeanSquaredError
from slimdsl.recipe.optimizers import Sgd
from slimdsl.recipe.recipe import LossTerm, Recipe
from slimdsl.runtime.checkpoints import checkpoint_path, checkpoint_steps
from slimdsl.runtime.data.errors import DataError
from slimdsl.runtime.distribution import Distribution
from slimdsl.runtime.interrupt import Interrupt
from slimdsl.runtime.nan_hunt import NotFiniteError
from slimdsl.runtime.progress import Progress
from slimdsl.runtime.resume import restore
from slimdsl.runtime.training import Outcome, Run, Training
from slimdsl.weights.bundle_writer import write_bundle
from tests.work import PATIENCE

POISON = 1e30


class Line:
    """A line that is fitted: the loss of a step depends on the batch and on all steps before it."""

    def __init__(self) -> None:
        self.variables = {"w": tf.Variable([0.0, 0.0]), "global_step": tf.Variable(0, dtype=tf.int64)}
        self.calls: list[int] = []

    def train(self, batch: Any) -> dict[str, tf.Tensor]:
        weight, step = self.variables["w"], self.variables["global_step"]
        error = weight - batch["x"]
        weight.assign_sub(0.25 * error)
        step.assign_add(1)
        loss = tf.reduce_sum(error * error)
        return {"total_loss": loss, "regularization_loss": tf.constant(0.0), "learning_rate": tf.constant(0.25)}

    def train_many(self, batches: Any) -> dict[str, tf.Tensor]:
        self.calls.append(len(batches))
        rows = [self.train(batch) for batch in batches]
        return {name: tf.stack([row[name] for row in rows]) for name in rows[0]}


def batches(start: int) -> Iterator[dict[str, tf.Tensor]]:
    while True:
        yield {"x": tf.constant(np.random.RandomState(start).standard_normal(2), tf.float32)}
        start += 1


def run(folder: Path, steps: int, engine: Line | None = None, **given: Any) -> Run:
    settings = {"log_every": 2, "save_every": 5, "summary_every": 4, "keep": 2, **given.pop("settings", {})}
    folder.mkdir(exist_ok=True)
    term = LossTerm(name="loss", loss=MeanSquaredError(), operands=("x", "y"))
    recipe = Recipe(inputs={}, losses=(term,), optimizer=Sgd(), **settings)
    values: dict[str, Any] = {"batches": batches, "histogrammed": ("w",), "progress": Progress(io.StringIO()), **given}
    return Run(engine=engine or Line(), recipe=recipe, folder=str(folder), steps=steps, **values)


def go_on(folder: Path, steps: int, start: int, **given: Any) -> Outcome:
    engine = Line()
    restore(engine.variables, checkpoint_path(str(folder), start))
    return Training(run(folder, steps, engine, **given), start).train()


def rows(folder: Path) -> list[dict[str, float]]:
    found = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: number for name, number in row.items() if name != "images_per_second"} for row in found]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 12 steps that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    outcome = Training(run(folder, 12), None).train()
    assert (outcome.step, outcome.interrupted) == (12, "")
    return folder


def test_what_is_logged_and_saved(whole: Path) -> None:
    assert [row["step"] for row in rows(whole)] == [2, 4, 6, 8, 10, 12]
    assert list(rows(whole)[0]) == ["step", "total_loss", "regularization_loss", "learning_rate"]
    assert {10, 12} <= set(checkpoint_steps(str(whole))) <= {5, 10, 12}
    assert tf.train.load_checkpoint(str(whole)).get_tensor("global_step") == 12
    assert len(list(whole.glob("events.out.tfevents.*"))) == 1


def test_speed_and_waiting_are_counted_from_one_logged_step_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]

    class Slow(Line):
        def train(self, batch: Any) -> dict[str, tf.Tensor]:
            now[0] += 3.0
            return super().train(batch)

    def slowly(start: int) -> Iterator[dict[str, tf.Tensor]]:
        for batch in batches(start):
            now[0] += 1.0
            yield batch

    monkeypatch.setattr("slimdsl.runtime.training.time", SimpleNamespace(monotonic=lambda: now[0]))
    stream = io.StringIO()
    Training(run(tmp_path, 4, Slow(), batches=slowly, progress=Progress(stream)), None).train()
    written = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    # Two steps of 32 images took eight seconds, two of them for the data.
    assert [row["images_per_second"] for row in written] == [8.0, 8.0]
    assert stream.getvalue().splitlines()[0].endswith("  8 images/s  waiting for data 25%  ETA 0:08")


def test_slow_steps_are_shown_between_those_that_are_logged(tmp_path: Path) -> None:
    now = [0.0]

    class Slow(Line):
        def train(self, batch: Any) -> dict[str, tf.Tensor]:
            now[0] += 2.0
            return super().train(batch)

    stream = io.StringIO()
    progress = Progress(stream, lambda: now[0])
    Training(run(tmp_path, 10, Slow(), progress=progress, settings={"log_every": 10}), None).train()
    assert [line.split("/")[0] for line in stream.getvalue().splitlines()] == ["step 3", "step 6", "step 9", "step 10"]
    assert [row["step"] for row in rows(tmp_path)] == [10], "what is only shown is not written"


def test_calls_of_several_steps_end_where_something_is_logged_or_saved(tmp_path: Path) -> None:
    settings = {"log_every": 4, "save_every": 6, "summary_every": 12, "keep": 9}
    plain, engine = Line(), Line()
    Training(run(tmp_path / "one", 14, plain, settings=settings), None).train()
    Training(run(tmp_path / "two", 14, engine, settings={**settings, "steps_per_call": 2}), None).train()
    assert (plain.calls, engine.calls) == ([], [2] * 7)
    assert rows(tmp_path / "two") == rows(tmp_path / "one")
    assert [row["step"] for row in rows(tmp_path / "two")] == [4, 8, 12, 14]
    assert checkpoint_steps(str(tmp_path / "two")) == checkpoint_steps(str(tmp_path / "one")) == [0, 6, 12, 14]
    seen: list[int] = []

    def summaries(batch: Any, step: int) -> list[Any]:
        seen.append(step)
        return []

    looked = Line()
    given = run(tmp_path / "three", 14, looked, settings={**settings, "steps_per_call": 2}, summaries=summaries)
    Training(given, None).train()
    # Steps 11 and 12 are taken one by one, because the twelfth is looked at before it is taken.
    assert (seen, looked.calls) == ([11], [2] * 6)


def test_a_loss_that_is_not_finite_is_found_within_a_call(tmp_path: Path) -> None:
    def poisoned(start: int) -> Iterator[dict[str, tf.Tensor]]:
        for step, batch in enumerate(batches(start), start):
            yield {"x": tf.constant([POISON, 0.0])} if step == 6 else batch

    settings = {"log_every": 4, "save_every": 4, "steps_per_call": 4}
    training = Training(run(tmp_path, 12, batches=poisoned, settings=settings), None)
    with pytest.raises(NotFiniteError, match="in step 7"):
        training.train()
    assert checkpoint_steps(str(tmp_path))[-1] == 4


def test_summaries_are_of_what_a_step_begins_with(tmp_path: Path) -> None:
    engine, seen = Line(), []

    def summaries(batch: Any, step: int) -> list[Any]:
        expected = next(batches(step))["x"]
        seen.append((step, int(engine.variables["global_step"].numpy()), np.array_equal(batch["x"], expected)))
        return [summary_pb2.Summary.Value(tag="sparsity/x", simple_value=step)]

    Training(run(tmp_path, 12, engine, summaries=summaries), None).train()
    assert seen == [(3, 3, True), (7, 7, True), (11, 11, True)]
    (path,) = tmp_path.glob("events.out.tfevents.*")
    events = [event_pb2.Event.FromString(record.numpy()) for record in tf.data.TFRecordDataset(str(path))]
    found = [(event.step, v.simple_value) for event in events for v in event.summary.value if v.tag == "sparsity/x"]
    assert found == [(4, 3), (8, 7), (12, 11)]


class Clock:
    """Seconds that go by with the batches: each takes a minute."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def batches(self, start: int) -> Iterator[dict[str, tf.Tensor]]:
        for batch in batches(start):
            self.seconds += 60.0
            yield batch


def by_clock(folder: Path, steps: int, minutes: float | None, engine: Line | None = None, **given: Any) -> Training:
    """A training whose steps take a minute each; checkpoints are kept, and are due by steps every ten."""
    clock = Clock()
    settings = {"save_every": 10, "keep": 99, "save_minutes": minutes, **given.pop("settings", {})}
    return Training(run(folder, steps, engine, batches=clock.batches, settings=settings, **given), None, clock)


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        (None, [0, 10, 12]),
        (20.0, [0, 10, 12]),
        # What is saved by steps starts the clock anew: 4, 8, not 12 but 14.
        (4.0, [0, 4, 8, 10, 14, 18, 20, 22]),
        (3.5, [0, 4, 8, 10, 14, 18, 20, 22]),
        (0.001, list(range(23))),
    ],
)
def test_checkpoints_are_due_by_the_clock_too(tmp_path: Path, minutes: float | None, expected: list[int]) -> None:
    by_clock(tmp_path, expected[-1], minutes).train()
    assert checkpoint_steps(str(tmp_path)) == expected


def test_the_clock_is_looked_at_after_a_call_of_several_steps(tmp_path: Path) -> None:
    engine = Line()
    settings = {"log_every": 10, "summary_every": 10, "steps_per_call": 5}
    by_clock(tmp_path, 20, 3.0, engine, settings=settings).train()
    assert engine.calls == [5] * 4
    assert checkpoint_steps(str(tmp_path)) == [0, 5, 10, 15, 20]


@pytest.mark.parametrize("start", [3, 6, 9])
def test_a_run_that_goes_on_from_a_checkpoint_of_the_clock_is_the_whole_run(
    tmp_path: Path, whole: Path, start: int
) -> None:
    by_clock(tmp_path, 12, 3.0).train()
    # As a kill leaves it: all rows, and no checkpoint after this one.
    for step in checkpoint_steps(str(tmp_path)):
        for path in tmp_path.glob(f"model.ckpt-{step}.*") if step > start else ():
            path.unlink()
    go_on(tmp_path, 12, start)
    assert rows(tmp_path) == rows(whole)
    ends = [tf.train.load_checkpoint(str(folder)).get_tensor("w") for folder in (whole, tmp_path)]
    np.testing.assert_array_equal(*ends)


def test_which_checkpoint_is_the_best_does_not_depend_on_the_clock(tmp_path: Path) -> None:
    settings = {"save_every": 5}
    outcomes = [
        by_clock(tmp_path / str(minutes), 40, minutes, settings=settings).train() for minutes in (None, 1.0, 3.0)
    ]
    assert len({outcome.best for outcome in outcomes}) == 1
    said = [(tmp_path / str(minutes) / "best.json").read_text() for minutes in (None, 1.0, 3.0)]
    assert said[0] == said[1] == said[2]
    assert len(checkpoint_steps(str(tmp_path / "1.0"))) == 41


def two_workers(folder: Path, minutes: tuple[float, float], engine: Callable[[], Line]) -> list[Outcome | str]:
    """How two workers end that train together for 12 steps, as threads; each has a clock, the chief first."""
    barrier, said = threading.Barrier(2, timeout=PATIENCE), dict[int, tf.Tensor]()

    def add_up(worker: int) -> Callable[[tf.Tensor], tf.Tensor]:
        def of_process(mine: tf.Tensor) -> tf.Tensor:
            said[worker] = mine
            barrier.wait()
            total = said[0] + said[1]
            barrier.wait()
            return total

        return of_process

    def ended(worker: int) -> Outcome | str:
        distribution = Distribution(worker=worker, workers=2, replicas=2, add_up=add_up(worker))
        try:
            return by_clock(folder, 12, minutes[worker], engine(), distribution=distribution).train()
        except NotFiniteError as error:
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(ended, (0, 1)))


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        # Due after three steps; the workers vote after every other, where something is logged.
        ((3.0, 99.0), [0, 4, 8, 10, 12]),
        # The clock of the chief alone counts.
        ((99.0, 1.0), [0, 10, 12]),
    ],
)
def test_workers_go_by_the_clock_of_the_chief(
    tmp_path: Path, minutes: tuple[float, float], expected: list[int]
) -> None:
    outcomes = two_workers(tmp_path, minutes, Line)
    assert [isinstance(each, Outcome) and (each.step, each.interrupted) for each in outcomes] == [(12, "")] * 2
    assert checkpoint_steps(str(tmp_path)) == expected


def test_workers_save_after_the_same_step(tmp_path: Path) -> None:
    """All look at their variables there, whoever writes: what is not finite ends all of them."""
    outcomes = two_workers(tmp_path, (3.0, 99.0), Breaking)
    assert [str(each).partition(";")[0] for each in outcomes] == [
        "the variable `hidden` became NaN or infinite in step 4"
    ] * 2
    assert checkpoint_steps(str(tmp_path)) == [0]


@pytest.mark.parametrize("first", [5, 7, 10])
def test_a_run_in_two_parts_is_the_whole_run(tmp_path: Path, whole: Path, first: int) -> None:
    Training(run(tmp_path, first), None).train()
    go_on(tmp_path, 12, first)
    kept = [row for row in rows(tmp_path) if row["step"] != first or first % 2 == 0]
    assert kept == rows(whole)
    ends = [tf.train.load_checkpoint(str(folder)).get_tensor("w") for folder in (whole, tmp_path)]
    np.testing.assert_array_equal(*ends)


def test_rows_after_the_checkpoint_are_made_again(tmp_path: Path, whole: Path) -> None:
    Training(run(tmp_path, 12, settings={"keep": 9}), None).train()
    # As a kill in step 12 leaves it: all rows, and no checkpoint after step 5.
    for step in (10, 12):
        for path in tmp_path.glob(f"model.ckpt-{step}.*"):
            path.unlink()
    go_on(tmp_path, 12, 5)
    assert rows(tmp_path) == rows(whole)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_finishes_the_step_and_saves(tmp_path: Path, whole: Path, number: int) -> None:
    def interrupted(start: int) -> Iterator[dict[str, tf.Tensor]]:
        for step, batch in enumerate(batches(start), start + 1):
            if step == 7:
                os.kill(os.getpid(), number)
            yield batch

    before = signal.getsignal(number)
    outcome = Training(run(tmp_path, 12, batches=interrupted), None).train()
    assert (outcome.step, outcome.interrupted) == (7, signal.Signals(number).name)
    assert signal.getsignal(number) is before
    assert checkpoint_steps(str(tmp_path))[-1] == 7
    go_on(tmp_path, 12, 7)
    assert rows(tmp_path) == rows(whole)


def test_a_second_signal_ends_at_once() -> None:
    with Interrupt() as interrupt:
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupt.received == "SIGINT"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_terminal_that_is_closed_says_it_twice() -> None:
    with Interrupt() as interrupt:
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGHUP)
        assert interrupt.received == "SIGHUP"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupt() as interrupt:
            os.kill(os.getpid(), signal.SIGHUP)
            assert interrupt.received == ""
    finally:
        signal.signal(signal.SIGHUP, before)


def poisoned(step: int) -> Callable[[int], Iterator[dict[str, tf.Tensor]]]:
    def made(start: int) -> Iterator[dict[str, tf.Tensor]]:
        for number, batch in enumerate(batches(start), start + 1):
            yield {"x": tf.constant([POISON, 0.0])} if number == step else batch

    return made


def test_a_loss_that_is_not_finite_stops_and_is_hunted_where_it_arose(tmp_path: Path) -> None:
    seen = []

    def hunt(batch: Any, variables: Any, step: int) -> str:
        seen.append((float(batch["x"][0]), int(variables["global_step"].numpy()), step))
        return "the first of it is in the layer `net/conv1`"

    with pytest.raises(NotFiniteError) as caught:
        Training(run(tmp_path, 12, batches=poisoned(8), hunt=hunt), None).train()
    assert caught.value.step == 8
    assert "the loss became infinite in step 8; the last good checkpoint is" in str(caught.value)
    assert str(caught.value).endswith("the first of it is in the layer `net/conv1`")
    # The steps since the checkpoint were made again, up to the one that went wrong.
    assert seen == [(float(np.float32(POISON)), 7, 7)]
    assert checkpoint_steps(str(tmp_path))[-1] == 5
    assert [row["step"] for row in rows(tmp_path)] == [2, 4, 6]


class Scaled(Line):
    """Its steps are skipped from the third on, with a smaller scale each."""

    def train(self, batch: Any) -> dict[str, tf.Tensor]:
        found = super().train(batch)
        step = int(self.variables["global_step"].numpy())
        scale = 2.0 ** max(6 - max(step - 3, 0), 0)
        return {**found, "loss_scale": tf.constant(scale), "skipped_steps": tf.constant(float(step >= 3))}


def test_steps_that_are_skipped_are_counted_and_end_the_training_at_the_smallest_scale(tmp_path: Path) -> None:
    with pytest.raises(NotFiniteError, match="gradients were not finite, with the loss scaled no more, in step 9;"):
        Training(run(tmp_path, 40, Scaled(), hunt=lambda *_: ""), None).train()
    found = [(row["step"], row["loss_scale"], row["skipped_steps"]) for row in rows(tmp_path)]
    assert found == [(2, 64.0, 0.0), (4, 32.0, 2.0), (6, 8.0, 2.0), (8, 2.0, 2.0)]


def test_a_variable_that_is_not_finite_is_not_saved(tmp_path: Path) -> None:
    class Broken(Line):
        def train(self, batch: Any) -> dict[str, tf.Tensor]:
            found = super().train(batch)
            if int(self.variables["global_step"].numpy()) == 5:
                self.variables["w"].assign([np.nan, 0.0])
            return found

    with pytest.raises(NotFiniteError, match=r"the variable `w` became NaN or infinite in step 5; .*; here$"):
        Training(run(tmp_path, 12, Broken(), hunt=lambda *_: "here"), None).train()
    assert checkpoint_steps(str(tmp_path)) == [0]


class Breaking(Line):
    """A variable that the loss does not see is not finite from the third step on."""

    def __init__(self) -> None:
        super().__init__()
        self.variables["hidden"] = tf.Variable(0.0)

    def train(self, batch: Any) -> dict[str, tf.Tensor]:
        found = super().train(batch)
        if int(self.variables["global_step"].numpy()) == 3:
            self.variables["hidden"].assign(np.inf)
        return found


def test_the_step_that_made_it_is_told_and_not_the_one_that_noticed(tmp_path: Path) -> None:
    seen, said = [], io.StringIO()

    def hunt(batch: Any, variables: Any, step: int) -> str:
        seen.append((step, int(variables["global_step"].numpy()), bool(np.isfinite(variables["hidden"].numpy()))))
        np.testing.assert_array_equal(batch["x"], next(batches(step))["x"])
        return "here"

    with pytest.raises(NotFiniteError, match=r"`hidden` became NaN or infinite in step 3; .*; here$") as caught:
        Training(run(tmp_path, 12, Breaking(), hunt=hunt, progress=Progress(said)), None).train()
    assert caught.value.step == 3
    assert seen == [(2, 2, True)]
    assert "looking for where it comes from: the steps since step 0 are taken again" in said.getvalue()


def test_a_signal_ends_the_search(tmp_path: Path) -> None:
    class Interrupted(Progress):
        def note(self, text: str) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    settings: dict[str, Any] = {"hunt": lambda *_: pytest.fail("it goes on"), "progress": Interrupted(io.StringIO())}
    with pytest.raises(NotFiniteError, match=r"a signal ended the search for where it comes from$"):
        Training(run(tmp_path, 12, batches=poisoned(8), **settings), None).train()


def test_data_that_end_lose_nothing(tmp_path: Path) -> None:
    def ending(start: int) -> Iterator[dict[str, tf.Tensor]]:
        yield from (batch for _, batch in zip(range(8), batches(start), strict=False))
        raise DataError("`photo.jpg` is damaged")

    with pytest.raises(DataError, match=r"photo\.jpg"):
        Training(run(tmp_path, 12, batches=ending), None).train()
    assert checkpoint_steps(str(tmp_path))[-1] == 8


def test_a_checkpoint_that_cannot_be_removed_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stuck(folder: str, step: int) -> None:
        raise PermissionError(13, "Permission denied", checkpoint_path(folder, step))

    monkeypatch.setattr("slimdsl.runtime.checkpoints.remove_checkpoint", stuck)
    stream = io.StringIO()
    outcome = Training(run(tmp_path, 40, progress=Progress(stream)), None).train()
    assert outcome.step == 40
    assert stream.getvalue().count("cannot remove") == 1
    assert "model.ckpt-0`: Permission denied; the training goes on" in stream.getvalue()
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "model.ckpt-40")


def test_a_checkpoint_that_cannot_be_written_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    def full(prefix: str, tensors: Any) -> None:
        if prefix.endswith("-10"):
            raise FileWriteError(prefix, None, "no space left on device")
        write_bundle(prefix, tensors)

    monkeypatch.setattr("slimdsl.runtime.checkpoints.write_bundle", full)
    with pytest.raises(FileWriteError, match="ckpt-10`: no space left"):
        Training(run(tmp_path, 40), None).train()
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "model.ckpt-5")
