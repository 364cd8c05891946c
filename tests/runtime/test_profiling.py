"""`--profile`: which steps are profiled and marked, that a profile is written whatever ends it, and what is refused."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from slimdsl.cli.main import main
from slimdsl.cli.profiling import profiled_steps, without_option
from slimdsl.cli.refusal import Refusal
from slimdsl.files import FileWriteError
from slimdsl.runtime.data.errors import DataError
from slimdsl.runtime.nan_hunt import NotFiniteError
from slimdsl.runtime.profiling import Profiler, remove_profiles
from slimdsl.runtime.training import Training
from tests.runtime.test_train_command import NET, rows
from tests.runtime.test_training import batches, poisoned, run


def marked(folder: Path) -> list[int]:
    """The numbers of the steps that a profile has marks for."""
    messages = pytest.importorskip("tensorflow.tsl.profiler.protobuf.xplane_pb2")
    (path,) = folder.glob("*.xplane.pb")
    found = []
    for plane in messages.XSpace.FromString(path.read_bytes()).planes:
        for line in plane.lines:
            for event in line.events:
                if plane.event_metadata[event.metadata_id].name == "train":
                    named = {plane.stat_metadata[stat.metadata_id].name: stat for stat in event.stats}
                    found.append(named["step_num"].int64_value)
    return sorted(found)


def profiled(folder: Path, first: int, last: int, **given: Any) -> Profiler:
    """Train a line for 12 steps and profile some of them; what ends it may be an error."""
    profiler = Profiler(str(folder), first, last)
    with profiler:
        Training(run(folder, 12, profiler=profiler, **given), None).train()
    return profiler


@pytest.mark.parametrize(("first", "last"), [(1, 3), (4, 4), (11, 12)])
def test_every_step_is_marked(tmp_path: Path, first: int, last: int) -> None:
    profiler = profiled(tmp_path, first, last)
    assert profiler.written == str(tmp_path / "plugins" / "profile" / f"steps_{first}-{last}")
    assert marked(Path(profiler.written)) == list(range(first, last + 1))
    assert not (tmp_path / ".profile").exists()


def test_data_that_end_leave_the_profile_of_what_there_was(tmp_path: Path) -> None:
    def ending(start: int) -> Iterator[dict[str, tf.Tensor]]:
        yield from (batch for _, batch in zip(range(6), batches(start), strict=False))
        raise DataError("`photo.jpg` is damaged")

    with pytest.raises(DataError):
        profiled(tmp_path, 5, 9, batches=ending)
    # The seventh step had begun.
    assert marked(tmp_path / "plugins" / "profile" / "steps_5-6") == [5, 6, 7]
    # And another one can begin.
    (tmp_path / "other").mkdir()
    assert marked(Path(profiled(tmp_path / "other", 1, 1).written)) == [1]


def test_a_loss_that_is_not_finite_leaves_its_profile(tmp_path: Path) -> None:
    with pytest.raises(NotFiniteError):
        profiled(tmp_path, 7, 12, batches=poisoned(8), hunt=lambda *_: "the layer")
    assert marked(tmp_path / "plugins" / "profile" / "steps_7-8") == [7, 8]


def test_a_signal_leaves_its_profile(tmp_path: Path) -> None:
    def interrupted(start: int) -> Iterator[dict[str, tf.Tensor]]:
        for step, batch in enumerate(batches(start), start + 1):
            if step == 7:
                os.kill(os.getpid(), signal.SIGTERM)
            yield batch

    assert profiled(tmp_path, 6, 10, batches=interrupted).steps == (6, 7)
    assert marked(tmp_path / "plugins" / "profile" / "steps_6-7") == [6, 7]


def test_a_profile_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "plugins").write_text("no folder")
    with pytest.raises(FileWriteError, match="steps_1-2"):
        profiled(tmp_path, 1, 2)

    def failing(start: int) -> Iterator[dict[str, tf.Tensor]]:
        yield next(batches(start))
        raise DataError("`photo.jpg` is damaged")

    # What ends the training is what is told.
    with pytest.raises(DataError, match="photo"):
        profiled(tmp_path, 1, 5, batches=failing)


def test_profiles_of_others_stay(tmp_path: Path) -> None:
    profiled(tmp_path, 1, 2)
    place = tmp_path / "plugins" / "profile"
    (place / "2026_01_02_03_04_05").mkdir()
    (place / "2026_01_02_03_04_05" / "host.xplane.pb").write_text("a")
    (place / "steps_3-4").write_text("a file")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("a")
    (place / "steps_5-6").symlink_to(elsewhere)
    remove_profiles(str(tmp_path))
    assert sorted(path.name for path in place.iterdir()) == ["2026_01_02_03_04_05", "steps_3-4", "steps_5-6"]
    assert (elsewhere / "kept").exists()


def test_a_folder_with_nothing_but_ours_is_empty_after(tmp_path: Path) -> None:
    remove_profiles(str(tmp_path))
    profiled(tmp_path, 1, 2)
    (tmp_path / ".profile").mkdir()
    remove_profiles(str(tmp_path))
    assert not (tmp_path / "plugins").exists()
    assert not (tmp_path / ".profile").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("5:2", "--profile 5:2: the last step comes before the first; --profile 2:5 is a range"),
        ("a:b", "write --profile A:B"),
        ("5", "write --profile A:B"),
        ("1:2:3", "write --profile A:B"),
        ("-1:3", "write --profile A:B"),
        ("1:" + "9" * 400, "write --profile A:B"),
        ("", "write --profile A:B"),
        ("0:3", "steps count from 1"),
    ],
)
def test_what_is_no_range_is_refused(text: str, said: str) -> None:
    with pytest.raises(Refusal, match=said):
        profiled_steps(text)


def test_ranges() -> None:
    assert [profiled_steps(text) for text in (None, "3:3", " 10:15 ")] == [None, (3, 3), (10, 15)]
    given = ["train", "--profile", "1:2", "net.slim", "--profile=3:4", "--profiled", "--batch", "2"]
    assert without_option(given) == ["train", "net.slim", "--profiled", "--batch", "2"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a network and data."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "small.slim").write_text(NET)
    random = np.random.RandomState(0)
    np.savez(
        folder / "data.npz", images=random.randint(0, 256, [30, 8, 8, 1]).astype(np.uint8), labels=np.arange(30) % 3
    )
    return folder


def train(place: Path, run: str, *options: str) -> int:
    given = ["--data", str(place / "data.npz"), "--logdir", str(place / run), *options]
    return main(["train", str(place / "small.slim"), *given])


def test_the_command(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(place, "plain", "--steps", "8") == 0
    assert train(place, "run", "--steps", "8", "--profile", "3:5", "--set", "train.summary_every=2") == 0
    said = capsys.readouterr().err
    folder = place / "run" / "plugins" / "profile" / "steps_3-5"
    assert f"the profile of steps 3 to 5: {folder}\n" in said
    assert "pip install xprof" in said
    assert marked(folder) == [3, 4, 5]
    # Neither a profile nor summaries change a step.
    assert rows(place / "run") == rows(place / "plain")
    assert train(place, "run", "--steps", "9", "--profile", "8:9") == 2
    assert (
        "has been trained for 8 steps already, so step 9 is the first that can be profiled" in capsys.readouterr().err
    )
    assert train(place, "run", "--steps", "9", "--profile", "9:10") == 2
    assert "--profile 9:10: the training has 9 steps" in capsys.readouterr().err
    assert folder.exists()
    assert train(place, "run", "--steps", "8", "--fresh") == 0
    assert not (place / "run" / "plugins").exists()


def test_a_dry_run_profiles_nothing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(place, "dry", "--dry-run", "--profile", "2:4") == 0
    assert train(place, "dry", "--dry-run", "--profile", "2:400") == 2
    assert "--profile 2:400: the training has 12 steps" in capsys.readouterr().err
    assert not (place / "dry").exists()
