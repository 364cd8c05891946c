"""What is installed here, what of it works, and why a GPU is not used if it is not.

TensorFlow and CUDA's libraries are asked in processes of their own with a limit on their time, because any of them may
crash or hang. This module loads none of them.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from slimdsl.runtime.gpu_advice import Library, cuda_libraries, gpu_sentence
from slimdsl.values import Value, field, positional, value
from slimdsl.workers import Answer, WorkerError, ask

_WORKER = "slimdsl.runtime.doctor_worker"
_PATIENCE = 120.0
"""Seconds for one question: a first start of TensorFlow on a slow disk takes half a minute."""

_SMI_PATIENCE = 20.0
_TENSORFLOW = "tensorflow"


@positional
class Package(Value):
    """A package: its name for pip, what it is imported as, and the extras of slimdsl that bring it; () for all."""

    name: str
    module: str
    extras: tuple[str, ...] = ()


PACKAGES: tuple[Package, ...] = (
    Package("numpy", "numpy"),
    Package("protobuf", "google.protobuf"),
    Package("lark", "lark"),
    Package("tensorflow", "tensorflow", ("train", "tf", "onnx", "tflite")),
    Package("tensorboard", "tensorboard", ("train", "tf")),
    Package("scikit-learn", "sklearn.datasets", ("train",)),
    Package("google-crc32c", "google_crc32c", ("checkpoints", "train")),
    Package("onnx", "onnx", ("onnx",)),
    Package("onnxruntime", "onnxruntime", ("onnx",)),
    Package("tf2onnx", "tf2onnx", ("onnx",)),
    Package("ai-edge-litert", "ai_edge_litert.interpreter", ("tflite",)),
    Package("rich", "rich", ("progress",)),
)
"""What slimdsl uses, with those that it cannot do without first."""

_SECOND_NAMES = {"tensorflow": ("tensorflow-cpu", "tf-nightly", "tensorflow-macos", "tensorflow-intel")}
"""Other packages that bring the same module."""


@value
class Installed(Value):
    """A package here.

    Attributes:
        package: which one.
        version: "" where it is not installed.
        problem: why it cannot be loaded; "" where it can, or is not there.
    """

    package: Package
    version: str
    problem: str = field(default="")


@value
class Report(Value):
    """All that was found.

    Attributes:
        packages: what is installed.
        tensorflow: what TensorFlow says of itself; empty where it cannot be asked.
        xla: device -> why XLA does not work there; "" where it does.
        libraries: those that TensorFlow opens, where it was built for CUDA.
        driver: what the driver says: `smi`, `problem`, `cuda`, `devices`.
        gpu: one sentence on GPUs.
        broken: what is installed and does not work, a sentence each.
    """

    packages: tuple[Installed, ...]
    tensorflow: Mapping[str, Any]
    xla: Mapping[str, str]
    libraries: tuple[Library, ...]
    driver: Mapping[str, Any]
    gpu: str
    broken: tuple[str, ...]


def examine() -> Report:
    """Look at everything; takes some ten seconds of a processor where TensorFlow is installed."""
    versions = {package: _version(package) for package in PACKAGES}
    # TensorFlow is asked by itself, beside the others: each process takes seconds to begin.
    modules = [package.module for package, there in versions.items() if there and package.module != _TENSORFLOW]
    with ThreadPoolExecutor() as pool:
        importing = pool.submit(_import_problems, modules)
        driving = pool.submit(_driver)
        there = any(version for package, version in versions.items() if package.module == _TENSORFLOW)
        tensorflow, xla, problem = _tensorflow() if there else ({}, {}, "")
        opening = pool.submit(_libraries, tensorflow)
        problems = {**importing.result(), _TENSORFLOW: problem}
        driver, libraries = driving.result(), opening.result()
    packages = tuple(
        Installed(package=package, version=found, problem=problems.get(package.module, "") if found else "")
        for package, found in versions.items()
    )
    return Report(
        packages=packages,
        tensorflow=tensorflow,
        xla=xla,
        libraries=libraries,
        driver=driver,
        gpu=gpu_sentence(there, tensorflow, libraries, driver, os.environ, sys.platform),
        broken=tuple(_broken(packages, xla)),
    )


def _broken(packages: Sequence[Installed], xla: Mapping[str, str]) -> Iterator[str]:
    """What does not work, a sentence each."""
    for found in packages:
        name = found.package.name
        if found.problem:
            yield f"{name} {found.version} is installed and does not work: {found.problem}"
        elif not found.version and not found.package.extras:
            yield f"{name} is not installed, and slimdsl cannot do without it: pip install {name}"
    for device, problem in xla.items():
        if problem:
            yield f"XLA does not work on {device}: {problem}"


def _version(package: Package) -> str:
    for name in (package.name, *_SECOND_NAMES.get(package.name, ())):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return ""


def _import_problems(modules: Sequence[str]) -> Mapping[str, str]:
    """Why modules cannot be imported; one that ends the process is found by asking for each alone."""
    answer, problem = _answer({"question": "imports", "modules": list(modules)})
    if not problem:
        found: Mapping[str, str] = answer["problems"]
        return found
    if len(modules) <= 1:
        return dict.fromkeys(modules, problem)
    return {module: found for each in modules for module, found in _import_problems([each]).items()}


def _tensorflow() -> tuple[Answer, dict[str, str], str]:
    """What TensorFlow says of itself, whether XLA works by device, and why it cannot be asked."""
    found, problem = _answer({"question": "tensorflow", "xla": True})
    if not problem:
        return found, found.pop("xla"), ""
    # XLA may be what ended the process: everything is asked for alone.
    found, problem = _answer({"question": "tensorflow", "xla": False})
    if problem:
        return {}, {}, problem
    found.pop("xla")
    xla = {}
    for device in dict.fromkeys(device["type"] for device in found["devices"] if device["type"] in ("CPU", "GPU")):
        answer, problem = _answer({"question": "compile_with_xla", "device": f"{device}:0"})
        xla[f"{device}:0"] = problem or answer["problem"]
    return found, xla, ""


def _libraries(tensorflow: Mapping[str, Any]) -> tuple[Library, ...]:
    if not tensorflow.get("cuda_build"):
        return ()
    names = cuda_libraries(tensorflow["cuda_version"], tensorflow["cudnn_version"])
    answer, problem = _answer({"question": "libraries", "names": list(names)})
    if problem:
        return tuple(Library(name=name, path="", problem=problem) for name in names)
    return tuple(Library(**entry) for entry in answer["libraries"])


def _driver() -> dict[str, Any]:
    """What nvidia-smi says, where it is there, and what the driver's own library says."""
    found: dict[str, Any] = {"smi": "", "problem": "", "cuda": "", "devices": 0}
    program = shutil.which("nvidia-smi")
    if program:
        query = [program, "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
        try:
            process = subprocess.run(query, capture_output=True, text=True, check=False, timeout=_SMI_PATIENCE)  # noqa: S603
        except (OSError, subprocess.TimeoutExpired) as error:
            found["problem"] = f"nvidia-smi does not answer: {type(error).__name__}"
        else:
            said = (process.stdout.strip() or process.stderr.strip()).splitlines()
            found["smi" if process.returncode == 0 else "problem"] = "; ".join(said[:8])
    if sys.platform.startswith("linux"):
        answer, problem = _answer({"question": "driver"})
        if problem:
            found["problem"] = found["problem"] or f"the driver's library cannot be loaded: {problem}"
        else:
            number = answer["cuda_version"]
            found["cuda"] = f"{number // 1000}.{number % 1000 // 10}"
            found["devices"] = answer["devices"]
            if answer["code"]:
                found["problem"] = f"it answers with error {answer['code']}, {answer['message'] or 'unknown'}"
    return found


def _answer(request: Mapping[str, Any]) -> tuple[Answer, str]:
    """The worker's answer, or why there is none."""
    try:
        return ask(_WORKER, request, timeout=_PATIENCE), ""
    except WorkerError as error:
        return {}, str(error)


def system_text() -> str:
    """Python and the machine in words."""
    return f"Python {platform.python_version()} on {platform.system()} {platform.release()}, {platform.machine()}"
