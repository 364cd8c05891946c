"""`slimdsl doctor`: its sentence about GPUs for every state of a machine, and packages that break."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from slimdsl.cli.main import main
from slimdsl.runtime import doctor
from slimdsl.runtime.doctor import PACKAGES, Package
from slimdsl.runtime.gpu_advice import Library, cuda_libraries, gpu_sentence
from slimdsl.workers import WorkerDiedError, ask
from tests.work import PATIENCE

ROOT = Path(__file__).parents[2]

CUDA: dict[str, Any] = {
    "version": "2.21.0", "cuda_build": True, "rocm_build": False, "cuda_version": "12.5.1", "cudnn_version": "9",
    "devices": [{"name": "CPU:0", "type": "CPU", "model": ""}],
}  # fmt: skip
PLAIN = {**CUDA, "cuda_build": False}
ROCM = {**PLAIN, "rocm_build": True}
GPUS = {**CUDA, "devices": [{"name": f"GPU:{n}", "type": "GPU", "model": "NVIDIA A100"} for n in range(2)]}

NO_DRIVER = {"smi": "", "problem": "the driver's library cannot be loaded", "cuda": "", "devices": 0}
DRIVER = {"smi": "NVIDIA A100, 550.54, 40960 MiB", "problem": "", "cuda": "12.4", "devices": 1}

THERE = tuple(Library(name=name, path=f"/lib/{name}", problem="") for name in cuda_libraries("12.5.1", "9"))
NO_CUDNN = tuple(
    Library(name=found.name, path="", problem="no such file")
    if "cudnn" in found.name or "nccl" in found.name
    else found
    for found in THERE
)


@pytest.mark.parametrize(
    ("installed", "tensorflow", "libraries", "driver", "environment", "system", "said"),
    [
        (True, GPUS, THERE, DRIVER, {}, "linux", "TensorFlow uses 2 GPUs: NVIDIA A100"),
        (False, {}, (), DRIVER, {}, "linux", "TensorFlow is not installed; pip install 'slimdsl[train]'"),
        (True, {}, (), DRIVER, {}, "linux", "TensorFlow is installed and does not work"),
        (True, PLAIN, (), NO_DRIVER, {}, "win32", "WSL2"),
        (True, PLAIN, (), NO_DRIVER, {}, "darwin", "tensorflow-metal"),
        (True, PLAIN, (), DRIVER, {}, "linux", "built without CUDA; pip install 'tensorflow[and-cuda]'"),
        (True, ROCM, (), NO_DRIVER, {}, "linux", "built for ROCm"),
        (True, CUDA, THERE, NO_DRIVER, {"CUDA_VISIBLE_DEVICES": "-1"}, "linux", "no NVIDIA driver"),
        (
            True,
            CUDA,
            THERE,
            {**DRIVER, "devices": 0},
            {"CUDA_VISIBLE_DEVICES": "-1"},
            "linux",
            "=-1 in the environment",
        ),
        (True, CUDA, THERE, {**DRIVER, "devices": 0}, {"CUDA_VISIBLE_DEVICES": " "}, "linux", "=(empty) in the"),
        (True, CUDA, THERE, {**DRIVER, "devices": 0}, {}, "linux", "the NVIDIA driver is there, and sees no GPU"),
        (True, CUDA, THERE, {**DRIVER, "devices": 0, "problem": "error 999"}, {}, "linux", "does not work: error 999"),
        (
            True,
            CUDA,
            NO_CUDNN,
            DRIVER,
            {},
            "linux",
            "cannot load libcudnn.so.9; pip install 'tensorflow[and-cuda]==2.21.0'",
        ),
        (
            True,
            CUDA,
            THERE,
            {**DRIVER, "cuda": "11.4"},
            {},
            "linux",
            "for CUDA 11.4, and TensorFlow was built for 12.5.1",
        ),
        (True, CUDA, THERE, DRIVER, {}, "linux", "TensorFlow lists none"),
    ],
)
def test_one_sentence_for_every_state(
    installed: bool,
    tensorflow: dict[str, Any],
    libraries: tuple[Library, ...],
    driver: dict[str, Any],
    environment: dict[str, str],
    system: str,
    said: str,
) -> None:
    sentence = gpu_sentence(installed, tensorflow, libraries, driver, environment, system)
    assert said in sentence
    assert "\n" not in sentence
    assert not sentence.endswith(".")


def test_the_libraries_of_the_generations_of_cuda() -> None:
    assert "libcufft.so.11" in cuda_libraries("12.5.1", "9")
    assert "libcudart.so.11.0" in cuda_libraries("11.8", "8")
    assert "libcudnn.so.9" in cuda_libraries("", "")


def test_the_packages_are_those_of_the_project() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    section = text.partition("[project.optional-dependencies]")[2].partition("\n[")[0]
    extras = {
        found[1]: re.findall(r'"([a-z0-9-]+)[><=]', found[2])
        for found in re.finditer(r"(?m)^(\w+) = \[(.*?)\]", section)
    }
    known = {package.name: package for package in PACKAGES}
    for extra, names in extras.items():
        for name in names:
            assert extra in known[name].extras, f"{name} is in the extra {extra}"
    for package in PACKAGES:
        for extra in package.extras:
            assert package.name in extras[extra]
    needed = re.findall(r'"([a-z0-9-]+)[><=]', text.partition("\ndependencies = [")[2].partition("]")[0])
    assert sorted(needed) == sorted(package.name for package in PACKAGES if not package.extras)


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages that raise, end the process and hang."""
    (tmp_path / "raises_here.py").write_text("raise OSError('libfoo.so is missing.\\nmore')")
    (tmp_path / "dies_here.py").write_text("import os; os.abort()")
    (tmp_path / "hangs_here.py").write_text("import time; time.sleep(60)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def test_packages_that_break_take_no_other_with_them(broken: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_PATIENCE", 3.0)
    names = ("json", "raises_here", "dies_here", "hangs_here", "nowhere_here")
    monkeypatch.setattr(doctor, "PACKAGES", tuple(Package(name, name, ("test",)) for name in names))
    monkeypatch.setattr(doctor, "_version", lambda package: "1.0")
    monkeypatch.setattr(doctor, "_driver", lambda: NO_DRIVER)
    report = doctor.examine()
    problems = {found.package.name: found.problem for found in report.packages}
    assert problems["json"] == ""
    assert problems["raises_here"] == "libfoo.so is missing"
    assert "signal 6" in problems["dies_here"]
    assert "no answer within 3 seconds" in problems["hangs_here"]
    assert "No module named" in problems["nowhere_here"]
    assert len(report.broken) == 4


