"""An artefact that is to be run, and what came of it."""

from __future__ import annotations

from slimdsl.backends.order import Artefact, Order
from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.values import Record, Value, field, positional, value


@positional
class Subject(Record):
    """An artefact that is to be run: the name of its format, what was ordered, what was written."""

    format: str
    order: Order
    artefact: Artefact

    @property
    def precision(self) -> str:
        """Element type of its weights."""
        return self.order.options.precision if self.format == "tflite" else "float32"


@value
class RunResult(Value):
    """What came of one artefact; the fields are those of `verification.Verification`."""

    runtime: str = field(default="")
    not_run: str = field(default="")
    sizes: dict[str, int]
    difference: float | None = field(default=None)
    bound: float | None = field(default=None)
    remark: str = field(default="")
    findings: tuple[Diagnostic, ...] = field(default=())


def not_run(reason: str) -> RunResult:
    """The result of what was not run, through no fault of the artefact."""
    return RunResult(not_run=reason, sizes={})


def refused(subject: Subject, reason: str) -> RunResult:
    """The result of an artefact that its runtime does not take."""
    message = f"`{subject.artefact.path}` cannot be run: {reason}"
    return RunResult(not_run=f"it cannot be run: {reason}", sizes={}, findings=(finding(subject, message),))


def finding(subject: Subject, message: str) -> Diagnostic:
    """The diagnostic about an artefact whose run was not as it should be."""
    if subject.precision == "int8":
        help = "more examples for `--calibrate`, or `--precision float16`, come closer; `--no-verify` skips this"
    elif subject.format in ("frozen", "onnx", "tflite", "stablehlo"):
        help = "`-O0` tells whether the deploy passes are at fault; `--no-verify` skips this; please report it"
    else:
        help = "please report it; `--no-verify` skips this"
    return Diagnostic(code="E0602", message=message, span=None, help=help)
