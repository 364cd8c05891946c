"""`slimdsl explain`: what a diagnostic code means."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from slimdsl.cli.refusal import Refusal
from slimdsl.diagnostics.codes import ALL_CODES, find_code
from slimdsl.diagnostics.suggest import did_you_mean


def configure(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = "Explain a diagnostic code, given as E0402 or by its name; without one, list all codes."
    parser.add_argument("code", metavar="CODE", nargs="?", help="such as E0402 or shape-mismatch")


def run(arguments: Namespace) -> int:
    """Print the explanation or the list."""
    if arguments.code is None:
        longest = max(len(code.name) for code in ALL_CODES)
        for code in ALL_CODES:
            print(f"{code.code}  {code.name:<{longest}}  {code.title}")
        return 0
    found = find_code(arguments.code)
    if found is None:
        known = [code.code for code in ALL_CODES] + [code.name for code in ALL_CODES]
        hint = did_you_mean(arguments.code, known) or "`slimdsl explain` lists all codes"
        raise Refusal(f"there is no code `{arguments.code}`: {hint}")
    print(f"{found.code} ({found.name}): {found.title}\n\n{found.explanation.strip()}")
    return 0
