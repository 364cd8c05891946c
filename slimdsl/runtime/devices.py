"""What a training runs on; who asked for a GPU gets one or is told what is missing."""

from __future__ import annotations

import glob

import tensorflow as tf

DEVICES = ("cpu", "gpu")

_AHEAD = 2


class DeviceError(Exception):
    """The device that was asked for is not there; the message says what is missing."""


def choose_device(wanted: str | None, *, several: bool = False) -> str:
    """Let TensorFlow use a device, before it has used any, and say which it is, in words.

    Args:
        wanted: one of `DEVICES`; None for a GPU where there is one.
        several: whether all GPUs of the machine are used.

    Raises:
        DeviceError: a GPU is wanted and TensorFlow lists none.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if wanted == "gpu" and not gpus:
        raise DeviceError(f"--device gpu: TensorFlow lists no GPU: {_missing()}")
    if wanted == "cpu" or not gpus:
        _set_up(lambda: tf.config.set_visible_devices([], "GPU"))
        return "the CPU"
    for gpu in gpus:
        # The whole memory is taken otherwise, also what others of the machine want.
        _set_up(lambda gpu=gpu: tf.config.experimental.set_memory_growth(gpu, True))
    name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "a GPU")
    if len(gpus) == 1:
        return str(name)
    return f"{len(gpus)} GPUs ({name})" if several else f"{name}, the first of {len(gpus)} GPUs"


def ahead_on_device(batches: tf.data.Dataset) -> tf.data.Dataset:
    """The same batches, two of them ahead in the memory of the GPU that is used, so that no step waits for the copy."""
    gpus = tf.config.list_logical_devices("GPU")
    return batches.apply(tf.data.experimental.prefetch_to_device(gpus[0].name, _AHEAD)) if gpus else batches


def _set_up(change: object) -> None:
    try:
        change()  # type: ignore[operator]  # a function without arguments
    except RuntimeError:
        # TensorFlow runs already in this process, with the devices that it has.
        return


def _missing() -> str:
    if not tf.test.is_built_with_cuda():
        return f"this TensorFlow ({tf.__version__}) was built without CUDA"
    if not glob.glob("/dev/nvidia[0-9]*") and not glob.glob("/dev/dxg"):
        return "the system has no NVIDIA device; a container has to be given it, such as by `docker run --gpus all`"
    return "CUDA libraries are missing or too old: pip install 'tensorflow[and-cuda]'; `nvidia-smi` shows the driver"
