"""The graph as JSON: every network reads back as it was, the schema and the page describe all that is written."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import slimdsl
from slimdsl.backends.graphdef.emitter import emit
from slimdsl.backends.ir_json import writer
from slimdsl.backends.ir_json.reader import DocumentError, read
from slimdsl.backends.ir_json.writer import document, graph_json
from slimdsl.backends.order import Order
from slimdsl.compiler import Compilation, read_source
from slimdsl.ir.graph import Graph
from slimdsl.ir.text import print_graph
from slimdsl.passes.deploy import deploy
from tests.work import at_most

ROOT = Path(__file__).parent.parent.parent.parent
SCHEMA = json.loads((ROOT / "slimdsl" / "backends" / "ir_json" / "schema.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "ir-json.md").read_text(encoding="utf-8")
SOURCES = [*sorted((ROOT / "models").rglob("*.slim")), *sorted((ROOT / "tests/semantics/cases").glob("*.slim"))]

TEXT = """\
slim 1
net f() {
  input x: float32[N, H, 8, 3]
  conv(4, 3x3, padding=valid, norm=batch_norm, weights_reg=l2(0.01)) as conv1
  max_pool(2x2) as pool1
  global_avg_pool(keep_dims=false) as pool2
  fc(5, activation=none) as logits
  output logits
}
"""


def graphs() -> Iterator[Graph]:
    """All nets of the models and of the cases of the language, and the training graphs of the smaller."""
    for path in SOURCES:
        source, findings = read_source(str(path))
        for net in Compilation(source, read_diagnostics=findings).complete_names:
            graph = Compilation(source, read_diagnostics=findings, net=net).graph
            assert graph is not None, path
            yield graph
            if len(graph.nodes) < 100:
                training = Compilation(source, read_diagnostics=findings, net=net, training=True).graph
                assert training is not None, path
                yield training


def closed(schema: Any) -> Any:
    """The schema with no key allowed that it does not name: what this version writes, exactly."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(item) for key, item in schema.items()}
    if "properties" in found:
        found.setdefault("additionalProperties", False)
    return found


def test_every_network_follows_the_schema_and_reads_back_as_it_was() -> None:
    validator = jsonschema.Draft202012Validator(closed(SCHEMA))
    count = 0
    for graph in graphs():
        text = graph_json(graph)
        parsed = json.loads(text)
        if len(text) < 60_000:
            # The validator takes seconds for one of the largest, and these have nothing that others do not have.
            validator.validate(parsed)
        again = read(text)
        assert print_graph(again) == print_graph(graph)
        stripped = [{**layer, "place": None} for layer in parsed["layers"]]
        assert document(again)["layers"] == json.loads(json.dumps(stripped))
        count += 1
    assert count > 90


@pytest.mark.parametrize(("form", "training"), [("frozen", False), ("graphdef", True)])
@pytest.mark.parametrize("net", ["inception_v3", "mobilenet_v2"])
def test_what_was_read_back_is_emitted_to_the_same_bytes(net: str, form: Any, training: bool) -> None:
    graph = slimdsl.load(ROOT / "models" / "slim" / f"{net}.slim", net, training=training).graph
    again = read(graph_json(graph))
    emitted = [emit(each, form=form, seed=7).pieces for each in (graph, again)]
    first, second = ([p if isinstance(p, bytes) else p.header for p in pieces] for pieces in emitted)
    assert first == second


@pytest.mark.parametrize("net", ["inception_v1", "mobilenet_v2"])
def test_a_deployed_network_reads_back_as_it_was(net: str) -> None:
    graph = deploy(slimdsl.load(ROOT / "models" / "slim" / f"{net}.slim", net).graph).graph
    text = graph_json(graph)
    jsonschema.Draft202012Validator(closed(SCHEMA)).validate(json.loads(text))
    assert print_graph(read(text)) == print_graph(graph)
    assert '"name": "derived"' in text


def test_the_artefact(tmp_path: Path) -> None:
    graph = slimdsl.loads(TEXT).graph
    path = tmp_path / "f.json"
    artefact = writer.write(Order(graph=graph, weights=None, seed=0, path=str(path)))
    assert path.read_text(encoding="utf-8") == graph_json(graph)
    assert (artefact.kind, artefact.size, artefact.nodes) == ("graph as JSON", path.stat().st_size, len(graph.nodes))
    assert artefact.inputs == {"x": "x:0"}
    assert artefact.outputs == {"logits": "f/logits/BiasAdd:0"}


def test_the_bytes_do_not_depend_on_where_the_text_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = ROOT / "models" / "slim"
    monkeypatch.chdir(tmp_path)
    absolute = graph_json(slimdsl.load(there / "nasnet.slim", "nasnet_cifar").graph)
    monkeypatch.chdir(there)
    assert graph_json(slimdsl.load("nasnet.slim", "nasnet_cifar").graph) == absolute
    files = {layer["place"]["file"] for layer in json.loads(absolute)["layers"]}
    assert files == {"nasnet.slim", "blocks/nasnet.slim"}


