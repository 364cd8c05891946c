"""`slimdsl explain`: what a code means, what a layer of the language does, or how a layer of a file came about."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace

from slimdsl.cli.options import add_colour_option, add_net_options
from slimdsl.cli.refusal import Refusal
from slimdsl.diagnostics.suggest import did_you_mean


def configure(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = (
        "Explain a diagnostic code (E0401, shape-mismatch), a layer of the language (conv), or a layer of a file by "
        "its scope: each argument, its default, and the place that set it. Without arguments, list all codes."
    )
    parser.add_argument("what", metavar="CODE|LAYER|FILE", nargs="?", help="such as E0401, conv or models/vgg16.slim")
    parser.add_argument("scope", metavar="SCOPE", nargs="?", help="with FILE: a scope path such as vgg16/conv1/conv1_1")
    parser.add_argument("--json", action="store_true", help="with FILE: print JSON")
    add_net_options(parser)
    add_colour_option(parser)


def run(arguments: Namespace) -> int:
    """Print the explanation or the list."""
    what = arguments.what
    if what is None:
        return _list()
    if arguments.scope is not None or what.endswith(".slim") or os.path.isfile(what):
        if arguments.scope is None:
            raise Refusal(f"which layer of `{what}`? `slimdsl summary {what}` lists their scopes")
        from slimdsl.cli.explain_layer import explain_layer

        return explain_layer(what, arguments.scope, arguments)
    return _entry(what)


def _list() -> int:
    from slimdsl.diagnostics.codes import ALL_CODES

    longest = max(len(code.name) for code in ALL_CODES)
    for code in ALL_CODES:
        print(f"{code.code}  {code.name:<{longest}}  {code.title}")
    return 0


def _entry(word: str) -> int:
    from slimdsl.diagnostics.codes import ALL_CODES, find_code
    from slimdsl.ops.reference import names, page

    found = find_code(word)
    if found is not None:
        print(f"{found.code} ({found.name}): {found.title}\n\n{found.explanation.strip()}")
        return 0
    text = page(word)
    if text is None:
        known = [*(code.code for code in ALL_CODES), *(code.name for code in ALL_CODES), *names()]
        hint = did_you_mean(word, known) or "`slimdsl explain` lists all codes, docs/ops.md all layers"
        raise Refusal(f"there is no code and no layer `{word}`: {hint}")
    print(text, end="")
    return 0
