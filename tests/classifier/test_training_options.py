"""What MLPClassifier does not have: each option with an oracle, and together with the rest of scikit-learn."""

import pickle

import numpy as np
import pytest
from few_digits import EVERYTHING, X, Y, assert_same, make
from scipy.special import expit
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification
from sklearn.model_selection import GridSearchCV
from sklearn.utils._param_validation import InvalidParameterError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_everything_together_learns():
    assert make(**{**EVERYTHING, "max_iter": 40}).fit(X, Y).score(X, Y) > 0.97


@pytest.mark.parametrize(
    "parameters",
    [
        {"activation": "swish"},
        {"solver": "adagrad"},
        {"learning_rate": "linear"},
        {"output_activation": "relu"},
        {"weight_init": "zeros"},
        {"dropout": 1.0},
        {"dropout": -0.1},
        {"dropout": [1.5]},
        {"dropout": ["much"]},
        {"dropout": [[0.1]]},
        {"input_dropout": 1.0},
        {"max_grad_norm": 0},
        {"label_smoothing": 1.0},
        {"weight_averaging": 1.0},
        {"weight_averaging": 0.0},
        {"class_weight": "unbalanced"},
        {"scoring": "beauty"},
        {"restore_best_weights": "yes"},
        {"max_time": 0},
        {"augmenter": "elastic"},
    ],
    ids=str,
)
def test_nonsense_is_refused(parameters):
    with pytest.raises(InvalidParameterError, match=f"'{next(iter(parameters))}' parameter"):
        make(**parameters).fit(X, Y)


@pytest.mark.parametrize(
    "parameters",
    [
        {"dropout": 0.5},
        {"dropout": [0.5]},
        {"input_dropout": 0.2},
        {"max_grad_norm": 1.0},
        {"weight_averaging": 0.9},
        {"learning_rate": "cosine"},
    ],
    ids=str,
)
def test_lbfgs_refuses_what_needs_mini_batches(parameters):
    with pytest.raises(ValueError, match=f"{next(iter(parameters))}=.* needs mini-batches"):
        make(solver="lbfgs", **parameters).fit(X, Y)


@pytest.mark.parametrize("dropout", [0, 0.0, [0.0], (0,), np.zeros(1)], ids=str)
def test_lbfgs_takes_rates_of_zero(dropout):
    make(solver="lbfgs", dropout=dropout, max_iter=1).fit(X, Y)


@pytest.mark.parametrize(("first", "then"), [("adam", "adamw"), ("adamw", "adam")])
def test_optimizer_in_use_decides_about_the_penalty(first, then):
    def fit(second):
        model = make(solver=first, alpha=5.0).partial_fit(X, Y, classes=np.arange(10))
        return model.set_params(solver=second).partial_fit(X, Y)

    changed, same = fit(then), fit(first)
    assert changed.loss_ == same.loss_
    np.testing.assert_array_equal(changed.coefs_[0], same.coefs_[0])


class TestOutputActivation:
    def test_logistic_outputs_are_independent_and_normalised(self):
        model = make(output_activation="logistic").fit(X, Y)
        assert model.out_activation_ == "logistic"
        sigmoids = expit(model.decision_function(X).astype(np.float64))
        np.testing.assert_allclose(
            model.predict_proba(X), sigmoids / sigmoids.sum(axis=1, keepdims=True), rtol=1e-5, atol=1e-9
        )
        np.testing.assert_array_equal(model.predict(X), model.decision_function(X).argmax(axis=1))
        np.testing.assert_allclose(model.predict_log_proba(X), np.log(model.predict_proba(X)), rtol=1e-4, atol=1e-5)

    def test_saturated_outputs_are_told_apart(self):
        model = make(output_activation="logistic").fit(X, Y)
        model.coefs_[-1][:], model.intercepts_[-1][:] = 0, np.arange(20, 30)
        assert (model.predict(X) == 9).all()
        np.testing.assert_allclose(model.predict_proba(X[:1]), 0.1, rtol=1e-6)
        model.intercepts_[-1][:] = -200
        np.testing.assert_allclose(model.predict_proba(X[:1]), 0.1, rtol=1e-6)

    @pytest.mark.parametrize(
        "y", [Y % 2, make_multilabel_classification(300, random_state=0)[1]], ids=["binary", "multi"]
    )
    def test_softmax_needs_classes(self, y):
        with pytest.raises(ValueError, match="at least three classes"):
            make(output_activation="softmax").fit(X, y)
        assert make(output_activation="logistic").fit(X, y).out_activation_ == "logistic"


