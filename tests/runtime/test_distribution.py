"""`slimdsl train --strategy`: several replicas and several processes train as one does."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from slimdsl.recipe.losses import MeanSquaredError
from slimdsl.recipe.optimizers import Sgd
from slimdsl.recipe.recipe import LossTerm, Recipe
from slimdsl.runtime.distribution import Distribution, DistributionError, LostWorkersError, task_of
from tests.work import PATIENCE

NET = """slim 1

net small(classes = 3) {
  input images: float32[N, 8, 8, 1]
  conv(4, 3x3) as conv1
  max_pool(2x2) as pool1
  flatten
  fc(classes, activation=none, weights_reg=l2(0.01)) as logits
  output logits
}

train {
  batch = 8
  steps = 5
  log_every = 1
  averages = 0.9
  clip_global_norm = 0.5
  optimizer momentum(learning_rate=exponential(0.05, decay=0.9, steps=3))
}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a network and data, and `one`: a run of one process and one replica."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "small.slim").write_text(NET)
    random = np.random.RandomState(0)
    labels = np.arange(30) % 3
    images = (random.rand(30, 8, 8, 1) * 40 + labels.reshape(-1, 1, 1, 1) * 80).astype(np.uint8)
    np.savez(folder / "data.npz", images=images, labels=labels)
    ended(begun(folder, "one"))
    return folder


@pytest.fixture(autouse=True)
def _none_is_left() -> Iterator[None]:
    """End the processes of a test that has failed."""
    yield
    while BEGUN:
        process = BEGUN.pop()
        if process.poll() is None:
            process.kill()
        process.communicate()


BEGUN: list[subprocess.Popen[str]] = []


