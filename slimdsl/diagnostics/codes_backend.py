"""The codes of what is found while weights are read and artefacts are written."""

from __future__ import annotations

from slimdsl.diagnostics.catalogue import Code

CODES: tuple[Code, ...] = (
    Code(
        "E0501",
        "missing-weights",
        "the weights file lacks a variable",
        """A variable of the network has no array of its name in the weights file. Every variable needs one: a value
that is quietly drawn at random makes a network that runs and is wrong.

    slimdsl manifest model.slim                     # the names and shapes the network has
    slimdsl weights diff model.slim weights.npz     # all of them beside those of the file

Names are those of a TF-Slim checkpoint, such as `vgg_16/conv1/conv1_1/weights`. Where the file has the same tensors
under other names, `--rename OLD=NEW` renames a scope or a name; `--except SCOPE --seed N` draws what is not in the file.
""",
    ),
    Code(
        "E0502",
        "extra-weights",
        "the weights file has a tensor that is no variable",
        """The weights file holds a tensor under a name that no variable of the network has. Often it is one with a
typing error in it, or the file belongs to another network: the first layers of a ResNet-101 would fit a ResNet-50 and
make it a wrong one. `--except SCOPE` leaves it out. The state of training that a checkpoint holds besides its variables
(`global_step`, slots of optimizers such as `.../Momentum`, moving averages) is no error; `compile` says that it was left.
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
        """The file is none of those that hold weights (a TensorFlow checkpoint of either version, a SavedModel, an archive
of `numpy.savez` or `numpy.savez_compressed`, a .safetensors), or it is damaged: cut off, with a checksum that does not
fit, or with an entry that holds no numbers. Arrays of Python objects are refused, because reading them can run any code.
The same is said of a tensor that the file it is converted to cannot hold. Nothing was written.
""",
    ),
    Code(
        "E0506",
        "graph-too-large",
        "the graph would be larger than TensorFlow can read",
        """A GraphDef is one protobuf message, and no reader takes more than 2,147,483,647 bytes of one. The size is
counted before anything is written. `--to savedmodel` holds the weights in files of their own, and `--to graphdef` leaves
them out.
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
    Code(
        "E0508",
        "weights-selection",
        "what of a weights file is to be taken makes no sense",
        """`--ema`, `--except`, `--rename` or the `init` of a `train` block names something that neither the file nor the
network has, or would give two tensors the same name. Nothing is left out or renamed in silence, so a name that fits
nothing is an error: most often it is misspelt.

    slimdsl weights show weights.ckpt               # the names of the file
    slimdsl weights diff model.slim weights.ckpt    # what fits, and a guess at what was renamed
""",
    ),
    Code(
        "E0601",
        "not-convertible",
        "the network cannot be written in this format",
        """A converter of another project refused the network, or cannot hold one of its operations. Its reason is in
the message. Nothing was written. Formats that slimdsl writes itself (`frozen`, `graphdef`, `savedmodel`) hold every
network.
""",
    ),
    Code(
        "E0602",
        "artefact-differs",
        "an artefact gives other results than TensorFlow",
        """What was written was run on a fixed input, and an output differs from TensorFlow's result for the same network
and weights by more than rounding explains; or it could not be run at all. The file is left where it is, to be looked at,
and must not be used as it is. `-O0` tells whether the deploy passes are at fault; `--no-verify` skips the comparison.
""",
    ),
    Code(
        "E0603",
        "artefact-unreadable",
        "an artefact cannot be read back",
        """What was written was read again before the command ended, and something that was ordered is not in it: an
input, an output, a variable, or the file as a whole. The disk may be at fault, or another program wrote to the same
name. Compile it again; where that does not help, it is a bug of slimdsl.
""",
    ),
    Code(
        "E0604",
        "calibration-data",
        "the examples for calibration do not fit the network",
        """`--precision int8` measures how large the values between the layers get, and needs examples for that:
`--calibrate DATA.npz`, an archive with an array for every input under the input's name, whose first axis counts the
examples. A hundred examples of real data are enough.

    numpy.savez("examples.npz", images=images.astype("float32"))
""",
    ),
)
