"""Runs the artefacts of one network on a fixed input, and compares what they give with TensorFlow's result.

The reference is the network as it was written, without deploy passes, frozen with the same weights. Where a frozen
graph of just that is among the artefacts, it is the reference itself; otherwise one is written for the time of the run.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from typing import Union

from slimdsl.artefacts.attempts import Attempt, make_attempts
from slimdsl.artefacts.fixed_inputs import NoInputsError, types_with
from slimdsl.artefacts.judging import Expectation, judge, read_arrays
from slimdsl.artefacts.reference import NoReferenceError, write_reference
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
from slimdsl.ir.graph import Graph
from slimdsl.values import Value, positional
from slimdsl.weights.source import WeightSource

_DRAWN = "its values are drawn when it is initialised"

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
    for number, group in enumerate(_groups(subjects, original)):
        place = os.path.join(folder, str(number))
        os.mkdir(place)
        results.update(zip(group.subjects, Bench(group, weights, seed, place, timeout).run()))
        # The reference of the next group may be as large.
        shutil.rmtree(place)
    return [results[subject] for subject in subjects]


@positional
class Group(Value):
    """Artefacts that can be run on the same input.

    Attributes:
        network: what all of them were made of.
        fixed: sizes that some of them have fixed.
        subjects: the artefacts.
    """

    network: Graph
    fixed: dict[str, int]
    subjects: list[Subject]


def _groups(subjects: Sequence[Subject], original: Graph) -> list[Group]:
    """The artefacts by what they can be run on."""
    groups: list[Group] = []
    for subject in subjects:
        sizes = dict(subject.artefact.sizes)
        # Training graphs beside others: deploy passes do not touch them.
        network = original if subject.order.graph.training == original.training else subject.order.graph
        for group in groups:
            if group.network is network and all(group.fixed.get(name, size) == size for name, size in sizes.items()):
                group.fixed.update(sizes)
                group.subjects.append(subject)
                break
        else:
            groups.append(Group(network, sizes, [subject]))
    return groups


class Bench:
    """Where one group is run; the other arguments are those of `run_all`."""

    def __init__(self, group: Group, weights: WeightSource | None, seed: int, folder: str, timeout: float) -> None:
        self._network = group.network
        self._fixed = group.fixed
        self._subjects = group.subjects
        self._weights = weights
        self._seed = seed
        self._folder = folder
        self._timeout = timeout
        self._attempts: list[Attempt] = []
        self._reference: Run | None = None
        self._no_reference = ""
        self._results: dict[Subject, RunResult] = {}

    def run(self) -> list[RunResult]:
        """Run all that can be run, once; nothing is raised for what cannot.

        Raises:
            OSError: the inputs cannot be written.
        """
        examples = [s.order.options.calibrate for s in self._subjects if s.precision == "int8"]
        try:
            self._attempts = make_attempts(self._network, self._fixed, examples[0] if examples else "", self._folder)
        except NoInputsError as error:
            return [not_run(str(error)) for _ in self._subjects]
        entries: list[Entry] = [(subject, self._run_of(subject, i)) for i, subject in enumerate(self._subjects)]
        self._run_in_tensorflow([entry for entry in entries if entry[0] and RUNNERS[entry[0].format].in_tensorflow])
        for subject, run in entries:
            if subject is not None and subject not in self._results:
                self._judge(subject, run, run_alone(run, self._attempts[0].arrays, self._timeout))
        return [self._results[subject] for subject in self._subjects]

    def _run_in_tensorflow(self, entries: list[Entry]) -> None:
        """Run the reference and what TensorFlow runs, and leave the attempt that worked as the only one."""
        reference = self._reference_entry(entries)
        if reference is not None:
            entries = [reference, *(entry for entry in entries if entry is not reference)]
        while entries:
            try:
                arrays = [attempt.arrays for attempt in self._attempts]
                chosen, outcomes = run_in_tensorflow([run for _, run in entries], arrays, self._timeout)
            except BrokenRuntimeError as error:
                entries = self._without_first(entries, error, is_reference=reference is not None)
                continue
            self._attempts = [self._attempts[chosen]]
            self._reference = reference[1] if reference and outcomes[0].runtime else None
            for (subject, run), outcome in zip(entries, outcomes):
                if subject is not None:
                    self._judge(subject, run, outcome)
            return

    def _without_first(self, entries: list[Entry], error: BrokenRuntimeError, *, is_reference: bool) -> list[Entry]:
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
        for subject in self._subjects if error.loaded else [subject for subject, _ in entries]:
            if subject is not None:
                self._results.setdefault(subject, not_run(reason))
        return []

    def _reference_entry(self, entries: Sequence[Entry]) -> Entry | None:
        """What the others are compared with; None where nothing can be, for which `_no_reference` has the reason."""
        self._no_reference = _DRAWN
        if self._weights is None or not any(self._is_comparable(subject) for subject in self._subjects):
            return None
        if not installed(("tensorflow",)):
            self._no_reference = "TensorFlow is not installed"
            return None
        for entry in entries:
            subject = entry[0]
            if subject and subject.format == "frozen" and subject.order.graph is self._network:
                return entry
        try:
            return None, write_reference(self._network, self._weights, self._seed, self._folder)
        except NoReferenceError as error:
            self._no_reference = str(error)
        return None

    def _is_comparable(self, subject: Subject) -> bool:
        """True where the values in the artefact are those of the reference."""
        return self._weights is not None and subject.order.weights is not None

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
        types = types_with(self._network, sizes) or {}
        is_reference = run is self._reference
        values = None
        if self._reference is not None and not is_reference and self._is_comparable(subject):
            values = read_arrays(self._reference.results)
        expected = Expectation(
            types={name: types[tensor] for name, tensor in self._network.outputs.items()},
            sizes=sizes,
            values=values,
            why_none="" if is_reference else self._no_reference if self._is_comparable(subject) else _DRAWN,
        )
        self._results[subject] = judge(subject, outcome.runtime, read_arrays(run.results), expected)
