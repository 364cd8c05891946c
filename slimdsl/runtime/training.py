"""The loop of a training: steps, logs, checkpoints, and what ends it early.

A run is a function of its recipe, its network, its data and its seed: what a step does depends on the checkpoint and
the number of the step alone. So a run that goes on from a checkpoint makes the steps of one that was never interrupted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from slimdsl.recipe.recipe import Recipe
from slimdsl.runtime.agreement import voted
from slimdsl.runtime.checkpoints import Checkpoints, checkpoint_path, first_not_finite, latest_step
from slimdsl.runtime.distribution import Distribution
from slimdsl.runtime.interrupt import Interrupt
from slimdsl.runtime.logs import EventLog, MetricsFile, Unwritten
from slimdsl.runtime.nan_hunt import NotFiniteError
from slimdsl.runtime.nan_replay import StoppedError, first_bad_step, take
from slimdsl.runtime.profiling import Profiler
from slimdsl.runtime.progress import Progress, Status
from slimdsl.runtime.resume import host_values, restore
from slimdsl.runtime.save_clock import SaveClock
from slimdsl.runtime.scaling import SKIPPED, is_stuck
from slimdsl.values import Record, Value, field, value

TOTAL, REGULARIZATION, RATE, SPEED = "total_loss", "regularization_loss", "learning_rate", "images_per_second"

Batch = Mapping[str, tf.Tensor]


class Steps(Protocol):
    """What the loop wants of an engine."""

    variables: dict[str, tf.Variable]

    def train(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Take one step."""
        ...

    def train_many(self, batches: Sequence[Batch]) -> dict[str, tf.Tensor]:
        """Take several, whose numbers have the steps as first axis."""
        ...


@value
class Run(Record):
    """All that a loop works with.

    Attributes:
        engine: takes the steps.
        recipe: says when what is written.
        batches: step -> the batches from there on.
        folder: where the run writes; it is there.
        steps: how many there will be.
        steps_per_epoch: for the display; None where nobody knows.
        hunt: batch, variables, steps done before -> where the first NaN comes from, as a clause.
        histogrammed: names of the variables that have histograms.
        summaries: batch, steps done before -> values of a summary of the step that is taken next.
        graph: bytes of the GraphDef for TensorBoard; b"" for none.
        progress: shows how far it is.
        distribution: which processes train together; the chief alone writes and shows.
        profiler: profiles some of the steps; None for none of them.
    """

    engine: Steps
    recipe: Recipe
    batches: Callable[[int], Iterator[Batch]]
    folder: str
    steps: int
    steps_per_epoch: float | None = field(default=None)
    hunt: Callable[[Batch, Mapping[str, tf.Variable], int], str] | None = field(default=None)
    histogrammed: tuple[str, ...] = field(default=())
    summaries: Callable[[Batch, int], Sequence[Any]] | None = field(default=None)
    graph: bytes = field(default=b"")
    progress: Progress
    distribution: Distribution = field(default=Distribution())
    profiler: Profiler | None = field(default=None)


@value
class Outcome(Value):
    """How it ended.

    Attributes:
        step: steps done.
        interrupted: the signal that ended it; "" for none.
        numbers: the last logged ones.
        best: the step of the best checkpoint; None where there is none.
    """

    step: int
    interrupted: str
    numbers: Mapping[str, float]
    best: int | None


