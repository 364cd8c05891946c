"""What would fit at a place, found by trial on the machine's states, and how to say it in few words."""

from __future__ import annotations

from slimdsl.syntax.driver import Machine

_OPERATORS = {
    "+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">=", "..", "and", "or", "in", "if", "->", "(",
    "[", "as", "not",
}  # fmt: skip
_VALUE_STARTS = {"INT", "FLOAT", "KERNEL", "STRING", "true", "false", "none", "NAME", "-", "not", "(", "["}
_NAMED = {
    "_NEWLINE": "the end of the line", "SCOPE": "a scope such as `conv1`", "INT": "an integer",
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
    end_kind = table.kinds["$END"]
    found = set()
    for kind in {*table.actions[states[-1]], end_kind}:
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
        ends = kind == end_kind and (top[-1] if top else states[below - 1]) == machine.last_state
        if action > 0 or ends:
            found.add(shown.get(kind) or table.terminals[kind])
    return found


def described(expected: set[str], before: str, end_name: str) -> str:
    """The alternatives in words.

    Args:
        expected: what `acceptable` found.
        before: the text of the token that stands before them.
        end_name: what the end of the text is called.
    """
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
        in_train, in_repeat = "input" in expected, "{" in expected
        words.append("a setting" if in_train else "a layer" if in_repeat else _NAME_AFTER.get(before, "a name"))
        rest -= {"NAME", "input"}
    required = rest - _OPERATORS
    if rest and not required and not words:
        words.append("an operator" if len(rest) > 1 else f"`{rest.pop()}`")
    named = {**_NAMED, "$END": end_name}
    words += sorted(named.get(text) or f"`{text}`" for text in required)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
