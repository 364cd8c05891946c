"""The codes of names: unknown ones, doubled ones, and names in the wrong place."""

from __future__ import annotations

from slimdsl.diagnostics.catalogue import Code

CODES: tuple[Code, ...] = (
    Code(
        "E0201",
        "unknown-name",
        "nothing has this name",
        """A layer, a function, a parameter, a tensor or a word was written that does not exist here. Mostly it is a typing error;
where a name is close, the message offers it.

    max_pol(2x2) as pool1        # error: unknown layer `max_pol`, did you mean `max_pool`?
    max_pool(2x2) as pool1

Names are known from where they are bound: a `let` holds for what stands below it in the same braces.
""",
    ),
    Code(
        "E0202",
        "unknown-argument",
        "the layer has no argument of this name",
        """A call, a `with` or an alias sets an argument that its layer, function or net does not have. In a `with` it is enough that
one of the named layers has the argument; it is set for those that do.

    conv(64, 3x3, dilation=2)    # error: `conv` has no argument `dilation`
    conv(64, 3x3, rate=2)
""",
    ),
    Code(
        "E0203",
        "not-callable",
        "this cannot be called like that",
        """What stands before the parentheses is a value and no function, or a function was named without being called.

    let depth = 64
    conv(depth(2), 3x3)          # error: `depth` is the number 64, which cannot be called
    conv(depth * 2, 3x3)
""",
    ),
    Code(
        "E0204",
        "not-a-layer",
        "this is no layer",
        """A statement names something that the current tensor cannot flow through: a number, another net, a layer with a body in
braces. What several nets share is written as a block.
""",
    ),
    Code(
        "E0205",
        "no-current-tensor",
        "there is no tensor yet",
        """A layer, `it` or an output stands before the first `input` of the net, so no tensor flows that it could take.

    net f() {
      conv(64, 3x3)              # error: no `input` stands before it
    }
""",
    ),
    Code(
        "E0206",
        "duplicate-name",
        "the name is taken",
        """Two nets, parameters, inputs, outputs or `let` in the same braces have one name. A name that the compiled graph needs for
itself (`init`, `random_seed`, `regularization_loss`, `training_step`, `update_ops`) cannot be an input.
""",
    ),
    Code(
        "E0207",
        "misplaced-statement",
        "the statement does not belong here",
        """Inputs, outputs and heads are those of the whole net: they stand in its own braces, not inside of a `repeat`, a block or a
scope. A `branch` stands in the braces of a merge, and a merge has branches in braces or tensors in parentheses.
""",
    ),
    Code(
        "E0208",
        "invalid-scope",
        "this cannot be a scope",
        """A scope becomes part of the names of variables and nodes, so it is made of what TensorFlow takes: letters, digits, `_`, `.`
and `-`, in parts divided by `/`, each beginning with a letter or a digit. A path that begins with `/` does not stand under
the net's own scope. A net without `as` has its name as root scope, and an input's name is that of its node.

    conv(64, 3x3) as tower//a    # error: a part of the path is empty
    conv(64, 3x3) as tower/a
""",
    ),
    Code(
        "E0209",
        "duplicate-scope",
        "two layers have one scope",
        """Variables are named after their layer's scope, and checkpoints find them by those names. So each scope is used once.

    conv(64, 3x3) as conv1
    conv(64, 3x3) as conv1       # error: the scope `f/conv1` is used already

Give the second layer another scope, or none: unnamed layers are numbered.
""",
    ),
    Code(
        "E0210",
        "circular-alias",
        "the alias leads back to itself",
        """A net is defined as an alias, which through other aliases is defined by itself.

    net a = b()
    net b = a()                  # error: the net `a` is an alias of itself
""",
    ),
    Code(
        "E0211",
        "language-version",
        "the version of the language is missing or unknown",
        """A file begins with the version of the language that it is written in, so that it means the same in ten years.

    slim 1
""",
    ),
    Code(
        "E0212",
        "no-output",
        "the net has no output",
        """A net says which tensors it gives: the current one by `output logits`, any other by `output name = tensor`.
""",
    ),
    Code(
        "E0213",
        "unusable-file",
        "a file that is used cannot be used",
        """The file that a `use` names is missing, cannot be read, or lies outside of the project: the nearest folder upwards that has
`.git` or `pyproject.toml`, or else the folder of the file itself. Paths are relative to the file they stand in.
""",
    ),
    Code(
        "E0214",
        "circular-use",
        "two files use each other",
        """A file uses, directly or through others, a file that uses it. What both need goes into a third.
""",
    ),
    Code(
        "E0215",
        "nothing-to-share",
        "there are no variables to share",
        """A layer or a block shares the variables of a scope that has none, or that stands below it. The scope is looked for
below the current one, and then below the net's root; what shares needs a scope of its own for its nodes.

    fc(64) as left
    images -> fc(64) as right sharing lefd      # error: there are no variables in the scope `lefd`
""",
    ),
    Code(
        "E0216",
        "first-values",
        "what a train block says of first values cannot be read",
        """A `train` block may name a file of weights that training begins with, by a path relative to the file. `except`
leaves out scopes of the network, whose variables are drawn; `rename` says what a scope of the file is called here.

    train {
      init from "old.ckpt" rename vgg16 as vgg_16 except vgg_16/fc7, vgg_16/fc8
    }

A block has one `init`. Scopes with characters that no name has are written as texts: `except "a-b/c"`.
""",
    ),
)
