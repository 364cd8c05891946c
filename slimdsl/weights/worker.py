"""Reads a checkpoint with TensorFlow and writes its numbers into a plain file; run by `through_tensorflow`."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from slimdsl.weights.tensorflow_types import DTYPES
from slimdsl.workers import Answer, Request, serve


def read(request: Request) -> Answer:
    """Write the numbers of all tensors that a variable can have, one after another.

    Args:
        request: `pattern`, the checkpoint's prefix (or the pattern of its shards), and `values`, the file to write.

    Returns:
        `tensors`: for each its name, TensorFlow's number of its type, its shape, and where it begins in the file; -1
        for one that was not written.
    """
    pattern = request["pattern"]
    reader = tf.compat.v1.train.NewCheckpointReader(pattern)
    dtypes, shapes = reader.get_variable_to_dtype_map(), reader.get_variable_to_shape_map()
    tensors: list[Any] = []
    with open(request["values"], "wb") as file:
        for name in sorted(shapes):
            number = dtypes[name].as_datatype_enum
            place = -1
            if number in DTYPES:
                place = file.tell()
                file.write(_numbers(pattern, name, dtypes[name]))
            tensors.append([name, number, list(shapes[name]), place])
    return {"tensors": tensors}


def _numbers(pattern: str, name: str, dtype: Any) -> Any:
    # The reader's own method cannot put parts together.
    restored = tf.raw_ops.RestoreV2(prefix=pattern, tensor_names=[name], shape_and_slices=[""], dtypes=[dtype])
    return np.ascontiguousarray(restored[0].numpy()).reshape(-1).view(np.uint8).data


if __name__ == "__main__":
    serve(read)
