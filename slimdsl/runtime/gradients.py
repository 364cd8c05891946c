"""What happens to gradients before they are applied, in TF-Slim's order: factors, each one's norm, the norm of all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import tensorflow as tf

from slimdsl.ir.graph import Variable
from slimdsl.recipe.recipe import Recipe
from slimdsl.recipe.scopes import in_scope
from slimdsl.runtime.errors import EngineError
from slimdsl.runtime.rows import Gradient, Rows

LARGE = 1 << 24
"""Elements of a weight from which on gradients are gated; 64 MB of float32, more than a processor's cache holds."""


def trained_variables(variables: Sequence[Variable], recipe: Recipe) -> list[Variable]:
    """The variables that are trained: those that are trainable and stand in one of the recipe's scopes.

    Raises:
        EngineError: a scope of the recipe fits no variable, or nothing is left to train.
    """
    for scope in (*recipe.trainable, *(scope for scope, _ in recipe.multipliers)):
        if not any(in_scope(variable.name, scope) for variable in variables):
            raise EngineError(f"the recipe speaks of the scope `{scope}`, and no variable of the network stands in it")
    trained = [
        variable
        for variable in variables
        if variable.trainable and (not recipe.trainable or any(in_scope(variable.name, s) for s in recipe.trainable))
    ]
    if not trained:
        raise EngineError("the network has no variable that the recipe trains")
    return trained


@contextmanager
def recorded(sources: Mapping[str, tf.Tensor]) -> Iterator[Callable[[tf.Tensor], dict[str, Gradient]]]:
    """Gradients of what is computed inside, as a function to be called behind it: target -> one for each source's name.

    A source that the target does not depend on has none, not zeros: an optimizer leaves such a variable alone, as
    TF-Slim's do, and zeros would let FTRL forget it and decoupled weight decay shrink it.

    Inside of functions they are those of the graph: a tape around an imported graph gives none, and says nothing.

    Where a source is `LARGE`, all gradients of an operation come before any is used, as with TF-Slim's optimizers: so
    passes over large weights do not run beside convolutions, and a step of VGG takes 3 to 6% less processor time. Small
    networks with many operations lose as much by it.
    """
    if not tf.executing_eagerly():
        gate = any(source.shape.num_elements() >= LARGE for source in sources.values())
        yield lambda target: _named(sources, tf.gradients(target, list(sources.values()), gate_gradients=gate))
        return
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(list(sources.values()))
        yield lambda target: _named(sources, tape.gradient(target, list(sources.values())))


def _named(sources: Iterable[str], gradients: Sequence[Gradient | None]) -> dict[str, Gradient]:
    """Those that there are."""
    return {name: each for name, each in zip(sources, gradients, strict=True) if each is not None}


def processed(gradients: Mapping[str, tf.Tensor], rows: Mapping[str, Rows], recipe: Recipe) -> dict[str, tf.Tensor]:
    """The gradients as they are applied.

    Args:
        gradients: name of the variable -> its gradient, of the whole batch.
        rows: what is known of those of which the batch has some rows; norms are those of the slices.
        recipe: has the factors and bounds.
    """
    factors = {name: _factor(name, recipe.multipliers) for name in gradients}
    # Not even by 1: a product is another pass over a gradient, and those of dense layers are large.
    result = {name: each if factors[name] == 1.0 else each * factors[name] for name, each in gradients.items()}
    rows = {name: each.scaled(factors[name]) for name, each in rows.items()}
    if recipe.clip_norm is not None:
        bound = recipe.clip_norm
        ratios = {name: bound / tf.maximum(tf.sqrt(each.squares), bound) for name, each in rows.items()}
        result = {
            name: each * ratios[name] if name in ratios else tf.clip_by_norm(each, bound)
            for name, each in result.items()
        }
        rows = {name: each.scaled(ratios[name]) for name, each in rows.items()}
    if recipe.clip_global_norm is not None:
        norm = _global_norm(result, rows) if rows else None
        clipped, _ = tf.clip_by_global_norm(list(result.values()), recipe.clip_global_norm, use_norm=norm)
        result = dict(zip(result, clipped, strict=True))
    return result


def _global_norm(gradients: Mapping[str, tf.Tensor], rows: Mapping[str, Rows]) -> tf.Tensor:
    """The norm of all gradients together, of slices where there are some."""
    whole = [tf.reduce_sum(tf.square(each)) for name, each in gradients.items() if name not in rows]
    return tf.sqrt(tf.add_n([*whole, *(each.squares for each in rows.values())]))


def _factor(name: str, multipliers: Sequence[tuple[str, float]]) -> float:
    """The factor of a variable's gradient: that of the longest scope that it stands in, else 1."""
    fitting = [(len(scope.strip("/")), factor) for scope, factor in multipliers if in_scope(name, scope)]
    return max(fitting, key=lambda found: found[0])[1] if fitting else 1.0
