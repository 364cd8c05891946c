"""`slimdsl doctor`: what is installed, what works, and why a GPU is not used."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from slimdsl.cli.progress import announced
from slimdsl.cli.streams import say
from slimdsl.diagnostics.display import visible
from slimdsl.json_text import json_text
from slimdsl.version import __version__

if TYPE_CHECKING:
    from slimdsl.runtime.doctor import Installed, Report
    from slimdsl.runtime.gpu_advice import Library


def configure(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = (
        "Versions, devices, whether XLA works, which of CUDA's libraries are found, and in one sentence why a GPU is "
        "not used if it is not. Libraries are tried in processes of their own. Exit code 1 where something that is "
        "installed does not work."
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: Namespace) -> int:
    """Print what was found; return 1 where something is broken."""
    from slimdsl.runtime.doctor import examine

    with announced("asking TensorFlow and the driver"):
        report = examine()
    if arguments.json:
        print(json_text(_document(report)))
    else:
        print("\n".join(visible(line) for line in _lines(report)))
    for sentence in report.broken:
        say(visible(f"error: {sentence}"))
    return 1 if report.broken else 0


def _lines(report: Report) -> Iterator[str]:
    from slimdsl.runtime.doctor import system_text

    yield f"slimdsl {__version__}, {system_text()}"
    yield ""
    yield "packages"
    width = max(len(found.package.name) for found in report.packages)
    for found in report.packages:
        yield f"  {found.package.name:<{width}}  {_state(found)}"
    if report.tensorflow:
        yield ""
        yield "TensorFlow"
        yield f"  built for  {_built(report)}"
        for device in report.tensorflow["devices"]:
            model = f", {device['model']}" if device["model"] else ""
            yield f"  device     {device['name']}{model}"
        for name, problem in report.xla.items():
            yield f"  XLA        {name}: {problem or 'works'}"
    yield ""
    yield "GPU"
    yield from _gpu_lines(report)
    yield f"  {report.gpu}"


def _gpu_lines(report: Report) -> Iterator[str]:
    driver = report.driver
    if driver["smi"] or driver["cuda"]:
        cuda = f"for CUDA {driver['cuda']}" if driver["cuda"] else ""
        yield f"  driver     {', '.join(filter(None, (driver['smi'], cuda)))}"
    if driver["problem"]:
        yield f"  driver     {driver['problem']}"
    missing = [library.name for library in report.libraries if _absent(library)]
    for library in report.libraries:
        if not _absent(library):
            yield f"  library    {library.name}: {library.path or library.problem}"
    if missing:
        yield f"  not found  {', '.join(missing)}"


def _absent(library: Library) -> bool:
    """Whether there is no such file, as against one that cannot be loaded."""
    return library.problem.startswith(f"{library.name}: cannot open")


def _state(found: Installed) -> str:
    if found.problem:
        return f"{found.version}, cannot be loaded: {found.problem}"
    if found.version:
        return found.version
    if not found.package.extras:
        return "not installed"
    return f"not installed; pip install 'slimdsl[{found.package.extras[0]}]'"


def _built(report: Report) -> str:
    built = report.tensorflow
    if built["cuda_build"]:
        return f"CUDA {built['cuda_version']}, cuDNN {built['cudnn_version']}"
    return "ROCm" if built["rocm_build"] else "the CPU alone"


def _document(report: Report) -> Mapping[str, object]:
    from slimdsl.runtime.doctor import system_text

    return {
        "slimdsl": __version__,
        "system": system_text(),
        "packages": [
            {
                "name": found.package.name,
                "version": found.version or None,
                "extras": list(found.package.extras),
                "problem": found.problem or None,
            }
            for found in report.packages
        ],
        "tensorflow": dict(report.tensorflow) or None,
        "xla": {name: problem or "works" for name, problem in report.xla.items()},
        "libraries": [
            {"name": library.name, "path": library.path or None, "problem": library.problem or None}
            for library in report.libraries
        ],
        "driver": dict(report.driver),
        "gpu": report.gpu,
        "broken": list(report.broken),
    }