def begun(place: Path, run: str, *options: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "slimdsl", "train", str(place / "small.slim"), "--data", str(place / "data.npz")]
    process = subprocess.Popen(
        [*command, "--logdir", str(place / run), "--device", "cpu", *options],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    BEGUN.append(process)
    return process


def ended(process: subprocess.Popen[str], code: int = 0) -> str:
    """What a process said that ended with a code."""
    out, said = process.communicate(timeout=PATIENCE)
    BEGUN.remove(process)
    assert process.returncode == code, said
    return out + said


def cluster() -> dict[str, list[str]]:
    """Two addresses of this machine that nothing listens to."""
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        return {"worker": [f"127.0.0.1:{each.getsockname()[1]}" for each in (one, other)]}


def pair(place: Path, run: str, *options: str) -> list[subprocess.Popen[str]]:
    """Two workers of one training."""
    hosts = cluster()
    configs = [json.dumps({"cluster": hosts, "task": {"type": "worker", "index": index}}) for index in (0, 1)]
    return [begun(place, run, "--strategy", "multiworker", *options, TF_CONFIG=config) for config in configs]


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["total_loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    ("options", "way"), [([], ""), (["--xla"], ", XLA"), (["--xla", "--set", "train.accumulate=2"], ", XLA")]
)
def test_two_replicas_of_a_process_are_as_one(place: Path, options: list[str], way: str) -> None:
    """Compiled, too, whose step has to tell the others its gradients; and with a loop around what is compiled."""
    run = f"mirrored{len(options)}"
    said = ended(begun(place, run, "--strategy", "mirrored", *options, SLIMDSL_LOGICAL_CPUS="2"))
    assert f"on the CPU, 2 replicas, float32{way}" in said
    assert losses(place / run) == pytest.approx(losses(place / "one"), rel=1e-5)


def test_two_processes_with_compiled_steps_are_as_one(place: Path) -> None:
    for process in pair(place, "compiled", "--xla"):
        ended(process)
    assert losses(place / "compiled") == pytest.approx(losses(place / "one"), rel=1e-5)


def checkpointed(folder: Path, step: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while not (folder / f"model.ckpt-{step}.index").exists() and time.monotonic() < deadline:
        time.sleep(0.02)


def test_two_processes_are_as_one_and_end_together(place: Path) -> None:
    """By a signal to one of them after the same step; and by an error where the other is killed."""
    options = ["--steps", "100000", "--set", "train.save_every=20"]
    chief, worker = pair(place, "multi", *options, "--set", "train.summary_every=3", "--profile", "4:5")
    checkpointed(place / "multi", 20)
    worker.send_signal(signal.SIGTERM)
    said = ended(chief, 130), ended(worker, 130)
    assert "worker 0 of 2, 2 replicas" in said[0]
    assert "worker 1 of 2, 2 replicas" in said[1]
    assert "interrupted by a signal to another worker and saved at step" in said[0]
    assert "interrupted by SIGTERM" in said[1]
    steps = [each.partition("at step ")[2].partition(" of")[0] for each in said]
    assert steps[0] == steps[1]
    assert len(losses(place / "one")) == 5
    assert losses(place / "multi")[:5] == pytest.approx(losses(place / "one"), rel=1e-5)
    # The chief alone writes: an event file, and one with its settings; and a profile.
    assert len(list((place / "multi").glob("events.*"))) == 2
    assert len(list((place / "multi").glob("plugins/profile/steps_4-5/*.xplane.pb"))) == 1
    assert "the profile of steps 4 to 5: " in said[0]
    assert "profile" not in said[1].partition("it goes on by")[0]
    assert json.loads((place / "multi" / "recipe.json").read_text())["machine"]["replicas"] == 2
    chief, worker = pair(place, "multi", *options)
    checkpointed(place / "multi", int(steps[0].replace(",", "")) // 20 * 20 + 20)
    chief.kill()
    assert "worker 1 of 2 has lost the others: " in ended(worker, 1)


def test_processes_with_other_commands_say_in_what_they_differ(place: Path) -> None:
    hosts = cluster()
    configs = [json.dumps({"cluster": hosts, "task": {"type": "worker", "index": index}}) for index in (0, 1)]
    options = (["--set", "train.seed=1"], ["--batch", "16", "--steps", "7"])
    chief, worker = (
        begun(place, "apart", "--strategy", "multiworker", *given, TF_CONFIG=config)
        for config, given in zip(configs, options, strict=True)
    )
    said = ended(chief, 2), ended(worker, 2)
    for index, batch, steps, seed in ((0, 8, 5, 1), (1, 16, 7, 0)):
        assert f"worker {index} of 2: the workers are not given the same training" in said[index]
        for name, number in (("batch", batch), ("steps", steps), ("seed", seed)):
            assert f"`recipe.{name}` (here {number})" in said[index]
        assert "all of them have to run the same command" in said[index]
    assert not (place / "apart").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGTERM])
def test_a_worker_that_waits_says_so_and_is_ended_by_a_signal(place: Path, number: int) -> None:
    hosts = cluster()
    config = json.dumps({"cluster": hosts, "task": {"type": "worker", "index": 0}})
    # A shell lets what it starts in the background ignore SIGINT, and so does all that is started from there.
    before = signal.signal(number, signal.SIG_DFL)
    try:
        process = begun(place, "alone", "--strategy", "multiworker", TF_CONFIG=config)
    finally:
        signal.signal(number, before)
    assert process.stderr is not None
    # Whoever says nothing would be listened to for ever.
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    said = next((line for line in process.stderr if line.startswith("waiting")), "")
    watchdog.cancel()
    assert said == f"waiting for 1 other worker: {hosts['worker'][1]}\n"
    process.send_signal(number)
    assert process.wait(timeout=PATIENCE) == -number, "by the signal itself"


def test_addresses_that_are_none_or_taken_are_told(place: Path) -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        for host, text in (("localhost:http", "`localhost:http` is no `host:port`"), (f"localhost:{port}", "in use")):
            config = json.dumps({"cluster": {"worker": [host, "localhost:1"]}, "task": {"type": "worker", "index": 0}})
            said = ended(begun(place, "no", "--strategy", "multiworker", TF_CONFIG=config), 2)
            assert text in said
            assert said.splitlines()[-1].startswith("slimdsl: --strategy multiworker: ")


def test_losing_workers_is_told_only_where_there_are_some() -> None:
    error = tf.errors.UnavailableError(None, None, "{{function_node x}} Connection reset by peer:\nmore")
    known = r"^worker 1 of 2 has lost the others: Connection reset by peer; the"
    with pytest.raises(LostWorkersError, match=known), Distribution(worker=1, workers=2).together():
        raise error
    with pytest.raises(tf.errors.UnavailableError), Distribution().together():
        raise error


def test_losing_workers_is_told_with_its_cause_and_what_to_do() -> None:
    text = (
        "Graph execution error:\n\nDetected at node CollectiveReduceV2 defined at (most recent call last):\n"
        '  File "<frozen runpy>", line 198, in _run_module\n\n  File "x/distribution.py", line 218, in of_process\n'
        "\nCollective ops is aborted by: The following tasks are unhealthy:\n/job:worker/replica:0/task:1\n"
    )
    error = tf.errors.UnavailableError(None, None, text)
    cause = (
        "has lost the others: Collective ops is aborted by: The following tasks are unhealthy; the same commands go on"
    )
    with pytest.raises(LostWorkersError, match=cause), Distribution(worker=1, workers=2).together():
        raise error
    early = "others before the first step: Collective .* unhealthy; the output of the other workers says why$"
    with pytest.raises(LostWorkersError, match=early), Distribution(worker=1, workers=2).together(begun=False):
        raise error


@pytest.mark.parametrize(
    ("mine", "other", "found"), [(5, 5, (10, True)), (-1, 3, (2, False)), (0, 1, (1, False)), (0, 0, (0, True))]
)
def test_what_all_processes_say(mine: int, other: int, found: tuple[int, bool]) -> None:
    """Of two processes with two replicas each."""
    theirs = tf.constant([other, other * other], tf.int64)
    assert Distribution(replicas=4, workers=2, add_up=lambda ours: 2 * (ours + theirs)).agreed(mine) == found
    assert Distribution().agreed(mine) == (mine, True)


HOSTS = ["a:1", "b:1"]


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({"cluster": {"worker": HOSTS}, "task": {"type": "worker", "index": 1}}, (1, 2)),
        ({"cluster": {"chief": ["c:1"], "worker": HOSTS}, "task": {"type": "worker", "index": 1}}, (2, 3)),
        ({"cluster": {"chief": ["c:1"], "worker": HOSTS}, "task": {"type": "chief", "index": 0}}, (0, 3)),
        ({"cluster": {"worker": HOSTS[:1]}, "task": {"type": "worker", "index": 0}, "job": "x"}, (0, 1)),
    ],
)
def test_the_number_of_a_process(config: object, found: tuple[int, int]) -> None:
    assert task_of(json.dumps(config)) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "which is not set, such as"),
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "no `cluster` or no `task`"),
        ('{"cluster": {"worker": ["a:1"]}}', "no `cluster` or no `task`"),
        ('{"cluster": {"ps": ["a:1"]}, "task": {"type": "worker"}}', "speaks of a `ps`"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": ["x"]}}', "speaks of a"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', "task.index is 1"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": true}}', "task.index is true"),
        ('{"cluster": {"worker": "a:1"}, "task": {"type": "worker", "index": 0}}', "no list of `host:port`"),
        ('{"cluster": {"chief": ["a:1", "b:1"]}, "task": {"type": "chief", "index": 0}}', "2 chiefs"),
    ],
)
def test_a_wrong_configuration_is_told(text: str | None, said: str) -> None:
    with pytest.raises(DistributionError, match=said):
        task_of(text)


def test_a_batch_that_cannot_be_shared_out() -> None:
    term = LossTerm(name="loss", loss=MeanSquaredError(), operands=("x", "y"))
    recipe = Recipe(inputs={}, losses=(term,), optimizer=Sgd(), batch=30)
    Distribution(replicas=2).check(recipe)
    with pytest.raises(DistributionError, match=r"train.batch is 30, .* among 4 replicas: .* such as 32"):
        Distribution(replicas=4).check(recipe)
    accumulating = Recipe(inputs={}, losses=(term,), optimizer=Sgd(), batch=30, accumulate=4)
    with pytest.raises(DistributionError, match=r"2 replicas of 4 parts each: .* multiple of 8, such as 32"):
        Distribution(replicas=2).check(accumulating)


def test_distribution_is_refused_in_one_line(place: Path) -> None:
    said = ended(begun(place, "one", "--strategy", "multiworker"), 2)
    assert "--strategy multiworker goes by TF_CONFIG, which is not set" in said
