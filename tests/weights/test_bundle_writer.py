"""Checkpoints that we write are those that TensorFlow writes, byte for byte, and appear whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from slimdsl.types import DTYPES, DType
from slimdsl.weights import bundle_writer
from slimdsl.weights.bundle import read_bundle
from slimdsl.weights.bundle_writer import StoredText, Written, write_bundle
from slimdsl.weights.checksums import library
from slimdsl.weights.source import Sink, WeightsError
from slimdsl.weights.stored import StoredTensor
from tests.weights.checkpoint_files import ARRAYS, BFLOAT16, Arrays, messages, require_equal, save_v2

ALL = {**ARRAYS, **BFLOAT16}
SUFFIXES = (".index", ".data-00000-of-00001")


def written(arrays: Arrays) -> Iterator[Written]:
    for name, array in arrays.items():
        tensor = StoredTensor(name=name, dtype=DTYPES[array.dtype.name], shape=array.shape)
        yield tensor, partial(_in_two, array.tobytes())


def _in_two(content: bytes, sink: Sink) -> None:
    sink(content[:3])
    sink(memoryview(content)[3:])


def files(prefix: str | Path) -> list[bytes]:
    return [Path(f"{prefix}{suffix}").read_bytes() for suffix in SUFFIXES]


@pytest.mark.parametrize("whole_or_nothing", [True, False])
def test_the_bytes_are_those_of_tensorflow(tmp_path: Path, whole_or_nothing: bool) -> None:
    theirs = save_v2(tmp_path / "theirs", {**ALL, "a text": np.array(b"x" * 300)})
    ours = str(tmp_path / "ours")
    items = [*written(ALL), StoredText("a text", b"x" * 300)]
    write_bundle(ours, items, whole_or_nothing=whole_or_nothing)
    assert files(ours) == files(theirs)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        f"{n}{s}" for n in ("ours", "theirs") for s in SUFFIXES
    )


def test_the_bytes_of_an_index_of_several_blocks(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    names = [random.bytes(30).hex() for _ in range(3000)] + [f"net/conv{n}/{'weights' * 20}" for n in range(2000)]
    arrays = {name: np.int32(number) for number, name in enumerate(names)}
    theirs = save_v2(tmp_path / "theirs", arrays)
    write_bundle(str(tmp_path / "ours"), written(arrays), whole_or_nothing=False)
    assert files(tmp_path / "ours") == files(theirs)


def test_tensorflow_restores_it(tmp_path: Path) -> None:
    prefix = str(tmp_path / "model.ckpt")
    write_bundle(prefix, written(ARRAYS))
    reader = tf.train.load_checkpoint(prefix)
    assert reader.get_variable_to_shape_map() == {name: list(array.shape) for name, array in ARRAYS.items()}
    for name, array in ARRAYS.items():
        assert reader.get_tensor(name).tobytes() == array.tobytes()
    tf1 = tf.compat.v1
    with tf.Graph().as_default(), tf1.Session() as session:
        variables = [tf1.get_variable(name, shape=ARRAYS[name].shape) for name in ("net/conv1/weights", "net/conv10")]
        tf1.train.Saver().restore(session, prefix)
        for variable in variables:
            assert session.run(variable).tobytes() == ARRAYS[variable.op.name].tobytes()


def test_texts_are_read_again(tmp_path: Path) -> None:
    texts = {"empty": b"", "short": b"abc", "long": bytes(range(256)) * 300}
    write_bundle(str(tmp_path / "t"), [StoredText(name, content) for name, content in texts.items()])
    with read_bundle(str(tmp_path / "t"), "t", library()) as file:  # type: ignore[arg-type]
        assert {name: file.text(name) for name in texts} == texts
    reader = tf.train.load_checkpoint(str(tmp_path / "t"))
    assert {name: reader.get_tensor(name) for name in texts} == texts


def test_nothing_is_a_checkpoint_too(tmp_path: Path) -> None:
    write_bundle(str(tmp_path / "t"), [])
    with read_bundle(str(tmp_path / "t"), "t", library()) as file:  # type: ignore[arg-type]
        require_equal(file, {})


def fail(sink: Sink) -> None:
    sink(b"1234")
    raise WeightsError(())


def floats(name: str, count: int = 2) -> StoredTensor:
    return StoredTensor(name=name, dtype=DType.FLOAT32, shape=(count,))


REFUSED: dict[str, tuple[list[Written], str]] = {
    "twice": ([(floats("a"), lambda sink: sink(bytes(8)))] * 2, "two tensors are called `a`"),
    "nameless": ([(floats(""), lambda sink: sink(bytes(8)))], "a tensor has no name"),
    "foreign": (
        [(StoredTensor(name="a", dtype=None, shape=(), type_text="int16"), lambda sink: None)],
        "the tensor `a` has the element type int16",
    ),
    "text": (
        [(StoredTensor(name="a", dtype=DType.STRING, shape=()), lambda sink: None)],
        "the tensor `a` has the element type string",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_written(tmp_path: Path, case: str) -> None:
    items, said = REFUSED[case]
    with pytest.raises(WeightsError) as caught:
        write_bundle(str(tmp_path / "t"), items)
    assert messages(caught.value) == [f"`{tmp_path / 't'}` cannot be written: {said}"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("item", [(floats("b"), fail), (floats("b", 3), lambda sink: sink(bytes(8)))])
def test_a_failure_leaves_what_was_there(tmp_path: Path, item: Written) -> None:
    prefix = str(tmp_path / "t")
    write_bundle(prefix, written(ARRAYS))
    before = files(prefix)
    with pytest.raises((WeightsError, ValueError)):
        write_bundle(prefix, [*written(ARRAYS), item])
    assert files(prefix) == before
    assert len(list(tmp_path.iterdir())) == 2


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_writer, "library", lambda: None)
    with pytest.raises(WeightsError) as caught:
        write_bundle(str(tmp_path / "t"), written(ARRAYS))
    assert "need google-crc32c, which is not installed" in messages(caught.value)[0]
    assert caught.value.diagnostics[0].help == "pip install 'slimdsl[checkpoints]'"


KILLED = """
    import os, signal, sys
    from slimdsl.types import DType
    from slimdsl.weights import bundle_writer, stored

    steps = int(sys.argv[2])
    def counted(function):
        def call(*arguments, **named):
            global steps
            steps -= 1
            if steps < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **named)
        return call
    for name in ("write", "fsync", "replace", "unlink"):
        setattr(os, name, counted(getattr(os, name)))
    tensor = stored.StoredTensor(name="a", dtype=DType.FLOAT32, shape=(2,))
    bundle_writer.write_bundle(sys.argv[1], [(tensor, lambda sink: sink(b"new new "))])