def test_xla_that_ends_the_process_is_found_to_be_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(module: str, request: dict[str, Any], **_: object) -> dict[str, Any]:
        if request["question"] == "compile_with_xla" or request.get("xla"):
            raise WorkerDiedError("the process ended with signal 6", signal=6)
        if request["question"] == "tensorflow":
            return {**CUDA, "xla": {}}
        raise WorkerDiedError("there was no answer within 120 seconds", timed_out=True)

    monkeypatch.setattr(doctor, "ask", answer)
    monkeypatch.setattr(doctor, "PACKAGES", (Package("tensorflow", "tensorflow", ("train",)),))
    report = doctor.examine()
    assert report.broken == ("XLA does not work on CPU:0: the process ended with signal 6",)
    assert {library.problem for library in report.libraries} == {"there was no answer within 120 seconds"}


@pytest.fixture(scope="module")
def examined() -> doctor.Report:
    """This machine, asked once, with few packages."""
    with pytest.MonkeyPatch.context() as patch:
        few = tuple(package for package in PACKAGES if package.name in {"numpy", "tensorflow", "lark"})
        patch.setattr(doctor, "PACKAGES", (*few, Package("no-such-package", "no_such_package", ("train",))))
        return doctor.examine()


def test_this_machine(
    examined: doctor.Report, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert examined.broken == ()
    assert examined.xla["CPU:0"] == ""
    assert any(device["type"] == "CPU" for device in examined.tensorflow["devices"])
    monkeypatch.setattr(doctor, "examine", lambda: examined)
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    assert "  XLA        CPU:0: works\n" in text
    assert "no-such-package  not installed; pip install 'slimdsl[train]'" in text
    assert text.endswith(f"  {examined.gpu}\n")
    assert main(["doctor", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["broken"] == []
    assert document["packages"][-1] == {
        "name": "no-such-package", "version": None, "extras": ["train"], "problem": None,
    }  # fmt: skip


def test_what_is_broken_ends_with_one(
    examined: doctor.Report, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = doctor.Report(
        packages=examined.packages,
        tensorflow={},
        xla={},
        libraries=NO_CUDNN,
        driver=DRIVER,
        gpu="none",
        broken=("x is",),
    )
    monkeypatch.setattr(doctor, "examine", lambda: bad)
    assert main(["doctor"]) == 1
    assert capsys.readouterr().err == "error: x is\n"


def test_libraries_are_opened_in_a_process_of_its_own() -> None:
    request = {"question": "libraries", "names": ["libc.so.6", "libnowhere.so.3"]}
    answer = ask("slimdsl.runtime.doctor_worker", request, timeout=PATIENCE)
    found, missing = answer["libraries"]
    assert found["path"].startswith("/")
    assert missing["problem"].startswith("libnowhere.so.3: cannot open")
