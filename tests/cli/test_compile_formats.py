"""Formats, several in one run, their options, the deploy passes, and what cannot be asked for."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.work import PATIENCE

ROOT = Path(__file__).parents[2]
NORMED = """\
slim 1

net normed() {
  input images: float32[N, 8, 8, 3]
  conv(4, 3x3, norm=batch_norm) as conv1
  dropout as drop
  flatten
  fc(2, activation=none) as logits
  output logits
}
"""

NORM_OP = b"\x12\x10FusedBatchNormV3"
"""The field of a NodeDef that says what it is; the name of a node may have the same word in it."""


@pytest.fixture
def normed(project: Path) -> str:
    """A network with something to fold."""
    (project / "normed.slim").write_text(NORMED, encoding="utf-8")
    return "normed.slim"


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".slim"))


def test_several_formats_in_one_run(run: Run, project: Path) -> None:
    line = ("compile", "tiny.slim", "--to", "frozen", "--to", "graphdef", "--to", "json", "--to", "dot", "-o", "out/x")
    outcome = run(*line)
    assert (outcome.code, outcome.err) == (0, "")
    assert files(project / "out" / "x") == [
        "tiny.dot",
        "tiny.graphdef.manifest.json",
        "tiny.graphdef.pb",
        "tiny.json",
        "tiny.manifest.json",
        "tiny.pb",
    ]
    assert outcome.out.count("wrote ") == 4
    assert outcome.out.count("  parameters  ") == 1


def test_the_same_format_twice_is_written_once(run: Run, project: Path) -> None:
    assert run("compile", "tiny.slim", "--to", "json", "--to", "json").out.count("wrote ") == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--to", "graphdf"), "did you mean `graphdef`?"),
        (("--opset", "17"), "--opset is for --to onnx"),
        (("--frozen",), "--frozen is for --to savedmodel"),
        (("--sizes", "H=8"), "--sizes is for --to stablehlo"),
        (("--to", "stablehlo", "--sizes", "H=8,W"), "`W` must be a name and a number, each name once"),
        (("--to", "stablehlo", "--sizes", "H=8,H=9"), "`H=9` must be a name and a number, each name once"),
        (("--to", "stablehlo", "--sizes", "H=0"), "`H=0` must be a name and a number, each name once"),
        (("--precision", "int8"), "--precision is for --to tflite"),
        (("--to", "json", "--text"), "--text is for --to frozen, graphdef"),
        (("--to", "graphdef", "-O1"), "-O1 changes constants, and graphdef has variables"),
        (("--to", "savedmodel", "-O1"), "-O1 changes constants, and savedmodel has variables"),
        (("--training", "-O1"), "-O1 is for inference: a training graph stays as it is"),
        (("--training", "--to", "onnx"), "--to onnx holds no training graph"),
        (("--training", "--to", "savedmodel", "--frozen"), "--to savedmodel --frozen holds no training graph"),
        (("--to", "json", "--to", "dot", "-o", "-"), "several formats cannot go to standard output"),
        (("--to", "savedmodel", "-o", "-"), "a folder cannot go to standard output"),
        (("-O2",), "invalid choice: 2"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(run: Run, project: Path, options: tuple[str, ...], said: str) -> None:
    before = files(project)
    outcome = run("compile", "tiny.slim", *options)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err
    assert files(project) == before


def test_a_frozen_graph_is_deployed_unless_told_otherwise(run: Run, project: Path, normed: str) -> None:
    folded = run("compile", normed)
    assert "  deploy      1 of 1 batch norm folded into kernels, 1 operation fewer" in folded.out
    assert NORM_OP not in (project / "normed.pb").read_bytes()
    plain = run("compile", normed, "-O0")
    assert "deploy" not in plain.out
    assert NORM_OP in (project / "normed.pb").read_bytes()
    assert run("compile", normed, "--training").code == 0
    assert NORM_OP in (project / "normed.pb").read_bytes()


def test_what_cannot_be_written_leaves_no_folder(run: Run, project: Path) -> None:
    (project / "file").touch()
    outcome = run("compile", "tiny.slim", "--to", "json", "--to", "dot", "-o", "file")
    assert outcome.code == 2
    assert outcome.err.startswith("slimdsl: cannot make the folder `file`: ")


def slimdsl(folder: Path, *arguments: str, **options: object) -> subprocess.Popen[bytes]:
    """A command line in a process of its own."""
    return subprocess.Popen(  # type: ignore[call-overload,no-any-return]  # options are Popen's
        [sys.executable, "-m", "slimdsl", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "SLIMDSL_NO_VERIFY": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


BIG = NORMED.replace("net normed", "net big").replace("fc(2,", "fc(200000,")


@pytest.mark.parametrize("form", ["frozen", "graphdef", "savedmodel", "json"])
def test_a_full_disk_leaves_nothing_and_says_so(project: Path, form: str) -> None:
    """A limit on the size of files stands for the disk: it fails at the same call, wherever tests run."""
    (project / "big.slim").write_text(BIG.replace("200000", "2000"), encoding="utf-8")
    limit = 1000  # bytes; a graph of this network without its weights has more

    def small() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    before = files(project)
    process = slimdsl(project, "compile", "big.slim", "--to", form, preexec_fn=small)
    out, err = process.communicate()
    assert (process.returncode, out) == (2, b"")
    assert err.startswith(b"slimdsl: cannot write `big")
    assert err.count(b"\n") == 1
    assert files(project) == before


@pytest.mark.skipif(
    subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode != 0,
    reason="no file system can be mounted here",
)
@pytest.mark.parametrize(
    ("options", "reason"), [("size=1m", "no space left on device"), ("ro", "read-only file system")], ids=["full", "ro"]
)
@pytest.mark.parametrize("form", ["frozen", "savedmodel"])
def test_a_small_tmpfs_and_one_for_reading_only(project: Path, form: str, options: str, reason: str) -> None:
    (project / "big.slim").write_text(BIG, encoding="utf-8")
    (project / "small").mkdir()
    script = (
        f"mount -t tmpfs -o {options} none small && "
        f'{sys.executable} -m slimdsl compile big.slim --to {form} -o small/big; echo "code $?"; ls -A small'
    )
    process = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT), "SLIMDSL_NO_VERIFY": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.stdout == "code 2\n"
    assert process.stderr == f"slimdsl: cannot write `small/big`: {reason}\n"


@pytest.mark.parametrize("form", ["frozen", "savedmodel"])
def test_whoever_is_killed_leaves_nothing_under_the_name(project: Path, form: str) -> None:
    (project / "big.slim").write_text(BIG, encoding="utf-8")
    target = project / ("big.pb" if form == "frozen" else "big.savedmodel")
    process = slimdsl(project, "compile", "big.slim", "--to", form)
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        if any(os.path.getsize(path) > 2**20 for path in project.rglob("*") if "slimdsl-tmp" in str(path)):
            break
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not target.exists()
    assert not list(project.glob("*.manifest.json"))
    again = slimdsl(project, "compile", "big.slim", "--to", form)
    again.communicate()
    assert again.returncode == 0
    assert target.exists()
