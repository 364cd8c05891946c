"""Files that use others: names, places of errors, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import slimdsl

NET = "net f() {\n  input x: float32[N, 8, 8, 3]\n  unit(4) as u\n  output y\n}\n"
UNIT = "slim 1\nlet factor = 2\nblock unit(depth) {\n  conv(depth * factor, 1x1) as conv\n}\n"


def write(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        path = folder / f"{name.replace('__', '/')}.slim"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "main.slim"


def findings(path: Path) -> list[tuple[str, str, str]]:
    return [
        (d.code, d.message, Path(d.span.source.name).name if d.span else "") for d in slimdsl.load(path).diagnostics
    ]


def test_blocks_know_the_names_of_their_own_file(tmp_path: Path) -> None:
    path = write(tmp_path, main=f'slim 1\nuse "blocks/unit.slim"\n{NET}', blocks__unit=UNIT)
    model = slimdsl.load(path)
    assert model.diagnostics == ()
    assert model.variables[0].name == "f/u/conv/weights"
    assert model.variables[0].shape == (1, 1, 3, 8)


def test_blocks_do_not_know_the_names_of_their_callers(tmp_path: Path) -> None:
    unit = UNIT.replace("let factor = 2\n", "")
    path = write(tmp_path, main=f'slim 1\nuse "unit.slim"\nlet factor = 3\n{NET}', unit=unit)
    assert findings(path) == [("E0201", "unknown name `factor`", "unit.slim")]


def test_lets_and_nets_of_a_used_file_are_known(tmp_path: Path) -> None:
    net = NET.replace("net f()", "net base(n)").replace("unit(4)", "unit(n)")
    base = f"slim 1\nlet wide = 16\n{UNIT.removeprefix('slim 1')}{net}"
    path = write(tmp_path, main='slim 1\nuse "base.slim"\nnet small = base(wide)\n', base=base)
    model = slimdsl.load(path)
    assert model.diagnostics == ()
    assert model.name == "small"
    assert model.variables[0].shape == (1, 1, 3, 32)


def test_a_file_that_two_others_use_is_one(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        main=f'slim 1\nuse "a.slim"\nuse "b.slim"\n{NET.replace("unit(4) as u", "a" + chr(10) + "  b")}',
        a='slim 1\nuse "unit.slim"\nblock a() {\n  unit(2) as u\n}\n',
        b='slim 1\nuse "unit.slim"\nblock b() {\n  unit(3) as u\n}\n',
        unit=UNIT,
    )
    assert slimdsl.load(path).diagnostics == ()


def test_what_a_used_file_uses_is_not_handed_on(tmp_path: Path) -> None:
    path = write(tmp_path, main=f'slim 1\nuse "a.slim"\n{NET}', a='slim 1\nuse "unit.slim"\n', unit=UNIT)
    assert findings(path) == [("E0201", "unknown layer `unit`", "main.slim")]


def test_an_error_in_a_used_file_is_shown_there_with_the_way_to_it(tmp_path: Path) -> None:
    unit = UNIT.replace("1x1", "9x9, padding=valid")
    path = write(tmp_path, main=f'slim 1\nuse "unit.slim"\n{NET}', unit=unit)
    (diagnostic,) = slimdsl.load(path).diagnostics
    assert diagnostic.span is not None
    assert Path(diagnostic.span.source.name).name == "unit.slim"
    assert [(frame.message, Path(frame.span.source.name).name) for frame in diagnostic.chain] == [
        ("in block unit, called here", "main.slim")
    ]


def test_syntax_errors_of_a_used_file_are_told_and_nothing_else(tmp_path: Path) -> None:
    path = write(tmp_path, main=f'slim 1\nuse "unit.slim"\n{NET}', unit=UNIT.replace("as conv\n", "as\n"))
    assert [(code, file) for code, _, file in findings(path)] == [("E0107", "unit.slim")]


def test_files_cannot_use_each_other(tmp_path: Path) -> None:
    path = write(tmp_path, main=f'slim 1\nuse "a.slim"\n{NET}', a='slim 1\nuse "main.slim"\n')
    assert findings(path) == [("E0214", '"main.slim" uses this file in turn', "a.slim")]


def test_a_name_comes_from_one_place(tmp_path: Path) -> None:
    path = write(tmp_path, main=f'slim 1\nuse "a.slim"\nuse "b.slim"\n{NET}', a=UNIT, b=UNIT)
    assert {code for code, _, _ in findings(path)} == {"E0206"}


@pytest.mark.parametrize("text", ["/etc/passwd", "../outside.slim", "a/../../outside.slim", "missing.slim", "", "."])
def test_what_cannot_be_used_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "outside.slim").write_text(UNIT)
    path = write(tmp_path / "project", main=f'slim 1\nuse "{text}"\n{NET}')
    assert [code for code, _, _ in findings(path)] == ["E0213"]


def test_a_link_that_leads_outside_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside.slim").write_text(UNIT)
    path = write(tmp_path / "project", main=f'slim 1\nuse "link.slim"\n{NET}')
    (tmp_path / "project" / "link.slim").symlink_to(tmp_path / "outside.slim")
    assert [code for code, _, _ in findings(path)] == ["E0213"]


def test_the_project_is_the_nearest_folder_that_looks_like_one(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "shared.slim").write_text(UNIT)
    path = write(tmp_path / "nets", main=f'slim 1\nuse "../shared.slim"\n{NET}')
    assert slimdsl.load(path).diagnostics == ()


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    path = write(tmp_path, main=f'slim 1\nuse "pipe.slim"\n{NET}')
    os.mkfifo(tmp_path / "pipe.slim")
    assert findings(path) == [("E0213", '"pipe.slim" is no file', "main.slim")]


def test_a_binary_file_is_refused_where_it_is_used(tmp_path: Path) -> None:
    path = write(tmp_path, main=f'slim 1\nuse "unit.slim"\n{NET}')
    (tmp_path / "unit.slim").write_bytes(bytes(range(256)))
    assert [(code, file) for code, _, file in findings(path)] == [("E0191", "unit.slim")]
