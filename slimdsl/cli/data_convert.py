"""`slimdsl data convert`: an image folder as TFRecords, as TF-Slim's scripts write them."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace

from slimdsl.cli.progress import ProgressMeter
from slimdsl.cli.refusal import Refusal
from slimdsl.cli.report import plural, size_text
from slimdsl.cli.runtime_loading import load_runtime
from slimdsl.cli.streams import say
from slimdsl.diagnostics.display import visible
from slimdsl.files import FileWriteError


def configure(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = (
        "Write the images of a folder of class folders, or of a CSV list, as TFRecords in TF-Slim's format, with "
        "labels.txt. The folder OUT appears whole or not at all, and the same images give the same files."
    )
    parser.add_argument("folder", metavar="FOLDER", help="a folder of class folders, or a .csv list of images")
    parser.add_argument("output", metavar="OUT", help="the folder to write")
    parser.add_argument("--shards", type=int, default=5, metavar="N", help="files of each part (5)")
    parser.add_argument(
        "--holdout",
        type=float,
        metavar="SHARE",
        help="the share for validation, where FOLDER has no train and validation (0.1)",
    )
    parser.add_argument("--name", default="", help="how the names of the files begin (the name of FOLDER)")


def run(arguments: Namespace) -> int:
    """Convert and say what was written; return 1 where an image cannot be read."""
    if not 1 <= arguments.shards <= 99_999:
        raise Refusal(f"--shards {arguments.shards}: write a number from 1 to 99,999")
    if os.sep in arguments.name or "\0" in arguments.name:
        raise Refusal(f"--name {arguments.name}: it is the beginning of a file name, without a folder")
    conversion = load_runtime("slimdsl.runtime.data.conversion")
    errors = load_runtime("slimdsl.runtime.data.errors")
    meter = ProgressMeter(_size(arguments.folder))
    try:
        written = conversion.convert(
            arguments.folder,
            arguments.output,
            shards=arguments.shards,
            holdout=arguments.holdout,
            name=arguments.name,
            advance=meter.advance,
        )
    except (errors.MissingDataError, FileWriteError) as error:
        raise Refusal(str(error)) from error
    except errors.DataError as error:
        say(visible(f"error: {error}"))
        return 1
    finally:
        meter.close()
    print(
        visible(
            f"wrote {written.path}: {plural(written.files, 'file')}, {size_text(written.size)}, "
            f"{written.classes:,} class{'es' if written.classes != 1 else ''}"
        )
    )
    for split, count in written.examples.items():
        print(visible(f"  {split:10} {plural(count, 'example')}"))
    print(visible(f"  {written.split_note}"))
    return 0


def _size(folder: str) -> int:
    """About how many bytes of images there are, for the progress line."""
    total = 0
    for below, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.path.getsize(os.path.join(below, name))
            except OSError:
                continue
    return total
