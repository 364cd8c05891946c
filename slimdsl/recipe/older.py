"""Recipes as older versions recorded them: what they did not know yet has its default, as nothing else was possible."""

from __future__ import annotations

from collections.abc import Mapping

from slimdsl.ops.arguments import ArgumentSpec, argument_specs
from slimdsl.recipe.recipe import SETTINGS
from slimdsl.recipe.registry import TABLES
from slimdsl.recipe.text import plain

_OPTIMIZER, _SCHEDULE = "optimizer", "schedule"
_TERMS = {"losses": "loss", "metrics": "metric"}


def with_defaults(document: Mapping[str, object]) -> dict[str, object]:
    """A recipe as `recipe_document` makes it, and the defaults of all settings and arguments that it does not name.

    Args:
        document: what was recorded; what of it is no recipe's is left as it is.
    """
    made = _filled(document, SETTINGS)
    if _OPTIMIZER in made:
        made[_OPTIMIZER] = _part(made[_OPTIMIZER], _OPTIMIZER)
    for name, table in _TERMS.items():
        terms = made.get(name)
        if isinstance(terms, list):
            made[name] = [_term(term, table) for term in terms]
    return made


def _term(term: object, table: str) -> object:
    return {**term, table: _part(term[table], table)} if isinstance(term, Mapping) and table in term else term


def _part(given: object, table: str) -> object:
    """A part with all its arguments; what is none, or of a name that is not known, as it is."""
    name = given.get("name") if isinstance(given, Mapping) else None
    found = TABLES[table].get(name) if isinstance(name, str) else None
    if found is None or not isinstance(given, Mapping):
        return given
    filled = _filled(given, argument_specs(found))
    return {key: _part(item, _SCHEDULE) if isinstance(item, Mapping) else item for key, item in filled.items()}


def _filled(given: Mapping[str, object], specs: Mapping[str, ArgumentSpec]) -> dict[str, object]:
    missing = {name: plain(spec.default) for name, spec in specs.items() if name not in given and not spec.required}
    return {**given, **missing}
