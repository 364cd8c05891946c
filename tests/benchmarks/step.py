"""How long a training step takes, beside one written by hand, Keras' `fit` and TF-Slim's session.

All train with momentum, L2 penalties and dropout, on batches in memory, in turns within one process; in each turn the
order is the other way round. Ours is taken as the training loop takes it (`train`), and with several steps a call
(`train_many`). A ratio is the median of those within a turn; that of processor time says more on a machine that does
other things. Before, the losses of some steps by hand are compared with ours. Run: ``python -m tests.benchmarks.step``,
or ``… --networks lenet vgg_a --rounds 15``.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import os
import statistics
import sys
import time
import warnings
from collections.abc import Mapping, Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

from slimdsl.values import Value, positional
from tests.benchmarks.step_setup import HAND, KERAS, SETUPS, SLIM, Setup, Taker, disagreement, takers

AT_MOST = {HAND: 1.05, KERAS: 1.0, SLIM: 1.0}
"""What is asked of ours, as a multiple of each."""

CLOSE, NEAR = 1e-5, 0.1
"""How far losses of the same computation may be apart, relatively: before the first step, and after some.

Batch normalisation of few pixels enlarges what rounding does: images of MobileNet that differ by 1e-7 have losses 4%
apart two steps later.
"""


@positional
class Turn(Value):
    """Of all steps of a turn: seconds on the clock, and of processors."""

    clock: float
    processor: float


def measure(candidates: Mapping[str, Taker], rounds: int) -> dict[str, list[Turn]]:
    """All turns of each but the first."""
    turns: dict[str, list[Turn]] = {name: [] for name in candidates}
    names = list(candidates)
    for number in range(rounds + 1):
        for name in names if number % 2 else reversed(names):
            clock, processor = time.perf_counter(), time.process_time()
            candidates[name]()
            if number:
                turns[name].append(Turn(time.perf_counter() - clock, time.process_time() - processor))
    return turns


def compare(setup: Setup, beside: Sequence[str], rounds: int) -> bool:
    """Measure and print; whether ours is as fast as asked for."""
    if HAND in beside:
        first, later = disagreement(setup)
        print(f"{setup.name}: losses by hand are {first:.0e} apart before the first step, {later:.0e} after some")
        if first > CLOSE or later > NEAR:
            raise SystemExit(f"{setup.name}: what is written by hand computes something else")
    turns = measure(takers(setup, beside), rounds)
    middle = {name: statistics.median(one.clock for one in each) / setup.steps for name, each in turns.items()}
    height, width, _ = setup.image
    times = ", ".join(f"{name} {1000 * seconds:.1f} ms" for name, seconds in middle.items())
    print(f"{setup.name}, batch {setup.batch} of {height} x {width}: {times}")
    reached = True
    for ours in ("train", "train_many"):
        found = []
        for name in beside:
            pairs = list(zip(turns[ours], turns[name], strict=True))
            clock = statistics.median(a.clock / b.clock for a, b in pairs)
            processor = statistics.median(a.processor / b.processor for a, b in pairs)
            found.append(f"/ {name}: {clock:.2f} (at most {AT_MOST[name]}; processor time {processor:.2f})")
            reached = reached and round(clock, 2) <= AT_MOST[name]
        print(f"  {ours:10} {'; '.join(found)}", flush=True)
    return reached


def main() -> int:
    """Measure, print, and return 1 where ours is slower than asked for."""
    parser = argparse.ArgumentParser(description="training steps beside those of others")
    parser.add_argument("--networks", nargs="+", choices=[setup.name for setup in SETUPS], help="which; all without")
    parser.add_argument("--beside", nargs="+", choices=list(AT_MOST), default=list(AT_MOST), help="what; all without")
    parser.add_argument("--rounds", type=int, default=9, help="turns that count")
    options = parser.parse_args()
    # TF-Slim calls what TensorFlow and Python would rather have forgotten.
    tf.get_logger().setLevel("ERROR")
    warnings.simplefilter("ignore")
    asked = set(options.beside)
    if importlib.util.find_spec("tf_slim") is None:
        print("tf_slim is not installed, and its session is left out")
        asked.discard(SLIM)
    reached = True
    for setup in SETUPS:
        beside = [name for name in setup.beside if name in asked]
        if beside and (not options.networks or setup.name in options.networks):
            reached = compare(setup, beside, max(options.rounds, 1)) and reached
            gc.collect()
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
