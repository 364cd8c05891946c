"""Whatever the text, there is an answer: diagnostics or a graph, never an exception, and for bounded work."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slimdsl.compiler import Compilation
from slimdsl.diagnostics.diagnostic import has_errors
from slimdsl.diagnostics.render_text import render
from slimdsl.diagnostics.source import Source
from slimdsl.ir.verify import verify
from tests.work import at_most

ROOT = Path(__file__).parent.parent
TEXTS = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "models").rglob("*.slim"))]
TEXTS += [path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests" / "semantics" / "cases").glob("*.slim"))]
TEXTS += [
    path.read_bytes().decode("utf-8", "replace")
    for path in sorted((ROOT / "tests" / "bad" / "cases").glob("*.slim"))
    if path.stem != "repeat_nested_too_often"  # the one case that takes a second on purpose
]
WORDS = sorted(
    {word for text in TEXTS for word in text.split()} | {"{", "}", "(", ")", "[", "]", "->", "..", "=", ":", ","}
)

CALLS = 10_000_000
"""What work an answer may be."""

PATIENT = settings(
    max_examples=400,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def answer(text: str) -> None:
    with at_most(CALLS):
        compilation = Compilation(Source("fuzz.slim", text))
        rendered = render(compilation.diagnostics)
    assert bool(rendered) == bool(compilation.diagnostics)
    if not has_errors(compilation.diagnostics) and len(compilation.complete_names) == len(compilation.net_names) == 1:
        graph = compilation.graph
        assert graph is not None
        verify(graph)


@st.composite
def mutated_texts(draw: st.DrawFn) -> str:
    words = draw(st.sampled_from(TEXTS)).split(" ")
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, len(words) - 1))
        change = draw(st.sampled_from(["drop", "double", "replace", "insert", "cut", "glue"]))
        if change == "drop" and len(words) > 1:
            del words[place]
        elif change == "double":
            words.insert(place, words[place])
        elif change == "replace":
            words[place] = draw(st.sampled_from(WORDS))
        elif change == "insert":
            words.insert(place, draw(st.one_of(st.sampled_from(WORDS), st.text(max_size=5), st.integers().map(str))))
        elif change == "cut":
            words[place] = words[place][: draw(st.integers(0, len(words[place])))]
        else:
            words[place : place + 2] = ["".join(words[place : place + 2])]
    return " ".join(words)


@PATIENT
@given(mutated_texts())
def test_a_mutated_text_is_answered(text: str) -> None:
    answer(text)


@PATIENT
@given(st.one_of(st.text(max_size=300), st.lists(st.sampled_from(WORDS), max_size=80).map(" ".join)))
def test_random_text_is_answered(text: str) -> None:
    answer(text)


@PATIENT
@given(
    st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join),
    st.sampled_from(["  conv(8, {})\n", "  let a = {}\n", "  {}\n"]),
)
def test_random_words_in_a_net_are_answered(words: str, line: str) -> None:
    answer("slim 1\nnet f() {\n  input x: float32[N, 8, 8, 3]\n" + line.replace("{}", words) + "  output y\n}\n")
