"""The parameters of a net that was trained, beside those that a command gives it."""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Mapping

from slimdsl.cli.options import definitions
from slimdsl.cli.streams import say
from slimdsl.diagnostics.display import visible


def say_other_parameters(folder: str, arguments: Namespace) -> None:
    """Say where a run was trained with other parameters than the command gives the net; many of them do no harm."""
    from slimdsl.runtime.record_file import recorded_parameters

    trained, given = recorded_parameters(folder), definitions(arguments)
    if trained is not None and trained != given:
        say(visible(f"`{folder}` was trained with {_options(trained)}, and this command has {_options(given)}"))


def _options(parameters: Mapping[str, str]) -> str:
    """The parameters as options of the command line, in the order of their names."""
    return " ".join(f"-D {shlex.quote(f'{name}={text}')}" for name, text in sorted(parameters.items())) or "no -D"
