"""Examples that do not fit are refused before anything is converted, with names and numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import slimdsl
from slimdsl.backends.order import ArtefactError
from slimdsl.backends.tflite.calibration import check_examples
from slimdsl.backends.tflite.writer import write
from tests.backends.converters import order
from tests.backends.networks import graph_of

IMAGES = np.zeros((6, 8, 8, 2), np.float32)


def messages(graph: Any, path: Path | str) -> list[str]:
    """What is said of examples."""
    with pytest.raises(ArtefactError) as caught:
        check_examples(graph, str(path))
    assert {diagnostic.code for diagnostic in caught.value.diagnostics} == {"E0604"}
    assert all(diagnostic.help for diagnostic in caught.value.diagnostics)
    return [diagnostic.message for diagnostic in caught.value.diagnostics]


def saved(folder: Path, **arrays: Any) -> Path:
    path = folder / "examples.npz"
    np.savez(path, **arrays)
    return path


def test_examples_that_fit(tmp_path: Path) -> None:
    examples = check_examples(graph_of("batch"), str(saved(tmp_path, images=IMAGES)))
    assert (examples.count, examples.batches) == (6, {"images": 1})


def test_none_are_given() -> None:
    (message,) = messages(graph_of("batch"), "")
    assert "--calibrate" in message


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"image": IMAGES}, ["`image` in the examples is no input of `batch`; did you mean `images`?", "no examples"]),
        ({"images": IMAGES, "labels": np.zeros(6)}, ["`labels` in the examples is no input"]),
        ({"images": IMAGES.astype(np.float64)}, ["are float64, and the input is float32"]),
        ({"images": IMAGES.astype(object)}, ["Python object"]),
        ({"images": IMAGES[..., 0]}, ["have the shape [6, 8, 8], and the input is float32[N, 8, 8, 2]"]),
        ({"images": IMAGES[0]}, ["have the shape [8, 8, 2]"]),
        ({"images": IMAGES[:, :7]}, ["axis 1 must be 8"]),
        ({"images": IMAGES[:0]}, ["there are none"]),
        ({"images": IMAGES * np.nan}, ["768 of the 768 numbers in the examples of `images`"]),
        ({}, ["there are no examples for the input `images`"]),
    ],
    ids=["misspelt", "more", "dtype", "objects", "rank", "one", "size", "empty", "nan", "nothing"],
)
def test_examples_that_do_not_fit(arrays: dict[str, Any], said: list[str], tmp_path: Path) -> None:
    found = messages(graph_of("batch"), saved(tmp_path, **arrays))
    for text in said:
        assert any(text in message for message in found), found


def test_sizes_must_go_together(tmp_path: Path) -> None:
    text = "slim 1\nnet n {\n input a: float32[N, T, 2]\n input b: float32[N, T, 2]\n add(a, b) as s\n output y\n}"
    graph = slimdsl.loads(text).graph
    (message,) = messages(graph, saved(tmp_path, a=np.zeros((4, 5, 2), "f4"), b=np.zeros((4, 6, 2), "f4")))
    assert "axis 1 must be 5, where T is 5" in message
    (message,) = messages(graph, saved(tmp_path, a=np.zeros((4, 5, 2), "f4"), b=np.zeros((3, 5, 2), "f4")))
    assert "4 of `a`, 3 of `b`" in message


def test_a_fixed_batch_is_fed_at_once(tmp_path: Path) -> None:
    graph = slimdsl.loads("slim 1\nnet n {\n input x: float32[4, 2]\n fc(3) as fc\n output y\n}").graph
    assert check_examples(graph, str(saved(tmp_path, x=np.zeros((8, 2), "f4")))).batches == {"x": 4}
    (message,) = messages(graph, saved(tmp_path, x=np.zeros((6, 2), "f4")))
    assert "takes 4 at once" in message


def test_files_that_are_no_examples(tmp_path: Path) -> None:
    graph = graph_of("batch")
    assert "no such file" in messages(graph, tmp_path / "nothing.npz")[0]
    assert "cannot be read" in messages(graph, tmp_path)[0]
    path = saved(tmp_path, images=IMAGES)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert "images" in messages(graph, path)[0]
    path.write_bytes(content[:100])
    assert "not an archive" in messages(graph, path)[0]
    path.write_bytes(b"")
    assert messages(graph, path)


def test_nothing_is_written(tmp_path: Path) -> None:
    examples = saved(tmp_path, images=IMAGES[:0])
    with pytest.raises(ArtefactError):
        write(order(graph_of("batch"), tmp_path / "net.tflite", precision="int8", calibrate=str(examples)))
    assert list(tmp_path.iterdir()) == [examples]
