"""What the documents show is what slimdsl prints: every `$ slimdsl` in them is run and its output compared.

`python -m tests.test_documents` writes the outputs anew into the documents; read the difference before you commit it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import slimdsl
from slimdsl.cli.main import main
from slimdsl.diagnostics.codes import BY_CODE
from slimdsl.types import DType
from slimdsl.weights.bundle_writer import write_bundle
from slimdsl.weights.source import Sink
from slimdsl.weights.stored import StoredTensor

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "docs/manifest.md")
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
EXAMPLE = "digits.slim"


def blocks(text: str, language: str) -> list[str]:
    """The contents of the blocks of a language, in order."""
    return [found[1] for found in BLOCK.findall(text) if found[0] == language]


def write_old_checkpoint(prefix: Path, example: str) -> None:
    """A checkpoint of the README's example as it may have been: under another root, and for seven classes."""
    tensors: list[tuple[StoredTensor, Callable[[Sink], None]]] = []

    def add(stored: StoredTensor) -> None:
        tensors.append((stored, lambda sink: sink(bytes(stored.size))))

    for variable in slimdsl.loads(example.replace("max_poool", "max_pool"), classes=7).variables:
        name = variable.name.replace("digits/", "mnist/")
        add(StoredTensor(name=name, dtype=variable.dtype, shape=variable.shape))
    add(StoredTensor(name="global_step", dtype=DType.INT64, shape=()))
    write_bundle(str(prefix), tensors)


@contextlib.contextmanager
def folder_for(block: str) -> Iterator[None]:
    """A folder with the networks and with the README's example, in which the block's misspelling stands."""
    (example,) = blocks((ROOT / "README.md").read_text(encoding="utf-8"), "slim")
    if "max_poool" in block:
        example = example.replace("max_pool", "max_poool")
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        Path(name, "models").symlink_to(ROOT / "models")
        Path(name, EXAMPLE).write_text(example, encoding="utf-8")
        write_old_checkpoint(Path(name, "old.ckpt"), example)
        os.chdir(name)
        try:
            yield
        finally:
            os.chdir(before)


def session(block: str) -> str:
    """The block as it should be: its command, and what that prints."""
    command = block.splitlines()[0]
    output = io.StringIO()
    # The documents show what there is without TensorFlow, whose version would be in the output.
    os.environ["SLIMDSL_NO_VERIFY"] = "1"
    # What a slow machine says about its progress goes to standard error and is in no document.
    with folder_for(block), contextlib.redirect_stdout(output), contextlib.redirect_stderr(io.StringIO()):
        main(shlex.split(command.removeprefix("$ slimdsl ")))
    return f"{command}\n{output.getvalue()}"


SESSIONS = [
    (document, block) for document in DOCUMENTS for block in blocks((ROOT / document).read_text("utf-8"), "console")
]


@pytest.mark.parametrize(("document", "block"), SESSIONS, ids=[block.splitlines()[0] for _, block in SESSIONS])
def test_the_output_in_the_document_is_the_output(document: str, block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    assert session(block) == block, f"run `python -m tests.test_documents` and look at {document}"


def test_the_example_of_the_readme_has_no_errors() -> None:
    (example,) = blocks((ROOT / "README.md").read_text(encoding="utf-8"), "slim")
    assert slimdsl.loads(example).diagnostics == ()


def test_the_finding_of_the_json_page_has_a_code_and_its_name() -> None:
    (example,) = blocks((ROOT / "docs" / "diagnostics-json.md").read_text(encoding="utf-8"), "json")
    (finding,) = json.loads(example)["diagnostics"]
    assert BY_CODE[finding["code"]].name == finding["name"]


def test_the_python_example_gives_what_its_comments_say() -> None:
    code = blocks((ROOT / "README.md").read_text(encoding="utf-8"), "python")[0]
    with folder_for(code):
        names: dict[str, object] = {}
        for line in code.splitlines():
            expression, _, expected = line.partition("  # ")
            if expected.strip().startswith('"'):
                assert repr(eval(expression, names)) == repr(eval(expected)), line
            elif "graph_def" not in line:
                exec(line, names)


if __name__ == "__main__":
    for document in DOCUMENTS:
        path = ROOT / document
        text = path.read_text(encoding="utf-8")
        for block in blocks(text, "console"):
            text = text.replace(block, session(block))
        path.write_text(text, encoding="utf-8")
