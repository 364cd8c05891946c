"""Loading what runs TensorFlow in this process, for the commands that need it, with its chatter kept away."""

from __future__ import annotations

import os
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from slimdsl.cli.progress import announced
from slimdsl.cli.refusal import Refusal

_INSTALL = "pip install 'slimdsl[train]'"


def load_runtime(module: str) -> Any:
    """Import a module of `slimdsl.runtime`, and with it TensorFlow.

    Raises:
        Refusal: a package is missing, or is installed and cannot be loaded.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with _quiet_standard_error() as kept, announced("loading TensorFlow", kept):
            import_module("tensorflow")
    except ModuleNotFoundError as error:
        raise Refusal(f"this needs `{error.name}`, which is not installed: {_INSTALL}") from error
    except Exception as error:
        # A broken installation raises whatever its libraries raise.
        first = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise Refusal(f"TensorFlow is installed and cannot be loaded: {first}; see `slimdsl doctor`") from error
    return load_light(module)


def load_light(module: str) -> Any:
    """Import a module of `slimdsl.runtime` that needs no TensorFlow.

    Raises:
        Refusal: a package is missing.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "slimdsl":
            raise
        raise Refusal(f"this needs `{error.name}`, which is not installed: {_INSTALL}") from error


def add_device_option(parser: ArgumentParser) -> None:
    """``--device``."""
    parser.add_argument("--device", choices=("cpu", "gpu"), help="what to run on (a GPU where there is one)")


def use_device(arguments: Namespace) -> str:
    """Let TensorFlow use the device that is asked for, before anything else; returns it in words.

    Raises:
        Refusal: there is none.
    """
    devices = load_runtime("slimdsl.runtime.devices")
    try:
        return str(devices.choose_device(arguments.device))
    except devices.DeviceError as error:
        raise Refusal(str(error)) from error


@contextmanager
def _quiet_standard_error() -> Iterator[int | None]:
    """Send the descriptor of standard error to a file while the block runs: TensorFlow writes below Python's stream.

    Gives another descriptor that still writes where it did; None where it was closed.
    """
    try:
        kept = os.dup(2)
    except OSError:
        yield None
        return
    try:
        with tempfile.TemporaryFile() as file:
            os.dup2(file.fileno(), 2)
            yield kept
    finally:
        os.dup2(kept, 2)
        os.close(kept)
