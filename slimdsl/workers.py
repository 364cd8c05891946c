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
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

Request = Mapping[str, Any]
Answer = dict[str, Any]

_MARK = "slimdsl-answer:"
_LONGEST_REASON = 500
_LOOK_EVERY = 0.5


class WorkerError(Exception):
    """The worker could not do what it was asked for; the message says why in one line, without a full stop."""


class WorkerDiedError(WorkerError):
    """The process ended without an answer, or was ended because it took too long.

    Args:
        message: which of the two, in one line.
        signal: the signal that ended it; 0 where it ended by itself.
        timed_out: True where it took too long.
    """

    def __init__(self, message: str, *, signal: int = 0, timed_out: bool = False) -> None:
        super().__init__(message)
        self.signal = signal
        self.timed_out = timed_out


def ask(
    module: str, request: Request, *, timeout: float | None = None, settings: Mapping[str, str] | None = None
) -> Answer:
    """Run a worker.

    Args:
        module: its full name, such as ``slimdsl.backends.onnx.worker``.
        request: what `serve` passes to its function; must be JSON.
        timeout: seconds after which the process is ended; None to wait for as long as it takes.
        settings: variables of its environment, in place of those that it would inherit.

    Raises:
        WorkerError: the function raised, a library is missing, or the process died (`WorkerDiedError`).
    """
    package_root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (package_root, environment.get("PYTHONPATH"))))
    environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    environment.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    environment.update(settings or {})
    try:
        process = subprocess.run(  # noqa: S603 - our own interpreter and our own module
            [sys.executable, "-m", module],
            input=json.dumps(request).encode(),
            capture_output=True,
            env=environment,
            check=False,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        raise WorkerDiedError(f"there was no answer within {timeout:g} seconds", timed_out=True) from None
    lines = process.stdout.decode(errors="replace").splitlines()
    for line in reversed(lines):
        if line.startswith(_MARK):
            answer: Answer = json.loads(line.removeprefix(_MARK))
            if "error" in answer:
                raise WorkerError(str(answer["error"]))
            return answer
    code = process.returncode
    raise WorkerDiedError(_reason(code, process.stderr.decode(errors="replace")), signal=max(-code, 0))


def serve(work: Callable[[Request], Answer]) -> None:
    """Read the request, do the work and write the answer; called by a worker when it runs as a program."""
    # Libraries print to standard output as well: the answer goes to the original, and they to standard error.
    threading.Thread(target=_end_with, args=[os.getppid()], daemon=True).start()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        answer = work(json.load(sys.stdin))
    except Exception as error:
        answer = {"error": one_line(error)}
    print(_MARK + json.dumps(answer), file=answers, flush=True)


def _end_with(parent: int) -> None:
    """End this process when its parent has gone: nobody waits for the answer any more."""
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY)
    os._exit(1)


def one_line(error: BaseException) -> str:
    """An exception as one line: the first that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return text[:_LONGEST_REASON].rstrip(".")


def _reason(code: int, noise: str) -> str:
    last = [line.strip() for line in noise.splitlines() if line.strip()]
    ending = f"signal {-code}" if code < 0 else f"exit code {code}"
    return f"the process ended with {ending}" + (f": {last[-1][:_LONGEST_REASON]}" if last else "")
