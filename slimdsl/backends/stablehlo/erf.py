"""The error function in StableHLO, which has no op for it: TensorFlow's exporter leaves XLA's own in the module.

It becomes a call of a function with the quotient of polynomials that XLA and Eigen compute in float32; numbers of 16
bits go through float32.
"""

from __future__ import annotations

import re

_FOREIGN = re.compile(r"mhlo\.erf (?P<operand>%\S+) : tensor<(?P<shape>(?:[0-9]+x)*)(?P<element>[a-z0-9]+)>")
_ELEMENTS = ("f32", "f16", "bf16")

# erf(x) = x P(x²) / Q(x²) up to where it is 1 in float32; highest powers first.
_LIMIT = 3.832506856900711
_NUMERATOR = (
    0.00022905065861350646, 0.0034082910107109506, 0.050955695062380861, 0.18520832239976145, 1.128379143519084,
)  # fmt: skip
_DENOMINATOR = (
    -1.1791602954361697e-7, 0.000023547966471313185, 0.0010179625278914885, 0.014070470171167667, 0.11098505178285362,
    0.49746925110067538, 1.0,
)  # fmt: skip


def without_erf(text: str) -> str:
    """The module with calls in place of XLA's op.

    Raises:
        ValueError: the op is used with an element type that there is no function for.
    """
    functions: dict[str, str] = {}

    def call(found: re.Match[str]) -> str:
        shape, element = found["shape"], found["element"]
        if element not in _ELEMENTS:
            raise ValueError(f"StableHLO has no error function, and there is none here for numbers of type {element}")
        name, type = f"erf_{shape}{element}", f"tensor<{shape}{element}>"
        functions[name] = _function(name, shape, element)
        return f"func.call @{name}({found['operand']}) : ({type}) -> {type}"

    text = _FOREIGN.sub(call, text)
    # A bracket at the beginning of a line ends the module; places in source files may come after it.
    end = text.rindex("\n}") + 1
    return text[:end] + "".join(functions.values()) + text[end:]


def _function(name: str, shape: str, element: str) -> str:
    """A function of the module: its lines, in the middle of which numbers are float32."""
    type, wide = f"tensor<{shape}{element}>", f"tensor<{shape}f32>"
    lines = [f"%wide = stablehlo.convert %x : ({type}) -> {wide}"]
    for label, number in (("low", -_LIMIT), ("high", _LIMIT)):
        lines.append(f"%{label} = stablehlo.constant dense<{number!r}> : {wide}")
    lines += [f"%c = stablehlo.clamp %low, %wide, %high : {wide}", f"%s = stablehlo.multiply %c, %c : {wide}"]
    for label, factors in (("p", _NUMERATOR), ("q", _DENOMINATOR)):
        for power, factor in enumerate(factors):
            # MLIR reads an exponent only behind a decimal point.
            lines.append(f"%{label}k{power} = stablehlo.constant dense<{factor:.20e}> : {wide}")
        sum = f"%{label}k0"
        for power in range(1, len(factors)):
            lines.append(f"%{label}m{power} = stablehlo.multiply {sum}, %s : {wide}")
            lines.append(f"%{label}s{power} = stablehlo.add %{label}m{power}, %{label}k{power} : {wide}")
            sum = f"%{label}s{power}"
    lines += [
        f"%n = stablehlo.multiply %c, %ps{len(_NUMERATOR) - 1} : {wide}",
        f"%e = stablehlo.divide %n, %qs{len(_DENOMINATOR) - 1} : {wide}",
        f"%y = stablehlo.convert %e : ({wide}) -> {type}",
        f"return %y : {type}",
    ]
    body = "".join(f"    {line}\n" for line in lines)
    return f"  func.func private @{name}(%x: {type}) -> {type} {{\n{body}  }}\n"
