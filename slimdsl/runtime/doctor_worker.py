"""What the doctor asks of TensorFlow and of the machine, one question a process: any of them may crash or hang.

The request is ``{"question": name, …}`` with the name of a function below and its arguments.
"""

from __future__ import annotations

import ctypes
import glob
import os
import sysconfig
from importlib import import_module
from typing import Any

from slimdsl.workers import Answer, Request, one_line, serve


def imports(modules: list[str]) -> Answer:
    """Import modules one after the other: why each cannot be; "" where it can."""
    found = {}
    for module in modules:
        try:
            import_module(module)
        except Exception as error:
            # A broken installation raises whatever its libraries raise.
            found[module] = one_line(error) or type(error).__name__
        else:
            found[module] = ""
    return {"problems": found}


def tensorflow(xla: bool) -> Answer:
    """What TensorFlow was built for, the devices that it sees, and with `xla` whether XLA works on them."""
    import tensorflow as tf

    build = tf.sysconfig.get_build_info()
    devices = []
    for device in tf.config.list_physical_devices():
        details = tf.config.experimental.get_device_details(device) if device.device_type == "GPU" else {}
        devices.append(
            {
                "name": device.name.removeprefix("/physical_device:"),
                "type": device.device_type,
                "model": details.get("device_name", ""),
                "compute_capability": list(details.get("compute_capability", ())),
            }
        )
    return {
        "version": tf.__version__,
        "cuda_build": bool(build.get("is_cuda_build")),
        "rocm_build": bool(build.get("is_rocm_build")),
        "cuda_version": str(build.get("cuda_version", "")),
        "cudnn_version": str(build.get("cudnn_version", "")),
        "compute_capabilities": [str(entry) for entry in build.get("cuda_compute_capabilities", [])],
        "devices": devices,
        "xla": {name: compile_with_xla(name)["problem"] for name in first_devices(devices)} if xla else {},
    }


def first_devices(devices: list[dict[str, Any]]) -> list[str]:
    """The names of the first device of each kind that XLA compiles for here."""
    first = {device["type"]: device["name"] for device in reversed(devices)}
    return [first[kind] for kind in ("CPU", "GPU") if kind in first]


def compile_with_xla(device: str) -> Answer:
    """Compile and run a small function with XLA on a device."""
    import numpy as np
    import tensorflow as tf

    product = tf.function(lambda left, right: tf.nn.relu(tf.matmul(left, right) + 1.0), jit_compile=True)
    left = np.arange(12, dtype=np.float32).reshape(3, 4)
    right = np.ones((4, 2), np.float32)
    try:
        with tf.device(f"/{device}"):
            result = product(tf.constant(left), tf.constant(right))
    except Exception as error:
        return {"problem": one_line(error) or type(error).__name__}
    if not np.allclose(result.numpy(), np.maximum(left @ right + 1.0, 0.0)):
        return {"problem": "what it computes is wrong"}
    return {"problem": ""}


def libraries(names: list[str]) -> Answer:
    """Load libraries as TensorFlow does: where each was found, and why those that were not cannot be loaded."""
    found = []
    for name in names:
        path, problem = "", ""
        for candidate in (name, *_in_packages(name)):
            try:
                ctypes.CDLL(candidate, mode=ctypes.RTLD_GLOBAL)
            except OSError as error:
                # Of a file that is there the reason is of more use than that the name alone is not known.
                if not problem or candidate != name:
                    problem = one_line(error)
            else:
                path, problem = candidate if candidate != name else _loaded_path(name), ""
                break
        found.append({"name": name, "path": path, "problem": problem})
    return {"libraries": found}


def _in_packages(name: str) -> list[str]:
    """Where the packages `nvidia-…`, which TensorFlow's wheel looks into, have a library."""
    folders = dict.fromkeys((sysconfig.get_path("platlib"), sysconfig.get_path("purelib")))
    return [path for folder in folders for path in sorted(glob.glob(os.path.join(folder, "nvidia", "*", "lib", name)))]


def _loaded_path(name: str) -> str:
    """The file that a library was loaded from, where the system says it."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
            for line in file:
                path = line.rstrip("\n").partition("/")[2]
                if os.path.basename(path).startswith(name.partition(".so")[0] + ".so"):
                    return f"/{path}"
    except OSError:
        pass
    return name


def driver() -> Answer:
    """What the CUDA driver itself says, by its own functions."""
    library = ctypes.CDLL("libcuda.so.1")
    version = ctypes.c_int(0)
    library.cuDriverGetVersion(ctypes.byref(version))
    code = library.cuInit(0)
    count = ctypes.c_int(0)
    if code == 0:
        code = library.cuDeviceGetCount(ctypes.byref(count))
    message = ctypes.c_char_p()
    library.cuGetErrorString(code, ctypes.byref(message))
    text = (message.value or b"").decode(errors="replace") if code else ""
    return {"cuda_version": version.value, "code": code, "message": text, "devices": count.value}


_QUESTIONS = {
    "imports": imports,
    "tensorflow": tensorflow,
    "compile_with_xla": compile_with_xla,
    "libraries": libraries,
    "driver": driver,
}


def answer(request: Request) -> Answer:
    """Answer one question."""
    arguments = dict(request)
    question: Any = _QUESTIONS[arguments.pop("question")]
    found: Answer = question(**arguments)
    return found


if __name__ == "__main__":
    serve(answer)