class TestWeightInit:
    SIZES = (400,)

    def draw(self, name):
        # No step: the weights are those that were drawn.
        model = make(hidden_layer_sizes=self.SIZES, weight_init=name, learning_rate_init=1e-30, max_iter=1)
        return model.fit(X, Y)

    @pytest.mark.parametrize(
        ("name", "variance"),
        [
            ("glorot_uniform", 2 / (64 + 400)),
            ("he_uniform", 2 / 64),
            ("he_normal", 2 / 64),
            ("lecun_normal", 1 / 64),
        ],
    )
    def test_variance(self, name, variance):
        model = self.draw(name)
        assert np.var(model.coefs_[0]) == pytest.approx(variance, rel=0.03)
        assert np.abs(model.intercepts_[0]).max() < 1e-20
        if name.endswith("uniform"):
            assert np.abs(model.coefs_[0]).max() == pytest.approx(np.sqrt(3 * variance), rel=1e-3)


def test_norm_of_a_gradient_whose_square_overflows():
    """A step of plain gradient descent is then as long as learning rate and norm say."""
    model = make(solver="sgd", momentum=0.0, learning_rate_init=0.25, max_grad_norm=2.0, alpha=0.0, batch_size=len(X))
    start = make(learning_rate_init=1e-30, max_iter=1, batch_size=len(X)).fit(X * 1e21, Y)
    model.set_params(max_iter=1).fit(X * 1e21, Y)
    step = np.concatenate([(ours - theirs).ravel() for ours, theirs in zip(model.coefs_, start.coefs_, strict=True)])
    assert np.linalg.norm(step) == pytest.approx(0.5, rel=1e-3)


class TestSchedules:
    @pytest.mark.parametrize("schedule", ["cosine", "one_cycle"])
    def test_length_may_be_a_small_integer_of_numpy(self, schedule):
        options = {"learning_rate": schedule, "batch_size": 1, "hidden_layer_sizes": (2,)}
        assert_same(make(max_iter=np.int8(2), **options).fit(X, Y), make(max_iter=2, **options).fit(X, Y))

    @pytest.mark.parametrize("solver", ["sgd", "adam", "adamw"])
    @pytest.mark.parametrize("schedule", ["cosine", "one_cycle"])
    def test_partial_fits_are_a_fit(self, solver, schedule):
        parameters = {"solver": solver, "learning_rate": schedule, "shuffle": False, "max_iter": 4}
        whole, parts = make(**parameters).fit(X, Y), make(**parameters)
        for _ in range(4):
            parts.partial_fit(X, Y, classes=np.arange(10))
        assert_same(whole, parts)

    @pytest.mark.filterwarnings("error")
    def test_end_of_a_schedule_is_no_failure(self):
        make(learning_rate="one_cycle", max_iter=2).fit(X, Y)

    @pytest.mark.parametrize("early_stopping", [False, True])
    @pytest.mark.parametrize("schedule", ["cosine", "one_cycle"])
    def test_only_a_score_ends_a_schedule_before(self, schedule, early_stopping):
        options = {"tol": 10.0, "n_iter_no_change": 1, "early_stopping": early_stopping}
        model = make(learning_rate=schedule, max_iter=6, **options).fit(X, Y)
        assert model.n_iter_ == (3 if early_stopping else 6)


def test_power_of_a_small_integer_is_no_small_integer():
    models = [make(solver="sgd", learning_rate="invscaling", power_t=one, max_iter=3) for one in (np.int8(1), 1.0)]
    assert_same(*(model.fit(X, Y) for model in models))


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_grid_search_over_the_options(n_jobs):
    grid = {"dropout": [0.0, 0.5], "weight_averaging": [None, 0.9], "solver": ["adam", "adamw"]}
    search = GridSearchCV(make(max_iter=3), grid, cv=2, n_jobs=n_jobs, error_score="raise").fit(X, Y)
    assert len(search.cv_results_["params"]) == 8


def test_clone_and_pickle_keep_everything():
    model = make(**EVERYTHING)
    assert clone(model).get_params() == model.get_params()
    fitted = model.fit(X, Y)
    assert_same(fitted, pickle.loads(pickle.dumps(fitted)))


@pytest.mark.parametrize("weight_averaging", [None, 0.9])
def test_best_epoch_is_kept_where_training_diverges_later(weight_averaging):
    model = make(
        activation="identity", solver="sgd", max_iter=40, early_stopping=True, learning_rate_init=0.5,
        n_iter_no_change=40, weight_averaging=weight_averaging,
    ).fit(X, Y)  # fmt: skip
    assert not np.isfinite(model.loss_)
    assert model.score(X, Y) > 0.3
    assert np.isfinite(model.set_params(learning_rate_init=0.01, early_stopping=False).partial_fit(X, Y).loss_)
