"""The codes of what is found while weights are read and files are written."""

from __future__ import annotations

from slimdsl.diagnostics.catalogue import Code

CODES: tuple[Code, ...] = (
    Code(
        "E0501",
        "missing-weights",
        "the weights file lacks a variable",
        """A variable of the network has no array of its name in the weights file. Every variable needs one: a value
that is quietly drawn at random makes a network that runs and is wrong.

    slimdsl manifest model.slim        # the names and shapes the network has
    python -c "import numpy; print(numpy.load('weights.npz').files)"

Names are those of a TF-Slim checkpoint, such as `vgg_16/conv1/conv1_1/weights`. Where the file has the same arrays
under other names, save them under these:

    numpy.savez("weights.npz", **{"vgg_16/conv1/conv1_1/weights": array, ...})
""",
    ),
    Code(
        "E0502",
        "extra-weights",
        "the weights file has an array that is no variable",
        """The weights file holds an array under a name that no variable of the network has. Often it is one with a
typing error in it, or the file belongs to another network. Optimizer slots (`.../Momentum`) and `global_step` belong to
a checkpoint, not to a weights file: leave them out when saving it.
""",
    ),
    Code(
        "E0503",
        "weights-shape",
        "an array has another shape than its variable",
        """The array has the variable's name and another shape. Shapes are TensorFlow's: the kernel of a convolution is
[height, width, channels in, channels out], the matrix of a fully connected layer [inputs, outputs]. PyTorch stores
[out, in, height, width] and [outputs, inputs]; transpose them before saving:

    kernel.transpose(2, 3, 1, 0)
    matrix.T
""",
    ),
    Code(
        "E0504",
        "weights-dtype",
        "an array has another element type than its variable",
        """The array is not of the variable's element type in little-endian byte order. Nothing is converted in
silence, because rounding changes results. Convert when saving:

    array.astype("float32")
""",
    ),
    Code(
        "E0505",
        "unreadable-weights",
        "the weights file cannot be read",
        """The file is not an archive as `numpy.savez` or `numpy.savez_compressed` writes it, or it is damaged: cut off,
with a checksum that does not fit, or with a member that is no array of numbers. Arrays of Python objects are refused,
because reading them can run any code. Nothing was written.
""",
    ),
    Code(
        "E0506",
        "graph-too-large",
        "the graph would be larger than TensorFlow can read",
        """A GraphDef is one protobuf message, and no reader takes more than 2,147,483,647 bytes of one. The size is
counted before anything is written. Leave the weights out of the file: `--to graphdef` writes the network with variables,
and a checkpoint or a SavedModel holds their values apart.
""",
    ),
    Code(
        "E0507",
        "text-too-large",
        "the weights are too large to be written as text",
        """In the text form every byte of the weights takes up to four characters. Beyond a few megabytes no editor and
hardly any reader takes that. Write the binary form, or `--to graphdef --text`, which holds the network without weights.
""",
    ),
)
