"""Recipes: what a `train` block comes to, what holds without one, and settings from outside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slimdsl.compiler import Compilation, UsageError, read_source
from slimdsl.diagnostics.source import Source
from slimdsl.recipe.recipe import InitialValues, Recipe
from slimdsl.recipe.text import part_text, recipe_document, recipe_text
from tests.semantics.train_runner import CASES, NETS, recipe_of

FILES = sorted(CASES.glob("*.slim"))
ROOT = Path(__file__).parents[2]
CLASSIFIER = "slim 1\nnet n() {\n  input x: float32[N, 4]\n  fc(3, activation=none) as logits\n  output logits\n}\n"


def compiled(text: str, net: str | None = None, *, training: bool = False) -> Compilation:
    return Compilation(Source("n.slim", text), net=net, training=training)


def recipe(text: str, settings: dict[str, str] | None = None, net: str | None = None) -> Recipe:
    compilation = compiled(text, net)
    made = compilation.recipe(settings)
    assert made is not None, compilation.diagnostics
    return made


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_text_means_exactly_this_recipe(path: Path) -> None:
    assert recipe_text(recipe_of(path)) == path.with_suffix(".train").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_written_recipe_reads_back_equal(path: Path) -> None:
    made = recipe_of(path)
    written = path.read_text(encoding="utf-8").partition("\ntrain {")[0] + "\n" + recipe_text(made)
    assert recipe(written, net=NETS.get(path.stem)) == made


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_recipe_as_data_is_json(path: Path) -> None:
    document = recipe_document(recipe_of(path))
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_first_values_are_taken_over() -> None:
    expected = InitialValues(path="a {b}/old.ckpt", excepted=("logits", "Aux"), renames=(("old", "root"),))
    assert recipe_of(CASES / "everything.slim").initial == expected


def test_the_recipe_is_that_of_the_training_graph_whatever_is_compiled() -> None:
    text = (CASES / "default.slim").read_text(encoding="utf-8")
    assert compiled(text).recipe() == compiled(text, training=True).recipe()


@pytest.mark.parametrize("name", ["alexnet_v2", "inception_v3", "lenet", "vgg_16"])
def test_classifiers_of_tf_slim_have_a_recipe(name: str) -> None:
    source, _ = read_source(str(ROOT / "models" / "slim" / f"{name}.slim"))
    made = Compilation(source).recipe()
    assert made is not None
    assert made.losses[0].loss.name == "softmax_cross_entropy"
    assert len(made.losses) == (2 if name == "inception_v3" else 1)


@pytest.mark.parametrize(
    ("settings", "field", "value"),
    [
        ({"train.batch": "8"}, "batch", 8),
        ({"batch": "2 * 4"}, "batch", 8),
        ({"train.steps": "1K"}, "steps", 1000),
        ({"train.steps": "10"}, "epochs", None),
        ({"train.epochs": "2"}, "steps", None),
        ({"train.steps": "none"}, "epochs", 30.0),
        ({"train.averages": "0.99"}, "averages", 0.99),
        ({"train.trainable": '["logits"]'}, "trainable", ("logits",)),
        ({"train.seed": "7"}, "seed", 7),
    ],
)
def test_a_setting_from_outside_goes_first(settings: dict[str, str], field: str, value: object) -> None:
    text = f"{CLASSIFIER}train {{\n  steps = 5\n  batch = 4\n}}\n"
    assert getattr(recipe(text, settings), field) == value


def test_an_optimizer_from_outside_goes_first() -> None:
    text = f"let rate = 0.5\n{CLASSIFIER}train {{\n  optimizer adam()\n}}\n".replace("slim 1\n", "")
    made = recipe(f"slim 1\n{text}", {"train.optimizer": "momentum(cosine(rate), momentum=0.8)"})
    assert part_text(made.optimizer) == (
        "momentum(learning_rate=cosine(rate=0.5, alpha=0.0), momentum=0.8, nesterov=false)"
    )


BLOCK = """train {
  input labels: int32[N]
  loss softmax_cross_entropy(logits, labels)
  optimizer momentum(0.3, momentum=0.1)
  metric accuracy(logits, labels)
}
"""


def terms(made: Recipe) -> list[str]:
    """The losses and the metrics by their names."""
    return [term.name for term in made.losses] + [term.name for term in made.metrics]


@pytest.mark.parametrize("block", ["", BLOCK])
def test_a_learning_rate_from_outside_leaves_the_rest_of_the_optimizer(block: str) -> None:
    kept, made = recipe(CLASSIFIER + block), recipe(CLASSIFIER + block, {"train.learning_rate": "cosine(0.5)"})
    rate = part_text(kept.optimizer).partition("learning_rate=")[2].rpartition(", ")[0]
    assert "learning_rate=cosine(rate=0.5, alpha=0.0), " in part_text(made.optimizer)
    assert rate not in part_text(made.optimizer)
    assert made.optimizer.name == kept.optimizer.name
    assert part_text(made.optimizer).rpartition("momentum=")[2] == part_text(kept.optimizer).rpartition("momentum=")[2]
    assert (made.losses, made.metrics, made.inputs) == (kept.losses, kept.metrics, kept.inputs)


@pytest.mark.parametrize("block", ["", BLOCK])
def test_losses_and_metrics_from_outside_replace_all(block: str) -> None:
    settings = {
        "train.metric": "[accuracy(logits, labels), top_k(logits, labels, k=2)]",
        "train.loss": "[softmax_cross_entropy(logits, labels), triplet(logits, labels, weight=0.5)]",
    }
    made = recipe(CLASSIFIER + block, settings)
    assert terms(made) == ["softmax_cross_entropy", "triplet", "accuracy", "top_2"]
    assert recipe(CLASSIFIER + recipe_text(made)) == made


@pytest.mark.parametrize("block", ["", BLOCK])
@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"train.loss": "triplet(logits, labels)"}, ["triplet", "accuracy"]),
        ({"train.metric": "top_k(logits, labels, k=2)"}, ["softmax_cross_entropy", "top_2"]),
    ],
)
def test_one_of_the_two_from_outside_leaves_the_other(block: str, settings: dict[str, str], found: list[str]) -> None:
    assert terms(recipe(CLASSIFIER + block, settings)) == found


@pytest.mark.parametrize(
    ("loss", "inputs", "found"),
    [
        ("sigmoid_cross_entropy(logits, labels)", {"labels": "float32[N, 3]"}, ["sigmoid_cross_entropy"]),
        ("triplet(logits, labels)", {"labels": "int32[N]"}, ["triplet", "accuracy"]),
        ("mean_squared_error(logits, logits)", {}, ["mean_squared_error"]),
        ("mean_squared_error(logits, x)", {}, "`logits` is [N, 3], but `x` is [N, 4]; they must have one shape"),
    ],
)
def test_labels_that_nothing_declares_are_what_the_loss_takes(
    loss: str, inputs: dict[str, str], found: list[str] | str
) -> None:
    if isinstance(found, str):
        with pytest.raises(UsageError) as error:
            recipe(CLASSIFIER, {"train.loss": loss})
        assert found in str(error.value)
        return
    made = recipe(CLASSIFIER, {"train.loss": loss})
    assert {name: str(type) for name, type in made.inputs.items()} == inputs
    assert terms(made) == found


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"train.btach": "8"}, "train.btach: there is no such setting; did you mean `batch`?"),
        ({"train.zzzzzzzz": "8"}, "the settings are batch, steps"),
        ({"train.los": "8"}, "train.los: there is no such setting; did you mean `loss`?"),
        ({"train.metirc": "8"}, "did you mean `metric`?"),
        ({"train.learning_rat": "1"}, "did you mean `learning_rate`?"),
        ({"train.learning_rate": "-1"}, "train.learning_rate: `learning_rate` must be at least 0, not -1"),
        ({"train.learning_rate": "sgd(1)"}, "train.learning_rate: unknown schedule `sgd`"),
        ({"train.learning_rate": "1", "train.optimizer": "sgd(1)"}, "`train.optimizer` says it already"),
        ({"train.loss": "higne(logits, labels)"}, "train.loss: unknown loss `higne`; did you mean `hinge`?"),
        ({"train.loss": "hinge(logits, lables)"}, "train.loss: neither the net nor the `train` block has a tensor"),
        ({"train.loss": "[]"}, "train.loss: the list is empty"),
        ({"train.loss": "[hinge(logits, labels), 3]"}, "train.loss: `loss` wants a call with tensors"),
        ({"train.metric": "precision(logits, labels)"}, "train.metric: `logits` is [N, 3], but `labels` is [N]"),
        (
            {"train.metric": "accuracy(logits, labels)", "train.loss": "hinge(logits, labels)"},
            "train.metric: `labels` must be class numbers int32[N], not float32[N, 3]",
        ),
        ({"train.batch": "0"}, "train.batch: `batch` must be at least 1, not 0"),
        ({"train.batch": '"a"'}, 'train.batch: `batch` must be an integer, not the string "a"'),
        ({"train.batch": "("}, "the value of the setting `train.batch` cannot be read"),
        ({"train.batch": ""}, "the value of the setting `train.batch` cannot be read"),
        ({"train.batch": "widht"}, "train.batch: unknown name `widht`"),
        ({"train.optimizer": "momentun()"}, "unknown optimizer `momentun`; did you mean `momentum`?"),
        ({"train.optimizer": "nope(1)"}, "unknown optimizer `nope`; there are sgd, gradient_descent, momentum, "),
        ({"train.optimizer": "sgd(rate=1)"}, "train.optimizer: `sgd` has no argument `rate`"),
        ({"train.steps": "5", "train.epochs": "5"}, "train.epochs: `steps` says how long the training is already"),
        ({"train.trainable": '"lagits"'}, "no variables in the scope `lagits`; did you mean `logits`?"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError) as error:
        recipe(CLASSIFIER, settings)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("  fc(3) as a\n  output a\n", "has no output `logits`; its outputs are a: write a `train` block"),
        ("  fc(1) as logits\n  output logits\n", "a single class"),
        ("  expand_dims(1) as logits\n  output logits\n", "not [N, classes]"),
    ],
)
def test_a_net_that_is_no_classifier_needs_a_block(body: str, said: str) -> None:
    text = f"slim 1\nnet n() {{\n  input x: float32[N, 4]\n{body}}}\n"
    assert compiled(text).diagnostics == ()
    with pytest.raises(UsageError) as error:
        recipe(text)
    assert said in str(error.value)


def test_a_metric_of_what_only_training_has_is_refused() -> None:
    text = (CASES / "default.slim").read_text(encoding="utf-8")
    block = "train {\n  input labels: int32[N]\n  metric accuracy(aux_logits, labels)\n}\n"
    for training in (False, True):
        with pytest.raises(UsageError, match="takes `aux_logits`, which `small` has in training only"):
            compiled(f"{text}\n{block}", training=training).recipe()


def test_a_block_for_one_net_is_no_error_of_another() -> None:
    text = (CASES / "several_nets.slim").read_text(encoding="utf-8")
    assert compiled(text).diagnostics == ()
    assert compiled(text, "picture").diagnostics == ()
    with pytest.raises(UsageError, match="does not suit the net `picture`: neither the net nor"):
        compiled(text, "picture").recipe()


def test_a_net_with_errors_has_no_recipe_and_its_names_are_not_complained_about() -> None:
    text = CLASSIFIER.replace("fc(3", "fc(-3") + "train {\n  loss hinge(other, another)\n  optimizer sgdd()\n}\n"
    compilation = compiled(text)
    assert compilation.recipe() is None
    assert [(found.code, found.span.text) for found in compilation.diagnostics if found.span] == [
        ("E0302", "-3"),
        ("E0201", "sgdd"),
    ]
