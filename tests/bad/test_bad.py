"""Every wrong file gets exactly the diagnostics that are written beside it, and never an exception."""

from __future__ import annotations

from pathlib import Path

import pytest

from slimdsl.cli.main import main
from tests.bad.runner import CASES, said

FILES = sorted(CASES.glob("*.slim"))
ONLY_WARNINGS = {"assert_undecided", "with_leaks_into_output"}
HEAD = "slim 1\nnet f() {\n  input x: float32[N, 8, 8, 3]\n"
TAIL = "  output y\n}\n"
NET = "net {name}() {{\n  input x: float32[N, 8, 8, 3]\n"

GENERATED = {
    "10 MB of text": ("# comment\n" * 1_000_000, "E0190"),
    "10,000 parentheses": (f"{HEAD}  conv({'(' * 10_000}8{')' * 10_000}, 3x3)\n{TAIL}", None),
    "10,000 lists": (f"{HEAD}  let a = {'[' * 10_000}8{']' * 10_000}\n{TAIL}", None),
    "10,000 braces": (f"{HEAD}{'repeat 1 as a { ' * 10_000} relu {'}' * 10_000}\n{TAIL}", None),
    "10,000 signs": (f"{HEAD}  conv({'-' * 10_000}8, 3x3)\n{TAIL}", None),
    "10,000 negations": (f"{HEAD}  assert {'not ' * 10_000}true\n{TAIL}", None),
    "10,000 terms": (f"{HEAD}  conv({'+'.join('1' * 10_000)}, 3x3)\n{TAIL}", None),
    "10,000 conditions": (f"{HEAD}  conv({'1 if true else ' * 10_000}2, 3x3)\n{TAIL}", None),
    "10,000 repeats in one line": (f"{HEAD}  {'repeat 1 ' * 10_000}relu\n{TAIL}", None),
    "10,000 stages": (f"{HEAD}  relu{' -> relu' * 10_000}\n{TAIL}", ""),
    "10,000 layers": (f"{HEAD}{'  relu' + chr(10)}{'  relu' + chr(10)}" + "  relu\n" * 10_000 + TAIL, ""),
    "10,000 errors": (HEAD + "  rely\n" * 10_000 + TAIL, "E0201"),
    "10,000 syntax errors": (HEAD + "  conv(\n" * 10_000 + TAIL, None),
    "300,000 tokens": (HEAD + "  let a = [" + "1," * 150_000 + "1]\n" + TAIL, None),
    "a name of 100,000 letters": (f"{HEAD}  {'a' * 100_000}\n{TAIL}", "E0201"),
    "1,000 nets": ("slim 1\n" + "".join(f"net a{i} = a{i + 1}()\n" for i in range(1000)), "E0305"),
    "a chain of lists": (
        HEAD + "  let a0 = [1]\n" + "".join(f"  let a{i + 1} = a{i} + a{i}\n" for i in range(40)) + TAIL,
        "E0301",
    ),
    "a chain of strings": (
        HEAD + '  let a0 = "x"\n' + "".join(f"  let a{i + 1} = a{i} + a{i}\n" for i in range(40)) + TAIL,
        "E0301",
    ),
    "a chain of nested lists": (
        HEAD
        + "  let a0 = [1]\n"
        + "".join(f"  let a{i + 1} = [a{i}, a{i}]\n" for i in range(40))
        + "  assert a40 == a40\n"
        + TAIL,
        "E0301",
    ),
    "empty rounds of repeats": (f"{HEAD}  repeat 10000 as a {{\n    repeat 10000 as b {{ }}\n  }}\n{TAIL}", "E0305"),
    "100 nets of 9,000 layers": (
        "slim 1\n" + "".join(f"{NET.format(name=f'f{i}')}  repeat 9000 relu\n{TAIL}" for i in range(100)),
        "E0305",
    ),
    "sums of a long list": (HEAD + "  let a = 1..100000\n" + "  assert sum(a) == sum(a)\n" * 200 + TAIL, "E0305"),
    "searches of a long list": (HEAD + "  let a = 1..100000\n" + "  assert 0 in a\n" * 200 + TAIL, "E0305"),
    "costs at every layer": (
        f"{HEAD}  repeat 4000 as r {{\n    conv(4, 1x1)\n    assert flops() > 0 and params() > 0\n  }}\n{TAIL}",
        "",
    ),
    "unknown names among many": (
        HEAD
        + "".join(f"  let name{i} = {i}\n" for i in range(4000))
        + "".join(f"  let z{i} = nama{i}\n" for i in range(2000))
        + TAIL,
        "E0201",
    ),
    "a long list as a shape": (f"{HEAD}  let a = 1..100000\n  reshape(a)\n{TAIL}", "E0302"),
    "functions of functions": (
        "slim 1\nlet f0(x) = x\n"
        + "".join(f"let f{i + 1}(x) = f{i}(x) + f{i}(x)\n" for i in range(40))
        + f"{NET.format(name='f')}  flatten\n  fc(f40(1))\n{TAIL}",
        "E0305",
    ),
    "blocks of blocks": (
        "slim 1\nblock b0(f = relu) {\n  f\n}\n"
        + "".join(f"block b{i + 1}(f = relu) {{\n  b{i}\n  b{i}\n}}\n" for i in range(40))
        + f"{NET.format(name='f')}  b40\n{TAIL}",
        "E0305",
    ),
    "layers within layers": (
        "slim 1\nlet l0 = relu\n"
        + "".join(f"let l{i + 1} = fc(3, activation=l{i}, norm=l{i})\n" for i in range(40))
        + f"{NET.format(name='f')}  flatten\n  l40\n{TAIL}",
        "E0305",
    ),
    "a huge range": (f"{HEAD}  let a = 1..1000000000\n{TAIL}", "E0301"),
    "a chain of sizes": (
        HEAD + "  let a0 = shape(it)[0]\n" + "".join(f"  let a{i + 1} = a{i} * (a{i} + 1)\n" for i in range(40)) + TAIL,
        "E0301",
    ),
}


def test_there_are_enough_cases() -> None:
    assert len(FILES) >= 60
    assert {path.stem for path in CASES.glob("*.txt")} == {path.stem for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_exactly_the_expected_diagnostics(path: Path) -> None:
    assert said(path) == path.with_suffix(".txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_check_exits_with_1_where_there_is_an_error(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(path)]) == (0 if path.stem in ONLY_WARNINGS else 1)


@pytest.mark.parametrize("name", GENERATED)
def test_large_files_are_answered(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, code = GENERATED[name]
    path = tmp_path / "large.slim"
    path.write_text(text, encoding="utf-8")
    assert main(["check", str(path), "--output-format", "json"]) == (0 if code == "" else 1)
    if code:
        assert f'"{code}"' in capsys.readouterr().out
