"""Arrays as data: what of them fits, what is wrong with them, and their batches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from slimdsl.cli.main import main
from slimdsl.runtime.data import synthetic_tables
from slimdsl.runtime.data.errors import DataError, MissingDataError
from slimdsl.runtime.data.opening import open_data
from slimdsl.runtime.data.pipeline import VALID
from slimdsl.runtime.data.surveying import require_usable, survey
from slimdsl.runtime.data.synthetic_tables import synthetic_table
from slimdsl.runtime.data.table_batches import table_batches
from slimdsl.runtime.data.tables import TableSource, table
from slimdsl.runtime.data.wanted import Limit, Wanted, WantedInput
from slimdsl.types import DType, SymbolicDim, TensorType

Array = npt.NDArray[Any]
N, L = SymbolicDim.named("N"), SymbolicDim.named("L")
COUNT = 10


def of(dtype: DType, *shape: Any) -> TensorType:
    return TensorType(dtype=dtype, shape=(N, *shape))


WANTED = Wanted(
    network="net",
    inputs={
        one.name: one
        for one in (
            WantedInput(name="left", type=of(DType.FLOAT32, L)),
            WantedInput(name="words", type=of(DType.INT32, L), limit=Limit(9, "words of `table`")),
            WantedInput(name="labels", type=of(DType.FLOAT32, 1), label=True),
        )
    },
)


def good() -> dict[str, Any]:
    return {
        "left": np.arange(COUNT * 3, dtype=np.float64).reshape(COUNT, 3),
        "words": np.arange(COUNT * 3).reshape(COUNT, 3) % 9,
        "labels": np.arange(COUNT) % 2,
    }


def opened(folder: Path, split: str = "train", share: float | None = None, **changed: Any) -> TableSource:
    given = {name: array for name, array in {**good(), **changed}.items() if array is not None}
    np.savez(folder / "x.npz", **given)
    return table(str(folder / "x.npz"), split, share, WANTED)


def test_arrays_become_what_their_inputs_take(tmp_path: Path) -> None:
    source = opened(tmp_path, class_names=np.array(["no", "yes"]))
    assert {name: (array.dtype.name, array.shape) for name, array in source.arrays.items()} == {
        "left": ("float32", (COUNT, 3)),
        "words": ("int32", (COUNT, 3)),
        # An axis of one number was missing.
        "labels": ("float32", (COUNT, 1)),
    }
    assert (source.count, source.sizes, source.classes) == (COUNT, {"L": 3}, ("no", "yes"))
    assert source.where(4) == f"row 4 of `{tmp_path}/x.npz`"
    assert survey(source).problems == ()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"left": None},
            r"no array `left`, which `net` is trained with \(`left: float32\[N, L\]`, .*; it has `labels`",
        ),
        ({"left": None, "lefts": np.zeros(3)}, r"did you mean `lefts`\?; write numpy.savez\(path, left=…, words=…"),
        (
            {"left": np.zeros((COUNT, 3, 2))},
            r"`left` has the shape \[10, 3, 2\], and the input is float32\[N, L\]: 2 axes",
        ),
        (
            {"words": np.zeros((COUNT, 4), int)},
            r"`words` has the shape \[10, 4\].*axis 1 must be 3, since L is 3 in `left`",
        ),
        ({"labels": np.zeros((COUNT, 2))}, r"`labels` has the shape \[10, 2\].*: axis 1 must be 1"),
        ({"labels": np.zeros(COUNT - 1)}, r"do not go together: 10 of `left` \[10, 3\], .* 9 of `labels` \[9, 1\]"),
        ({name: array[:0] for name, array in good().items()}, "has no examples: its arrays are empty"),
        (
            {"left": np.zeros((COUNT, 3), int)},
            r"`left` is int64, and the input is float32.*numpy.float32, scaled as in",
        ),
        (
            {"words": np.zeros((COUNT, 3))},
            r"`words` is float64, and the input is int32\[N, L\]: save it as numpy.int32",
        ),
        ({"words": np.full((COUNT, 3), 2**40)}, "`words` has numbers that int32 does not hold"),
        ({"left": np.full((COUNT, 3), 1e300)}, "`left` has numbers that float32 does not hold"),
        ({"left": np.full((COUNT, 3), "a")}, "`left` is <U1, and the input is float32"),
        ({"left": np.full((COUNT, 3), None)}, "cannot read the array `left` of .*: it holds Python objects"),
        ({"validation_left": np.zeros((2, 3))}, "has `validation_left` and no `validation_words`"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        opened(tmp_path, **changed)
    assert f"`{tmp_path}/x.npz`" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_whole_numbers_for_images_as_labels_are_masks(tmp_path: Path) -> None:
    target = WantedInput(name="target", type=of(DType.FLOAT32, 2, 2, 1), label=True)
    what = Wanted(network="net", inputs={"target": target})
    path = str(tmp_path / "x.npz")
    np.savez(path, target=np.ones((4, 2, 2, 1), np.uint8))
    source = table(path, "train", None, what)
    assert (source.arrays["target"].dtype.name, source.pixels) == ("float32", {})
    np.savez(path, target=np.full((4, 2, 2, 1), 255, np.uint8))
    with pytest.raises(DataError, match=r"`target` is uint8, and the input is float32.*scaled as in training"):
        table(path, "train", None, what)


def test_parts(tmp_path: Path) -> None:
    assert opened(tmp_path).count == opened(tmp_path, "validation").count == COUNT
    assert [opened(tmp_path, split, 0.2).count for split in ("train", "validation", "all")] == [8, 2, 10]
    own: dict[str, Any] = {f"validation_{name}": array[:4] for name, array in good().items()}
    assert opened(tmp_path, **own).count == COUNT
    held = opened(tmp_path, "validation", **own)
    assert (held.count, held.split_note) == (4, "by the names of its arrays")
    cut = {**own, "validation_words": own["validation_words"][:, :2]}
    with pytest.raises(
        DataError, match=r"`validation_words` has the shape \[4, 2\].*since L is 3 in `validation_left`"
    ):
        opened(tmp_path, "validation", **cut)


def test_wrong_numbers_are_named_by_their_rows(tmp_path: Path) -> None:
    left, words = good()["left"], good()["words"]
    left[6, 1] = np.nan
    words[3, 2], words[5, 0] = 9, -1
    source = opened(tmp_path, left=left, words=words)
    at = f"of `{tmp_path}/x.npz` has"
    assert survey(source).problems == (
        f"`left` {at} numbers that are infinite or not a number in row 6",
        f"`words` {at} 9 in row 3, outside the 9 words of `table`, 0 to 8 (and row 5)",
    )
    with pytest.raises(DataError, match=r"in row 6 \(and 1 more; `slimdsl data inspect` lists them\)"):
        require_usable(source, batch=4)
    with pytest.raises(DataError, match="10 examples for training, fewer than the batch of 11"):
        require_usable(opened(tmp_path), batch=11)


def some(source: TableSource, count: int, **changed: Any) -> list[dict[str, Array]]:
    given: dict[str, Any] = {"preprocessing": "none", "batch": 4, "seed": 5, "training": True, **changed}
    return list(table_batches(source, **given).take(count).as_numpy_iterator())


def test_batches_go_on_where_they_were(tmp_path: Path) -> None:
    source = opened(tmp_path)
    whole = some(source, 9)
    assert [list(one) for one in whole] == [["left", "words", "labels"]] * 9
    tail = some(opened(tmp_path), 4, start_step=5)
    for one, again in zip(whole[5:], tail, strict=True):
        for name in one:
            np.testing.assert_array_equal(one[name], again[name])
    # Each pass has every row once, and rows stay together.
    firsts = np.concatenate([one["left"][:, 0] for one in whole])[: 3 * COUNT].reshape(3, COUNT)
    assert [sorted(one) for one in firsts.tolist()] == [[3.0 * row for row in range(COUNT)]] * 3
    assert firsts[0].tolist() != firsts[1].tolist()
    for one in whole:
        np.testing.assert_array_equal(one["words"], one["left"] % 9)
        np.testing.assert_array_equal(one["labels"][:, 0], one["left"][:, 0] // 3 % 2)
    plain = some(source, 3, shuffle=False)
    assert plain[2]["left"][:, 0].tolist() == [24.0, 27.0, 0.0, 3.0]


def test_workers_share_out_a_batch(tmp_path: Path) -> None:
    source = opened(tmp_path)
    whole = some(source, 6)
    parts = [some(source, 6, shard=(worker, 2)) for worker in (0, 1)]
    for one, first, second in zip(whole, *parts, strict=True):
        np.testing.assert_array_equal(one["left"], np.concatenate([first["left"], second["left"]]))
    with pytest.raises(DataError, match="cannot be shared out equally among 3 workers"):
        some(source, 1, shard=(0, 3))


def test_an_evaluation_has_each_row_once(tmp_path: Path) -> None:
    made = some(opened(tmp_path), 99, training=False)
    assert [one["left"].shape for one in made] == [(4, 3)] * 3
    assert [one[VALID].tolist() for one in made][-1] == [True, True, False, False]
    firsts = np.concatenate([one["left"][one[VALID]][:, 0] for one in made])
    assert firsts.tolist() == [3.0 * row for row in range(COUNT)]


def test_pixels_are_scaled_and_stay_where_they_are(tmp_path: Path) -> None:
    what = Wanted(
        network="net",
        inputs={
            "photo": WantedInput(name="photo", type=of(DType.FLOAT32, 2, 2, 3)),
            "mask": WantedInput(name="mask", type=of(DType.INT32, 2, 2), label=True),
        },
    )
    photo = np.random.default_rng(0).integers(0, 256, (6, 2, 2, 3), np.uint8)
    np.savez(tmp_path / "x.npz", photo=photo, mask=photo[..., 0] // 64)
    source = table(str(tmp_path / "x.npz"), "all", None, what)
    assert source.pixels == {"photo": "float32"}
    for name, expected in (("lenet", (photo - 128.0) / 128.0), ("none", photo.astype(np.float32))):
        (one,) = some(source, 1, preprocessing=name, batch=6, training=False)
        np.testing.assert_array_equal(one["photo"], expected)
        np.testing.assert_array_equal(one["mask"], photo[..., 0] // 64)
    with pytest.raises(MissingDataError, match="no pixel may be moved"):
        some(source, 1, preprocessing="inception")


def test_large_made_up_data_begin_again(monkeypatch: pytest.MonkeyPatch) -> None:
    what = Wanted(network="net", inputs={"x": WantedInput(name="x", type=of(DType.FLOAT32, 10))})
    monkeypatch.setattr(synthetic_tables, "LARGEST", 120)
    source = synthetic_table(7, "train", what)
    assert (source.count, source.rows, source.arrays["x"].shape) == (7, 3, (3, 10))
    assert "3 different rows" in source.split_note
    made = some(source, 1, batch=7, shuffle=False)[0]["x"]
    np.testing.assert_array_equal(made, source.arrays["x"][[0, 1, 2, 0, 1, 2, 0]])


def test_made_up_data_for_a_size_that_nothing_says() -> None:
    with pytest.raises(MissingDataError, match=r"`net` leaves the size of `left` open, float32\[N, L\]"):
        synthetic_table(7, "train", WANTED)


def test_an_archive_is_described(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own: dict[str, Any] = {f"validation_{name}": array[:4] for name, array in good().items()}
    opened(tmp_path, **own)
    path = str(tmp_path / "x.npz")
    assert main(["data", "inspect", path]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        f"{path}: archive of arrays, 10 examples, classes without names",
        "  train      10 examples (by the names of its arrays)",
        "  validation 4 examples (by the names of its arrays)",
    ]
    assert lines[4:7] == [
        "arrays: type, shape, least and largest number",
        "  left               float64  [10, 3]  0 … 29",
        "  words              int64    [10, 3]  0 … 8",
    ]
    assert main(["data", "inspect", path, "--json", "--split", "validation"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["arrays"][0] == {
        "name": "validation_left", "type": "float64", "shape": [4, 3], "least": 0.0, "largest": 11.0,
    }  # fmt: skip


def test_what_is_wrong_with_an_archive_is_an_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "x.npz")
    np.savez(path, a=np.zeros((4, 2)), b=np.full((3, 2), np.inf), c=np.float32(1), d=np.array(["x", "y"]))
    assert main(["data", "inspect", path]) == 1
    counts = "4 of `a` [4, 2], 3 of `b` [3, 2], 2 of `d` [2]"
    assert capsys.readouterr().err.splitlines() == [
        f"error: `c` of `{path}` is a single number: it has no axis of examples",
        f"error: `{path}`: the numbers of examples do not go together: {counts}; the first axis is theirs",
        f"error: `b` of `{path}` has numbers that are infinite or not a number in row 0 and 2 more",
    ]
    assert open_data(path).count == 4
