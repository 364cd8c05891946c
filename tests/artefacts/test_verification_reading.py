"""Artefacts are read back without any runtime: what was tampered with is found."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slimdsl.artefacts import running, stored_values
from slimdsl.artefacts.verification import Verification, verify_artefacts
from slimdsl.backends.graphdef.proto import GraphDef
from slimdsl.backends.order import Order
from slimdsl.values import fields_of
from slimdsl.weights.seeded import SeedWeights
from slimdsl.weights.source import WeightsError
from tests.artefacts.made import SEED, Made, graph_of, make

WRITTEN_HERE = [
    ("frozen", {}),
    ("frozen", {"level": 1}),
    ("frozen", {"text": True}),
    ("graphdef", {}),
    ("graphdef", {"drawn": True}),
    ("graphdef", {"text": True, "drawn": True}),
    ("pbtxt", {}),
    ("pbtxt", {"drawn": True}),
    ("savedmodel", {}),
    ("savedmodel", {"frozen": True}),
    ("savedmodel", {"frozen": True, "level": 1}),
    ("dot", {}),
    ("json", {}),
    ("json", {"drawn": True}),
]


@pytest.fixture(autouse=True)
def _nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_is_installed", lambda package: False)


def read_back(made: Made) -> Verification:
    (found,) = verify_artefacts([made], graph_of(), SeedWeights(SEED), SEED)
    return found


def tampered(made: Made, change: Callable[[bytes], bytes], file: str = "") -> list[str]:
    """What is found when the bytes of an artefact have changed."""
    path = Path(made[2].path) / file if file else Path(made[2].path)
    path.write_bytes(change(path.read_bytes()))
    return messages(read_back(made))


def messages(found: Verification) -> list[str]:
    assert all(finding.code == "E0603" for finding in found.findings)
    if found.findings and found.format not in ("dot", "json"):
        assert found.not_run == "it was not read back whole"
    return [finding.message.removeprefix(f"`{found.path}` ") for finding in found.findings]


def message_changed(change: Callable[[Any], None]) -> Callable[[bytes], bytes]:
    def changed(content: bytes) -> bytes:
        message = GraphDef.FromString(content)
        change(message)
        return message.SerializeToString(deterministic=True)

    return changed


def node(message: Any, name: str) -> Any:
    (found,) = [node for node in message.node if node.name == name]
    return found


@pytest.mark.parametrize(("format", "options"), WRITTEN_HERE, ids=str)
def test_what_was_written_is_read_back(tmp_path: Path, format: str, options: dict[str, Any]) -> None:
    found = read_back(make(tmp_path, format, graph_of(), **options))
    assert found.findings == ()
    assert found.read_back
    assert found.runtime == ""
    assert found.difference is None
    if format in ("dot", "json"):
        assert found.not_run == "nothing runs this format"
    else:
        assert found.not_run == "TensorFlow is not installed"
        assert " nodes, " in found.read_back


def test_what_was_read_back_is_said(tmp_path: Path) -> None:
    graph = graph_of()
    said = {format: read_back(make(tmp_path, format, graph)).read_back for format in ("frozen", "savedmodel", "json")}
    assert said == {
        "frozen": "24 nodes, 10 variables, all their bytes",
        "savedmodel": "116 nodes, 1 signature, 10 variables, all their bytes",
        "json": "10 nodes, 10 variables",
    }


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize("format", ["frozen", "graphdef"])
def test_every_byte_of_a_graph_counts(tmp_path: Path, format: str) -> None:
    made = make(tmp_path, format, graph_of())
    path = Path(made[2].path)
    content = path.read_bytes()
    for place in range(0, len(content), max(1, len(content) // 150)):
        path.write_bytes(flipped(content, place))
        assert read_back(made).findings, place


def test_a_flipped_weight(tmp_path: Path) -> None:
    made = make(tmp_path, "frozen", graph_of())
    collected = bytearray()
    variable = made[1].graph.variables[1]
    SeedWeights(SEED).write(graph_of().variables[0], collected.extend)

    def flip(content: bytes) -> bytes:
        return flipped(content, content.index(bytes(collected)) + 4 * 10)

    assert variable.name != "convs/conv1/weights"
    assert tampered(made, flip) == [
        "holds other numbers for the variable `convs/conv1/weights` than were to be written, from element 10 of 108"
    ]


def rename(message: Any) -> None:
    node(message, "convs/conv2/Relu").name = "convs/conv2/Relu6"


def rename_everywhere(message: Any) -> None:
    rename(message)
    for other in message.node:
        other.input[:] = [name.replace("convs/conv2/Relu", "convs/conv2/Relu6") for name in other.input]


def swap_outputs(message: Any) -> None:
    first, second = node(message, "convs/conv1/Relu"), node(message, "convs/conv2/Relu")
    first.name, second.name = second.name, first.name


def other_op(message: Any) -> None:
    node(message, "convs/conv2/Relu").op = "Relu6"


def other_attr(message: Any) -> None:
    node(message, "convs/conv2/Conv2D").attr["padding"].s = b"VALID"


def other_input_shape(message: Any) -> None:
    node(message, "images").attr["shape"].shape.dim[3].size = 4


def no_input(message: Any) -> None:
    node(message, "images").op = "Const"


def no_output(message: Any) -> None:
    message.node.remove(node(message, "convs/ArgMax"))


def other_type(message: Any) -> None:
    tensor = node(message, "convs/logits/biases").attr["value"].tensor
    tensor.dtype = 3


def other_shape(message: Any) -> None:
    node(message, "convs/logits/biases").attr["value"].tensor.tensor_shape.dim[0].size = 2


def shorter(message: Any) -> None:
    node(message, "convs/logits/biases").attr["value"].tensor.tensor_content = bytes(8)


def no_variable(message: Any) -> None:
    variable = node(message, "convs/logits/biases")
    variable.op = "Placeholder"


def twice(message: Any) -> None:
    message.node.add().CopyFrom(node(message, "convs/conv2/Relu"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (rename, "has a node `convs/drop/Identity` that reads `convs/conv2/Relu`, which is not there"),
        (rename_everywhere, "has no node `convs/conv2/Relu`"),
        (swap_outputs, "has the node `convs/conv1/Relu` reading ["),
        (other_op, "has the node `convs/conv2/Relu` as Relu6, not as Relu"),
        (other_attr, "has the node `convs/conv2/Conv2D` with other attributes than were to be written"),
        (other_input_shape, "has the input `images` as float32[-1, -1, -1, 4], not as float32[N, H, W, 3]"),
        (no_input, "has no placeholder `images:0` for the input `images`"),
        (no_output, "has no node `convs/ArgMax` for the output `classes`"),
        (other_type, "has the variable `convs/logits/biases` as int32[3], not as float32[3]"),
        (other_shape, "has the variable `convs/logits/biases` as float32[2], not as float32[3]"),
        (shorter, "has 8 bytes for the variable `convs/logits/biases`, which has 12"),
        (no_variable, "has no constant for the variable `convs/logits/biases`"),
        (twice, "has two nodes called `convs/conv2/Relu`"),
    ],
    ids=lambda given: getattr(given, "__name__", ""),
)
def test_a_graph_that_was_changed(tmp_path: Path, change: Callable[[Any], None], expected: str) -> None:
    found = tampered(make(tmp_path, "frozen", graph_of()), message_changed(change))
    assert found
    assert found[0].startswith(expected), found


def test_another_version(tmp_path: Path) -> None:
    # The last byte is of the producer's number.
    found = tampered(make(tmp_path, "frozen", graph_of()), lambda content: flipped(content, len(content) - 1))
    assert found == ["has another version than the one that was to be written"]


def test_a_variable_of_a_graph_that_was_changed(tmp_path: Path) -> None:
    def change(message: Any) -> None:
        node(message, "convs/logits/biases").attr["shape"].shape.dim[0].size = 4

    made = make(tmp_path, "graphdef", graph_of())
    expected = "has the variable `convs/logits/biases` as float32[4], not as float32[3]"
    assert tampered(made, message_changed(change)) == [expected]


@pytest.mark.parametrize(
    ("format", "options"), [("frozen", {}), ("pbtxt", {}), ("savedmodel", {"frozen": True}), ("json", {}), ("dot", {})]
)
@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9, -2])
def test_a_file_that_is_cut_off(tmp_path: Path, format: str, options: dict[str, Any], kept: float) -> None:
    def cut(content: bytes) -> bytes:
        return content[: int(len(content) * kept) if kept >= 0 else -2]

    file = "saved_model.pb" if format == "savedmodel" else ""
    (found,) = tampered(make(tmp_path, format, graph_of(), **options), cut, file)
    assert found.startswith(("is ", "has ", "ends ", "shows ", "describes "))


def test_bytes_behind_the_end(tmp_path: Path) -> None:
    # A field that readers pass over.
    found = tampered(make(tmp_path, "frozen", graph_of()), lambda content: content + b"\xfa\x01\x02ab")
    assert found == ["has 5 bytes behind its end"]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    made = make(tmp_path, "frozen", graph_of())
    Path(made[2].path).unlink()
    assert messages(read_back(made)) == ["cannot be read: no such file or directory"]


@pytest.mark.parametrize(("format", "options"), [("frozen", {}), ("graphdef", {}), ("savedmodel", {})])
def test_the_weights_of_another_seed(tmp_path: Path, format: str, options: dict[str, Any]) -> None:
    made = make(tmp_path, format, graph_of(), **options)
    _, order, artefact = made
    found = messages(read_back((format, with_seed(order, SEED + 1), artefact)))
    # Biases and what batch normalisation has are no random numbers.
    assert [message.split("`")[1] for message in found] == [
        "convs/logits/weights", "convs/conv1/weights", "convs/conv2/weights",
    ]  # fmt: skip


def with_seed(order: Order, seed: int) -> Order:
    """The same order with the weights of a seed, as if they had been wanted."""
    given = {name: getattr(order, name) for name in fields_of(order)}
    return Order(**{**given, "weights": SeedWeights(seed)})


def test_of_large_weights_a_spread_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_values, "BUDGET", 1000)
    monkeypatch.setattr(stored_values, "BEGINNING", 16)
    for format in ("frozen", "savedmodel"):
        made = make(tmp_path, format, graph_of())
        found = read_back(made)
        assert not found.findings
        # The 10 beginnings are 156 bytes; all but the two largest fit into the rest, and those have 432 and 576.
        assert found.read_back.endswith(" MB of their bytes")
        other = (format, with_seed(made[1], SEED + 1), made[2])
        assert len(messages(read_back(other))) == 3


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("data", "cannot be compared with its weights: "),
        ("index", "has a damaged checkpoint: "),
        ("no index", "cannot be read: no such file or directory"),
        ("no data", "has a damaged checkpoint: "),
        ("signature", "has no signature `serving_default`"),
        ("output", "has the output `classes` of the signature `serving_default` not at all"),
        ("tag", "has no graph with the tag `serve`"),
    ],
)
def test_a_saved_model_that_was_changed(tmp_path: Path, change: str, expected: str) -> None:
    made = make(tmp_path, "savedmodel", graph_of())
    folder = Path(made[2].path)
    index = folder / "variables" / "variables.index"
    data = folder / "variables" / "variables.data-00000-of-00001"
    graph = folder / "saved_model.pb"
    if change.startswith("no"):
        {"no index": index, "no data": data}[change].unlink()
    elif change == "data":
        data.write_bytes(flipped(data.read_bytes(), 4))
    elif change == "index":
        index.write_bytes(flipped(index.read_bytes(), 20))
    else:
        old, new = {
            "signature": (b"serving_default", b"serving_defeats"),
            "output": (b"\x0a\x07classes\x12", b"\x0a\x07klasses\x12"),
            "tag": (b"\x22\x05serve", b"\x22\x05swerv"),
        }[change]
        assert old in graph.read_bytes()
        graph.write_bytes(graph.read_bytes().replace(old, new))
    found = messages(read_back(made))
    assert found[-1].startswith(expected), found


def test_descriptions_of_another_graph(tmp_path: Path) -> None:
    for format, expected in (
        ("json", "describes another graph than the one that was to be written"),
        ("dot", "shows another graph than the one that was to be written"),
    ):
        made = make(tmp_path, format, graph_of())
        other = make(tmp_path, format, graph_of(OTHER))
        shutil.copy(other[2].path, made[2].path)
        assert messages(read_back(made)) == [expected]


OTHER = """slim 1
net convs {
  input images: float32[N, H, W, 3]
  conv(4, 3x3) as conv1
  output logits = it
}
"""


def test_every_artefact_is_looked_at(tmp_path: Path) -> None:
    graph = graph_of()
    made = [make(tmp_path, "frozen", graph), make(tmp_path, "json", graph), make(tmp_path, "graphdef", graph)]
    for _, _, artefact in (made[0], made[2]):
        Path(artefact.path).write_bytes(b"")
    first, second, third = verify_artefacts(made, graph, SeedWeights(SEED), SEED)
    assert messages(first) == messages(third) == ["is empty"]
    assert messages(second) == []
    # Nothing is deleted, and nothing is left beside them.
    assert len(list(tmp_path.iterdir())) == 3


def test_a_damaged_weights_file_while_reading_back(tmp_path: Path) -> None:
    made = make(tmp_path, "frozen", graph_of())

    class Broken(SeedWeights):
        def write(self, *_: object) -> None:
            raise WeightsError(())

    given = {name: getattr(made[1], name) for name in fields_of(made[1])}
    found = messages(read_back(("frozen", Order(**{**given, "weights": Broken(SEED)}), made[2])))
    assert len(found) == 10
    assert found[0].startswith("cannot be compared with its weights")
