"""Training that another process goes on with, from the progress that a callback has kept: the same bits at the end."""

import copy

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits

from skdigits import MLPDigitClassifier
from skdigits.exceptions import ModelFormatError
from skdigits.preprocessing import ElasticDeformer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_digits(return_X_y=True)
X, Y = X[:150] / 16, Y[:150]


class KilledError(Exception):
    """Stands for the end of the process."""


class Keeper:
    """Keeps the progress of each epoch, may hand one back, and may end the process behind an epoch."""

    def __init__(self, kept=None, killed_after=None):
        self.kept, self.killed_after, self.all = kept, killed_after, []

    def setup(self, estimator, context): ...
    def teardown(self, estimator, context): ...
    def on_fit_task_begin(self, estimator, context): ...
    def on_fit_task_end(self, estimator, context): ...

    def kept_progress(self, estimator, samples):
        self.samples = samples
        return self.kept

    def keep_progress(self, estimator, capture):
        self.all.append(None if capture is None else copy.deepcopy(capture()))
        if len(self.all) == self.killed_after:
            raise KilledError


def make(**parameters):
    return MLPDigitClassifier(**{
        "hidden_layer_sizes": (16, 9), "max_iter": 7, "random_state": 0, "batch_size": 32, **parameters,
    })  # fmt: skip


def interrupted_progress(model, epoch, *arguments, **options):
    keeper = Keeper(killed_after=epoch)
    with pytest.raises(KilledError):
        model.set_callbacks(keeper).fit(*arguments, **options)
    model.set_callbacks()
    return keeper.all[-1]


def assert_equal_training(model, reference):
    assert model.loss_curve_ == reference.loss_curve_
    assert model.n_iter_ == reference.n_iter_
    assert model.t_ == reference.t_
    assert model.validation_scores_ == reference.validation_scores_
    assert model.best_validation_score_ == reference.best_validation_score_
    np.testing.assert_equal({**model.history_, "seconds": None}, {**reference.history_, "seconds": None})
    np.testing.assert_equal(*(
        {name: vars(each).get(name) for name in ("coefs_", "intercepts_", "_optimizer", "_unaveraged")}
        for each in (model, reference)
    ))  # fmt: skip


OPTIONS = {
    "adam": {},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.1},
    "inverse scaling": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.5},
    "adaptive": {
        "solver": "sgd", "learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 1, "max_iter": 20,
        "learning_rate_init": 1e-5,
    },
    "adamw": {"solver": "adamw", "alpha": 0.01},
    "double precision": {"dtype": "float64"},
    "full batch": {"batch_size": 150},
    "in order": {"shuffle": False},
    "early stopping": {"early_stopping": True, "max_iter": 30, "n_iter_no_change": 2, "tol": 0.02},
    "early stopping, last weights": {"early_stopping": True, "restore_best_weights": False},
    "averaging": {"weight_averaging": 0.9},
    "averaging with early stopping": {"weight_averaging": 0.9, "early_stopping": True},
    "dropout": {"dropout": 0.3, "input_dropout": 0.1},
    "deformation": {"augmenter": ElasticDeformer(image_shape=(8, 8))},
    "deformation with early stopping": {"augmenter": ElasticDeformer(image_shape=(8, 8)), "early_stopping": True},
    "cosine": {"learning_rate": "cosine"},
    "one cycle": {"learning_rate": "one_cycle", "solver": "adamw", "label_smoothing": 0.1, "max_grad_norm": 1.0},
    "generator": {"random_state": np.random.RandomState(5)},
}  # fmt: skip


@pytest.mark.parametrize("epoch", [1, 4, 6])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_training_goes_on_to_the_same_bits(options, epoch):
    reference = make(**copy.deepcopy(options)).fit(X, Y)
    epoch = min(epoch, reference.n_iter_)
    progress = interrupted_progress(make(**copy.deepcopy(options)), epoch, X, Y)
    model = make(**copy.deepcopy(options)).set_callbacks(Keeper(progress)).fit(X, Y)
    assert_equal_training(model, reference)


def test_training_goes_on_from_what_had_gone_on():
    first = interrupted_progress(make(dropout=0.2), 2, X, Y)
    keeper = Keeper(first, killed_after=2)
    with pytest.raises(KilledError):
        make(dropout=0.2).set_callbacks(keeper).fit(X, Y)
    model = make(dropout=0.2).set_callbacks(Keeper(keeper.all[-1])).fit(X, Y)
    assert_equal_training(model, make(dropout=0.2).fit(X, Y))


def test_training_goes_on_that_had_learnt_before():
    """From where an int as `random_state` stood: what is dropped depends on the samples seen before this call."""

    def make_learned():
        return make(dropout=0.2, warm_start=True).fit(X, Y)

    progress = interrupted_progress(make_learned(), 2, X, Y)
    model = make_learned().set_callbacks(Keeper(progress)).fit(X, Y)
    fresh = make(dropout=0.2, warm_start=True).set_callbacks(Keeper(progress)).fit(X, Y)
    reference = make_learned().fit(X, Y)
    np.testing.assert_array_equal(model.coefs_[0], reference.coefs_[0])
    np.testing.assert_array_equal(fresh.coefs_[0], reference.coefs_[0])


