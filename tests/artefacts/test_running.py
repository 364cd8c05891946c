"""What becomes of runs whose process dies, hangs or cannot be started; the processes here are none of TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slimdsl.artefacts import memory, running
from slimdsl.artefacts.running import BrokenRuntimeError, Outcome, Run, run_alone, run_in_tensorflow
from slimdsl.artefacts.verification import verify_artefacts
from slimdsl.weights.seeded import SeedWeights
from slimdsl.workers import WorkerDiedError, WorkerError, ask
from tests.artefacts.made import SEED, graph_of, make

SLEEPING = "tests.artefacts.sleeping_worker"


def run_of(path: str) -> Run:
    return Run(kind="graphdef", path=path, inputs={}, outputs={}, results="")


class Fake:
    """Answers instead of processes; a path says what becomes of its run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.requests: list[list[list[str]]] = []
        monkeypatch.setattr(running, "ask", self)
        monkeypatch.setattr(running, "_is_installed", lambda package: True)

    def __call__(self, module: str, request: Any, **options: Any) -> Any:
        assert options["settings"] == {"CUDA_VISIBLE_DEVICES": "-1"}
        if module != "slimdsl.artefacts.tensorflow_worker":
            return self.one(request)
        self.requests.append([[single["path"] for single in runs] for runs in request["attempts"]])
        failures: list[str] = []
        for index, runs in enumerate(request["attempts"]):
            answers = [self.one(single) for single in runs]
            if "error" not in answers[0]:
                return {"attempt": index, "failures": failures, "answers": answers}
            failures.append(answers[0]["error"])
        return {"attempt": -1, "failures": failures, "answers": []}

    def one(self, request: Any) -> Any:
        path = request["path"]
        if path == "crash":
            raise WorkerDiedError("the process ended with signal 11", signal=11)
        if path == "large":
            raise WorkerDiedError("the process ended with signal 9", signal=9)
        if path == "slow":
            raise WorkerDiedError("there was no answer within 1 seconds", timed_out=True)
        if path == "absent":
            raise WorkerDiedError("the process ended with exit code 1: ModuleNotFoundError")
        if path == "missing":
            return {"missing": "no such part"}
        if path == "bad" or (path == "second" and request["inputs"] == "a"):
            return {"error": "a bad op"}
        return {"runtime": "TensorFlow 0", "outputs": []}


def test_all_runs_share_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(monkeypatch)
    chosen, outcomes = run_in_tensorflow([run_of(path) for path in ("one", "bad", "missing", "two")], ["a", "b"], 1.0)
    assert chosen == 0
    assert outcomes == [
        Outcome(runtime="TensorFlow 0"),
        Outcome(error="a bad op"),
        Outcome(not_run="its runtime cannot be loaded: no such part"),
        Outcome(runtime="TensorFlow 0"),
    ]
    assert len(fake.requests) == 1


def test_other_inputs_are_tried_where_the_first_run_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    Fake(monkeypatch)
    chosen, outcomes = run_in_tensorflow([run_of("second"), run_of("one")], ["a", "b"], 1.0)
    assert chosen == 1
    assert [outcome.runtime for outcome in outcomes] == ["TensorFlow 0"] * 2
    with pytest.raises(BrokenRuntimeError, match="a bad op") as raised:
        run_in_tensorflow([run_of("bad"), run_of("one")], ["a", "b"], 1.0)
    assert raised.value.loaded


def test_each_is_run_alone_where_one_takes_the_process_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(monkeypatch)
    paths = ("second", "crash", "one", "large", "slow")
    chosen, outcomes = run_in_tensorflow([run_of(path) for path in paths], ["a", "b"], 1.0)
    assert chosen == 1
    assert outcomes == [
        Outcome(runtime="TensorFlow 0"),
        Outcome(error="the process ended with signal 11"),
        Outcome(runtime="TensorFlow 0"),
        # Memory and time are not the artefact's.
        Outcome(not_run="the process ended with signal 9"),
        Outcome(not_run="there was no answer within 1 seconds"),
    ]
    assert [len(request) for request in fake.requests] == [2, 2, 1, 1, 1, 1]


@pytest.mark.parametrize(("path", "loaded"), [("crash", True), ("large", False), ("slow", False)])
def test_a_single_run_that_takes_the_process_with_it(monkeypatch: pytest.MonkeyPatch, path: str, loaded: bool) -> None:
    Fake(monkeypatch)
    with pytest.raises(BrokenRuntimeError) as raised:
        run_in_tensorflow([run_of(path)], ["a"], 1.0)
    assert raised.value.loaded is loaded


def test_other_runtimes(monkeypatch: pytest.MonkeyPatch) -> None:
    Fake(monkeypatch)
    assert run_alone(run_of("one"), "a", 1.0) == Outcome(runtime="TensorFlow 0")
    assert run_alone(run_of("crash"), "a", 1.0) == Outcome(error="the process ended with signal 11")
    assert run_alone(run_of("slow"), "a", 1.0).not_run
    absent = "its runtime cannot be loaded: the process ended with exit code 1: ModuleNotFoundError"
    assert run_alone(run_of("absent"), "a", 1.0) == Outcome(not_run=absent)