def test_places_are_those_of_the_text() -> None:
    (pool,) = [layer for layer in document(slimdsl.loads(TEXT).graph)["layers"] if layer["op"] == "max_pool"]  # type: ignore[attr-defined]
    assert (pool["place"]["line"], pool["place"]["column"]) == (5, 3)


def keys(schema: dict[str, Any]) -> Iterator[str]:
    for key, item in schema.get("properties", {}).items():
        yield key
        yield from keys(item)
    for name in ("$defs",):
        for item in schema.get(name, {}).values():
            yield from keys(item)
    for item in schema.get("anyOf", []):
        yield from keys(item)
    if isinstance(schema.get("items"), dict):
        yield from keys(schema["items"])


def test_the_page_has_every_key() -> None:
    described = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    assert described == set(keys(SCHEMA)) - {"dim", "float"}
    assert '{"dim": ' in PAGE
    assert '{"float": ' in PAGE


def test_the_example_of_the_page_is_what_is_written() -> None:
    text = re.search(r"```slim\n(.*?)```", PAGE, re.DOTALL)
    shown = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert text is not None
    assert shown is not None
    source_name = '"file": "half.slim"'
    assert shown.group(1) == re.sub(r'"file": "[^"]*"', source_name, graph_json(slimdsl.loads(text.group(1)).graph))


def good() -> Any:
    return json.loads(graph_json(slimdsl.loads(TEXT, training=True).graph))


# How a document is spoilt -> what is said, in part.
SPOILT: dict[str, tuple[str, str]] = {
    "no format": ("del d['format']", "there is no `format`"),
    "another format": ("d['format'] = 'onnx'", "format: this is not `slimdsl graph`"),
    "another version": ("d['version'] = 2", "version: version 1 is read here"),
    "a version that is true": ("d['version'] = True", "version: this is not an integer"),
    "no net": ("del d['net']", "there is no `net`"),
    "nodes that are no list": ("d['nodes'] = {}", "nodes: this is not a list"),
    "a node that is no object": ("d['nodes'][2] = 'relu'", "nodes[2]: this is not an object"),
    "an op that is not there": ("d['nodes'][0]['op'] = 'exec'", "nodes[0].op: there is no op `exec`"),
    "an op that is a layer": ("d['nodes'][0]['op'] = 'conv'", "nodes[0].op: there is no op `conv`"),
    "an op that is a list": ("d['nodes'][0]['op'] = []", "nodes[0].op: this is not a text"),
    "an argument of another kind": ("d['nodes'][0]['arguments']['stride'] = 'a'", "`stride` of `convolution` must be"),
    "an argument out of range": ("d['nodes'][0]['arguments']['stride'] = [0, 1]", "must be at least 1 on every axis"),
    "an argument that is unknown": ("d['nodes'][0]['arguments']['x'] = 1", "`convolution` has no argument `x`"),
    "an argument that is missing": ("d['nodes'][0]['arguments'] = {}", "`convolution` lacks the argument"),
    "an argument of no sort": ("d['nodes'][0]['arguments']['stride'] = {'a': 1}", "nodes[0].arguments: an object is"),
    "an input from later": ("d['nodes'][0]['inputs'][0] = 'f/logits/BiasAdd:0'", "there is no tensor `f/logits/B"),
    "too few inputs": ("d['nodes'][0]['inputs'] = []", "nodes[0].inputs: `convolution` does not take them: "),
    "too many inputs": ("d['nodes'][0]['inputs'] *= 3", "nodes[0].inputs: `convolution` does not take them: "),
    "no results": ("d['nodes'][0]['results'] = []", "nodes[0].results: the op gives float32[N, H - 2, 6, 4]"),
    "another result": ("d['nodes'][0]['results'][0]['shape'][3] = 5", "nodes[0].results: the op gives float32["),
    "a name that is taken": ("d['nodes'][1]['name'] = d['nodes'][0]['name']", "is there twice"),
    "half a character": ("d['nodes'][1]['name'] = '\\ud800'", "nodes[1].name: this is not Unicode"),
    "a type that is not there": ("d['inputs'][0]['dtype'] = 'float'", "inputs[0].dtype: there is no element type"),
    "a negative size": ("d['inputs'][0]['shape'][2] = -8", "inputs[0].shape[2]: a size is not negative"),
    "a size that is a float": ("d['inputs'][0]['shape'][2] = 8.0", "inputs[0].shape[2]: this is not an integer"),
    "a size that is code": ("d['inputs'][0]['shape'][2] = 'f()'", "inputs[0].shape[2]: `f()` is no dimension"),
    "sizes that multiply": ("d['inputs'][0]['shape'] = ['A + B + C'] * 20", "its dimensions are too complicated"),
    "an input of another name": ("d['inputs'][0]['tensor'] = 'x'", "an input is the first result of its node"),
    "two inputs": ("d['inputs'] *= 2", "inputs[1]: `x` is there twice"),
    "two outputs": ("d['outputs'] *= 2", "outputs[1]: `logits` is there twice"),
    "an output of nothing": ("d['outputs'][0]['tensor'] = 'y:0'", "outputs[0].tensor: there is no tensor `y:0`"),
    "a variable of names": ("d['variables'][0]['shape'][0] = 'K'", "`convolution` does not take them: `K`"),
    "an initialiser that is not there": ("d['variables'][0]['initializer']['name'] = 'x'", "no initialiser `x`"),
    "an initialiser without a name": ("d['variables'][0]['initializer'] = {}", "initializer: there is no `name`"),
    "a regulariser of texts": ("d['variables'][0]['regularizer']['scale'] = 'a'", "`scale` of `l2` must be a number"),
    "trained a little": ("d['variables'][0]['trainable'] = 0.5", "trainable: this is neither true nor false"),
    "an update of nothing": ("d['updates'][0]['variable'] = 'v'", "updates[0].variable: there is no variable `v`"),
    "an update of another type": ("d['updates'][0]['new_value'] = 'x:0'", "this is no graph: the update of"),
    "an end point of nothing": ("d['end_points']['f/a'] = 'a:0'", 'end_points["f/a"]: there is no tensor `a:0`'),
    "a layer of no nodes": ("d['layers'][0]['nodes'] = [0, 999]", "layers[0]: it has nodes or variables that are not"),
    "a layer that ends before": ("d['layers'][0]['nodes'] = [2, 1]", "layers[0].nodes: this is not a range"),
    "a layer of three numbers": ("d['layers'][0]['nodes'] = [0, 1, 2]", "layers[0].nodes: this is not a range"),
}  # fmt: skip


