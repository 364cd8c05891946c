"""Runs the artefacts of one network on a fixed input, and compares what they give with TensorFlow's result.

The reference is the network as it was written, without deploy passes, frozen with the same weights. Where a frozen
graph of just that is among the artefacts, it is the reference itself; otherwise one is written for the time of the run.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Union

from slimdsl.artefacts.fixed_inputs import NoInputsError, candidate_sizes, fixed_inputs, types_with
from slimdsl.artefacts.judging import Expectation, judge, read_arrays
from slimdsl.artefacts.running import (
    RUNNERS,
    BrokenRuntimeError,
    Outcome,
    Run,
    installed,
    run_alone,
    run_in_tensorflow,
)
from slimdsl.artefacts.subject import RunResult, Subject, not_run, refused
from slimdsl.backends.graphdef.emitter import emit
from slimdsl.backends.graphdef.stream import GraphTooLargeError, check_size, pass_on
from slimdsl.backends.running import write_arrays
from slimdsl.files import write_all
from slimdsl.ir.graph import Graph
from slimdsl.types import DType
from slimdsl.values import Value, positional
from slimdsl.weights.source import WeightsError, WeightSource

MOST_ATTEMPTS = 4
"""How many different inputs are tried until TensorFlow runs the reference."""

_DRAWN = "its values are drawn when it is initialised"


@positional
class Attempt(Value):
    """Inputs for a run: the sizes, and the path of the arrays."""

    sizes: dict[str, int]
    arrays: str


Entry = tuple[Union[Subject, None], Run]
"""A run, and whose it is: None for a reference that is no artefact."""


def run_all(
    subjects: Sequence[Subject],
    original: Graph,
    weights: WeightSource | None,
    seed: int,
    folder: str,
    timeout: float,
) -> list[RunResult]:
    """Run all that can be run; nothing is raised for what cannot.

    Args:
        subjects: the artefacts; a runtime for each is installed.
        original: the network as it was written.
        weights: the values of its variables; None where the graph draws them itself.
        seed: what everything random starts from.
        folder: an empty folder for inputs, results and the reference.
        timeout: seconds for each run.

    Raises:
        OSError: the inputs cannot be written.
    """
    results: dict[Subject, RunResult] = {}
    # Those that fix different sizes cannot be run on the same input.
    groups: list[tuple[dict[str, int], list[Subject]]] = []
    for subject in subjects:
        sizes = dict(subject.artefact.sizes)
        for fixed, members in groups:
            if all(fixed.get(name, size) == size for name, size in sizes.items()):
                fixed.update(sizes)
                members.append(subject)
                break
        else:
            groups.append((sizes, [subject]))
    for number, (fixed, members) in enumerate(groups):
        place = os.path.join(folder, str(number))
        os.mkdir(place)
        results.update(zip(members, Bench(original, weights, seed, fixed, place, timeout).run(members)))
        shutil.rmtree(place)
    return [results[subject] for subject in subjects]


class Bench:
    """Where artefacts are run on the same input; the arguments are those of `run_all`, and the sizes that are fixed."""

    def __init__(
        self,
        original: Graph,
        weights: WeightSource | None,
        seed: int,
        fixed: Mapping[str, int],
        folder: str,
        timeout: float,
    ) -> None:
        self._original = original
        self._fixed = fixed
        self._weights = weights
        self._seed = seed
        self._folder = folder
        self._timeout = timeout
        self._attempts: list[Attempt] = []
        self._reference: Run | None = None
        self._no_reference = ""
        self._results: dict[Subject, RunResult] = {}

    def run(self, subjects: Sequence[Subject]) -> list[RunResult]:
        """Run all that can be run, once; nothing is raised for what cannot."""
        try:
            self._attempts = self._make_attempts()
        except NoInputsError as error:
            return [not_run(str(error)) for _ in subjects]
        entries: list[Entry] = [(subject, self._run_of(subject, index)) for index, subject in enumerate(subjects)]
        self._run_in_tensorflow([e for e in entries if e[0] and RUNNERS[e[0].format].in_tensorflow], subjects)
        for subject, run in entries:
            if subject is not None and subject not in self._results:
                self._judge(subject, run, run_alone(run, self._attempts[0].arrays, self._timeout))
        return [self._results[subject] for subject in subjects]

    def _make_attempts(self) -> list[Attempt]:
        """Inputs of several sizes, and with other integers, in case that the first ones do not do.

        Raises:
            NoInputsError: there are none.
        """
        chosen = list(islice(candidate_sizes(self._original, self._fixed), MOST_ATTEMPTS - 1))
        wanted = [(sizes, False) for sizes in chosen]
        if any(tensor.type.dtype in (DType.INT32, DType.INT64) for tensor in self._original.inputs.values()):
            wanted.insert(1, (chosen[0], True))
        attempts = []
        for number, (sizes, zeros) in enumerate(wanted):
            path = os.path.join(self._folder, f"inputs_{number}.npz")
            write_arrays(path, fixed_inputs(self._original, sizes, zeros=zeros))
            attempts.append(Attempt(sizes, path))
        return attempts

    def _run_in_tensorflow(self, entries: list[Entry], subjects: Sequence[Subject]) -> None:
        """Run the reference and what TensorFlow runs, and leave the attempt that worked as the only one."""
        reference = self._reference_entry(entries, subjects)
        if reference is not None:
            entries = [reference, *(entry for entry in entries if entry is not reference)]
        while entries:
            try:
                arrays = [attempt.arrays for attempt in self._attempts]
                chosen, outcomes = run_in_tensorflow([run for _, run in entries], arrays, self._timeout)
            except BrokenRuntimeError as error:
                entries = self._without_first(entries, error, subjects, is_reference=reference is not None)
                continue
            self._attempts = [self._attempts[chosen]]
            self._reference = reference[1] if reference else None
            for (subject, run), outcome in zip(entries, outcomes):
                if subject is not None:
                    self._judge(subject, run, outcome)
            return

    def _without_first(
        self, entries: list[Entry], error: BrokenRuntimeError, subjects: Sequence[Subject], *, is_reference: bool
    ) -> list[Entry]:
        """Note that the first run failed with all inputs; return what is still to be tried."""
        first = entries[0][0]
        reason = f"TensorFlow could not {'run the network' if error.loaded else 'be loaded'}: {error}"
        if first is not None:
            # Where sizes were guessed, it may be that none of them does.
            to_blame = error.loaded and self._attempts[0].sizes == self._fixed
            self._results[first] = refused(first, str(error)) if to_blame else not_run(reason)
        if error.loaded and not is_reference:
            return entries[1:]
        self._no_reference = reason
        # Where TensorFlow was loaded, it is the inputs that do not do, in other runtimes neither.
        for subject in subjects if error.loaded else [subject for subject, _ in entries]:
            if subject is not None:
                self._results.setdefault(subject, not_run(reason))
        return []

    def _reference_entry(self, entries: Sequence[Entry], subjects: Sequence[Subject]) -> Entry | None:
        """What the others are compared with; None where nothing can be, for which `_no_reference` has the reason."""
        self._no_reference = _DRAWN
        if not any(self._is_comparable(subject) for subject in subjects):
            return None
        if not installed(("tensorflow",)):
            self._no_reference = "TensorFlow is not installed"
            return None
        for entry in entries:
            subject = entry[0]
            if subject and subject.format == "frozen" and subject.order.graph is self._original:
                return entry
        try:
            return None, self._write_reference()
        except GraphTooLargeError:
            self._no_reference = "the frozen graph that is compared with would be larger than TensorFlow reads"
        except WeightsError as error:
            self._no_reference = str(error)
        except OSError as error:
            self._no_reference = f"the graph that is compared with cannot be written: {error.strerror}"
        return None

    def _is_comparable(self, subject: Subject) -> bool:
        """True where the values in the artefact are those of the reference."""
        same = subject.order.graph.training == self._original.training
        return self._weights is not None and subject.order.weights is not None and same

    def _write_reference(self) -> Run:
        """Write the network as it stands, frozen.

        Raises:
            GraphTooLargeError: it would be larger than TensorFlow reads.
            WeightsError: the weights cannot be read.
            OSError: it cannot be written.
        """
        emission = emit(self._original, form="frozen", seed=self._seed)
        check_size(emission)
        path = os.path.join(self._folder, "reference.pb")
        # Not through `replace_file`: it waits for the disk, and nobody but the runtime is to read this.
        with open(path, "wb", buffering=0) as file:
            pass_on(emission, self._weights, partial(write_all, file.fileno()), file.fileno())
        return Run(
            kind="graphdef",
            path=path,
            inputs=dict(emission.inputs),
            outputs=dict(emission.outputs),
            results=os.path.join(self._folder, "reference.npz"),
        )

    def _run_of(self, subject: Subject, index: int) -> Run:
        artefact = subject.artefact
        return Run(
            kind=RUNNERS[subject.format].kind,
            path=os.path.abspath(artefact.path),
            inputs=dict(artefact.inputs),
            outputs=dict(artefact.outputs),
            init=artefact.init,
            results=os.path.join(self._folder, f"outputs_{index}.npz"),
        )

    def _judge(self, subject: Subject, run: Run, outcome: Outcome) -> None:
        """Look at what a run gave and note the result."""
        if outcome.not_run or outcome.error:
            failed = refused(subject, outcome.error) if outcome.error else not_run(outcome.not_run)
            self._results[subject] = failed
            return
        sizes = self._attempts[0].sizes
        types = types_with(self._original, sizes) or {}
        is_reference = run is self._reference
        values = None
        if self._reference is not None and not is_reference and self._is_comparable(subject):
            values = read_arrays(self._reference.results)
        expected = Expectation(
            types={name: types[tensor] for name, tensor in self._original.outputs.items()},
            sizes=sizes,
            values=values,
            why_none="" if is_reference else self._no_reference if self._is_comparable(subject) else _DRAWN,
        )
        self._results[subject] = judge(subject, outcome.runtime, read_arrays(run.results), expected)
