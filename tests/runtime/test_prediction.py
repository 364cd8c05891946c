"""`slimdsl predict`: probabilities against numpy's, what inputs may be, and that nothing odd is more than a message."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from slimdsl.cli.main import main
from slimdsl.types import DType
from slimdsl.weights.bundle_writer import Written, write_bundle
from slimdsl.weights.stored import StoredTensor

Run = Callable[..., tuple[int, str, str]]

FLAT = """slim 1

net flat(classes = 3) {
  input images: float32[N, 4, 4, 1]
  flatten
  fc(classes, activation=none) as logits
  output logits
}
"""

FIXED = """slim 1

net fixed {
  input x: float32[2, 3]
  input y: float32[2, 3]
  add(x, y) as sum
  output sum
  x -> reduce_mean(axes=[1]) as means
  output means
}
"""

ODD = """slim 1

net odd {
  input scores: float32[N, 2]
  output logits = scores
  output predictions = scores -> tanh as predictions
}
"""

OPEN = """slim 1

net open {
  input images: float32[N, H, W, 3]
  conv(2, 1x1, activation=none, biases_init=none) as c
  output c
}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Networks, weights, images and arrays."""
    folder = tmp_path_factory.mktemp("prediction")
    for name, text in (("flat", FLAT), ("fixed", FIXED), ("odd", ODD), ("open", OPEN)):
        (folder / f"{name}.slim").write_text(text)
    random = np.random.default_rng(0)
    save(folder / "flat.npz", flat_weights())
    save(folder / "open.npz", {"open/c/weights": np.ones((1, 1, 3, 2), np.float32)})
    np.savez(folder / "none.npz")
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), random.integers(0, 256, (4, 4), np.uint8))
    cv2.imwrite(str(folder / "large.jpg"), random.integers(0, 256, (40, 60, 3), np.uint8))
    np.savez(folder / "x.npz", images=random.standard_normal((19, 4, 4, 1)))
    return folder


def save(path: Path, arrays: Mapping[str, Any]) -> None:
    np.savez(path, **arrays)


def flat_weights() -> dict[str, npt.NDArray[Any]]:
    random = np.random.default_rng(1)
    return {
        "flat/logits/weights": random.standard_normal((16, 3)).astype(np.float32),
        "flat/logits/biases": np.array([0.1, -0.2, 0.3], np.float32),
    }


def flat_probabilities(images: npt.NDArray[Any]) -> npt.NDArray[Any]:
    weights = flat_weights()
    scores = images.reshape(len(images), -1).astype(np.float64) @ weights["flat/logits/weights"]
    powers = np.exp(scores + weights["flat/logits/biases"])
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.fixture
def run(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Predict in that folder."""
    monkeypatch.chdir(place)

    def run_line(net: str, *arguments: str) -> tuple[int, str, str]:
        weights = [] if "--weights" in arguments else ["--weights", f"{net}.npz"]
        capsys.readouterr()
        code = main(["predict", f"{net}.slim", *weights, *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_line


def top(line: str) -> dict[int, float]:
    return {entry["class"]: entry["probability"] for entry in json.loads(line)["top"]}


def test_arrays_give_the_softmax_of_the_logits_in_their_order(run: Run, place: Path) -> None:
    code, out, err = run("flat", "x.npz", "--json", "--top", "3")
    assert (code, err) == (0, "")
    expected = flat_probabilities(np.load(place / "x.npz")["images"])
    lines = out.splitlines()
    assert [json.loads(line)["input"] for line in lines] == [f"x.npz[{row}]" for row in range(19)]
    for line, probabilities in zip(lines, expected, strict=True):
        found = top(line)
        assert list(found.values()) == sorted(found.values(), reverse=True)
        assert [found[number] for number in range(3)] == pytest.approx(list(probabilities), abs=1e-6)


def test_images_of_the_networks_size_are_scaled_alone(run: Run, place: Path) -> None:
    code, out, _ = run("flat", "0.png", "1.png", "--json")
    pixels = np.stack([np.asarray(cv2.imread(str(place / f"{n}.png"), cv2.IMREAD_UNCHANGED)) for n in (0, 1)])
    expected = flat_probabilities((pixels.astype(np.float32) - 128) / 128)
    assert code == 0
    for line, probabilities in zip(out.splitlines(), expected, strict=True):
        assert [top(line)[number] for number in range(3)] == pytest.approx(list(probabilities), abs=1e-5)


def test_names_of_classes(run: Run, place: Path) -> None:
    (place / "labels.txt").write_text("0:cat\n1:dog\n")
    (place / "other.txt").write_text("no number\n")
    code, out, _ = run("flat", "0.png", "--labels", "labels.txt", "--top", "9")
    header, name, *lines = out.splitlines()
    assert (code, name) == (0, "0.png")
    assert header == "flat with flat.npz (archive of numpy arrays), preprocessing lenet"
    assert sorted(" ".join(line.split()[1:]) for line in lines) == ["0 cat", "1 dog", "2"]
    code, _, err = run("flat", "0.png", "--labels", "other.txt")
    assert (code, err.count("\n")) == (1, 1)
    assert "`other.txt`, line 1" in err


def test_a_checkpoint_of_a_run_predicts_as_the_run(run: Run, place: Path, tmp_path: Path) -> None:
    """The digits of a training are brought to the network's size before their preprocessing: so are these."""
    record = {"data": {"spec": "digits", "preprocessing": "lenet"}}
    (tmp_path / "recipe.json").write_text(json.dumps(record))
    (tmp_path / "labels.txt").write_text("0:zero\n1:one\n2:two\n")

    def written(name: str, array: npt.NDArray[Any]) -> Written:
        return StoredTensor(name=name, dtype=DType.FLOAT32, shape=array.shape), lambda sink: sink(array.tobytes())

    tensors = [written(name, array) for name, array in sorted(flat_weights().items())]
    for prefix in ("model.ckpt-10", "other"):
        write_bundle(str(tmp_path / prefix), tensors)
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "model.ckpt-10"\n')
    cv2.imwrite(str(tmp_path / "digit.png"), np.random.default_rng(2).integers(0, 256, (8, 8), np.uint8))
    found = {}
    for weights in (tmp_path, tmp_path / "model.ckpt-10", tmp_path / "other"):
        code, out, _ = run("flat", str(tmp_path / "digit.png"), "--weights", str(weights))
        assert code == 0
        found[weights.name] = out.splitlines()
    own, of_prefix, foreign = (lines[1:] for lines in found.values())
    assert of_prefix == own != foreign
    assert any(line.endswith(" zero") for line in of_prefix)
    said = f", preprocessing lenet of the run `{tmp_path}`, resized to 4x4 first, as its digits were"
    assert found["model.ckpt-10"][0].endswith(said)


def test_what_is_no_image_is_named_and_the_others_go_on(run: Run, place: Path) -> None:
    whole = (place / "large.jpg").read_bytes()
    (place / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (place / "text.png").write_text("no image")
    (place / "empty.png").write_bytes(b"")
    bad = ["cut.jpg", "text.png", "empty.png", "missing.png", "."]
    code, out, err = run("flat", "0.png", *bad, "1.png", "--json")
    assert code == 1
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["input"] for line in lines] == ["0.png", *bad, "1.png"]
    assert [("top" in line, "error" in line) for line in lines] == [(True, False), *[(False, True)] * 5, (True, False)]
    for name in bad:
        assert f"`{name}`" in err
    code, out, err = run("flat", "text.png", "-o", "nothing.npz")
    assert code == 1
    assert "`nothing.npz` was not written" in err
    assert not (place / "nothing.npz").exists()


def test_a_damaged_image_is_never_more_than_a_message(place: Path) -> None:
    from slimdsl.runtime.data.preprocessing import preprocessing_named
    from slimdsl.runtime.examples import ImageInput, image_examples

    random = np.random.default_rng(3)
    target = ImageInput(name="images", size=(4, 4), channels=1, resized=False)
    path = place / "damaged.bin"
    for source in ("large.jpg", "0.png"):
        whole = (place / source).read_bytes()
        for _ in range(25):
            damaged = bytearray(whole)
            for place_of_byte in random.integers(0, len(whole), 4):
                damaged[place_of_byte] = random.integers(0, 256)
            path.write_bytes(damaged[: random.integers(1, len(whole) + 1)])
            (example,) = image_examples([str(path)], target, preprocessing_named("lenet", 1))
            assert bool(example.problem) != bool(example.feeds)


def test_all_outputs_are_written_whole(run: Run, place: Path) -> None:
    code, out, _ = run("flat", "x.npz", "0.png", "-o", "out.npz")
    assert code == 0
    assert out.endswith("wrote out.npz: 1 output of 20 examples\n")
    with np.load(place / "out.npz") as archive:
        assert sorted(archive.files) == ["inputs.names", "logits"]
        assert list(archive["inputs.names"]) == [*(f"x.npz[{row}]" for row in range(19)), "0.png"]
        powers = np.exp(archive["logits"][:19].astype(np.float64))
    expected = flat_probabilities(np.load(place / "x.npz")["images"])
    assert powers / powers.sum(axis=1, keepdims=True) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("output", ["nowhere/out.npz", "flat.npz", "flat.slim", "x.npz", "-"])
def test_an_output_that_cannot_be_or_is_read_is_refused(run: Run, place: Path, output: str) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in place.iterdir()}
    code, _, err = run("flat", "x.npz", "-o", output)
    assert (code, err.count("\n")) == (2, 1)
    assert {path.name: path.stat().st_mtime_ns for path in place.iterdir()} == before


def test_a_fixed_batch_is_filled_up(run: Run, place: Path) -> None:
    random = np.random.default_rng(2)
    x, y = random.standard_normal((2, 5, 3)).astype(np.float32)
    np.savez(place / "xy.npz", x=x, y=y)
    code, out, err = run("fixed", "xy.npz", "--weights", "none.npz", "-o", "sums.npz")
    assert (code, err) == (0, "")
    with np.load(place / "sums.npz") as archive:
        assert archive["sum"] == pytest.approx(x + y, abs=1e-6)
        assert archive["means"] == pytest.approx(x.mean(axis=1), abs=1e-6)
    assert "  sum    float32[3]  min " in out


def test_what_is_called_predictions_and_is_none_is_passed_over(run: Run, place: Path) -> None:
    np.savez(place / "scores.npz", scores=np.array([[1, 2], [np.nan, 0], [np.inf, 1]], np.float32))
    code, out, _ = run("odd", "scores.npz", "--weights", "none.npz", "--json")
    first, second, third = (json.loads(line) for line in out.splitlines())
    assert code == 0
    assert first["top"][0] == {"class": 1, "name": None, "probability": pytest.approx(1 / (1 + np.exp(-1)))}
    assert second["outputs"]["logits"] == {
        "dtype": "float32", "shape": [2], "min": 0.0, "max": 0.0, "mean": 0.0, "not_finite": 1,
    }  # fmt: skip
    assert third["outputs"]["predictions"]["max"] == 1.0


def arrays(**given: Any) -> Mapping[str, Any]:
    return given


IMAGES = np.zeros((2, 4, 4, 1), np.float32)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (arrays(), "has no array for the input `images`"),
        (arrays(image=IMAGES), "`image` is no input of `flat`; did you mean `images`?"),
        (arrays(images=IMAGES, more=IMAGES), "`more` is no input"),
        (arrays(images=IMAGES[0]), "has the shape [4, 4, 1]"),
        (arrays(images=np.zeros((2, 4, 5, 1), np.float32)), "axis 2 must be 4"),
        (arrays(images=np.zeros((2, 4, 4, 1), np.uint8)), "is uint8, and the input is float32"),
        (arrays(images=np.zeros((2, 4, 4, 1), bool)), "is bool"),
        (arrays(images=np.array([[[["a"]]]])), "images"),
        (arrays(images=IMAGES[:0]), "has no examples"),
    ],
)
def test_arrays_that_do_not_fit(run: Run, place: Path, given: Mapping[str, Any], said: str) -> None:
    np.savez(place / "given.npz", **given)
    code, _, err = run("flat", "given.npz")
    assert (code, err.count("\n")) == (1, 1)
    assert said in err


