"""``--profile A:B`` of `train`: which steps, whether there are such steps, and where their profile lies."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from slimdsl.cli.refusal import Refusal
from slimdsl.cli.report import count_text, plural

if TYPE_CHECKING:
    from slimdsl.runtime.profiling import Profiler
    from slimdsl.runtime.training_order import Prepared

Steps = tuple[int, int]


def profiled_steps(text: str | None) -> Steps | None:
    """The first and the last step that are to be profiled; None where the option is not given.

    Raises:
        Refusal: it is no range of steps.
    """
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,18}):([0-9]{1,18})", text.strip())
    if not found:
        raise Refusal(f"--profile {text}: write --profile A:B, the first and the last step, such as --profile 10:15")
    first, last = int(found[1]), int(found[2])
    if not first:
        raise Refusal(f"--profile {text}: steps count from 1")
    if last < first:
        raise Refusal(f"--profile {text}: the last step comes before the first; --profile {last}:{first} is a range")
    return first, last


def check_profiled(steps: Steps | None, prepared: Prepared) -> None:
    """Refuse steps that this command does not take.

    Raises:
        Refusal: it takes not all of them.
    """
    if steps is None:
        return
    first, last = steps
    if last > prepared.steps:
        raise Refusal(
            f"--profile {first}:{last}: the training has {plural(prepared.steps, 'step')}; "
            "--steps takes a larger number"
        )
    start = prepared.start or 0
    if first <= start:
        raise Refusal(
            f"--profile {first}:{last}: `{prepared.order.logdir}` has been trained for {plural(start, 'step')} "
            f"already, so step {count_text(start + 1)} is the first that can be profiled; --fresh starts anew"
        )


def profile_text(profiler: Profiler, folder: str) -> str:
    """What to say about a profile that was written."""
    first, last = profiler.steps
    steps = f"steps {count_text(first)} to {count_text(last)}" if last > first else f"step {count_text(first)}"
    return (
        f"the profile of {steps}: {profiler.written}\n"
        f"  to look at it: pip install xprof, then xprof --logdir {shlex.quote(folder)}"
    )


def without_option(arguments: list[str]) -> list[str]:
    """A command line without ``--profile``."""
    kept: list[str] = []
    skips = False
    for argument in arguments:
        if not skips and argument != "--profile" and not argument.startswith("--profile="):
            kept.append(argument)
        skips = not skips and argument == "--profile"
    return kept