"""


def test_whoever_is_killed_leaves_the_old_one_or_none(tmp_path: Path) -> None:
    """At every step on the way: never a checkpoint of both, and in the end the new one."""
    prefix = str(tmp_path / "t")
    seen = []
    for steps in range(30):
        write_bundle(prefix, [(floats("a"), lambda sink: sink(b"old old "))])
        command = [sys.executable, "-c", textwrap.dedent(KILLED), prefix, str(steps)]
        ended = subprocess.run(command, check=False, env={**os.environ, "PYTHONPATH": os.getcwd()}).returncode
        seen.append(_state(prefix))
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
    assert seen[0] == "old old "
    assert seen[-1] == "new new "
    assert set(seen) == {"old old ", "none", "new new "}


def _state(prefix: str) -> str:
    if not os.path.exists(prefix + ".index"):
        return "none"
    with read_bundle(prefix, "t", library()) as file:  # type: ignore[arg-type]
        content = bytearray()
        file.write("a", content.extend)
    return content.decode()


FULL = """
    import resource, sys
    from slimdsl.types import DType
    from slimdsl.files import FileWriteError
    from slimdsl.weights import bundle_writer, stored

    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
    tensor = stored.StoredTensor(name="a", dtype=DType.FLOAT32, shape=(2,))
    try:
        bundle_writer.write_bundle(sys.argv[1], [(tensor, lambda sink: sink(b"new new "))])
    except FileWriteError as error:
        print(error)
"""


@pytest.mark.parametrize("room", [7, 50], ids=["data", "index"])
def test_a_disk_without_room(tmp_path: Path, room: int) -> None:
    prefix = str(tmp_path / "t")
    write_bundle(prefix, [(floats("a"), lambda sink: sink(b"old old "))])
    command = [sys.executable, "-c", textwrap.dedent(FULL), prefix, str(room)]
    ended = subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": os.getcwd()})
    assert ended.stdout.decode().startswith("cannot write `")
    assert _state(prefix) == "old old "
    assert len(list(tmp_path.iterdir())) == 2


def test_large_tensors_pass_in_pieces(tmp_path: Path) -> None:
    array = np.arange(3_000_000, dtype="float32")
    items: list[Written] = [
        (StoredTensor(name="w", dtype=DType.FLOAT32, shape=array.shape), lambda sink: sink(array.data))
    ]
    write_bundle(str(tmp_path / "w"), items)
    with read_bundle(str(tmp_path / "w"), "w", library()) as file:  # type: ignore[arg-type]
        require_equal(file, {"w": array})