def test_archives_that_are_none(run: Run, place: Path) -> None:
    np.savez(place / "object.npz", images=np.array([{}], object), allow_pickle=True)
    (place / "cut.npz").write_bytes((place / "x.npz").read_bytes()[:900])
    (place / "text.npz").write_text("no archive")
    for name in ("object.npz", "cut.npz", "text.npz", "missing.npz"):
        code, _, err = run("flat", name)
        assert (code, err.count("\n")) == (1, 1), err
        assert f"`{name}`" in err
    np.savez(place / "uneven.npz", x=np.zeros((4, 3), np.float32), y=np.zeros((2, 3), np.float32))
    code, _, err = run("fixed", "uneven.npz", "--weights", "none.npz")
    assert code == 1
    assert "do not go together: 4 of `x`, 2 of `y`" in err


@pytest.mark.parametrize(
    ("net", "arguments", "said"),
    [
        ("fixed", ["0.png", "--weights", "none.npz"], "image files are for a network with one input"),
        ("open", ["large.jpg"], "--size 224 decides it"),
        ("flat", ["0.png", "--size", "5"], "does not fit"),
        ("flat", ["x.npz", "--size", "4"], "are about images"),
        ("flat", ["0.png", "--preprocessing", "other"], "there is no preprocessing `other`"),
        ("flat", ["0.png", "--seed", "1"], "nothing is left out"),
        ("flat", ["0.png", "--except", "logits"], "--seed N draws"),
        ("flat", ["0.png", "--weights", "missing.ckpt"], "cannot read `missing.ckpt`"),
        ("flat", ["0.png", "--top", "0"], "at least 1"),
        ("flat", ["0.png", "--device", "tpu"], "invalid choice"),
    ],
)
def test_wrong_usage(run: Run, net: str, arguments: list[str], said: str) -> None:
    code, _, err = run(net, *arguments)
    assert code == 2
    assert said in err


