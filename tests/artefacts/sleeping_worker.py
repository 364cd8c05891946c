"""A worker that takes its time, and one that dies."""

from __future__ import annotations

import os
import time

from slimdsl.workers import Answer, Request, serve


def run(request: Request) -> Answer:
    if "kill" in request:
        os.kill(os.getpid(), request["kill"])
    if "leave" in request:
        os._exit(request["leave"])
    time.sleep(request["seconds"])
    return {"setting": os.environ.get("SLIMDSL_TEST_SETTING", "")}


if __name__ == "__main__":
    serve(run)
