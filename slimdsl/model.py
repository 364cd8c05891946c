"""The Python interface: a compiled text as an object.

What is wrong with the text is never an exception by itself: it stands in `diagnostics`. Asking for a result that a text
with errors cannot have raises `CompileError`, which carries the same diagnostics and prints them.
"""

from __future__ import annotations

import math
import numbers
import operator
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Literal, SupportsIndex

from slimdsl.backends.order import PRECISIONS, ArtefactError, MissingPackageError, OptionError, Options
from slimdsl.backends.registry import format_named, format_names
from slimdsl.compiler import Compilation, UsageError, read_source
from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.diagnostics.source import Source
from slimdsl.ir.graph import Graph, Tensor
from slimdsl.ops.regularizers import penalizes
from slimdsl.types import DType, Shape
from slimdsl.values import Value, value
from slimdsl.weights.source import LARGEST_SEED, WeightsError

if TYPE_CHECKING:
    from slimdsl.artefacts.production import Job, Target

    Parameter = bool | int | float | str | Sequence["Parameter"] | None

Form = Literal["frozen", "graphdef"]


class CompileError(Exception):
    """The text or the weights have errors.

    Attributes:
        diagnostics: what was found.
    """

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__(diagnostics)
        self.diagnostics = diagnostics

    def __str__(self) -> str:
        # Loaded only where the text is wanted: a program mostly looks at the diagnostics.
        from slimdsl.diagnostics.render_text import render

        return render(self.diagnostics)


@value
class TensorInfo(Value):
    """An input or an output: its name in the text, the tensor in the graph, and its type."""

    name: str
    tensor: str
    dtype: DType
    shape: Shape


@value
class VariableInfo(Value):
    """A variable: what a checkpoint holds under `name`."""

    name: str
    dtype: DType
    shape: tuple[int, ...]
    trainable: bool
    regularized: bool


