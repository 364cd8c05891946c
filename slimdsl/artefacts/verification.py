"""Every artefact is read back and, where a runtime is installed, run and compared with TensorFlow's result.

Nothing here deletes or changes an artefact: what is wrong with one is a finding, and all of a run are looked at. Of a
SavedModel the signature `serving_default` is run; `train` is read back alone.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module

from slimdsl.artefacts.memory import shortage
from slimdsl.artefacts.reading_back import read_artefact
from slimdsl.artefacts.running import RUNNERS, installed
from slimdsl.artefacts.subject import RunResult, Subject, not_run
from slimdsl.backends.order import Artefact, Order
from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.files import temporary_name
from slimdsl.ir.graph import Graph
from slimdsl.values import Value, field, value
from slimdsl.weights.source import WeightSource

TIMEOUT = 600.0
"""Seconds after which a runtime that has not answered is ended."""


@value
class Verification(Value):
    """What was found about one artefact.

    Attributes:
        format: the name of its format.
        path: where it is.
        read_back: what was read back, in words: ``30 nodes, 8 variables``; "" where nothing could be.
        runtime: what ran it, with its version: ``TensorFlow 2.21.0``; "" where it was not run.
        not_run: why it was not run; "" where it was.
        sizes: the sizes that stood in for those the network leaves open.
        difference: the largest difference of an output from TensorFlow's, as the relative L2 norm (for integers and
            truth values the share of those that differ); None where no values were compared.
        bound: the largest that is no finding; None likewise.
        remark: what else is worth a line, such as why no values were compared; may be empty.
        findings: E0602 and E0603.
    """

    format: str
    path: str
    read_back: str
    runtime: str = field(default="")
    not_run: str = field(default="")
    sizes: dict[str, int]
    difference: float | None = field(default=None)
    bound: float | None = field(default=None)
    remark: str = field(default="")
    findings: tuple[Diagnostic, ...] = field(default=())


def verify_artefacts(
    artefacts: Sequence[tuple[str, Order, Artefact]],
    original: Graph,
    weights: WeightSource | None,
    seed: int,
    *,
    timeout: float = TIMEOUT,
) -> tuple[Verification, ...]:
    """Look at all artefacts of a run.

    Args:
        artefacts: for each the name of its format, what was ordered and what was written.
        original: the network before deploy passes.
        weights: the values of its variables; None where the graph draws them itself.
        seed: what everything random in the graph starts from.
        timeout: seconds after which a runtime that has not answered is ended.

    Returns:
        What was found, in the order of the artefacts. What is wrong with one is in its `findings`, never raised.
    """
    readings = [_read_back(name, order, artefact) for name, order, artefact in artefacts]
    subjects = [Subject(name, order, artefact) for name, order, artefact in artefacts]
    results = {
        subject: not_run(reason)
        for subject, (_, damage) in zip(subjects, readings)
        if (reason := _why_not(subject, damaged=bool(damage)))
    }
    runnable = [subject for subject in subjects if subject not in results]
    if runnable:
        results.update(zip(runnable, _run(runnable, original, weights, seed, timeout)))
    return tuple(
        _verification(subject, read_back, damage, results[subject])
        for subject, (read_back, damage) in zip(subjects, readings)
    )


def _read_back(name: str, order: Order, artefact: Artefact) -> tuple[str, tuple[Diagnostic, ...]]:
    """What was read of an artefact, in words, and what is wrong with it."""
    reading = read_artefact(name, order, artefact)
    help = "compile it again; if that does not help, please report it"
    return reading.summary, tuple(
        Diagnostic(code="E0603", message=f"`{artefact.path}` {problem}", span=None, help=help)
        for problem in reading.problems
    )


def _why_not(subject: Subject, *, damaged: bool) -> str:
    """Why an artefact is not run; "" where it is."""
    runner = RUNNERS.get(subject.format)
    if runner is None:
        return "nothing runs this format"
    if damaged:
        return "it was not read back whole"
    return shortage(subject) if installed(runner.packages) else f"{runner.runtime} is not installed"


def _run(
    subjects: Sequence[Subject], original: Graph, weights: WeightSource | None, seed: int, timeout: float
) -> list[RunResult]:
    # Loads numpy, which reading back does without.
    bench = import_module("slimdsl.artefacts.bench")
    try:
        with _temporary_folder(subjects[0].artefact.path) as folder:
            results: list[RunResult] = bench.run_all(subjects, original, weights, seed, folder, timeout)
            return results
    except OSError as error:
        return [not_run(f"its inputs cannot be written: {error.strerror or error}") for _ in subjects]


@contextmanager
def _temporary_folder(path: str) -> Iterator[str]:
    """A folder beside an artefact, where there is place for another of its size; the system's where that cannot be."""
    above, name = os.path.split(os.path.realpath(path))
    folder = os.path.join(above, temporary_name(f"{name}.verification", 0))
    try:
        os.mkdir(folder)
    except OSError:
        folder = tempfile.mkdtemp(prefix="slimdsl-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _verification(subject: Subject, read_back: str, damage: tuple[Diagnostic, ...], result: RunResult) -> Verification:
    return Verification(
        format=subject.format,
        path=subject.artefact.path,
        read_back=read_back,
        runtime=result.runtime,
        not_run=result.not_run,
        sizes=result.sizes,
        difference=result.difference,
        bound=result.bound,
        remark=result.remark,
        findings=(*damage, *result.findings),
    )
