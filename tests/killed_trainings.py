"""Trainings that end in the middle, as where their process is killed."""

import pytest
from sklearn.datasets import load_digits

from skdigits import MLPDigitClassifier

X, Y = load_digits(return_X_y=True)
X, Y = X[:150] / 16, Y[:150]


class KilledError(Exception):
    """Stands for the end of the process."""


class Killer:
    """Ends the process in an epoch, before a checkpoint is written."""

    def __init__(self, epoch):
        self.epoch = epoch

    def setup(self, estimator, context): ...
    def teardown(self, estimator, context): ...
    def on_fit_task_begin(self, estimator, context): ...

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "epoch" and estimator.n_iter_ == self.epoch:
            raise KilledError


def make(**parameters):
    return MLPDigitClassifier(**{
        "hidden_layer_sizes": (16, 9), "max_iter": 7, "random_state": 0, "batch_size": 32, **parameters,
    })  # fmt: skip


def kill(model, checkpoint, epoch):
    with pytest.raises(KilledError):
        model.set_callbacks(checkpoint, Killer(epoch)).fit(X, Y)
