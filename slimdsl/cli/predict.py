"""`slimdsl predict`: what a network with its weights says of images and arrays."""

from __future__ import annotations

import json
import os
import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from slimdsl.cli.loading import open_graph
from slimdsl.cli.network_weights import WEIGHTS_HELP, add_taking_options, count, opened_job
from slimdsl.cli.options import PREPROCESSINGS, add_colour_option, add_net_options
from slimdsl.cli.refusal import Refusal
from slimdsl.cli.report import plural, print_diagnostics
from slimdsl.cli.run_parameters import say_other_parameters
from slimdsl.cli.run_weights import add_step_option, run_folder, take_step, take_whole
from slimdsl.cli.runtime_loading import add_device_option, load_runtime, use_device
from slimdsl.cli.streams import say
from slimdsl.diagnostics.display import visible
from slimdsl.files import STDOUT, FileWriteError, overwritten
from slimdsl.ir.graph import Graph
from slimdsl.weights.comparison import Comparison
from slimdsl.weights.source import WeightsError
from slimdsl.weights.training_state import SHADOW

if TYPE_CHECKING:
    from slimdsl.runtime.examples import Example
    from slimdsl.runtime.prediction import Prediction, Predictor

_SIZE = re.compile(r"([1-9][0-9]{0,4})(?:x([1-9][0-9]{0,4}))?\Z")
_ARCHIVE = ".npz"
_TOP = 5


