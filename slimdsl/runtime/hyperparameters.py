"""A run as a row of TensorBoard's table of hyper-parameters: its settings, and how it ended.

TensorBoard takes the first record that it finds of a run, so the row has an event file of its own, which a command that
goes on writes anew. Its messages are the tensorboard package's; without that there is no row, and nobody to show it to.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from slimdsl.files import FileWriteError
from slimdsl.ops.arguments import BoolKind, IntKind, Kind, NumberKind, argument_specs
from slimdsl.recipe.base import Schedule
from slimdsl.recipe.optimizers import OPTIMIZERS
from slimdsl.recipe.recipe import SETTINGS, Recipe
from slimdsl.recipe.schedules import Piecewise, WarmUp
from slimdsl.recipe.text import part_text
from slimdsl.runtime.logs import EVENTS_PREFIX, EventLog
from slimdsl.runtime.run_comparison import WRITING

ROW_FILE = f"{EVENTS_PREFIX}0000000000.hyperparameters"
"""Before all others by name: TensorBoard may read one file after the other, and come back to none."""

_SHOWN = frozenset({"network", "data", "batch", "optimizer", "learning_rate"})
"""Columns that TensorBoard shows until others are chosen: it shows five."""

Setting = bool | float | str


def hyperparameters(recipe: Recipe, **others: Setting | None) -> dict[str, Setting]:
    """The settings of a run, flat; those that are `none` or an empty list are left out.

    Every name has settings of one type in all runs, because TensorBoard refuses to filter a column of two.

    Args:
        recipe: the recipe: `optimizer` is its name, `optimizer.<argument>` what it is given, `learning_rate` the number
            that it begins with after a warm-up, `learning_rate.schedule` the text of a schedule, `losses` a text.
        others: what else there is to tell.
    """
    optimizer = recipe.optimizer
    given = {name: getattr(optimizer, name) for name in argument_specs(type(optimizer))}
    rate = given.pop("learning_rate")
    found: dict[str, Any] = {
        **others,
        "losses": ", ".join(part_text(term.loss, term.operands) for term in recipe.losses),
        "optimizer": optimizer.name,
        "learning_rate": _first_rate(rate),
        "learning_rate.schedule": part_text(rate) if isinstance(rate, Schedule) else None,
        **{f"optimizer.{name}": argument for name, argument in given.items()},
        **{name: getattr(recipe, name) for name in SETTINGS if name not in WRITING},
    }
    return {name: _flat(setting) for name, setting in found.items() if setting is not None and setting != ()}


class Row:
    """A row of the table.

    Attributes:
        status: how the run ended: ``SUCCESS`` or ``FAILURE``; "" while that is open.
    """

    def __init__(self) -> None:
        self.status = ""


@contextmanager
def table_row(folder: str, settings: Mapping[str, Setting], metrics: Sequence[str]) -> Iterator[Row]:
    """Write the row of a run, and in the end how it ended: a failure where the block raises an error.

    Args:
        folder: the run's folder.
        settings: as `hyperparameters` gives them.
        metrics: names of the scalars that stand in the row.

    Raises:
        FileWriteError: it cannot be written.
    """
    row = Row()
    try:
        messages = importlib.import_module("tensorboard.plugins.hparams.summary")
        protocol = importlib.import_module("tensorboard.plugins.hparams.api_pb2")
    except ImportError:
        yield row
        return
    path = os.path.join(folder, ROW_FILE)
    if os.path.lexists(path):
        # Who reads the old one goes on with it.
        os.unlink(path)
    log = EventLog(folder, 0, name=ROW_FILE)
    try:
        log.summary(0, _experiment(messages, protocol, settings, metrics).value)
        log.summary(0, messages.session_start_pb(dict(settings)).value)
        log.flush()
        try:
            yield row
        except Exception:
            row.status = "FAILURE"
            raise
        finally:
            if row.status:
                _write_end(log, messages.session_end_pb(protocol.Status.Value(f"STATUS_{row.status}")), row)
    finally:
        log.close()


def _experiment(messages: Any, protocol: Any, settings: Mapping[str, Setting], metrics: Sequence[str]) -> Any:
    """The columns of the table.

    TensorBoard would find them by itself, but finds no metrics in the folder that it is given, only in those below. Of
    several runs it takes the columns of any one, so that one has those of other optimizers too.
    """
    types = {bool: protocol.DATA_TYPE_BOOL, float: protocol.DATA_TYPE_FLOAT64, str: protocol.DATA_TYPE_STRING}
    columns = {**_column_types(), **{name: type(setting) for name, setting in settings.items()}}
    infos = []
    for name, kind in columns.items():
        info = protocol.HParamInfo(name=name, type=types[kind], differs=name in _SHOWN)
        if kind is bool:
            info.domain_discrete.extend([False, True])
        infos.append(info)
    return messages.experiment_pb(
        infos, [protocol.MetricInfo(name=protocol.MetricName(tag=metric)) for metric in metrics]
    )


def _column_types() -> dict[str, type]:
    """The settings that any run may have."""
    specs = {name: spec.kind for name, spec in SETTINGS.items() if name not in WRITING}
    for optimizer in OPTIMIZERS:
        arguments = argument_specs(optimizer)
        specs.update({f"optimizer.{name}": arguments[name].kind for name in arguments if name != "learning_rate"})
    return {
        **{name: _type_of(kind) for name, kind in specs.items()},
        "learning_rate.schedule": str,
        "init": str,
    }


def _type_of(kind: Kind) -> type:
    if isinstance(kind, BoolKind):
        return bool
    return float if isinstance(kind, (IntKind, NumberKind)) else str


def _write_end(log: EventLog, message: Any, row: Row) -> None:
    try:
        log.summary(0, message.value)
        log.flush()
    except FileWriteError:
        # What ended the run is what is told.
        if row.status != "FAILURE":
            raise


def _first_rate(rate: Any) -> float:
    if isinstance(rate, WarmUp):
        return _first_rate(rate.schedule)
    if isinstance(rate, Piecewise):
        return float(rate.rates[0])
    # All other schedules have one.
    return float(getattr(rate, "rate", rate))


def _flat(setting: Any) -> Setting:
    if isinstance(setting, tuple):
        return ", ".join(f"{item[0]}: {item[1]}" if isinstance(item, tuple) else str(item) for item in setting)
    if isinstance(setting, (bool, str)):
        return setting
    return float(setting)