def test_a_gpu_that_is_asked_for_and_not_there(run: Run) -> None:
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        pytest.skip("there is a GPU")
    code, out, err = run("flat", "0.png", "--device", "gpu")
    assert (code, out) == (2, "")
    assert err.startswith("slimdsl: --device gpu: TensorFlow lists no GPU")


def test_a_size_that_is_left_open_can_be_given(run: Run, place: Path) -> None:
    code, out, _ = run("open", "large.jpg", "--size", "6x8", "--preprocessing", "none", "--json")
    assert code == 0
    assert json.loads(out)["outputs"]["c"]["shape"] == [6, 8, 2]


def test_weights_of_another_network_are_findings(run: Run, place: Path) -> None:
    code, out, err = run("flat", "0.png", "--weights", "open.npz")
    assert (code, out) == (1, "")
    assert "flat/logits/weights" in err
    code, _, _ = run("flat", "0.png", "--except", "logits", "--seed", "3")
    assert code == 0


def test_an_output_can_be_called_as_an_argument_of_numpy(place: Path) -> None:
    from slimdsl.runtime.output_archive import write_outputs
    from slimdsl.runtime.prediction import Prediction

    class One:
        """The part of a predictor that is asked for."""

        batch = 0

        class graph:  # noqa: N801 - an attribute of the predictor
            outputs = ("file", "args")

        @staticmethod
        def has_batch(name: str) -> bool:
            return True

    found = Prediction(name="a", outputs={"file": np.zeros(2), "args": np.ones(3)})
    write_outputs(str(place / "named.npz"), [found], One())  # type: ignore[arg-type]
    with np.load(place / "named.npz") as archive:
        assert sorted(archive.files) == ["args", "file", "inputs.names"]