def configure(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = (
        "Run a network for inference. Images (JPEG, PNG, BMP, GIF) become its input as in evaluation; an .npz has an "
        "array for every input, its examples along the first axis. For classifiers, which have an output `predictions` "
        "or `logits`, the likeliest classes are printed; for all others what each output is like."
    )
    parser.add_argument("file", metavar="MODEL", help="a .slim file")
    parser.add_argument("inputs", metavar="INPUT", nargs="+", help="images, or archives of arrays")
    parser.add_argument("--weights", metavar="WEIGHTS", required=True, help=WEIGHTS_HELP)
    add_step_option(parser)
    add_taking_options(parser)
    parser.add_argument("--top", type=count, default=_TOP, metavar="K", help=f"how many classes are printed ({_TOP})")
    parser.add_argument(
        "--labels",
        metavar="FILE",
        help="the names of the classes, a line `id:name` for each (labels.txt in the folder of the weights, "
        "else beside the data of the training)",
    )
    parser.add_argument(
        "--preprocessing",
        metavar="NAME",
        default="",
        help=f"what images go through: {PREPROCESSINGS} (the training's, else TF-Slim's for the network's name, else "
        "lenet where the first image has the network's size and inception where not)",
    )
    parser.add_argument(
        "--size",
        type=_size,
        metavar="SIZE",
        help="height and width, as 224 or 224x320, where the network leaves them open",
    )
    add_device_option(parser)
    parser.add_argument("-o", "--output", metavar="OUT.npz", help="write all outputs into an archive")
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each example")
    add_net_options(parser)
    add_colour_option(parser)


def run(arguments: Namespace) -> int:
    """Predict and print; return 1 where there are errors, or an example that cannot be used."""
    take_step(arguments)
    _refuse_output(arguments)
    graph = open_graph(arguments.file, arguments)
    if graph is None:
        return 1
    folder = run_folder(arguments.weights)
    if folder:
        say_other_parameters(folder, arguments)
    try:
        # The weights are looked at before TensorFlow is loaded, which takes seconds.
        take_whole(arguments)
        with opened_job(graph, arguments) as (weights, comparison):
            module = load_runtime("slimdsl.runtime.prediction")
            use_device(arguments)
            errors = load_runtime("slimdsl.runtime.data.errors")
            try:
                names = _class_names(folder, arguments)
                how, examples = _examples(graph, folder, arguments)
                predictor = module.Predictor(graph, weights)
                if not arguments.json:
                    file = comparison.file
                    print(visible(f"{graph.name} with {file.path} ({file.kind}){_averages(comparison)}{how}"))
                return _predict(predictor, examples, names, arguments)
            except errors.MissingDataError as error:
                raise Refusal(str(error)) from error
            except errors.DataError as error:
                say(f"slimdsl: {visible(str(error))}")
                return 1
    except WeightsError as error:
        print_diagnostics(error.diagnostics, arguments.color)
        return 1
    except FileWriteError as error:
        raise Refusal(str(error)) from error


def _predict(predictor: Predictor, examples: Iterator[Example], names: Sequence[str], arguments: Namespace) -> int:
    """Print every prediction as it comes, then write what is to be written.

    Raises:
        DataError: the network cannot be run on an example, or the outputs cannot be joined.
        FileWriteError: they cannot be written.
    """
    from slimdsl.runtime.output_archive import write_outputs

    kept: list[Prediction] = []
    failed = 0
    for prediction in predictor.predict(examples):
        if prediction.problem:
            failed += 1
            say(f"slimdsl: {visible(prediction.problem)}")
        elif arguments.output is not None:
            kept.append(prediction)
        if arguments.json:
            print(json.dumps(_entry(prediction, names, arguments.top)))
        elif not prediction.problem:
            print("\n".join(visible(line) for line in _lines(prediction, names, arguments.top)))
    if kept:
        write_outputs(arguments.output, kept, predictor)
        if not arguments.json:
            counts = f"{plural(len(predictor.graph.outputs), 'output')} of {plural(len(kept), 'example')}"
            print(visible(f"wrote {arguments.output}: {counts}"))
    elif arguments.output is not None:
        say(visible(f"slimdsl: `{arguments.output}` was not written: no example could be used"))
    return 1 if failed else 0


def _averages(comparison: Comparison) -> str:
    """Whether moving averages are taken, in words."""
    if comparison.averaged:
        return f", {plural(comparison.averaged, 'moving average')}"
    there = any(name.endswith(SHADOW) for name in comparison.file.tensors)
    return ", without its moving averages (--ema takes them)" if there else ""


def _lines(prediction: Prediction, names: Sequence[str], top: int) -> Iterator[str]:
    from slimdsl.runtime.prediction import summary

    yield prediction.name
    if prediction.probabilities is not None:
        found = prediction.top(top)
        width = max(len(str(number)) for number, _ in found)
        for number, probability in found:
            yield f"  {probability:.4f}  {number:>{width}}  {_name(names, number) or ''}".rstrip()
        return
    width = max(len(name) for name in prediction.outputs)
    for name, array in prediction.outputs.items():
        facts = summary(array)
        figures = [
            f"{key.replace('_', ' ')} {facts[key]:.6g}" for key in ("min", "max", "mean", "not_finite") if key in facts
        ]
        yield "  ".join([f"  {name:<{width}}", f"{facts['dtype']}{facts['shape']}", *figures])


def _entry(prediction: Prediction, names: Sequence[str], top: int) -> dict[str, Any]:
    from slimdsl.runtime.prediction import summary

    if prediction.problem:
        return {"input": prediction.name, "error": prediction.problem}
    if prediction.probabilities is None:
        return {
            "input": prediction.name,
            "outputs": {name: summary(array) for name, array in prediction.outputs.items()},
        }
    found = [
        {"class": number, "name": _name(names, number), "probability": probability}
        for number, probability in prediction.top(top)
    ]
    return {"input": prediction.name, "top": found}


def _name(names: Sequence[str], number: int) -> str | None:
    return names[number] if number < len(names) else None


def _examples(graph: Graph, folder: str, arguments: Namespace) -> tuple[str, Iterator[Example]]:
    """How images are preprocessed, in words, and the examples in the order of the command line.

    Args:
        graph: the network.
        folder: of the run that the weights are of; "" for none.
        arguments: of the command.

    Raises:
        DataError: an archive does not fit the network, or no image could.
    """
    from slimdsl.runtime import examples as module
    from slimdsl.runtime.run_record import read_run_record

    images = [path for path in arguments.inputs if not path.endswith(_ARCHIVE)]
    how, target, preprocessing = "", None, None
    if images:
        record = read_run_record(folder) if folder else None
        own = record.preprocessing if record else ""
        chosen = arguments.preprocessing or own
        target = module.image_input(graph, arguments.size, resized=record is not None and record.digits)
        preprocessing = module.choose_preprocessing(graph.name, chosen, target, images)
        how = f", preprocessing {preprocessing.name}"
        if own and not arguments.preprocessing:
            how += f" of the run `{folder}`"
        if target.resized:
            how += f", resized to {target.size[0]}x{target.size[1]} first, as its digits were"
    elif arguments.preprocessing or arguments.size:
        raise Refusal("--preprocessing and --size are about images, and there are none: arrays are fed as they are")
    archives = {path: module.array_examples(path, graph) for path in arguments.inputs if path.endswith(_ARCHIVE)}

    def in_order() -> Iterator[Example]:
        for path in arguments.inputs:
            if path in archives:
                yield from archives[path]
            elif target is not None and preprocessing is not None:
                yield from module.image_examples([path], target, preprocessing)

    return how, in_order()


def _class_names(folder: str, arguments: Namespace) -> tuple[str, ...]:
    """The names of the classes: those that were given, or those beside the weights or the data of their training.

    Raises:
        DataError: the file cannot be read, or is none of labels.
    """
    from slimdsl.runtime.data.class_names import read_class_names, read_class_names_file, without_offset
    from slimdsl.runtime.run_record import read_run_record

    if arguments.labels is not None:
        return read_class_names_file(arguments.labels)
    record = read_run_record(folder) if folder else None
    own = folder or arguments.weights
    if os.path.isdir(own) and (names := read_class_names(own)):
        return names
    # Those of the data have the numbers of the data.
    folders = [record.data, os.path.dirname(record.data)] if record else []
    found = next((names for path in folders if os.path.isdir(path) and (names := read_class_names(path))), ())
    return without_offset(found, record.labels_offset if record else 0)


def _refuse_output(arguments: Namespace) -> None:
    """Nothing that is read may be written over.

    Raises:
        Refusal: the output is a file that is read.
    """
    if arguments.output is None:
        return
    if arguments.output == STDOUT:
        raise Refusal("-o names a file: what is predicted goes to standard output")
    read = [arguments.file, arguments.weights, *arguments.inputs, *filter(None, [arguments.labels])]
    lost = overwritten(arguments.output, read)
    if lost:
        raise Refusal(f"`{arguments.output}` is `{lost}`, which is read; name another file with -o")


def _size(text: str) -> tuple[int, int]:
    """The argument of ``--size``.

    Raises:
        ArgumentTypeError: it is neither a number nor two.
    """
    found = _SIZE.match(text)
    if found is None:
        raise ArgumentTypeError("must be a number of pixels, or height and width, such as 224 or 224x320")
    return int(found[1]), int(found[2] or found[1])
