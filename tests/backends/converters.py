"""Workers in one process that lives as long as the tests need it: TensorFlow is loaded once.

Run as a program, it serves requests, a line each, as `slimdsl.workers.serve` does one.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from slimdsl.backends.order import Artefact, Options, Order
from slimdsl.weights.seeded import SeedWeights
from slimdsl.workers import WorkerError

ROOT = Path(__file__).parents[2]
Array = np.ndarray[Any, Any]


class WorkerPool:
    """Answers as `slimdsl.workers.ask`."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0", "CUDA_VISIBLE_DEVICES": "-1"}
        environment |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            text=True,
        )

    def ask(self, module: str, request: Mapping[str, Any], **_settings: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps({"module": module, "request": request}), file=self._process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def run(pool: WorkerPool, kind: str, artefact: Artefact, inputs: Mapping[str, Array], folder: Path) -> dict[str, Array]:
    """Run an artefact on arrays."""
    fed, found = folder / "inputs.npz", folder / "outputs.npz"
    np.savez(fed, **inputs)  # type: ignore[arg-type]
    names = {"inputs": artefact.inputs, "outputs": artefact.outputs}
    request = {"path": artefact.path, "inputs": str(fed), "outputs": str(found), "names": names, "init": artefact.init}
    pool.ask(f"slimdsl.backends.{kind}.run_worker", request)
    with np.load(found) as archive:
        return {name: archive[name] for name in archive.files}


def order(graph: Any, path: Path, **options: Any) -> Order:
    """An order with the first values of seed 0."""
    return Order(graph=graph, weights=SeedWeights(0), seed=0, path=str(path), options=Options(**options))


def difference(found: Array, wanted: Array) -> float:
    """The relative L2 difference."""
    assert found.shape == wanted.shape
    assert found.dtype == wanted.dtype
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


def _serve() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            module = importlib.import_module(asked["module"])
            work = module.run if hasattr(module, "run") else module.convert
            answer = work(asked["request"])
        except Exception as error:
            answer = {"error": importlib.import_module("slimdsl.workers").one_line(error)}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    _serve()