class Model:
    """A network compiled from a text; made by `load` and `loads`."""

    def __init__(self, compilation: Compilation) -> None:
        self._compilation = compilation

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All findings, errors and warnings, in the order of the text."""
        return self._compilation.diagnostics

    @property
    def graph(self) -> Graph:
        """The graph.

        Raises:
            CompileError: the text has errors.
            UsageError: the text has several nets and none was named, or none.
        """
        graph = self._compilation.graph
        if graph is None:
            raise CompileError(self.diagnostics)
        return graph

    @property
    def name(self) -> str:
        """The name of the net."""
        return self.graph.name

    @cached_property
    def inputs(self) -> dict[str, TensorInfo]:
        """Name -> input, in the order of the text."""
        return {name: _info(name, tensor) for name, tensor in self.graph.inputs.items()}

    @cached_property
    def outputs(self) -> dict[str, TensorInfo]:
        """Name -> output, in the order of the text."""
        return {name: _info(name, tensor) for name, tensor in self.graph.outputs.items()}

    @cached_property
    def variables(self) -> tuple[VariableInfo, ...]:
        """The variables in the order in which they are made."""
        return tuple(
            VariableInfo(
                name=variable.name,
                dtype=variable.tensor.type.dtype,
                shape=variable.shape,
                trainable=variable.trainable,
                regularized=penalizes(variable.regularizer),
            )
            for variable in self.graph.variables
        )

    @property
    def end_points(self) -> dict[str, str]:
        """Scope path -> name of the last tensor that was made in the scope."""
        return {path: tensor.name for path, tensor in self.graph.end_points.items()}

    @cached_property
    def graph_def(self) -> bytes:
        """The frozen graph for TensorFlow as it is written, first values from seed 0: ``compile -O0``."""
        return self.to_bytes()

    def to_bytes(
        self,
        form: Form = "frozen",
        *,
        level: int = 0,
        seed: SupportsIndex | None = None,
        weights: str | os.PathLike[str] | None = None,
        ema: bool = False,
        excepted: Sequence[str] = (),
        renames: Mapping[str, str] | None = None,
    ) -> bytes:
        """The serialised GraphDef.

        Args:
            form: ``frozen`` (weights as constants) or ``graphdef`` (variables, and an `init` op).
            level: 1 for the deploy passes, which a frozen graph for inference can take.
            seed: what first values are drawn from, 0 to 2^64 - 1; with `weights`, those that `excepted` leaves out.
            weights: a checkpoint, SavedModel, ``.safetensors`` or ``.npz``, in place of drawing values.
            ema: take moving averages in place of the values themselves.
            excepted: scopes of the network that are not loaded.
            renames: scope or name in the file -> in the network.

        Raises:
            CompileError: the text or the weights have errors, or the graph would be too large for any reader.
            UsageError: there is no such form, or the arguments contradict each other.
            OSError: the weights cannot be read.
        """
        from slimdsl.artefacts.production import produce_bytes, weights_of

        if form not in ("frozen", "graphdef"):
            raise UsageError(f"there is no form {form!r}; there are frozen, graphdef")
        job, target = self._job(form, "", level, Options(), (seed, weights, ema, excepted, renames))
        with _explained(), weights_of(job) as (source, _):
            return produce_bytes(job, target, source)

    def save(
        self,
        path: str | os.PathLike[str],
        form: str = "frozen",
        *,
        level: int | None = None,
        seed: SupportsIndex | None = None,
        weights: str | os.PathLike[str] | None = None,
        ema: bool = False,
        excepted: Sequence[str] = (),
        renames: Mapping[str, str] | None = None,
        text: bool = False,
        frozen: bool = False,
        precision: str = PRECISIONS[0],
        calibrate: str | os.PathLike[str] | None = None,
        opset: int | None = None,
        sizes: Mapping[str, int] | None = None,
    ) -> None:
        """Write what `slimdsl compile --to FORM` writes, without its manifest and without reading it back.

        Args:
            path: the file or folder, which appears whole or not at all.
            form: a format of `slimdsl compile --to`.
            level: 1 for the deploy passes, 0 for none; None as `compile` does it.
            seed: as in `to_bytes`.
            weights: as in `to_bytes`.
            ema: as in `to_bytes`.
            excepted: as in `to_bytes`.
            renames: as in `to_bytes`.
            text: protobuf's text form (frozen, graphdef).
            frozen: weights as constants (savedmodel).
            precision: element type of the weights, ``float32``, ``float16`` or ``int8`` (tflite).
            calibrate: an ``.npz`` with examples for every input (tflite, for int8).
            opset: version of ONNX's operators (onnx).
            sizes: numbers for sizes that the network leaves open; the batch is 1 unless it is given (stablehlo).

        Raises:
            CompileError: the text or the weights have errors, or the format cannot hold the network.
            UsageError: there is no such form, the arguments contradict each other, a package is missing, or the file
                is one that the network is made of.
            OSError: the weights cannot be read, or the file cannot be written.
        """
        from slimdsl.artefacts.production import produce, read_for, refuse_overwriting, weights_of

        options = Options(
            text=text,
            frozen=frozen,
            precision=precision,
            calibrate=os.fspath(calibrate) if calibrate else "",
            opset=Options().opset if opset is None else opset,
            sizes=tuple((sizes or {}).items()),
        )
        given = (seed, weights, ema, excepted, renames)
        job, target = self._job(form, os.fspath(path), level, options, given)
        compilation = self._compilation
        with _explained(), weights_of(job) as (source, comparison):
            read = [compilation.source.name, *compilation.used_files, *read_for(job, comparison, options)]
            folder = target.format.folder
            refuse_overwriting(() if folder else (target.path,), (target.path,) if folder else (), read)
            produce(job, target, source)

    def _job(self, form: str, path: str, level: int | None, options: Options, given: _Given) -> tuple[Job, Target]:
        """What is to be made; errors as in `save`."""
        from slimdsl.artefacts.production import Job, Target, level_problem, usual_level
        from slimdsl.weights.selection import Rename, Selection

        chosen = format_named(form)
        if chosen is None:
            raise UsageError(f"there is no form {form!r}; there are {', '.join(format_names())}")
        seed, weights, ema, excepted, renames = given
        graph = self.graph
        training = graph.training
        if training and not chosen.trains:
            raise UsageError(f"{form} holds no training graph")
        if level is None:
            level = usual_level(chosen, options, training=training)
        problem = level_problem(chosen, options, level, training=training)
        if problem:
            raise UsageError(problem)
        if options.precision not in PRECISIONS:
            raise UsageError(f"there is no precision {options.precision!r}; there are {', '.join(PRECISIONS)}")
        selection = Selection(
            ema=ema, excepted=tuple(excepted), renames=tuple(Rename(*pair) for pair in (renames or {}).items())
        )
        train_graph = graph if training else None
        if training and chosen.holds_both:
            graph = self._inference_graph()
        job = Job(
            graph=graph,
            train_graph=train_graph,
            targets=(),
            weights=os.fspath(weights) if weights else "",
            selection=selection,
            seed=None if seed is None else _seed(seed),
        )
        return job, Target(format=chosen, path=path, level=level, options=options)

    def _inference_graph(self) -> Graph:
        """The graph for inference of what was loaded for training.

        Raises:
            CompileError: it has errors that the training graph has not.
        """
        compilation = self._compilation.for_inference()
        if compilation.graph is None:
            raise CompileError(compilation.diagnostics)
        return compilation.graph


_Given = tuple[
    "SupportsIndex | None", "str | os.PathLike[str] | None", bool, "Sequence[str]", "Mapping[str, str] | None"
]


@contextmanager
def _explained() -> Iterator[None]:
    """Errors of the rooms below as those that this module promises."""
    from slimdsl.artefacts.production import OverwriteError, UnloadedError

    try:
        yield
    except (WeightsError, ArtefactError) as error:
        raise CompileError(error.diagnostics) from error
    except (UnloadedError, OverwriteError, OptionError, MissingPackageError) as error:
        raise UsageError(str(error)) from error


def load(
    path: str | os.PathLike[str], net: str | None = None, *, training: bool = False, **parameters: Parameter
) -> Model:
    """Compile a file.

    Args:
        path: the ``.slim`` file.
        net: which of its nets; None for the only one.
        training: build the training graph.
        **parameters: values for the net's parameters.

    Raises:
        OSError: the file cannot be read.
    """
    source, findings = read_source(os.fspath(path))
    texts = {name: literal(given) for name, given in parameters.items()}
    return Model(Compilation(source, net=net, parameters=texts, training=training, read_diagnostics=findings))


def loads(
    text: str, net: str | None = None, *, training: bool = False, name: str = "<text>", **parameters: Parameter
) -> Model:
    """Compile a text; `name` is what diagnostics call it. All else as in `load`."""
    texts = {key: literal(given) for key, given in parameters.items()}
    return Model(Compilation(Source(name, text), net=net, parameters=texts, training=training))


_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", "\t": r"\t", "{": r"\{", "}": r"\}"})


def literal(given: object) -> str:
    """A Python value as the language writes it.

    Numbers are those of `numbers`, so that numpy's scalars and enumerations of integers are taken as what they are.

    Raises:
        UsageError: the language has no such value.
    """
    if given is None or isinstance(given, bool):
        return {None: "none", True: "true", False: "false"}[given]
    if isinstance(given, numbers.Real):
        text = _number(given)
        if text:
            return text
    if isinstance(given, str):
        return f'"{given.translate(_ESCAPES)}"'
    if isinstance(given, (list, tuple)):
        return f"[{', '.join(literal(item) for item in given)}]"
    raise UsageError(
        f"a parameter cannot be {_shown(given)}: it must be a finite number, a bool, a string, None or a list of these"
    )


def _number(given: numbers.Real) -> str:
    """The text of a number; "" where the language has none for it."""
    try:
        if isinstance(given, numbers.Integral):
            return int.__repr__(int(given))
        number = float(given)
        return float.__repr__(number) if math.isfinite(number) else ""
    except (ValueError, OverflowError):
        return ""


def _shown(given: object) -> str:
    try:
        return repr(given)[:100]
    except ValueError:
        # Python writes no integer of more than some thousand digits.
        return "a number of so many digits"


def _seed(given: SupportsIndex) -> int:
    try:
        seed = operator.index(given)
    except TypeError:
        seed = -1
    if not 0 <= seed <= LARGEST_SEED:
        raise UsageError(f"a seed must be an integer from 0 to 2^64 - 1, not {_shown(given)}")
    return seed


def _info(name: str, tensor: Tensor) -> TensorInfo:
    return TensorInfo(name=name, tensor=tensor.name, dtype=tensor.type.dtype, shape=tensor.type.shape)


__all__ = ["CompileError", "Model", "TensorInfo", "UsageError", "VariableInfo", "load", "loads"]
