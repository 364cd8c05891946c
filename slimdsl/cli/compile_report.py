"""What `slimdsl compile` says of what it wrote: a line for each fact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from slimdsl.artefacts.production import Job, Product
from slimdsl.cli.report import plural, size_text
from slimdsl.cli.taken_weights import taken_facts
from slimdsl.files import STDOUT
from slimdsl.ir.graph import Graph
from slimdsl.ops.batch_norm import FusedBatchNorm, Standardize
from slimdsl.passes.deploy import Deployed
from slimdsl.weights.comparison import Comparison
from slimdsl.weights.source import WeightSource

if TYPE_CHECKING:
    from slimdsl.artefacts.verification import Verification


def verified(job: Job, products: Sequence[Product], weights: WeightSource) -> tuple[Verification, ...]:
    """Read every artefact back and run it, as far as that can be done here."""
    # Loads numpy, which a graph without weights is written without.
    from slimdsl.artefacts.verification import verify_artefacts

    made = [(product.target.format.name, product.order, product.artefact) for product in products]
    original = job.graph
    return verify_artefacts(made, original, weights, job.seed or 0) if made else ()


def report_lines(
    job: Job,
    products: Sequence[Product],
    comparison: Comparison | None,
    sidecars: Sequence[str],
    verifications: Sequence[Verification],
) -> Iterator[str]:
    """What was written, from what, and what was found when it was read back."""
    common = [("parameters", _parameters(job)), *_weights_lines(job, products, comparison)]
    said: set[tuple[str, str]] = set()
    by_path = {verification.path: verification for verification in verifications}
    for product in products:
        artefact = product.artefact
        path = "standard output" if artefact.path == STDOUT else artefact.path
        nodes = f", {plural(artefact.nodes, 'node')}" if artefact.nodes else ""
        yield f"wrote {path}: {artefact.kind}, {size_text(artefact.size)}{nodes}"
        if len(products) == 1:
            yield from _lines(common)
        details = list(_details(job, product))
        # What several formats have in common is said once.
        yield from _lines([detail for detail in details if detail not in said])
        said.update(detail for detail in details if detail[0] in ("input", "output"))
        if artefact.path in by_path:
            yield from _lines(_verified_lines(by_path[artefact.path]))
    if len(products) > 1:
        yield from _lines(common)
    yield from _lines(("manifest", path) for path in sidecars)


def _lines(facts: Iterator[tuple[str, str]] | Sequence[tuple[str, str]]) -> Iterator[str]:
    for label, text in facts:
        yield f"  {label.ljust(10)}  {text}"


def _details(job: Job, product: Product) -> Iterator[tuple[str, str]]:
    artefact, graph = product.artefact, product.order.graph
    for label, tensors, names in (
        ("input", graph.inputs, artefact.inputs),
        ("output", graph.outputs, artefact.outputs),
    ):
        for name, tensor in tensors.items():
            called = names.get(name, name)
            yield label, f"{name}: {tensor.type}" + (f" is {called}" if called != name else "")
    yield from artefact.facts
    if product.deployed is not None:
        yield from _deploy_lines(job.graph, product.deployed)


def _deploy_lines(before: Graph, deployed: Deployed) -> Iterator[tuple[str, str]]:
    """What the deploy passes did; nothing where they found nothing to do."""
    after = deployed.graph
    norms = _norm_count(before)
    parts = []
    if norms:
        parts.append(f"{norms - _norm_count(after)} of {plural(norms, 'batch norm')} folded into kernels")
    gone = len(before.nodes) - len(after.nodes)
    if gone > 0:
        parts.append(f"{plural(gone, 'operation')} fewer")
    if deployed.folded_end_points:
        parts.append(f"{plural(len(deployed.folded_end_points), 'end point')} gone")
    if parts:
        yield "deploy", ", ".join(parts) + " (-O0 leaves the graph as it is)"


def _norm_count(graph: Graph) -> int:
    return sum(isinstance(node.op, (FusedBatchNorm, Standardize)) for node in graph.nodes)


def _verified_lines(verification: Verification) -> Iterator[tuple[str, str]]:
    parts = [f"read back {verification.read_back}"] if verification.read_back else []
    if verification.runtime:
        sizes = ", ".join(f"{name} = {size}" for name, size in verification.sizes.items())
        parts.append(f"run by {verification.runtime}" + (f" with {sizes}" if sizes else ""))
    if verification.difference is not None:
        parts.append(f"difference {verification.difference:.1e}")
    if verification.not_run:
        parts.append(f"not run: {verification.not_run}")
    if verification.remark:
        parts.append(verification.remark)
    yield ("verified" if not verification.findings else "wrong"), "; ".join(parts)


def _parameters(job: Job) -> str:
    count = sum(variable.size for variable in job.variables)
    return f"{count:,} in {plural(len(job.variables), 'variable')}"


def _weights_lines(job: Job, products: Sequence[Product], comparison: Comparison | None) -> Iterator[tuple[str, str]]:
    """Where the values come from, and everything that was not taken."""
    if comparison is None:
        stored = any(product.target.holds_weights for product in products)
        verb = "drawn" if stored else "to be drawn"
        hint = "" if job.seed is not None else "; --weights for trained ones, --seed N for others"
        yield "weights", f"first values, {verb} from seed {job.seed or 0}{hint}"
        return
    yield from taken_facts(comparison, job.seed)
