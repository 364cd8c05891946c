"""TensorFlow's profiler over some steps of a training, each of them marked, into the run's folder."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

import tensorflow as tf

from slimdsl.files import FileWriteError, explained

PROFILES = os.path.join("plugins", "profile")
"""Where TensorBoard's plugin for profiles looks, in a folder with event files."""

_UNFINISHED = ".profile"
"""Where TensorFlow writes; what it wrote whole is moved."""

_OURS = re.compile(r"steps_\d+-\d+")


class Profiler:
    """Profiles the steps from one to another, while it is entered.

    Args:
        folder: the run's folder.
        first: the first step; steps count from 1.
        last: the last step.

    Attributes:
        written: the folder of the profile that was written; "" for none.
        steps: the first and the last step that are in it.
    """

    def __init__(self, folder: str, first: int, last: int) -> None:
        self.written = ""
        self.steps = (first, first)
        self._folder = folder
        self._last = last
        self._running = False

    def __enter__(self) -> Profiler:  # noqa: PYI034 - typing.Self is not in Python 3.10
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.stop()
        else:
            self.stop_quietly()

    @contextmanager
    def step(self, number: int, wait: Callable[[], object]) -> Iterator[None]:
        """In which a step is taken, the wait for its data included.

        Args:
            number: of the step.
            wait: returns when all that was begun is done: a GPU may not have begun with the last steps yet.

        Raises:
            FileWriteError: the profile cannot be written.
        """
        if number == self.steps[0]:
            self._start()
        if not self._running:
            yield
            return
        # So TensorFlow's own loops mark their steps.
        with tf.profiler.experimental.Trace("train", step_num=number, _r=1):
            yield
            if number == self._last:
                wait()
        self.steps = (self.steps[0], number)
        if number == self._last:
            self.stop()

    def stop(self) -> None:
        """End the profile and write it, where one is running.

        Raises:
            FileWriteError: it cannot be written.
        """
        if not self._running:
            return
        self._running = False
        target = os.path.join(self._folder, PROFILES, f"steps_{self.steps[0]}-{self.steps[1]}")
        try:
            tf.profiler.experimental.stop()
            self._move(target)
        except tf.errors.OpError as error:
            raise FileWriteError(target, None, str(error.message) or type(error).__name__) from error
        except OSError as error:
            raise explained(target, error) from error
        self.written = target

    def stop_quietly(self) -> None:
        """As `stop`, where something else has gone wrong, which is what is told."""
        try:
            self.stop()
        except FileWriteError:
            pass

    def _start(self) -> None:
        _remove_folder(os.path.join(self._folder, _UNFINISHED))
        tf.profiler.experimental.start(os.path.join(self._folder, _UNFINISHED))
        self._running = True

    def _move(self, target: str) -> None:
        unfinished = os.path.join(self._folder, _UNFINISHED)
        # Named by the second in which it began.
        (made,) = os.listdir(os.path.join(unfinished, PROFILES))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        # Of the same steps, before the run went back to a checkpoint.
        _remove_folder(target)
        os.rename(os.path.join(unfinished, PROFILES, made), target)
        _remove_folder(unfinished)


def remove_profiles(folder: str) -> None:
    """Remove the profiles that a run has left in its folder, and leave those of others.

    Raises:
        OSError: one cannot be removed.
    """
    _remove_folder(os.path.join(folder, _UNFINISHED))
    place = os.path.join(folder, PROFILES)
    if not os.path.isdir(place) or os.path.islink(place) or os.path.islink(os.path.dirname(place)):
        return
    for name in os.listdir(place):
        if _OURS.fullmatch(name):
            _remove_folder(os.path.join(place, name))
    for each in (place, os.path.dirname(place)):
        if not os.listdir(each):
            os.rmdir(each)


def _remove_folder(path: str) -> None:
    """Remove a folder with all that is in it; what is a file or a link stays."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
