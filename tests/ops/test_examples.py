"""The example on each manual page compiles."""

from __future__ import annotations

import re

import pytest

import slimdsl
from slimdsl.ops.base import Op, Primitive
from slimdsl.ops.registry import ALL_OPS

INPUTS = {
    "dropout": "N, 64",
    "fc": "N, 64",
    "flatten": "N, 7, 7, 8",
    "reshape": "N, 49, 8",
    "squeeze": "N, 1, 1, 8",
}
"""The shape that an op's example is for, where it is not an image."""

WRITABLE = [op for op in ALL_OPS if not issubclass(op, Primitive) or op.writable]


def example(op: type[Op]) -> str:
    (found,) = re.findall(r"Example: ``(.+?)``", op.__doc__ or "")
    return str(found)


@pytest.mark.parametrize("op", WRITABLE, ids=lambda op: str(op.name))
def test_the_example_compiles(op: type[Op]) -> None:
    statement = example(op)
    shape = INPUTS.get(statement.partition("(")[0], INPUTS.get(op.name, "N, 32, 32, 8"))
    lines = [f"input images: float32[{shape}]", statement]
    if lines[1].startswith("with "):
        lines += ["conv(8, 3x3)", "fc(8, axis=-1)"]
    if lines[1].startswith("output "):
        lines.insert(1, "let logits = it")
    else:
        lines += ["output result = it"]
    text = "slim 1\nnet example {\n" + "\n".join(lines) + "\n}\n"
    model = slimdsl.loads(text)
    assert model.diagnostics == ()
    assert len(model.outputs) == 1
