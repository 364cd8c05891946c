"""The table of TensorFlow's ops: what inputs, outputs and attrs a node must have.

Read from `opdefs.json`, which `record_opdefs` writes from an installed TensorFlow. TensorFlow itself accepts unknown
attrs in silence, so `node_writer` checks every node against this table. An argument is written ``T`` (the attr holds
its type), ``int32`` (that type), ``N*T`` (as many tensors as the attr N says) or ``*Tlist`` (one tensor for each type
in the list). Knows nothing of graphs.
"""

from __future__ import annotations

import json
import os

from slimdsl.values import Value, positional

PATH = os.path.join(os.path.dirname(__file__), "opdefs.json")


class _Required:
    """The default of an attr that must be given."""

    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED = _Required()

AttrValue = object
"""An attr's value as the table has it: a type's name, bool, int, float, str, None, or a list."""


@positional
class AttrDef(Value):
    """An attr: its kind (``type``, ``int``, ``list(int)``, …), default or `REQUIRED`, and what is allowed."""

    kind: str
    default: object
    allowed: tuple[str, ...]
    minimum: int | None


@positional
class OpDef(Value):
    """An op: arguments in TensorFlow's order, the names of its outputs, and attrs by name."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    output_names: tuple[str, ...]
    attrs: dict[str, AttrDef]


class OpTable:
    """The ops by name, each decoded when it is first asked for."""

    def __init__(self, path: str = PATH) -> None:
        with open(path, encoding="utf-8") as file:
            table = json.load(file)
        self.tensorflow_version: str = table["tensorflow"]
        self._raw = table["ops"]
        self._decoded: dict[str, OpDef] = {}

    def names(self) -> tuple[str, ...]:
        """All ops of the table."""
        return tuple(self._raw)

    def get(self, name: str) -> OpDef | None:
        """The op of that name, or None."""
        if name not in self._decoded:
            raw = self._raw.get(name)
            if raw is None:
                return None
            attrs = {
                attr: AttrDef(
                    entry["kind"], entry.get("default", REQUIRED), tuple(entry.get("allowed", ())), entry.get("minimum")
                )
                for attr, entry in raw["attrs"].items()
            }
            self._decoded[name] = OpDef(tuple(raw["inputs"]), tuple(raw["outputs"]), tuple(raw["output_names"]), attrs)
        return self._decoded[name]


_TABLE: list[OpTable] = []


def op_table() -> OpTable:
    """The table, read once."""
    if not _TABLE:
        _TABLE.append(OpTable())
    return _TABLE[0]
