"""Why TensorFlow does not use a GPU, in one sentence, from what was found out about a machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from slimdsl.values import Value, value


@value
class Library(Value):
    """A library that TensorFlow opens for GPUs: where it was found, or why it cannot be loaded."""

    name: str
    path: str
    problem: str


def cuda_libraries(cuda: str, cudnn: str) -> tuple[str, ...]:
    """The libraries that TensorFlow opens, all or none, and two that XLA and several GPUs want.

    Args:
        cuda: the version of CUDA that TensorFlow was built for, such as ``12.5.1``.
        cudnn: that of cuDNN.
    """
    major = int(cuda.partition(".")[0]) if cuda.partition(".")[0].isdecimal() else 12
    # Some of them have numbers of their own.
    own = {11: (10, 11), 12: (11, 11), 13: (12, 12)}.get(major, (major, major))
    names = {
        "cudart": f"{major}.0" if major == 11 else major,
        "cublas": major,
        "cublasLt": major,
        "cufft": own[0],
        "cusolver": own[1],
        "cusparse": min(major, 12),
        "cudnn": cudnn.partition(".")[0] or 9,
        "nvrtc": "11.2" if major == 11 else major,
        "nccl": 2,
    }
    return tuple(f"lib{name}.so.{number}" for name, number in names.items())


OPTIONAL_LIBRARIES = ("libnvrtc", "libnccl")
"""Without them TensorFlow uses a GPU all the same."""


def gpu_sentence(
    installed: bool,
    tensorflow: Mapping[str, Any],
    libraries: Sequence[Library],
    driver: Mapping[str, Any],
    environment: Mapping[str, str],
    system: str,
) -> str:
    """One sentence: which GPUs are used, or why none is and what helps.

    Args:
        installed: whether TensorFlow is.
        tensorflow: what it says of itself; empty where it cannot be asked.
        libraries: those that it opens.
        driver: as in `Report`.
        environment: variables of the environment.
        system: `sys.platform`.
    """
    gpus = [device for device in tensorflow.get("devices", ()) if device["type"] == "GPU"]
    if gpus:
        models = dict.fromkeys(device["model"] or device["name"] for device in gpus)
        return f"TensorFlow uses {len(gpus)} GPU{'s' if len(gpus) > 1 else ''}: {', '.join(models)}"
    if not installed:
        return "no GPU is used: TensorFlow is not installed; pip install 'slimdsl[train]'"
    if not tensorflow:
        return "no GPU is used: TensorFlow is installed and does not work"
    if system == "win32":
        return "no GPU is used: TensorFlow has had no GPUs on Windows since 2.11; it has them in WSL2"
    if system == "darwin":
        return "no GPU is used: TensorFlow has none on macOS without Apple's plugin; pip install tensorflow-metal"
    if not tensorflow["cuda_build"] and not tensorflow["rocm_build"]:
        return "no GPU is used: this TensorFlow was built without CUDA; pip install 'tensorflow[and-cuda]'"
    if tensorflow["rocm_build"]:
        return (
            "no GPU is used: this TensorFlow was built for ROCm and sees no GPU; `rocminfo` says what the driver sees"
        )
    return _cuda_sentence(tensorflow, libraries, driver, environment)


def _cuda_sentence(
    tensorflow: Mapping[str, Any],
    libraries: Sequence[Library],
    driver: Mapping[str, Any],
    environment: Mapping[str, str],
) -> str:
    """Why a TensorFlow for CUDA sees no GPU."""
    if not driver["cuda"] and not driver["smi"]:
        return (
            "no GPU is used: there is no NVIDIA driver here, no libcuda.so.1; without a GPU in this machine all is well"
        )
    hidden = environment.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and (not hidden.strip() or hidden.strip().startswith("-")):
        return f"no GPU is used: CUDA_VISIBLE_DEVICES={hidden.strip() or '(empty)'} in the environment hides them all"
    if driver["problem"] and not driver["devices"]:
        return f"no GPU is used: the NVIDIA driver is there, and does not work: {driver['problem']}"
    if not driver["devices"]:
        return "no GPU is used: the NVIDIA driver is there, and sees no GPU"
    lost = [found.name for found in libraries if found.problem and not found.name.startswith(OPTIONAL_LIBRARIES)]
    if lost:
        release = tensorflow["version"]
        return (
            f"no GPU is used: TensorFlow cannot load {', '.join(lost)}; "
            f"pip install 'tensorflow[and-cuda]=={release}' brings them"
        )
    if _older(driver["cuda"], tensorflow["cuda_version"]):
        return (
            f"no GPU is used: the driver is for CUDA {driver['cuda']}, and TensorFlow was built for "
            f"{tensorflow['cuda_version']}; a newer driver is needed"
        )
    return (
        "no GPU is used: driver and libraries are there, and TensorFlow lists none; "
        "TF_CPP_MIN_LOG_LEVEL=0 python -c 'import tensorflow as tf; tf.config.list_physical_devices()' says more"
    )


def _older(driver: str, built: str) -> bool:
    """Whether a driver's CUDA is of an older generation than that which TensorFlow was built for."""
    left, right = (text.partition(".")[0] for text in (driver, built))
    return left.isdecimal() and right.isdecimal() and int(left) < int(right)
