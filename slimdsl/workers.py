"""Work for which a heavy library is loaded, done in a process of its own.

TensorFlow takes seconds to load, writes to standard error as it likes, and may end the process: none of that should
reach whoever compiles a network. A worker is a module, run as ``python -m``, that calls `serve` with a function from a
request to an answer, both JSON objects; only modules whose name ends with ``worker`` import the heavy libraries.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

Request = Mapping[str, Any]
Answer = dict[str, Any]

_MARK = "slimdsl-answer:"
_LONGEST_REASON = 500


class WorkerError(Exception):
    """The worker could not do what it was asked for; the message says why in one line, without a full stop."""


def ask(module: str, request: Request) -> Answer:
    """Run a worker.

    Args:
        module: its full name, such as ``slimdsl.backends.onnx.worker``.
        request: what `serve` passes to its function; must be JSON.

    Raises:
        WorkerError: the function raised, a library is missing, or the process died.
    """
    package_root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (package_root, environment.get("PYTHONPATH"))))
    environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    environment.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    process = subprocess.run(  # noqa: S603 - our own interpreter and our own module
        [sys.executable, "-m", module],
        input=json.dumps(request).encode(),
        capture_output=True,
        env=environment,
        check=False,
    )
    lines = process.stdout.decode(errors="replace").splitlines()
    for line in reversed(lines):
        if line.startswith(_MARK):
            answer: Answer = json.loads(line.removeprefix(_MARK))
            if "error" in answer:
                raise WorkerError(str(answer["error"]))
            return answer
    raise WorkerError(_reason(process.returncode, process.stderr.decode(errors="replace")))


def serve(work: Callable[[Request], Answer]) -> None:
    """Read the request, do the work and write the answer; called by a worker when it runs as a program."""
    # Libraries print to standard output as well: the answer goes to the original, and they to standard error.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        answer = work(json.load(sys.stdin))
    except Exception as error:
        answer = {"error": one_line(error)}
    print(_MARK + json.dumps(answer), file=answers, flush=True)


def one_line(error: BaseException) -> str:
    """An exception as one line: the first that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return text[:_LONGEST_REASON].rstrip(".")


def _reason(code: int, noise: str) -> str:
    last = [line.strip() for line in noise.splitlines() if line.strip()]
    ending = f"signal {-code}" if code < 0 else f"exit code {code}"
    return f"the process ended with {ending}" + (f": {last[-1][:_LONGEST_REASON]}" if last else "")
