"""Runs artefacts in processes of their own: those for TensorFlow together in one, the others in one each.

Loading TensorFlow takes longer than running a small network, so the reference and all that TensorFlow runs share a
process. Where that process dies, each is run alone, so that one bad artefact takes no other with it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

from slimdsl.values import Value, field, positional, value
from slimdsl.workers import Answer, WorkerDiedError, WorkerError, ask

_TENSORFLOW_WORKER = "slimdsl.artefacts.tensorflow_worker"
_KILLED = 9

SETTINGS = {"CUDA_VISIBLE_DEVICES": "-1"}
"""Everything runs on the processor: what a graphics card does to float32 is larger than what is looked for."""


@positional
class Runner(Value):
    """How artefacts of a format are run.

    Attributes:
        kind: the room below `backends` whose `run_worker` does it.
        packages: what it needs, any one of them.
        runtime: what is missing where none of them is installed.
    """

    kind: str
    packages: tuple[str, ...]
    runtime: str

    @property
    def in_tensorflow(self) -> bool:
        """True where TensorFlow itself runs it."""
        return self.kind in ("graphdef", "savedmodel", "stablehlo") or not installed(self.packages[:1])


_GRAPHDEF = Runner("graphdef", ("tensorflow",), "TensorFlow")

RUNNERS: dict[str, Runner] = {
    "frozen": _GRAPHDEF,
    "graphdef": _GRAPHDEF,
    "pbtxt": _GRAPHDEF,
    "savedmodel": Runner("savedmodel", ("tensorflow",), "TensorFlow"),
    "onnx": Runner("onnx", ("onnxruntime",), "onnxruntime"),
    "tflite": Runner("tflite", ("ai_edge_litert", "tensorflow"), "ai-edge-litert"),
    "stablehlo": Runner("stablehlo", ("tensorflow",), "TensorFlow"),
}
"""The formats that something runs, by their names."""


@positional
class FedWeights(Value):
    """Weights that are fed: a file, and for each tensor its name, element type, shape, and where its numbers begin."""

    path: str
    tensors: tuple[tuple[str, str, tuple[int, ...], int], ...]


@value
class Run(Value):
    """Something to be run.

    Attributes:
        kind: as `Runner.kind`, or ``reference``.
        path: the artefact.
        inputs, outputs: name in the text -> name in the artefact.
        init: the op to be run first; "" for none.
        results: path of the ``.npz`` to be written.
        weights: what a reference is fed besides its inputs; None for artefacts.
    """

    kind: str
    path: str
    inputs: dict[str, str]
    outputs: dict[str, str]
    init: str = field(default="")
    results: str
    weights: FedWeights | None = field(default=None)

    def request(self, arrays: str) -> dict[str, Any]:
        """What the worker is asked; `arrays` is the path of the inputs."""
        fed = {"weights": {"path": self.weights.path, "tensors": self.weights.tensors}} if self.weights else {}
        return {
            **fed,
            "kind": self.kind,
            "path": self.path,
            "inputs": arrays,
            "outputs": self.results,
            "names": {"inputs": self.inputs, "outputs": self.outputs},
            "init": self.init,
        }


@value
class Outcome(Value):
    """What came of a run.

    Attributes:
        runtime: what ran it, with its version; "" where it did not run.
        error: why the runtime did not take the artefact; "" where it did, or where it is not the artefact's fault.
        not_run: why there was no run, where it is not the artefact's fault.
    """

    runtime: str = field(default="")
    error: str = field(default="")
    not_run: str = field(default="")


class BrokenRuntimeError(Exception):
    """TensorFlow could not be loaded, or the first run failed in every attempt; the message says why in one line.

    Attributes:
        loaded: True where it was loaded, so that what it was given may be to blame.
    """

    def __init__(self, message: str, *, loaded: bool) -> None:
        super().__init__(message)
        self.loaded = loaded


def installed(packages: Sequence[str]) -> bool:
    """True where one of the packages is installed; nothing is loaded."""
    return any(_is_installed(package) for package in packages)


def run_alone(run: Run, arrays: str, timeout: float) -> Outcome:
    """Run one artefact in the worker of its format."""
    try:
        answer = ask(f"slimdsl.backends.{run.kind}.run_worker", run.request(arrays), timeout=timeout, settings=SETTINGS)
    except WorkerError as error:
        return _failed(error)
    return Outcome(runtime=str(answer["runtime"]))


def run_in_tensorflow(runs: Sequence[Run], attempts: Sequence[str], timeout: float) -> tuple[int, list[Outcome]]:
    """Run several artefacts in one process.

    Args:
        runs: what to run; the first is the one that decides whether inputs will do.
        attempts: paths of inputs, the best first.
        timeout: seconds for each run.

    Returns:
        Which inputs were taken, and what came of each run.

    Raises:
        BrokenRuntimeError: the first run failed with all inputs, or TensorFlow did.
    """
    try:
        return _attempt(runs, attempts, timeout * len(runs))
    except WorkerDiedError as error:
        if len(runs) == 1:
            raise BrokenRuntimeError(str(error), loaded=not (error.timed_out or error.signal == _KILLED)) from None
    chosen, outcomes = run_in_tensorflow(runs[:1], attempts, timeout)
    for run in runs[1:]:
        try:
            _, single = _attempt([run], [attempts[chosen]], timeout)
            outcomes += single
        except (WorkerError, BrokenRuntimeError) as error:
            outcomes.append(_failed(error))
    return chosen, outcomes


def _attempt(runs: Sequence[Run], attempts: Sequence[str], timeout: float) -> tuple[int, list[Outcome]]:
    """As `run_in_tensorflow`, in one process.

    Raises:
        BrokenRuntimeError: as there.
        WorkerDiedError: the process died.
    """
    request = {"attempts": [[run.request(arrays) for run in runs] for arrays in attempts]}
    try:
        answer = ask(_TENSORFLOW_WORKER, request, timeout=timeout, settings=SETTINGS)
    except WorkerDiedError:
        raise
    except WorkerError as error:
        raise BrokenRuntimeError(str(error), loaded=False) from None
    if "broken" in answer:
        raise BrokenRuntimeError(str(answer["broken"]), loaded=False)
    chosen: int = answer["attempt"]
    if chosen < 0:
        raise BrokenRuntimeError(str(answer["failures"][0]), loaded=True)
    return chosen, [_outcome(single) for single in answer["answers"]]


def _outcome(answer: Answer) -> Outcome:
    if "missing" in answer:
        return Outcome(not_run=_unloadable(str(answer["missing"])))
    return Outcome(error=str(answer["error"])) if "error" in answer else Outcome(runtime=str(answer["runtime"]))


def _failed(error: Exception) -> Outcome:
    """Whether an artefact is to blame for the end of its worker.

    It is not where time or memory ran out. Nor is it where the process ended by itself without an answer: a worker
    answers whatever its runtime raises, so that it was never loaded.
    """
    if isinstance(error, WorkerDiedError):
        if error.timed_out or error.signal == _KILLED:
            return Outcome(not_run=str(error))
        if not error.signal:
            return Outcome(not_run=_unloadable(str(error)))
    return Outcome(error=str(error))


def _unloadable(reason: str) -> str:
    return f"its runtime cannot be loaded: {reason}"


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False
