"""What would fit at a place, found by trial on the machine's states, and how to say it in few words."""

from __future__ import annotations

from slimdsl.syntax.driver import Machine

_OPERATORS = frozenset(
    {
        "+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">=", "..", "and", "or", "in", "if", "->", "(",
        "[", "as", "not",
    }  # fmt: skip
)
_VALUE_STARTS = frozenset({"INT", "FLOAT", "KERNEL", "STRING", "true", "false", "none", "NAME", "-", "not", "(", "["})
_NAMED = {
    "_NEWLINE": "the end of the line", "$END": "the end", "SCOPE": "a scope such as `conv1`", "INT": "an integer",
    "STRING": "a string", "FLOAT": "a float", "KERNEL": "a kernel",
}  # fmt: skip
_NAME_AFTER = {
    "net": "the name of the net", "block": "the name of the block", "input": "the name of the input",
    "output": "the name of the output", "head": "the name of the head", "let": "a name", "->": "a layer",
    "stack": "a layer", "with": "a layer", ":": "an element type such as `float32`",
}  # fmt: skip


def acceptable(machine: Machine) -> set[str]:
    """What the machine would take next: texts of words and marks, names of the other terminals.

    The table alone says too much, because LALR merges contexts; so each candidate is tried on a copy of the states.
    """
    table, states = machine.table, machine.states
    shown = {kind: text for spelling in (table.words, table.marks) for text, kind in spelling.items()}
    found = set()
    for kind in table.actions[states[-1]]:
        top: list[int] = []
        below = len(states)
        while True:
            state = top[-1] if top else states[below - 1]
            action = table.actions[state].get(kind, 0)
            if action >= 0:
                break
            symbol, length = table.rules[-action - 1][:2]
            below -= max(0, length - len(top))
            del top[max(0, len(top) - length) :]
            top.append(table.gotos[top[-1] if top else states[below - 1]][symbol])
        if action > 0:
            found.add(shown.get(kind) or table.terminals[kind])
    return found


def described(expected: set[str], before: str) -> str:
    """The alternatives in words; `before` is the text of the token that stands before them."""
    if {"net", "block"} <= expected:
        return "`net`, `block`, `train`, `use` or `let`"
    if {"repeat", "with"} <= expected:
        return "a statement or `}`" if "}" in expected else "a statement"
    words = []
    rest = set(expected)
    if {"INT", "STRING", "NAME"} <= expected:
        words.append("a value")
        rest -= _VALUE_STARTS
    elif "NAME" in expected:
        words.append("a setting" if "input" in expected else _NAME_AFTER.get(before, "a name"))
        rest.discard("NAME")
        if "input" in expected:
            rest.discard("input")
    required = rest - _OPERATORS
    shown = required or (set() if words else rest)
    words += sorted(_NAMED.get(text) or f"`{text}`" for text in shown)
    if len(words) > 4:
        words = [*words[:3], "something else"]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}" if words else "nothing more"