@pytest.mark.parametrize("case", SPOILT)
def test_a_document_that_breaks_a_rule_is_told_with_its_place(case: str) -> None:
    spoil, message = SPOILT[case]
    spoilt = good()
    exec(spoil, {"d": spoilt})
    with pytest.raises(DocumentError, match=re.escape(message)):
        read(json.dumps(spoilt))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "this is not JSON"), ("{", "this is not JSON"), ("[]", "this is not an object"), ("1", "not an object"),
        ('{"a": NaN}', "NaN is not JSON"), ('{"a": 1, "a": 1}', "an object has `a` twice"), ("\ufeff{}", "not JSON"),
        ("[" * 100_000, "nested too deeply"), ('{"a":' * 100_000, "nested too deeply"),
        (f'{{"a": {"1" * 5_000_000}}}', "has too many digits"), (f'{{"a": 1.{"1" * 99}}}', "has too many digits"),
        (json.dumps({f"k{i}": 1 for i in range(50_000)})[:-1] + ', "k49999": 1}', "an object has `k49999` twice"),
    ],
    ids=range(12),
)  # fmt: skip
def test_what_is_no_object_is_one_sentence(text: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message), at_most(1_000_000):
        read(text)


def test_an_axis_of_any_length_has_as_many_results_as_are_written() -> None:
    spoilt = good()
    shape = ["N", 10**15]
    spoilt["inputs"].append({"name": "y", "dtype": "float32", "shape": shape, "tensor": "y:0"})
    node = {"name": "u", "op": "unstack", "arguments": {"axis": 1}, "inputs": ["y:0"], "scope": "", "place": None}
    spoilt["nodes"].append({**node, "results": [{"dtype": "float32", "shape": ["N"]}]})
    with pytest.raises(DocumentError, match="they are not as many as the axis is long"):
        read(json.dumps(spoilt))


def test_keys_that_are_not_known_are_passed_over() -> None:
    more = good()
    more["of_tomorrow"] = {"a": [1]}
    more["nodes"][0]["device"] = "cpu"
    jsonschema.validate(more, SCHEMA)
    assert print_graph(read(json.dumps(more))) == print_graph(read(json.dumps(good())))


def test_any_damage_is_a_graph_or_one_sentence() -> None:
    """Values are exchanged for others at random places; nothing but the one exception comes out."""
    draw = random.Random(7)
    strange: list[Any] = [None, True, -1, 0, 3, 2.5, 10**18, "", "x:0", "relu", "N*H", [], [1], {}, {"dim": "H"}]
    original = good()
    refused = 0
    for _ in range(1500):
        spoilt = copy.deepcopy(original)
        place: Any = spoilt
        while True:
            key = draw.choice(list(place)) if isinstance(place, dict) else draw.randrange(len(place))
            if not isinstance(place[key], (dict, list)) or not place[key] or draw.random() < 0.1:
                break
            place = place[key]
        place[key] = draw.choice(strange)
        try:
            read(json.dumps(spoilt))
        except DocumentError:
            refused += 1
    assert 500 < refused < 1500
