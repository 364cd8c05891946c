"""How many steps epochs are. Needs no TensorFlow."""

from __future__ import annotations


def steps_of_epochs(per_epoch: float, epochs: float) -> int:
    """The steps of some epochs, at least one, as TF-Slim's `train_image_classifier` has them.

    There it is ``int(num_samples_per_epoch / batch_size * num_epochs_per_decay)``: what is left of an epoch behind its
    last whole batch counts too.

    Args:
        per_epoch: examples of an epoch by those of a batch, no whole number.
        epochs: how many.
    """
    return max(1, int(per_epoch * epochs))