@pytest.mark.parametrize("early_stopping", [False, True])
def test_training_that_had_settled_is_not_gone_on_with(early_stopping):
    options = {"tol": 10.0, "n_iter_no_change": 2, "early_stopping": early_stopping}
    reference = make(**options).fit(X, Y)
    assert reference.n_iter_ < 7
    progress = interrupted_progress(make(**options), reference.n_iter_, X, Y)
    assert_equal_training(make(**options).set_callbacks(Keeper(progress)).fit(X, Y), reference)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_progress_of_older_versions_is_gone_on_from(early_stopping):
    """It does not say what decides which epoch is best."""
    progress = interrupted_progress(make(early_stopping=early_stopping), 3, X, Y)
    del progress["record"]["judged_by"]
    model = make(early_stopping=early_stopping).set_callbacks(Keeper(progress)).fit(X, Y)
    assert_equal_training(model, make(early_stopping=early_stopping).fit(X, Y))


def test_warm_start_goes_on_from_what_was_kept():
    reference = make(warm_start=True).fit(X, Y).fit(X, Y)
    progress = interrupted_progress(make(warm_start=True).fit(X, Y), 3, X, Y)
    model = make(warm_start=True).set_callbacks(Keeper(progress)).fit(X, Y)
    assert model.n_iter_ == reference.n_iter_
    assert_equal_training(model, reference)


def test_sparse_samples_weights_and_validation_data():
    samples, arguments = sparse.csr_array(X), {"sample_weight": 1 + Y % 2, "X_val": X[::3], "y_val": Y[::3]}
    reference = make(early_stopping=True).fit(samples, Y, **arguments)
    progress = interrupted_progress(make(early_stopping=True), 4, samples, Y, **arguments)
    model = make(early_stopping=True).set_callbacks(Keeper(progress)).fit(samples, Y, **arguments)
    assert_equal_training(model, reference)


def test_unseeded_training_goes_on_without_touching_the_global_generator():
    progress = interrupted_progress(make(random_state=None, max_iter=4), 3, X, Y)
    models = []
    for seed in range(2):
        np.random.seed(seed)  # noqa: NPY002 it is the one that random_state=None means
        models.append(make(random_state=None, max_iter=4).set_callbacks(Keeper(progress)).fit(X, Y))
    assert_equal_training(*models)


@pytest.mark.parametrize("change", [
    lambda samples: (samples[0][:-1], samples[1][:-1]),
    lambda samples: (samples[0], samples[1][::-1]),
    lambda samples: (np.where(np.arange(64) == 20, 0, samples[0]), samples[1]),
    lambda samples: (samples[0][:, :-1], samples[1]),
], ids=["number", "labels", "pixels", "features"])  # fmt: skip
def test_description_of_the_samples_differs_for_others(change):
    descriptions = []
    for samples in ((X, Y), (X.copy(), Y.copy()), change((X, Y))):
        keeper = Keeper()
        make(max_iter=1).set_callbacks(keeper).fit(*samples)
        descriptions.append(keeper.samples)
    assert descriptions[0] == descriptions[1] != descriptions[2]


@pytest.mark.parametrize("solver", ["lbfgs", "partial_fit"])
def test_nothing_to_go_on_from(solver):
    keeper = Keeper()
    if solver == "lbfgs":
        make(solver="lbfgs").set_callbacks(keeper).fit(X, Y)
    else:
        make().set_callbacks(keeper).partial_fit(X, Y, classes=np.arange(10))
    assert set(keeper.all) == {None}


def damaged(progress, *path, value):
    progress = copy.deepcopy(progress)
    parent = progress
    for name in path[:-1]:
        parent = parent[name]
    parent[path[-1]] = value
    return progress


@pytest.fixture(scope="module")
def progress():
    return interrupted_progress(make(early_stopping=True, weight_averaging=0.5), 2, X, Y)


@pytest.mark.parametrize(("path", "value"), [
    (["parameters"], np.zeros(3, np.float32)),
    (["parameters"], None),
    (["evaluated"], None),
    (["best_parameters"], np.zeros(1)),
    (["moments"], np.zeros((1, 2), np.float32)),
    (["order"], np.full(135, 3)),
    (["order"], np.arange(1, 136)),
    (["order"], np.arange(135.0)),
    (["n_steps"], -1),
    (["n_steps"], True),
    (["learning_rate"], "fast"),
    (["has_settled"], 1),
    (["record"], []),
    (["record", "n_iter"], "2"),
    (["record", "loss"], None),
    (["record", "loss_curve"], ["x"]),
    (["record", "validation_scores"], {}),
    (["record", "history"], {}),
    (["record", "history", "loss"], []),
    (["record", "unknown"], 1),
    (["record", "judged_by"], 1),
    (["random_state"], {}),
    (["random_state", "bit_generator"], "Generator"),
    (["random_state", "state", "pos"], 625),
    (["random_state", "state", "key"], np.zeros(3, np.uint32)),
    (["first_random_state", "state", "pos"], -1),
    (["random_state"], np.random.RandomState(np.random.Philox(0)).get_state(legacy=False) | {"buffer_pos": -100}),
    (["n_repeated"], -1),
    (["n_repeated"], "1"),
], ids=str)  # fmt: skip
def test_damaged_progress_is_refused(progress, path, value):
    model = make(early_stopping=True, weight_averaging=0.5)
    with pytest.raises(ModelFormatError, match="checkpoint"):
        model.set_callbacks(Keeper(damaged(progress, *path, value=value))).fit(X, Y)
    assert not hasattr(model, "coefs_")
