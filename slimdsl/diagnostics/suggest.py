"""Near misses: "did you mean `max_pool`?". Pure text; knows no language."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, candidates: Iterable[str], limit: int = 1) -> list[str]:
    """The candidates most like a misspelt word, best first; none where nothing is close.

    Close means: at most one edit (insertion, deletion, replacement or swap of neighbours) for every three characters;
    a single letter is close to nothing.
    """
    if len(word) < 2:
        return []
    scored = []
    for candidate in dict.fromkeys(candidates):
        allowed = max(1, max(len(word), len(candidate)) // 3)
        if abs(len(word) - len(candidate)) <= allowed and len(word) <= 80:
            edits = _edits(word.lower(), candidate.lower(), allowed)
            if edits <= allowed:
                scored.append((edits, candidate))
    return [candidate for _, candidate in sorted(scored)[:limit]]


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """A help line for an unknown word, or an empty text."""
    found = nearest(word, candidates)
    return f"did you mean `{found[0]}`?" if found else ""


def _edits(left: str, right: str, allowed: int) -> int:
    """Optimal string alignment distance, given up once every entry of a row is over the allowance."""
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        current = [i]
        for j, b in enumerate(right, 1):
            cost = min(row[j] + 1, current[j - 1] + 1, row[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            current.append(cost)
        if min(current) > allowed:
            return allowed + 1
        before, row = row, current
    return row[-1]