def test_a_tensorflow_that_cannot_be_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "ask", lambda *_, **__: {"broken": "no libtensorflow"})
    monkeypatch.setattr(running, "_is_installed", lambda package: True)
    graph = graph_of()
    made = [make(tmp_path, "frozen", graph), make(tmp_path, "graphdef", graph, drawn=True)]
    for found in verify_artefacts(made, graph, SeedWeights(SEED), SEED):
        assert found.findings == ()
        assert found.not_run == "TensorFlow could not be loaded: no libtensorflow"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_network_that_tensorflow_cannot_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"attempt": -1, "failures": ["a bad size", "another"], "answers": []}
    monkeypatch.setattr(running, "ask", lambda *_, **__: answer)
    monkeypatch.setattr(running, "_is_installed", lambda package: True)
    open_sizes = graph_of()
    fixed_sizes = graph_of("slim 1\nnet n {\n  input x: float32[2, 3]\n  fc(4)\n  output y = it\n}\n")
    for graph, level in ((open_sizes, 0), (open_sizes, 1), (fixed_sizes, 1)):
        made = [make(tmp_path, "frozen", graph, level=level), make(tmp_path, "savedmodel", graph)]
        for found in verify_artefacts(made, graph, SeedWeights(SEED), SEED):
            assert found.findings == ()
            assert found.not_run == "TensorFlow could not run the network: a bad size"
    # Where no size was guessed, and what cannot be run is the artefact itself, it is to blame.
    (found,) = verify_artefacts([make(tmp_path, "frozen", fixed_sizes)], fixed_sizes, SeedWeights(SEED), SEED)
    (finding,) = found.findings
    assert finding.code == "E0602"
    assert finding.message == f"`{found.path}` cannot be run: a bad size"
    assert found.not_run == "it cannot be run: a bad size"


def test_a_network_without_fitting_inputs_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_is_installed", lambda package: True)
    graph = graph_of("slim 1\nnet n {\n  input x: string[N]\n  output y = it\n}\n")
    (found,) = verify_artefacts([make(tmp_path, "frozen", graph)], graph, SeedWeights(SEED), SEED)
    assert found.findings == ()
    assert found.not_run == "the input `x` is of texts"


def test_what_would_not_fit_into_memory_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_is_installed", lambda package: True)
    monkeypatch.setattr(memory, "_NEGLIGIBLE", 1000)
    monkeypatch.setattr(memory, "available_memory", lambda: 700_000_100)
    graph = graph_of()
    for options in ({}, {"frozen": True}):
        (found,) = verify_artefacts([make(tmp_path, "savedmodel", graph, **options)], graph, SeedWeights(SEED), SEED)
        assert found.findings == ()
        assert found.read_back
        assert found.not_run == "it would take about 0.7 GB of memory, and 0.7 GB are free"


def test_how_much_memory_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"/proc/meminfo": "MemTotal: 9 kB\nMemAvailable:    5000 kB\n", "/sys/fs/cgroup/memory.max": "max\n"}
    monkeypatch.setattr(memory, "_lines", lambda path: files.get(path, "").splitlines())
    assert memory.available_memory() == 5_120_000
    files["/sys/fs/cgroup/memory.max"] = "4096000\n"
    assert memory.available_memory() == 4_096_000
    files.clear()
    assert memory.available_memory() is None
    monkeypatch.undo()
    assert (memory.available_memory() or 1) > 0


def test_what_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_is_installed", lambda package: False)
    assert [runner.packages for runner in running.RUNNERS.values() if running.installed(runner.packages)] == []
    monkeypatch.undo()
    assert running.installed(("no_such_package_at_all", "json"))
    assert not running.installed(("no_such_package_at_all",))


def test_a_worker_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(WorkerDiedError, match=r"no answer within 0\.5 seconds") as raised:
        ask(SLEEPING, {"seconds": 60, "leaves": str(tmp_path / "slept")}, timeout=0.5)
    assert raised.value.timed_out
    assert not (tmp_path / "slept").exists()


def test_how_a_worker_died_and_what_it_was_given() -> None:
    with pytest.raises(WorkerDiedError, match="ended with signal 11") as raised:
        ask(SLEEPING, {"kill": 11})
    assert (raised.value.signal, raised.value.timed_out) == (11, False)
    with pytest.raises(WorkerDiedError, match="ended with exit code 3") as raised:
        ask(SLEEPING, {"leave": 3})
    assert raised.value.signal == 0
    with pytest.raises(WorkerError, match="seconds") as error:
        ask(SLEEPING, {})
    assert not isinstance(error.value, WorkerDiedError)
    assert ask(SLEEPING, {"seconds": 0}, settings={"SLIMDSL_TEST_SETTING": "x"}) == {"setting": "x"}
