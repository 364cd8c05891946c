"""The example on each manual page compiles."""

from __future__ import annotations

import re

import pytest

import slimdsl
from slimdsl.ops.base import Op, Primitive
from slimdsl.ops.registry import ALL_OPS

INPUTS = {
    "attention": "float32[N, 16, 64]",
    "dropout": "float32[N, 64]",
    "embedding": "int32[N, 16]",
    "fc": "float32[N, 64]",
    "flatten": "float32[N, 7, 7, 8]",
    "gru": "float32[N, 16, 64]",
    "lstm": "float32[N, 16, 64]",
    "mask_future": "float32[N, 16, 16]",
    "one_hot": "int32[N]",
    "position_embedding": "float32[N, 16, 64]",
    "prepend_tokens": "float32[N, 16, 64]",
    "reshape": "float32[N, 49, 8]",
    "squeeze": "float32[N, 1, 1, 8]",
}
"""The input that an op's example is for, where it is not an image."""

WRITABLE = [op for op in ALL_OPS if not issubclass(op, Primitive) or op.writable]


def example(op: type[Op]) -> str:
    (found,) = re.findall(r"Example: ``(.+?)``", op.__doc__ or "")
    return str(found)


@pytest.mark.parametrize("op", WRITABLE, ids=lambda op: str(op.name))
def test_the_example_compiles(op: type[Op]) -> None:
    statement = example(op)
    shape = INPUTS.get(statement.partition("(")[0], INPUTS.get(op.name, "float32[N, 32, 32, 8]"))
    lines = [f"input images: {shape}", statement]
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
