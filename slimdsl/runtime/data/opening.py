"""What `--data` names: finds out which kind it is, and opens the part that is asked for."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence

from slimdsl.runtime.data import arrays, folders, tables
from slimdsl.runtime.data.archives import CLASS_NAMES, VALIDATION, archive_names
from slimdsl.runtime.data.class_names import read_class_names, without_offset
from slimdsl.runtime.data.errors import DataError, MissingDataError
from slimdsl.runtime.data.holdout import DEFAULT_SHARE, chosen, hashes_of_numbers, require_split, set_part
from slimdsl.runtime.data.image_headers import too_large
from slimdsl.runtime.data.images import decode
from slimdsl.runtime.data.records import RecordSource, index_records
from slimdsl.runtime.data.source import ArraySource, DataSource, EncodedSource
from slimdsl.runtime.data.synthetic_tables import synthetic_table
from slimdsl.runtime.data.wanted import IMAGES, LABELS, Wanted

RECORD_ENDINGS = (".tfrecord", ".tfrecords", ".record", ".records")

_SHARD = re.compile(r"-(\d{5})-of-(\d{5})")
_PART = re.compile(r"(?:^|[_\-.])(train(?:ing)?|validation|valid|val|test|eval)(?=[_\-.\d]|$)", re.IGNORECASE)
_GLOB = re.compile(r"[*?\[]")

FORMS = (
    "a folder of class folders, a folder of TFRecords, a .tfrecord file or pattern, an .npz, a .csv list, "
    f"`{arrays.DIGITS}` or `{arrays.SYNTHETIC}:COUNT`"
)


def open_data(
    spec: str = "",
    split: str = "train",
    *,
    holdout: float | None = None,
    classes: int | None = None,
    wanted: Wanted | None = None,
    labels_offset: int = 0,
) -> DataSource:
    """Open a part of the data that a specification names.

    Args:
        spec: as given to ``--data``; "" for the digits.
        split: ``train``, ``validation`` or ``all``.
        holdout: the share that is held out where the data do not say it themselves; None for the usual one.
        classes: how many classes the network has, for data that are made up.
        wanted: the inputs that the data are for; None where nobody knows.
        labels_offset: what is taken off every label, as TF-Slim's flag of that name.

    Raises:
        MissingDataError: there is nothing there, or the specification or the offset makes no sense.
        DataError: what is there cannot be used at all. What is wrong with a part of it is in `found`.
    """
    require_split(split, holdout)
    if spec in ("", arrays.DIGITS):
        source: DataSource = arrays.digits(split, holdout)
    elif arrays.is_synthetic(spec):
        if wanted is None or wanted.of_classes:
            source = arrays.synthetic(spec, split, classes=classes)
        else:
            source = synthetic_table(arrays.synthetic_count(spec), split, wanted)
    else:
        source = _from_path(spec, split, holdout, wanted)
    if isinstance(source, EncodedSource):
        source.image_shape = _first_shape(source)
    if labels_offset:
        _take_off(source, labels_offset)
    return source


def _take_off(source: DataSource, offset: int) -> None:
    """Give a source an offset of its labels.

    Raises:
        MissingDataError: its labels are no numbers of classes.
    """
    if isinstance(source, ArraySource) and (source.labels.ndim != 1 or source.labels.dtype.kind not in "iu"):
        shape = "x".join(map(str, source.labels.shape))
        raise MissingDataError(
            f"--labels-offset is taken off numbers of classes, and the labels of `{source.path}` are "
            f"{source.labels.dtype} of the shape {shape}"
        )
    if isinstance(source, tables.TableSource):
        raise MissingDataError(
            "--labels-offset is for images with a class number each, and the arrays of "
            f"`{source.path}` are fed as they are"
        )
    source.labels_offset = offset
    source.classes = without_offset(source.classes, offset)


def _from_path(spec: str, split: str, share: float | None, wanted: Wanted | None) -> DataSource:
    if "\0" in spec:
        raise MissingDataError("the path of the data holds a zero byte")
    if not os.path.exists(spec):
        matching = sorted(glob.glob(spec)) if _GLOB.search(spec) else []
        if not matching:
            what = "no file matches" if _GLOB.search(spec) else "there is no file or folder"
            raise MissingDataError(f"{what} `{spec}`: --data takes {FORMS}")
        return _records(spec, [path for path in matching if os.path.isfile(path)], split, share)
    if os.path.isdir(spec):
        records = _record_files(spec)
        return _records(spec, records, split, share) if records else folders.image_folder(spec, split, share)
    lowered = spec.lower()
    if lowered.endswith(".npz"):
        return _archive(spec, split, share, wanted)
    if lowered.endswith(".csv"):
        return folders.csv_list(spec, split, share)
    if _is_record(os.path.basename(spec)):
        return _records(spec, [spec], split, share)
    raise MissingDataError(f"`{spec}` is of no kind that is known: --data takes {FORMS}")


def _archive(path: str, split: str, share: float | None, wanted: Wanted | None) -> DataSource:
    """An archive: images with labels where that is what the network is trained with, else an array for each input."""
    if wanted is None:
        images = {prefix + name for name in (IMAGES, LABELS) for prefix in ("", VALIDATION)}
        names = set(archive_names(path)) - {CLASS_NAMES}
        if {IMAGES, LABELS} <= names <= images:
            return arrays.npz(path, split, share)
        return tables.listing(path, split, share)
    if wanted.of_images:
        return arrays.npz(path, split, share, wanted)
    return tables.table(path, split, share, wanted)


def _is_record(name: str) -> bool:
    return name.lower().endswith(RECORD_ENDINGS) or (bool(_SHARD.search(name)) and name.endswith(tuple("0123456789")))


def _record_files(folder: str) -> list[str]:
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise DataError(f"cannot read the folder `{folder}`: {error.strerror}") from None
    return [os.path.join(folder, name) for name in names if _is_record(name)]


def part_of_file(path: str) -> str:
    """The part that the name of a record file says; "" for none."""
    found = _PART.search(os.path.basename(path))
    return folders.part_of_name(found.group(1)) if found else ""


def _records(spec: str, paths: Sequence[str], split: str, share: float | None) -> RecordSource:
    if not paths:
        raise MissingDataError(f"no file matches `{spec}`")
    parts = {part: [path for path in paths if part_of_file(path) == part] for part in ("train", "validation")}
    by_name = bool(parts["train"] and parts["validation"]) and len(paths) > 1
    chosen_paths = parts[split] if by_name and split != "all" else list(paths)
    table, problems = index_records(chosen_paths)
    if not len(table.offsets) and problems:
        raise DataError(problems[0])
    classes = read_class_names(os.path.dirname(paths[0]))
    found = (*_missing_shards(chosen_paths), *problems)
    source = RecordSource(chosen_paths, table, path=spec, classes=classes, found=found)
    if by_name:
        source.split, source.split_note = split, "by the names of the files"
        return source
    share = DEFAULT_SHARE if share is None else share
    part = source.taking(chosen(hashes_of_numbers(source.count), None, share, split))
    set_part(part, split, source.count, share, "a hash of their numbers", "the records")
    return part


def _missing_shards(paths: Sequence[str]) -> tuple[str, ...]:
    """Shards that the names of the others speak of."""
    there: dict[tuple[str, str], set[int]] = {}
    for path in paths:
        found = _SHARD.search(os.path.basename(path))
        if found:
            there.setdefault(
                (path[: -len(os.path.basename(path))] + os.path.basename(path)[: found.start()], found.group(2)), set()
            ).add(int(found.group(1)))
    problems = []
    for (begin, total), numbers in there.items():
        missing = sorted(set(range(int(total))) - numbers)
        # A single file that was named is meant alone.
        if missing and len(paths) > 1:
            problems.append(
                f"{len(missing)} of {int(total)} files `{begin}-*-of-{total}` missing, such as number {missing[0]}"
            )
    return tuple(problems)


def _first_shape(source: EncodedSource) -> tuple[int, int, int] | None:
    """The shape of the first image; what is wrong with it is found by those who look at all."""
    # Loaded here for the name of its errors.
    import tensorflow as tf  # noqa: PLC0415

    try:
        encoded, _ = source.read(0)
        if too_large(encoded):
            return None
        height, width, channels = decode(encoded, 0).shape
    except (DataError, IndexError, ValueError, tf.errors.OpError):
        return None
    return int(height), int(width), int(channels)