class Training:
    """A run on its way.

    Args:
        run: what it works with.
        start: the step of the checkpoint that the engine's variables have been restored from; None to begin.
        clock: seconds, from any start, by which checkpoints are due.
    """

    def __init__(self, run: Run, start: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._run = run
        self._step = start or 0
        self._begins = start is None
        self._pending: list[dict[str, tf.Tensor]] = []
        self._losses: list[float] = []
        self._skipped = 0.0
        self._interrupt = Interrupt()
        self._row: dict[str, float] = {}
        self._waited = self._logged_waited = 0.0
        self._logged_at, self._logged_step = time.monotonic(), self._step
        self._ended_by = ""
        self._said_stuck = False
        self._checkpoints = Checkpoints(run.folder, run.recipe.keep)
        # Clocks of several processes differ; that of the one that writes counts.
        self._save_clock = SaveClock(run.recipe.save_minutes if run.distribution.writes else None, clock)

    def train(self) -> Outcome:
        """Take all steps that are left.

        Raises:
            NotFiniteError: a loss or a variable became NaN or infinite.
            FileWriteError, OSError: what has to be written cannot be; checkpoints are whole as they are.
            WeightsError: a checkpoint cannot be written, or not be read again.
            Whatever the batches raise, once the steps before are saved.
        """
        run = self._run
        writes = run.distribution.writes
        metrics = MetricsFile(run.folder, self._step) if writes else Unwritten()
        events = EventLog(run.folder, self._step) if writes else Unwritten()
        try:
            with self._interrupt as interrupt:
                if self._begins:
                    # There is always a checkpoint to go back to.
                    self._save()
                    if run.graph:
                        events.graph(run.graph)
                self._loop(metrics, events, interrupt)
                self._checkpoints.wait()
                self._say_stuck()
                # Who is gone before the others are done looks lost to them.
                run.distribution.agreed(0)
        finally:
            run.progress.close()
            metrics.close()
            events.close()
            # What was begun is finished, whatever ended the loop; the loop's own error is the one that is told.
            self._finish_quietly()
        best = self._checkpoints.best
        return Outcome(
            step=self._step,
            interrupted=self._ended_by if self._step < run.steps else "",
            numbers=self._row,
            best=best.step if best else None,
        )

    def _loop(self, metrics: MetricsFile | Unwritten, events: EventLog | Unwritten, interrupt: Interrupt) -> None:
        run, recipe = self._run, self._run.recipe
        batches = run.batches(self._step)
        self._logged_at = time.monotonic()
        self._save_clock.restart()
        saved = self._step
        while self._step < run.steps:
            sums_up = (self._step + 1) % recipe.summary_every == 0
            with run.profiler.step(self._step + 1, self._wait) if run.profiler else nullcontext():
                count = self._steps_of_a_call()
                given = [self._next(batches) for _ in range(count)]
                # Of what the step computes with, which it changes.
                seen = run.summaries(given[0], self._step) if sums_up and run.summaries else ()
                self._pending.append(run.engine.train_many(given) if count > 1 else run.engine.train(given[0]))
            self._step += count
            sums_up = self._step % recipe.summary_every == 0
            logs = self._step % recipe.log_every == 0 or self._step == run.steps
            self._ended_by, due = self._decided(interrupt.received, logs=logs)
            last = self._step == run.steps or bool(self._ended_by)
            counted = self._step % recipe.save_every == 0 or last
            saves = counted or due
            # Where steps are slow; several processes have to find at the same step what ends them.
            shows = not logs and run.distribution.workers == 1 and run.progress.due
            if logs or saves or sums_up or shows:
                self._check_losses()
            if logs:
                self._log(metrics, events)
            if shows:
                self._show(time.monotonic())
            if sums_up:
                self._summarize(events, seen)
            if saves:
                self._save(by_clock=not counted)
                saved = self._step
            if self._ended_by:
                break
        assert saved == self._step, "the last step is saved"

    def _steps_of_a_call(self) -> int:
        """How many steps are taken before anybody has to see what came of them: all that a call may take, or one."""
        run, recipe = self._run, self._run.recipe
        left = [run.steps - self._step]
        left += [every - self._step % every for every in (recipe.log_every, recipe.save_every)]
        # A step that is summed up is looked at before it is taken.
        left.append(recipe.summary_every - self._step % recipe.summary_every - (run.summaries is not None))
        # Another number would be traced for itself.
        return recipe.steps_per_call if min(left) >= recipe.steps_per_call and not run.profiler else 1

    def _decided(self, received: str, *, logs: bool) -> tuple[str, bool]:
        """What ends the training after this step, "" to go on; and whether a checkpoint is due by the clock."""
        distribution, due = self._run.distribution, self._save_clock.due
        if distribution.workers == 1:
            return received, due
        # Processes that ended after different steps would wait for each other; to ask after each would slow them down.
        if not logs:
            return "", False
        signalled, due = voted(distribution, distribution.workers, signalled=bool(received), due=due)
        return (received or "a signal to another worker") if signalled else "", due

    def _next(self, batches: Iterator[Batch]) -> Batch:
        """The next batch; where there is none, what was trained so far is saved before that is told."""
        begun = time.monotonic()
        try:
            return next(batches)
        except Exception:
            self._check_losses()
            self._save()
            raise
        finally:
            self._waited += time.monotonic() - begun

    def _wait(self) -> None:
        """Return when the last step is done."""
        self._pending[-1][TOTAL].numpy()

    def _check_losses(self) -> None:
        """Fetch the losses of the steps since the last time; stop at the first that is not finite."""
        rows = [row for each in self._pending for row in _rows(each)]
        first = self._step - len(rows)
        for number, row in enumerate(rows, first + 1):
            if not np.isfinite(row[TOTAL]):
                raise self._not_finite(number, f"the loss became {_spelled(row[TOTAL])}")
            if is_stuck(row):
                raise self._not_finite(number, "the gradients were not finite, with the loss scaled no more,")
            self._skipped += row.get(SKIPPED, 0.0)
        self._row = rows[-1] if rows else self._row
        self._losses += [row[TOTAL] for row in rows]
        self._pending.clear()

    def _log(self, metrics: MetricsFile | Unwritten, events: EventLog | Unwritten) -> None:
        now = time.monotonic()
        if SKIPPED in self._row:
            self._row = {**self._row, SKIPPED: self._skipped}
            self._skipped = 0.0
        status = self._show(now)
        row = {**self._row, SPEED: status.images_per_second}
        metrics.row(self._step, row)
        events.scalars(self._step, {**row, "waiting_for_data": status.waiting})
        events.flush()
        self._logged_at, self._logged_step, self._logged_waited = now, self._step, self._waited

    def _show(self, now: float) -> Status:
        """Show how far it is, with the speed since the last logged step."""
        run = self._run
        elapsed = max(now - self._logged_at, 1e-9)
        done = self._step - self._logged_step
        shown = {"loss": self._row[TOTAL]}
        shown.update({n.partition("/")[2]: v for n, v in self._row.items() if n.startswith("metrics/")})
        status = Status(
            step=self._step,
            steps=run.steps,
            epoch=self._step / run.steps_per_epoch if run.steps_per_epoch else None,
            numbers=shown,
            learning_rate=self._row[RATE],
            images_per_second=done * run.recipe.batch / elapsed,
            waiting=(self._waited - self._logged_waited) / elapsed,
            seconds_left=(run.steps - self._step) * elapsed / max(done, 1),
        )
        if run.distribution.writes:
            run.progress.show(status, last=self._step == run.steps)
        return status

    def _summarize(self, events: EventLog | Unwritten, seen: Sequence[Any]) -> None:
        variables = self._run.engine.variables
        arrays: dict[str, npt.NDArray[Any]] = {
            f"weights/{name}": variables[name].numpy() for name in self._run.histogrammed
        }
        events.histograms(self._step, arrays)
        events.summary(self._step, seen)
        events.flush()

    def _save(self, *, by_clock: bool = False) -> None:
        """Save the step.

        Args:
            by_clock: whether the clock alone wants it. Then it is there to go on from, and cannot be the best: which
                one that is depends on the steps alone, and on means over as many of them as the recipe says.
        """
        values = host_values(self._run.engine.variables)
        bad = first_not_finite(values)
        if bad:
            raise self._not_finite(self._step, f"the variable `{bad}` became NaN or infinite", loss=False)
        mean = None
        if self._losses and not by_clock:
            mean = float(np.mean(self._losses))
            self._losses.clear()
        if self._run.distribution.writes:
            self._checkpoints.save(self._step, values, mean)
            self._say_stuck()
        # After the wait for the checkpoint before, so that a slow disk leaves time for steps.
        self._save_clock.restart()

    def _say_stuck(self) -> None:
        """Say once that old checkpoints stay that should go."""
        if self._checkpoints.stuck and not self._said_stuck:
            self._said_stuck = True
            self._run.progress.note(f"{self._checkpoints.stuck}; the training goes on, and old checkpoints take room")

    def _not_finite(self, step: int, what: str, *, loss: bool = True) -> NotFiniteError:
        """The error of a step; the steps since the last checkpoint are made again to find out where it comes from.

        Args:
            step: at which it was noticed.
            what: what is not finite.
            loss: whether it was looked for after every step, as variables are not.
        """
        run = self._run
        if run.profiler:
            run.profiler.stop_quietly()
        self._checkpoints.wait()
        kept = latest_step(run.folder)
        message = f"{what} in step {step:,}" if step else f"{what} before the first step: `--init` put it there"
        if kept is not None and run.hunt is None and run.distribution.workers > 1:
            message += "; the same command without --strategy goes on in one process and says where it comes from"
        if kept is None or run.hunt is None:
            return NotFiniteError(message, step)
        good = f"; the last good checkpoint is `{checkpoint_path(run.folder, kept)}`"
        run.progress.note(f"looking for where it comes from: the steps since step {kept:,} are taken again")
        try:
            made, bad = self._first_bad_step(kept, step - 1) or (step, "")
            if bad and loss:
                message += f", since the variable `{bad}` became NaN or infinite in step {made:,}"
            elif bad:
                message = f"the variable `{bad}` became NaN or infinite in step {made:,}"
            batches = self._batches_again(kept)
            take(run.engine.train, batches, count=made - 1 - kept, stopped=self._stopped)
            return NotFiniteError(f"{message}{good}; {run.hunt(next(batches), run.engine.variables, made - 1)}", made)
        except StoppedError:
            return NotFiniteError(f"{message}{good}; a signal ended the search for where it comes from", step)

    def _first_bad_step(self, kept: int, last: int) -> tuple[int, str] | None:
        """The first step behind a checkpoint, and at most the last, that made a variable not finite, and which one."""
        engine = self._run.engine
        batches = self._batches_again(kept)
        count = last - kept
        found = first_bad_step(engine.train, batches, engine.variables, count=count, stopped=self._stopped)
        return (kept + found[0], found[1]) if found else None

    def _batches_again(self, kept: int) -> Iterator[Batch]:
        """The batches behind a checkpoint, whose values the engine gets."""
        restore(self._run.engine.variables, checkpoint_path(self._run.folder, kept))
        return self._run.batches(kept)

    def _stopped(self) -> bool:
        return bool(self._interrupt.received)

    def _finish_quietly(self) -> None:
        try:
            self._checkpoints.wait()
        except Exception:  # noqa: S110 - raised before, or of less weight than what is being raised
            pass


def _rows(found: Mapping[str, tf.Tensor]) -> list[dict[str, float]]:
    """The numbers of each step of a call."""
    columns = {name: np.atleast_1d(tensor.numpy()) for name, tensor in found.items()}
    return [{name: float(column[index]) for name, column in columns.items()} for index in range(len(columns[TOTAL]))]


def _spelled(loss: float) -> str:
    return "NaN" if np.isnan(loss) else "infinite"
