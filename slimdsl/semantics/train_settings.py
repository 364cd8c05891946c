"""Settings from outside, such as ``--set train.batch=8``, that go before what a `train` block says."""

from __future__ import annotations

from collections.abc import Mapping

from slimdsl.diagnostics.suggest import did_you_mean
from slimdsl.recipe.recipe import SETTINGS
from slimdsl.semantics.reporter import Reporter
from slimdsl.semantics.train_block import LENGTHS, OPTIMIZER, Block, BlockReader
from slimdsl.syntax import tree


def override(
    block: Block, settings: Mapping[str, tree.Expr], reader: BlockReader, reporter: Reporter
) -> tuple[Block, str]:
    """The block with the settings in place of its own, and what is wrong with one of them; "" where nothing is."""
    given: dict[str, object] = {}
    optimizer = block.optimizer
    for name, expression in settings.items():
        before = len(reporter.diagnostics)
        if name == OPTIMIZER:
            optimizer = reader.optimizer(expression)
        elif name in SETTINGS:
            given[name] = reader.setting(name, expression)
        else:
            return block, _unknown(name)
        if len(reporter.diagnostics) > before:
            found = reporter.diagnostics[before]
            return block, f"train.{name}: {'; '.join(filter(None, (found.message, found.help)))}"
    lengths = [name for name in LENGTHS if given.get(name) is not None]
    if len(lengths) > 1:
        return block, f"train.{lengths[1]}: `{lengths[0]}` says how long the training is already; give one of the two"
    kept = {name: old for name, old in block.settings.items() if not (lengths and name in LENGTHS)}
    made = Block(
        inputs=block.inputs,
        losses=block.losses,
        optimizer=optimizer,
        metrics=block.metrics,
        settings={**kept, **given},
    )
    return made, ""


def _unknown(name: str) -> str:
    known = (*SETTINGS, OPTIMIZER)
    hint = did_you_mean(name, known) or f"the settings are {', '.join(known)}"
    if name == "learning_rate":
        hint = "it is an argument of the optimizer: train.optimizer=sgd(learning_rate=0.01)"
    return f"train.{name}: there is no such setting; {hint}"
