"""Guesses at what a name of a file was meant to be. Knows names and shapes alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from slimdsl.diagnostics.suggest import nearest

Shape = tuple[int, ...]

_NUMBER = re.compile(r"(\d+)")
_MOST_RULES = 200
_ENOUGH = 0.8


def most_alike(name: str, candidates: Sequence[str]) -> str:
    """The candidate most like a name, or the only one there is; "" for none."""

    def shared(candidate: str) -> int:
        return common_prefix(name, candidate) + common_prefix(name[::-1], candidate[::-1])

    # Edit distances of long names are slow, and a file of another network has hundreds: only the best are measured.
    likely = sorted(candidates, key=lambda candidate: (-shared(candidate), candidate))[:3]
    near = nearest(name, likely)
    return near[0] if near else likely[0] if len(candidates) == 1 else ""


def common_prefix(left: str, right: str) -> int:
    """Number of characters that two texts begin with alike."""
    count = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        count += 1
    return count


def guess_renames(missing: Mapping[str, Shape], extra: Mapping[str, Shape]) -> dict[str, str]:
    """Which tensor of a file a missing variable may be: the same shape, and the same place in the order.

    Renaming one scope is tried first, because that is what mostly happened; what changed its shape besides is found so.
    What no scope explains is paired by shape: where a shape is missing as often as it is left over, in the natural
    order of the names; else by likeness.

    Args:
        missing: names of variables without a tensor -> shape.
        extra: names of tensors without a variable -> shape.

    Returns:
        Name of the variable -> name of the tensor, for as many as can be guessed.
    """
    guessed: dict[str, str] = {}
    left, over = dict(missing), dict(extra)
    while True:
        rule = _best_rule(left, over)
        if rule is None:
            break
        # What has another shape goes the same way as its neighbours.
        for old in [name for name in over if _renamed(name, *rule) in left]:
            new = _renamed(old, *rule)
            guessed[new] = old
            del left[new], over[old]
    for shape in dict.fromkeys(left.values()):
        wanted = sorted((name for name, other in left.items() if other == shape), key=natural)
        offered = sorted((name for name, other in over.items() if other == shape), key=natural)
        if len(wanted) == len(offered):
            guessed.update(zip(wanted, offered, strict=True))
            continue
        for name in wanted:
            similar = most_alike(name, offered)
            if similar:
                guessed[name] = similar
                offered.remove(similar)
    return guessed


def rename_rules(guessed: Mapping[str, str], missing: int) -> list[tuple[str, str]]:
    """The (old, new) scopes or names that explain guesses, those that explain most first.

    None where the guesses are for less than `_ENOUGH` of what is missing: then it is another network, not another name.
    """
    if len(guessed) < _ENOUGH * missing:
        return []
    rules = Counter(_differing(old, new) for new, old in guessed.items())
    return [rule for rule, _ in rules.most_common()]


def natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts ``conv2`` before ``conv10``."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in _NUMBER.split(name)]


def _best_rule(missing: Mapping[str, Shape], extra: Mapping[str, Shape]) -> tuple[str, str] | None:
    """The change of scope that brings the most tensors to variables of their shape; None where none brings two."""
    by_leaf: dict[tuple[str, Shape], list[str]] = {}
    for name, shape in missing.items():
        by_leaf.setdefault((name.rpartition("/")[2], shape), []).append(name)
    candidates: Counter[tuple[str, str]] = Counter()
    for old, shape in extra.items():
        for new in by_leaf.get((old.rpartition("/")[2], shape), ())[:20]:
            candidates[_differing(old, new)] += 1
    best, count = None, 1
    for rule, _ in candidates.most_common(_MOST_RULES):
        explained = sum(missing.get(_renamed(old, *rule)) == shape for old, shape in extra.items())
        if explained > count:
            best, count = rule, explained
    return best


def _differing(old: str, new: str) -> tuple[str, str]:
    """Two names without the parts that they end with alike."""
    left, right = old.split("/"), new.split("/")
    while left and right and left[-1] == right[-1]:
        left.pop()
        right.pop()
    return "/".join(left), "/".join(right)


def _renamed(name: str, old: str, new: str) -> str:
    if old and name != old and not name.startswith(f"{old}/"):
        return ""
    return "/".join(filter(None, (new, name[len(old) :].lstrip("/"))))
