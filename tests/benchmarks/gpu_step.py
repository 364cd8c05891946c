"""Training steps on a GPU: ours in bfloat16 with XLA, beside Keras' `fit` on the same card in the same run.

`python -m tests.benchmarks.gpu_step --peak 989` takes resnet_v1_50 and vgg_16 with a batch of 256, each in a process of
its own, and prints images a second and, with the card's peak in TFLOP/s of dense bfloat16, the share of it: three times
the multiplications and additions of the forward pass count. Both are fed batches of the host, prefetched; ours also one
that is in the card's memory. `--device cpu --batch 2 --size 64 --steps 2` tries the script where there is no GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

NETWORKS = {"resnet_v1_50": "models/slim/resnet_v1.slim", "vgg_16": "models/slim/vgg_16.slim"}
KERAS = {"resnet_v1_50": "ResNet50", "vgg_16": "VGG16"}
CANDIDATES = ("ours bfloat16 xla", "keras float32", "keras mixed_bfloat16", "ours float32 xla", "ours bfloat16")
RATE, MOMENTUM = 0.01, 0.9


def main() -> int:
    """Measure and print a line for each candidate; 1 where one has failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS))
    parser.add_argument("--candidates", nargs="*", default=list(CANDIDATES))
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--peak", type=float, help="TFLOP/s of the card")
    parser.add_argument("--device", choices=("cpu", "gpu"), default="gpu")
    parser.add_argument("--timeout", type=float, default=240.0, help="seconds for one candidate")
    parser.add_argument("--one", nargs=2, metavar=("NETWORK", "CANDIDATE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        network, candidate = options.one
        print(json.dumps(_measured(network, candidate, options)))
        return 0
    failed = 0
    for network in options.networks:
        found: dict[str, dict[str, float]] = {}
        for candidate in options.candidates:
            print(f"{network:14} {candidate:22} ", end="", flush=True)
            try:
                found[candidate] = _of_process(network, candidate, options.timeout)
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                failed += 1
                print(f"failed: {error}", flush=True)
                continue
            print(_text(found[candidate], options.peak), flush=True)
        beside = found.get("keras float32")
        for candidate, one in found.items():
            if beside and candidate.startswith("ours"):
                print(f"  {candidate} / keras float32: {one['images'] / beside['images']:.2f}", flush=True)
    return 1 if failed else 0


def _of_process(network: str, candidate: str, limit: float) -> dict[str, float]:
    """The figures of one candidate.

    Raises:
        RuntimeError: its process has failed.
    """
    command = [sys.executable, "-m", "tests.benchmarks.gpu_step", *sys.argv[1:], "--one", network, candidate]
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        last = [line for line in done.stderr.splitlines() if line.strip()][-1:]
        raise RuntimeError(f"exit code {done.returncode}: {' '.join(last)[:500]}")
    figures: dict[str, float] = json.loads(lines[-1])
    return figures


def _text(figures: dict[str, float], peak: float | None) -> str:
    parts = [f"{figures['images']:7.0f} images/s"]
    if "resident" in figures:
        parts.append(f"{figures['resident']:7.0f} from the card's memory")
    best = max(figures["images"], figures.get("resident", 0.0))
    rate = 6.0 * figures["macs"] * best / 1e12
    parts.append(f"{rate:6.1f} TFLOP/s" + (f" ({rate / peak:.0%} of the peak)" if peak else ""))
    parts.append(f"first step after {figures['first']:.0f} s, loss {figures['loss']:.3f}, {figures['memory']:.1f} GB")
    return ", ".join(parts)


def _measured(network: str, candidate: str, options: Any) -> dict[str, float]:
    """Images a second, seconds before the first step is done, the loss, the largest memory of the card in GB."""
    import numpy as np
    import tensorflow as tf

    from slimdsl.runtime.devices import choose_device

    choose_device(options.device)
    draw = np.random.default_rng(0)
    images = draw.standard_normal((options.batch, options.size, options.size, 3), np.float32)
    labels = draw.integers(0, 1000, options.batch)
    kind, _, rest = candidate.partition(" ")
    taken = _ours if kind == "ours" else _keras
    figures = taken(network, rest, images, labels, options)
    if options.device == "gpu":
        figures["memory"] = tf.config.experimental.get_memory_info("GPU:0")["peak"] / 1e9
    return {"memory": 0.0, **figures, "macs": _macs(network, options.size)}


def _macs(network: str, size: int) -> float:
    """Multiplications with an addition of one image forwards."""
    import slimdsl
    from slimdsl.ir.summary import summarize

    graph = slimdsl.load(NETWORKS[network], network, size=size).graph
    macs = summarize(graph).macs
    assert isinstance(macs, int), "all sizes but the batch are known"
    return macs


def _ours(network: str, rest: str, images: Any, labels: Any, options: Any) -> dict[str, float]:
    import tensorflow as tf

    import slimdsl
    from slimdsl.recipe.losses import SoftmaxCrossEntropy
    from slimdsl.recipe.optimizers import Momentum
    from slimdsl.recipe.recipe import LossTerm, Recipe
    from slimdsl.runtime.engine import Engine
    from slimdsl.types import DType, SymbolicDim, TensorType

    precision, _, compiled = rest.partition(" ")
    path, size = NETWORKS[network], options.size
    recipe = Recipe(
        inputs={"labels": TensorType(dtype=DType.INT64, shape=(SymbolicDim.named("N"),))},
        losses=(LossTerm(name="loss", loss=SoftmaxCrossEntropy(), operands=("logits", "labels")),),
        optimizer=Momentum(learning_rate=RATE, momentum=MOMENTUM),
        batch=options.batch,
    )
    training, inference = (slimdsl.load(path, network, training=given, size=size).graph for given in (True, False))
    begun = time.perf_counter()
    engine = Engine(training, inference, recipe, sizes={}, precision=precision, xla=compiled == "xla")
    data = tf.data.Dataset.from_tensors({"images": images, "labels": labels}).repeat()
    if options.device == "gpu":
        data = data.apply(tf.data.experimental.prefetch_to_device("/GPU:0", 2))
    batches = iter(data)
    loss = float(engine.train(next(batches))["total_loss"])
    first = time.perf_counter() - begun
    speed = _speed(lambda: engine.train(next(batches))["total_loss"], options)
    held = next(batches)
    resident = _speed(lambda: engine.train(held)["total_loss"], options)
    return {"images": speed, "resident": resident, "first": first, "loss": loss}


def _speed(step: Callable[[], Any], options: Any) -> float:
    """Images a second over the steps of two turns, the faster one."""
    for _ in range(3):
        last = step()
    last.numpy()
    best = 0.0
    for _ in range(2):
        begun = time.perf_counter()
        for _ in range(options.steps):
            last = step()
        last.numpy()
        best = max(best, options.steps * options.batch / (time.perf_counter() - begun))
    return best


def _keras(network: str, policy: str, images: Any, labels: Any, options: Any) -> dict[str, float]:
    import tensorflow as tf

    tf.keras.mixed_precision.set_global_policy(policy)
    make = getattr(tf.keras.applications, KERAS[network])
    model = make(weights=None, input_shape=images.shape[1:], classes=1000, classifier_activation=None)
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tf.keras.optimizers.SGD(RATE, MOMENTUM), loss)
    data = tf.data.Dataset.from_tensors((images, labels)).repeat().prefetch(2)
    begun = time.perf_counter()
    history = model.fit(data, steps_per_epoch=1, epochs=1, verbose=0)
    first = time.perf_counter() - begun
    model.fit(data, steps_per_epoch=3, epochs=1, verbose=0)
    best = 0.0
    for _ in range(2):
        begun = time.perf_counter()
        model.fit(data, steps_per_epoch=options.steps, epochs=1, verbose=0)
        best = max(best, options.steps * options.batch / (time.perf_counter() - begun))
    return {"images": best, "first": first, "loss": float(history.history["loss"][0])}


if __name__ == "__main__":
    sys.exit(main())
