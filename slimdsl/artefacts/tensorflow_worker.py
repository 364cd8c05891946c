"""Runs several graphs and SavedModels in TensorFlow, loaded once: the reference and what is compared with it.

The request is ``{"attempts": [[run, …], …]}``. A run is what `slimdsl.backends.running` describes, with ``kind``:
``reference`` or a room below `slimdsl.backends`. An attempt whose first run fails is given up for the next one. The
answer is::

    {"attempt": which one was run to its end, or -1, "failures": [why the others were given up],
     "answers": [for each of its runs what `slimdsl.backends.running` describes, or {"error": why there is nothing},
                 or {"missing": why its kind cannot be run here}]}

or, where TensorFlow cannot be loaded, ``{"broken": why}``.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from importlib import import_module
from typing import Any

from slimdsl.workers import Answer, Request, one_line, serve


def run(request: Request) -> Answer:
    """Make the attempts, one after the other."""
    try:
        import_module("tensorflow")
    except Exception as error:
        # A broken installation raises whatever its libraries raise.
        return {"broken": one_line(error)}
    failures: list[str] = []
    for index, runs in enumerate(request["attempts"]):
        answers: list[Answer] = []
        for single in runs:
            answers.append(_run_one(single))
            # What one graph held must be gone before the next is read: each may have gigabytes.
            gc.collect()
            if "error" in answers[0]:
                break
        if "error" not in answers[0]:
            return {"attempt": index, "failures": failures, "answers": answers}
        failures.append(answers[0]["error"])
    return {"attempt": -1, "failures": failures, "answers": []}


def _run_one(request: dict[str, Any]) -> Answer:
    kind = request["kind"]
    module = "slimdsl.artefacts.reference_worker" if kind == "reference" else f"slimdsl.backends.{kind}.run_worker"
    try:
        runner: Callable[[Request], Answer] = import_module(module).run
    except Exception as error:
        # Some reach into parts of TensorFlow that other versions may not have.
        return {"missing": one_line(error)}
    try:
        return runner(request)
    except Exception as error:
        return {"error": one_line(error)}


if __name__ == "__main__":
    serve(run)
