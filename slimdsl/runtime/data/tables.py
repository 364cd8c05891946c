"""Examples that are rows of arrays, one array for every input: from an `.npz`, or made up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from slimdsl.diagnostics.suggest import did_you_mean
from slimdsl.runtime.data.archives import CLASS_NAMES, VALIDATION, archive_names, class_names_of, held, read_arrays
from slimdsl.runtime.data.errors import DataError
from slimdsl.runtime.data.fitting import fit_shapes, in_type, with_axes
from slimdsl.runtime.data.holdout import chosen, hashes_of_numbers, set_part
from slimdsl.runtime.data.source import DataSource, Indices
from slimdsl.runtime.data.wanted import IMAGES, LABELS, Limit, Wanted, WantedInput
from slimdsl.types import shape_text

Array = npt.NDArray[Any]


class TableSource(DataSource):
    """Rows of arrays.

    Args:
        arrays: by name, the examples along the first axis; row `i` of each is example `i`.
        kind: as in `DataSource`.
        path: likewise.
        classes: likewise.
        sizes: numbers for named sizes that the types of the inputs leave open.
        pixels: names of arrays that are uint8 images for floating-point inputs -> the element types of these.
        limits: name -> what the integers of an array stay below.
        count: how many examples there are, where the arrays have fewer rows and begin again; None for their rows.
    """

    def __init__(
        self,
        arrays: Mapping[str, Array],
        *,
        kind: str,
        path: str,
        classes: Sequence[str] = (),
        sizes: Mapping[str, int] | None = None,
        pixels: Mapping[str, str] | None = None,
        limits: Mapping[str, Limit] | None = None,
        count: int | None = None,
    ) -> None:
        self.kind = kind
        self.path = path
        self.split = "all"
        self.split_note = ""
        self.rows = next((len(array) for array in arrays.values() if array.ndim), 0)
        self.count = self.rows if count is None else count
        self.classes = tuple(classes)
        self.image_shape = None
        self.arrays = dict(arrays)
        self.sizes = dict(sizes or {})
        self.pixels = dict(pixels or {})
        self.limits = dict(limits or {})

    def where(self, index: int) -> str:
        return f"row {index} of `{self.path}`" if self.path else f"row {index}"

    def known_labels(self) -> None:
        """None: which arrays are labels, and what limits them, is in `limits`."""

    def taking(self, indices: Indices) -> TableSource:
        """The same with some of the rows."""
        return TableSource(
            {name: array[indices % max(len(array), 1)] for name, array in self.arrays.items()},
            kind=self.kind,
            path=self.path,
            classes=self.classes,
            sizes=self.sizes,
            pixels=self.pixels,
            limits=self.limits,
        )


def table(path: str, split: str, share: float | None, wanted: Wanted) -> TableSource:
    """An archive with an array for every input, and, for evaluation, ``validation_…`` of each.

    Nothing is held out unless a share is asked for, so that what an archive holds is fed as it stands.

    Args:
        path: the file.
        split: the part.
        share: the share that is held out; None for nothing.
        wanted: the inputs.

    Raises:
        DataError: it cannot be read, an array is missing, or one does not fit its input or the others.
    """
    there = archive_names(path)
    keys = {name: _key(path, wanted, name, there) for name in wanted.inputs}
    own = _has_validation(path, keys, there)
    prefix = VALIDATION if own and split == "validation" else ""
    arrays = read_arrays(path, [*(prefix + key for key in keys.values()), CLASS_NAMES])
    source = _fitted(path, wanted, {name: prefix + key for name, key in keys.items()}, arrays)
    if own:
        source.split, source.split_note = split, "by the names of its arrays"
        return source
    part = source.taking(chosen(hashes_of_numbers(source.count), _classes(source), share or 0.0, split))
    set_part(part, split, source.count, share or 0.0, "a hash of its number")
    return part


def listing(path: str, split: str, share: float | None) -> TableSource:
    """An archive of which nobody knows what it is for: all of its arrays; what does not go together is in `found`.

    Raises:
        DataError: it cannot be read.
    """
    arrays = read_arrays(path, archive_names(path))
    classes = class_names_of(arrays)
    arrays = {name: array for name, array in arrays.items() if name != CLASS_NAMES or not classes}
    held_out = {name: array for name, array in arrays.items() if name.startswith(VALIDATION)}
    own = bool(held_out) and len(held_out) < len(arrays)
    main = {name: array for name, array in arrays.items() if not own or name not in held_out}
    parts = {"train": [main], "validation": [held_out if own else main], "all": [main, held_out] if own else [main]}
    chosen_arrays = {name: array for part in parts[split] for name, array in part.items()}
    source = TableSource(chosen_arrays, kind="archive of arrays", path=path, classes=classes)
    source.found = tuple(problem for part in parts[split] for problem in _uneven(path, part))
    if own:
        source.split, source.split_note = split, "by the names of its arrays"
        return source
    if source.found or not share:
        set_part(source, split, source.count, 0.0, "")
        return source
    part = source.taking(chosen(hashes_of_numbers(source.count), None, share, split))
    set_part(part, split, source.count, share, "a hash of its number", "the examples")
    return part


def _uneven(path: str, arrays: Mapping[str, Array]) -> list[str]:
    """What says that arrays have no common number of examples."""
    scalars = [
        f"`{name}` of `{path}` is a single number: it has no axis of examples"
        for name, a in arrays.items()
        if not a.ndim
    ]
    counts = {name: len(array) for name, array in arrays.items() if array.ndim}
    return scalars + ([_different(path, counts, arrays)] if len(set(counts.values())) > 1 else [])


def _different(path: str, counts: Mapping[str, int], arrays: Mapping[str, Array]) -> str:
    listed = ", ".join(f"{count} of `{key}` {shape_text(arrays[key].shape)}" for key, count in counts.items())
    return f"`{path}`: the numbers of examples do not go together: {listed}; the first axis is theirs"


def _key(path: str, wanted: Wanted, name: str, there: Sequence[str]) -> str:
    """What the array for an input is called.

    Raises:
        DataError: there is none.
    """
    if name in there:
        return name
    for other, of in ((IMAGES, wanted.image), (LABELS, wanted.label)):
        if name == of and other in there and other not in wanted.inputs:
            return other
    hint = did_you_mean(name, [one for one in there if one not in wanted.inputs]) or f"it has {held(there)}"
    raise DataError(
        f"`{path}` has no array `{name}`, which `{wanted.network}` is trained with ({wanted.listed}); {hint}; "
        f"write {wanted.command}"
    )


def _has_validation(path: str, keys: Mapping[str, str], there: Sequence[str]) -> bool:
    """Whether it has arrays for evaluation.

    Raises:
        DataError: it has some, and others are missing.
    """
    names = [VALIDATION + key for key in keys.values()]
    if set(names) & set(keys.values()):
        # Inputs that are called so themselves.
        return False
    missing = [name for name in names if name not in there]
    if missing and len(missing) < len(names):
        first = next(name for name in names if name in there)
        raise DataError(
            f"`{path}` has `{first}` and no `{missing[0]}`: for evaluation there has to be one of each array"
        )
    return not missing


def _fitted(path: str, wanted: Wanted, keys: Mapping[str, str], arrays: Mapping[str, Array]) -> TableSource:
    """The source of arrays that were found to fit; messages have the names in the file.

    Raises:
        DataError: they do not fit.
    """
    given = {key: _shaped(arrays[key], wanted.inputs[name]) for name, key in keys.items()}
    types = {key: wanted.inputs[name].type for name, key in keys.items()}
    sizes = fit_shapes(path, types, {key: array.shape for key, array in given.items()})
    counts = {key: len(array) for key, array in given.items()}
    if len(set(counts.values())) > 1:
        raise DataError(_different(path, counts, given))
    if not next(iter(counts.values())):
        raise DataError(f"`{path}` has no examples: its arrays are empty")
    pixels = {
        name: wanted.inputs[name].type.dtype.value
        for name, key in keys.items()
        if _is_pixels(given[key], wanted.inputs[name])
    }
    return TableSource(
        {
            name: given[key]
            if name in pixels
            else in_type(path, key, given[key], types[key], label=wanted.inputs[name].label)
            for name, key in keys.items()
        },
        kind="archive of arrays",
        path=path,
        classes=class_names_of(arrays),
        sizes=sizes,
        pixels=pixels,
        limits={name: one.limit for name, one in wanted.inputs.items() if one.limit is not None},
    )


def _shaped(array: Array, wanted: WantedInput) -> Array:
    return with_axes(array, wanted.type) if wanted.label else array


def _is_pixels(array: Array, wanted: WantedInput) -> bool:
    """Whether an array is images that nobody has scaled yet; those of videos are some too."""
    return array.dtype == np.uint8 and wanted.type.dtype.floating and array.ndim >= 4 and not wanted.label


def _classes(source: TableSource) -> Array | None:
    """The classes of the rows, of each of which the share is held out; None where no array says them."""
    found = [source.arrays[name] for name in source.limits if source.arrays[name].ndim == 1]
    return found[0] if len(found) == 1 else None
