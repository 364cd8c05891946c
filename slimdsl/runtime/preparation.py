"""Opens the data of a training, and finds what does not fit before anything is written."""

from __future__ import annotations

import os

from slimdsl.recipe.text import recipe_document
from slimdsl.runtime.data.class_names import class_names_text
from slimdsl.runtime.data.fingerprint import fingerprint
from slimdsl.runtime.data.opening import open_data
from slimdsl.runtime.data.pipeline import steps_per_epoch
from slimdsl.runtime.data.source import DataSource
from slimdsl.runtime.data.surveying import require_usable
from slimdsl.runtime.epochs import steps_of_epochs
from slimdsl.runtime.errors import EngineError
from slimdsl.runtime.feeding import check_class_names, choose_preprocessing, feed_of
from slimdsl.runtime.first_values import compare_initial
from slimdsl.runtime.record_file import FINGERPRINT, LENGTH, PARAMETERS, PLACE
from slimdsl.runtime.run_comparison import network_document
from slimdsl.runtime.run_folder import prepare
from slimdsl.runtime.training_order import Order, Prepared
from slimdsl.runtime.wanted_inputs import wanted_of
from slimdsl.version import __version__


def prepare_training(order: Order, *, thorough: bool = False) -> Prepared:
    """Open the data and look whether everything fits; writes nothing.

    Args:
        order: what is wanted.
        thorough: whether every example is read, for a trial.

    Raises:
        DataError: the data cannot be used; MissingDataError where they are not there.
        EngineError: batch and recipe do not go together.
        DistributionError: the batch cannot be shared out among the replicas.
        RunError: the folder holds another run.
        WeightsError: the file that it begins with is none of this network's.
        OSError: that file cannot be opened.
    """
    recipe = order.recipe
    order.distribution.check(recipe)
    if recipe.batch % recipe.accumulate:
        raise EngineError(
            f"a batch of {recipe.batch} cannot be cut into {recipe.accumulate} equal parts to accumulate: "
            "train.batch has to be a multiple of train.accumulate"
        )
    classes = _classes_of_logits(order)
    wanted = wanted_of(order.train_graph, recipe, order.data)
    source = open_data(
        order.data,
        "train",
        holdout=order.holdout,
        classes=classes,
        wanted=wanted,
        labels_offset=order.labels_offset,
    )
    feed = feed_of(wanted, source)
    check_class_names(source, feed)
    require_usable(source, batch=recipe.batch, classes=feed.classes, channels=feed.channels, thorough=thorough)
    preprocessing = choose_preprocessing(order.preprocessing, order.train_graph.name, source, feed)
    per_epoch = steps_per_epoch(source, recipe.batch)
    steps = recipe.steps if recipe.steps is not None else steps_of_epochs(per_epoch, recipe.epochs or 1)
    document = _document(order, source, preprocessing, steps)
    found = prepare(order.logdir, document, fresh=order.fresh, labels=class_names_text(source.classes))
    return Prepared(
        order=order,
        source=source,
        feed=feed,
        preprocessing=preprocessing,
        steps=steps,
        steps_per_epoch=per_epoch,
        found=found,
        document=document,
        initial=compare_initial(order) if order.initial and found.start is None else None,
        trial=thorough,
    )


def _document(order: Order, source: DataSource, preprocessing: str, steps: int) -> dict[str, object]:
    """The record of the run."""
    recipe = order.recipe
    return {
        "slimdsl": __version__,
        "network": network_document(order.train_graph),
        PARAMETERS: dict(order.parameters),
        "recipe": {**recipe_document(recipe), "initial": order.initial or None},
        "data": {
            "spec": order.data or "digits",
            PLACE: os.path.abspath(order.data) if source.path else None,
            FINGERPRINT: fingerprint(source),
            "examples": source.count,
            "preprocessing": preprocessing,
            "shuffle": order.shuffle,
            "labels_offset": order.labels_offset,
            "holdout": order.holdout,
        },
        "precision": order.precision,
        LENGTH: steps,
        "machine": {
            "device": order.device,
            "xla": order.xla,
            "eager": order.eager,
            "strategy": order.distribution.name,
            "replicas": order.distribution.replicas,
        },
    }


def _classes_of_logits(order: Order) -> int | None:
    """The classes of the network's `logits`, for data that are made up."""
    logits = order.train_graph.outputs.get("logits")
    last = logits.type.shape[-1] if logits is not None and logits.type.rank > 1 else None
    return last if isinstance(last, int) else None
