"""A worker that takes its time, and one that dies."""

from __future__ import annotations

import os
import time
from pathlib import Path

from slimdsl.workers import Answer, Request, serve


def run(request: Request) -> Answer:
    if "kill" in request:
        os.kill(os.getpid(), request["kill"])
    if "leave" in request:
        os._exit(request["leave"])
    time.sleep(request["seconds"])
    if "leaves" in request:
        Path(request["leaves"]).touch()
    return {"setting": os.environ.get("SLIMDSL_TEST_SETTING", "")}


if __name__ == "__main__":
    serve(run)
