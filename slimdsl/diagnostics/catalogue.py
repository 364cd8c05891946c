"""The record that documents one diagnostic code.

The codes themselves stand in `codes_*`, beside nothing but their texts; `codes` joins them. They are kept apart from
this module, so that a check which finds nothing loads none of them.
"""

from __future__ import annotations

from slimdsl.values import Value, positional


@positional
class Code(Value):
    """One documented code.

    Attributes:
        code: a letter and four digits: ``E0401``; W for warnings.
        name: in kebab-case, so that it reads well after "allow": ``shape-mismatch``.
        title: what it is about, in a few words.
        explanation: paragraphs of Markdown: what it means, an example that is wrong, and the same example put right.
    """

    code: str
    name: str
    title: str
    explanation: str
