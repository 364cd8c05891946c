"""How much memory it takes to run an artefact, and how much there is.

TensorFlow copies a graph with constants several times before it runs it. Where that would drive a machine into its
swap, or have the system end whatever it likes, it is better not to run it.
"""

from __future__ import annotations

from slimdsl.artefacts.subject import Subject

_LIBRARY = 700_000_000
"""Bytes that TensorFlow takes for itself."""

_TIMES = {"frozen": 6, "graphdef": 6, "pbtxt": 6, "savedmodel": 2, "onnx": 3, "tflite": 2, "stablehlo": 6}
_FROZEN_SAVED_MODEL = 12
"""How many times its own size an artefact takes: measured with VGG-16, and rounded up."""

_NEGLIGIBLE = 100_000_000
"""Artefacts up to this size are run anywhere."""


def shortage(subject: Subject) -> str:
    """Why there is not the memory to run an artefact; "" where there is, or where nobody knows."""
    size = subject.artefact.size
    if size <= _NEGLIGIBLE:
        return ""
    frozen = subject.format == "savedmodel" and subject.order.options.frozen
    needed = _LIBRARY + size * (_FROZEN_SAVED_MODEL if frozen else _TIMES[subject.format])
    available = available_memory()
    if available is None or needed <= available:
        return ""
    return f"it would take about {needed / 1e9:.1f} GB of memory, and {available / 1e9:.1f} GB are free"


def available_memory() -> int | None:
    """Bytes that can be had without swapping; None where the system does not say."""
    free = next((line for line in _lines("/proc/meminfo") if line.startswith("MemAvailable:")), "")
    limits = [int(free.split()[1]) * 1024] if free else []
    # The limit of a container.
    limits += [int(line) for line in _lines("/sys/fs/cgroup/memory.max") if line.strip().isdigit()]
    return min(limits, default=None)


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.readlines()
    except OSError:
        return []
