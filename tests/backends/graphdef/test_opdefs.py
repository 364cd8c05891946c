"""The table says what TensorFlow says."""

from __future__ import annotations

import json

from slimdsl.backends.graphdef import record_opdefs
from slimdsl.backends.graphdef.opdefs import PATH, op_table


def test_the_table_is_that_of_the_installed_tensorflow() -> None:
    """Whatever a newer release adds has a default and goes into `record_opdefs._YOUNG`; nothing recorded may change."""
    with open(PATH, encoding="utf-8") as file:
        recorded = json.load(file)["ops"]
    installed = record_opdefs.record()["ops"]
    assert sorted(recorded) == sorted(record_opdefs.OPS)
    for name, op in recorded.items():
        assert op["inputs"] == installed[name]["inputs"], name
        assert op["outputs"] == installed[name]["outputs"], name
        assert op["output_names"] == installed[name]["output_names"], name
        for attr, declared in op["attrs"].items():
            now = installed[name]["attrs"][attr]
            assert (now["kind"], now.get("default")) == (declared["kind"], declared.get("default")), (name, attr)
            assert set(declared.get("allowed", ())) <= set(now.get("allowed", ())), (name, attr)
        for attr in set(installed[name]["attrs"]) - set(op["attrs"]):
            assert "default" in installed[name]["attrs"][attr], (name, attr)


def test_no_op_is_listed_twice() -> None:
    assert len(set(record_opdefs.OPS)) == len(record_opdefs.OPS)


def test_the_table_reads_its_own_file() -> None:
    table = op_table()
    assert table is op_table()
    assert table.get("Conv3D") is not None
    assert table.get("Conv4D") is None
    assert all(table.get(name) is not None for name in table.names())
