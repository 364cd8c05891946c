"""The Python interface."""

from __future__ import annotations

from pathlib import Path

import pytest

import slimdsl

ROOT = Path(__file__).parent.parent
TEXT = "slim 1\nnet f(n = 3) {\n  input x: float32[N, 4]\n  fc(n, activation=none) as a\n  output y\n}\n"


def test_vgg16_is_that_of_the_paper() -> None:
    model = slimdsl.load(ROOT / "models" / "vgg16.slim")
    assert model.diagnostics == ()
    assert sum(variable.trainable for variable in model.variables) == 32
    assert model.graph.parameter_count() == 138_357_544
    assert list(model.outputs) == ["logits", "probabilities"]


def test_the_public_names_are_these() -> None:
    assert set(dir(slimdsl)) >= set(slimdsl.__all__)
    assert sorted(slimdsl.__all__) == [
        "CompileError",
        "DType",
        "Diagnostic",
        "Model",
        "Severity",
        "TensorInfo",
        "UsageError",
        "VariableInfo",
        "__version__",
        "load",
        "loads",
    ]
    with pytest.raises(AttributeError, match="no attribute `lode`"):
        _ = slimdsl.lode  # type: ignore[attr-defined]


def test_a_text_with_errors_has_diagnostics_and_no_graph() -> None:
    model = slimdsl.loads(TEXT.replace("fc", "fd"))
    assert [diagnostic.code for diagnostic in model.diagnostics] == ["E0201"]
    with pytest.raises(slimdsl.CompileError, match="unknown layer `fd`") as caught:
        _ = model.graph_def
    assert caught.value.diagnostics == model.diagnostics


def test_parameters_are_values_of_python() -> None:
    assert slimdsl.loads(TEXT, n=5).variables[0].shape == (4, 5)
    with pytest.raises(slimdsl.UsageError, match="no net here has a parameter `m`; "):
        _ = slimdsl.loads(TEXT, m=5).diagnostics


def test_inputs_outputs_variables_and_end_points() -> None:
    model = slimdsl.loads(TEXT)
    assert model.inputs["x"].tensor == "x:0"
    assert str(model.inputs["x"].shape[0]) == "N"
    assert model.outputs["y"].tensor == "f/a/BiasAdd:0"
    assert [(v.name, v.dtype, v.shape, v.trainable, v.regularized) for v in model.variables] == [
        ("f/a/weights", slimdsl.DType.FLOAT32, (4, 3), True, False),
        ("f/a/biases", slimdsl.DType.FLOAT32, (3,), True, False),
    ]
    assert model.end_points == {"f/a": "f/a/BiasAdd:0"}


def test_save_writes_what_to_bytes_gives(tmp_path: Path) -> None:
    model = slimdsl.loads(TEXT)
    model.save(tmp_path / "f.pb", "graphdef", seed=3)
    assert (tmp_path / "f.pb").read_bytes() == model.to_bytes("graphdef", seed=3)
    assert model.graph_def == model.to_bytes("frozen", seed=0)


def test_a_file_with_several_nets_wants_one_named() -> None:
    model = slimdsl.loads(TEXT + TEXT.removeprefix("slim 1\n").replace("net f", "net g"))
    assert model.diagnostics == ()
    with pytest.raises(slimdsl.UsageError, match="several nets; choose one: f, g"):
        _ = model.graph
