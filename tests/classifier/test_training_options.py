"""What MLPClassifier does not have: each option with an oracle, and together with the rest of scikit-learn."""

import pickle
import time

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit
from sklearn.base import clone
from sklearn.datasets import load_digits, make_multilabel_classification
from sklearn.model_selection import GridSearchCV
from sklearn.utils._param_validation import InvalidParameterError

from skdigits import MLPDigitClassifier
from skdigits._engine import team

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_digits(return_X_y=True)
X, Y = X[:300] / 16, Y[:300]
EVERYTHING = {
    "solver": "adamw",
    "activation": "gelu",
    "output_activation": "logistic",
    "weight_init": "he_normal",
    "learning_rate": "one_cycle",
    "learning_rate_init": 0.02,
    "dropout": 0.1,
    "input_dropout": 0.1,
    "max_grad_norm": 1.0,
    "label_smoothing": 0.05,
    "weight_averaging": 0.9,
    "class_weight": "balanced",
}


def make(**parameters):
    return MLPDigitClassifier(
        **{"hidden_layer_sizes": (16,), "max_iter": 12, "batch_size": 32, "random_state": 0, **parameters}
    )


def assert_same(first, second):
    for ours, theirs in zip(first.coefs_ + first.intercepts_, second.coefs_ + second.intercepts_, strict=True):
        np.testing.assert_array_equal(ours, theirs)


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


class TestDropout:
    def test_one_rate_a_layer(self):
        one = make(hidden_layer_sizes=(16, 8), dropout=[0.3, 0.3]).fit(X, Y)
        assert_same(one, make(hidden_layer_sizes=(16, 8), dropout=0.3).fit(X, Y))
        other = make(hidden_layer_sizes=(16, 8), dropout=[0.3, 0.0]).fit(X, Y)
        assert (one.coefs_[0] != other.coefs_[0]).any()

    def test_wrong_number_of_rates(self):
        with pytest.raises(ValueError, match="dropout has 2 rates for 1 hidden layers"):
            make(dropout=[0.1, 0.2]).fit(X, Y)

    def test_without_hidden_layers_only_samples_are_dropped(self):
        assert make(hidden_layer_sizes=(), dropout=0.5, input_dropout=0.2, max_iter=30).fit(X, Y).score(X, Y) > 0.9

    def test_is_repeated_for_a_seed_and_left_out_of_predictions(self):
        model = make(dropout=0.5, input_dropout=0.2).fit(X, Y)
        assert_same(model, make(dropout=0.5, input_dropout=0.2).fit(X, Y))
        np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(X))

    @pytest.mark.usefixtures("eight_cores")
    @pytest.mark.parametrize("n_jobs", [2, 3])
    def test_threads_change_nothing(self, monkeypatch, n_jobs):
        monkeypatch.setattr(team, "LEAST_WORK", dict.fromkeys(team.LEAST_WORK, 1))
        parameters = {**EVERYTHING, "hidden_layer_sizes": (32, 16)}
        assert_same(make(**parameters, n_jobs=1).fit(X, Y), make(**parameters, n_jobs=n_jobs).fit(X, Y))

    def test_dropped_samples_are_zero_whatever_their_background(self):
        # With a background, zero is no background: features must become 0, not the background.
        shifted = make(input_dropout=0.5, shuffle=False, max_iter=1).fit(X + 1, Y)
        dense = make(input_dropout=0.5, shuffle=False, max_iter=1).fit(sparse.csr_array(X + 1), Y)
        for ours, theirs in zip(shifted.coefs_, dense.coefs_, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-6)

    def test_background_that_is_lit_is_dropped_as_any_other_pixel(self):
        lit = np.where(np.random.default_rng(0).random(X.shape) < 0.8, 5.0, X)
        parameters = {"input_dropout": 0.5, "dtype": "float64", "max_iter": 3}
        dense, csr = (make(**parameters).fit(form(lit), Y) for form in (np.asarray, sparse.csr_array))
        np.testing.assert_allclose(dense.coefs_[0], csr.coefs_[0], atol=1e-9)

    def test_sparse_samples_give_the_same(self):
        dense, csr = make(**EVERYTHING).fit(X, Y), make(**EVERYTHING).fit(sparse.csr_array(X), Y)
        np.testing.assert_allclose(dense.coefs_[0], csr.coefs_[0], atol=1e-5)


class TestClassWeight:
    @pytest.mark.parametrize("solver", ["adamw", "sgd", "lbfgs"])
    def test_weight_is_a_class_given_several_times(self, solver):
        y = np.where(Y < 5, "low", "high")
        parameters = {"solver": solver, "dtype": "float64", "alpha": 0.0, "shuffle": False}
        repeated = np.concatenate([np.arange(len(y)), np.flatnonzero(y == "low"), np.flatnonzero(y == "low")])
        weighted = make(class_weight={"low": 3}, batch_size=len(y), **parameters).fit(X, y)
        expected = make(batch_size=len(repeated), **parameters).fit(X[repeated], y[repeated])
        for ours, theirs in zip(weighted.coefs_, expected.coefs_, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-6)

    def test_multiplies_sample_weight(self):
        weights = np.random.default_rng(0).uniform(1, 2, len(Y))
        by_class = np.where(Y == 3, 5.0, 1.0)
        assert_same(make(class_weight={3: 5}).fit(X, Y, weights), make().fit(X, Y, weights * by_class))

    def test_balanced_is_as_everywhere(self):
        balanced = len(Y) / (10 * np.bincount(Y))
        assert_same(make(class_weight="balanced").fit(X, Y), make().fit(X, Y, balanced[Y]))

    def test_labels_that_are_text_of_numbers(self):
        labels = np.array(["01", "1"])[Y % 2]
        weighted = make(class_weight={"01": 3}).fit(X, labels)
        assert_same(weighted, make().fit(X, labels, np.where(labels == "01", 3.0, 1.0)))

    @pytest.mark.parametrize("number", [np.float16, np.float32, np.int8])
    def test_weights_of_any_type_of_number(self, number):
        assert_same(make(class_weight={3: number(5)}).fit(X, Y), make(class_weight={3: 5}).fit(X, Y))

    def test_weights_for_more_classes_than_there_are(self):
        few = Y < 3
        weighted = make(class_weight={label: label + 1.0 for label in range(10)}).fit(X[few], Y[few])
        assert_same(weighted, make().fit(X[few], Y[few], Y[few] + 1.0))

    @pytest.mark.parametrize(
        ("class_weight", "says"),
        [
            ({"3": 2}, r"weights for \['3'\], and the classes are \[0, 1"),
            ({33: 5}, r"weights for \[33\], and the classes are \[0, 1"),
            ({3: np.nan}, r"finite numbers, got \{3: nan\}"),
            ({3: "a"}, r"finite numbers, got \{3: 'a'\}"),
            ({3: 10**400}, "finite numbers, got"),
            ([1, 2], "as a list is for several labels a sample"),
        ],
    )
    def test_weights_that_go_with_no_class(self, class_weight, says):
        with pytest.raises(ValueError, match=says):
            make(class_weight=class_weight).fit(X, Y)

    @pytest.mark.parametrize("present", [1, 2])
    def test_list_for_several_labels(self, present):
        samples, labels = make_multilabel_classification(200, n_classes=2, random_state=0)
        weighted = make(class_weight=[{0: 1, 1: 2}, {0: 1, 1: 5}]).fit(samples, present * labels)
        by_label = np.where(labels[:, 0], 2.0, 1.0) * np.where(labels[:, 1], 5.0, 1.0)
        assert_same(weighted, make().fit(samples, labels, by_label))

    def test_weights_of_several_labels_are_finite(self):
        samples, labels = make_multilabel_classification(200, n_classes=2, random_state=0)
        with pytest.raises(ValueError, match=r"class_weight must be finite numbers, got \[\{1: nan\}, \{1: 5\}\]"):
            make(class_weight=[{1: np.nan}, {1: 5}]).fit(samples, labels)

    def test_partial_fit_takes_a_dict(self):
        first = make(class_weight={3: 5}).partial_fit(X, Y, classes=np.arange(10))
        assert_same(first, make().partial_fit(X, Y, np.where(Y == 3, 5.0, 1.0), classes=np.arange(10)))
        with pytest.raises(ValueError, match="'balanced' is not supported for partial_fit"):
            make(class_weight="balanced").partial_fit(X, Y)

    def test_partial_fit_on_some_of_the_classes(self):
        few, model, expected = Y < 3, make(class_weight={3: 5, 1: 2}), make()
        model.partial_fit(X, Y, classes=np.arange(10)).partial_fit(X[few], Y[few])
        weights = np.select([Y == 3, Y == 1], [5.0, 2.0], 1.0)
        expected.partial_fit(X, Y, weights, classes=np.arange(10)).partial_fit(X[few], Y[few], weights[few])
        assert_same(model, expected)

    @pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
    def test_list_for_a_label_that_no_sample_has(self, container):
        samples, labels = make_multilabel_classification(200, n_classes=2, random_state=0)
        lacking = labels[:, 1] == 0
        model, expected = make(class_weight=[{1: 2}, {1: 5}]), make()
        for rows in (slice(None), lacking):
            model.partial_fit(samples[rows], container(labels[rows]), classes=[0, 1])
            by_label = np.where(labels[rows, 0], 2.0, 1.0) * np.where(labels[rows, 1], 5.0, 1.0)
            expected.partial_fit(samples[rows], labels[rows], by_label, classes=[0, 1])
        assert_same(model, expected)


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


class TestAveraging:
    PARAMETERS = {"weight_averaging": 0.9, "shuffle": False, "max_iter": 3}

    def test_partial_fits_are_a_fit_also_when_pickled_between(self):
        whole, parts = make(**self.PARAMETERS).fit(X, Y), make(**self.PARAMETERS)
        for _ in range(3):
            parts = pickle.loads(pickle.dumps(parts.partial_fit(X, Y, classes=np.arange(10))))
        assert_same(whole, parts)

    def test_predictions_and_validation_use_it(self):
        model = make(weight_averaging=0.99, early_stopping=True, restore_best_weights=False).fit(X, Y, X_val=X, y_val=Y)
        assert model.score(X, Y) == pytest.approx(model.validation_scores_[-1])
        plain = make(early_stopping=True, restore_best_weights=False).fit(X, Y, X_val=X, y_val=Y)
        assert (model.coefs_[0] != plain.coefs_[0]).any()

    def test_partial_fit_goes_on_from_the_best_epoch_that_was_restored(self):
        parameters = {**self.PARAMETERS, "early_stopping": True, "max_iter": 12, "learning_rate_init": 0.05}
        model = make(**parameters).fit(X, Y, X_val=X[:20], y_val=Y[:20])
        assert np.argmax(model.validation_scores_) < len(model.validation_scores_) - 1
        best = model.coefs_[0].copy()
        model._optimizer.learning_rate = 0.0
        model.set_params(early_stopping=False).partial_fit(X, Y)
        np.testing.assert_allclose(model.coefs_[0], best, atol=1e-6)

    def test_warm_start_begins_with_the_average(self):
        model = make(**self.PARAMETERS, warm_start=True).fit(X, Y)
        before = [coef.copy() for coef in model.coefs_]
        model.set_params(learning_rate_init=1e-30).fit(X, Y)
        for coef, other in zip(model.coefs_, before, strict=True):
            np.testing.assert_allclose(coef, other, rtol=1e-6)

    def test_begins_when_it_is_switched_on(self):
        plain = make(shuffle=False).partial_fit(X, Y, classes=np.arange(10)).partial_fit(X, Y)
        averaged = make(shuffle=False).partial_fit(X, Y, classes=np.arange(10))
        start = averaged.coefs_[0].copy()
        averaged.set_params(weight_averaging=0.5).partial_fit(X, Y)
        # Behind the weights that are trained, but not where it began.
        distances = [np.abs(coef - plain.coefs_[0]).sum() for coef in (averaged.coefs_[0], start)]
        assert 0 < distances[0] < distances[1] / 2

    def test_plain_fit_forgets_it(self):
        model = make(**self.PARAMETERS).fit(X, Y)
        assert_same(model.set_params(weight_averaging=None).fit(X, Y), make(shuffle=False, max_iter=3).fit(X, Y))


def test_max_time_keeps_what_was_learnt():
    start = time.monotonic()
    model = make(max_iter=10**6, max_time=0.3, tol=0, n_iter_no_change=np.inf).fit(X, Y)
    assert 0.3 <= time.monotonic() - start < 10
    assert model.n_iter_ == len(model.loss_curve_) > 1
    assert model.score(X, Y) > 0.9


def test_max_time_of_half_precision_is_added_to_a_clock_that_is_far_on(monkeypatch):
    clock = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: clock() + 1e6)
    assert make(max_iter=50, max_time=np.float16(1e-4)).fit(X, Y).n_iter_ == 1


def test_power_of_a_small_integer_is_no_small_integer():
    models = [make(solver="sgd", learning_rate="invscaling", power_t=one, max_iter=3) for one in (np.int8(1), 1.0)]
    assert_same(*(model.fit(X, Y) for model in models))


def test_max_time_ends_lbfgs():
    model = make(solver="lbfgs", max_iter=10**6, max_time=1e-9).fit(X, Y)
    assert model.n_iter_ == 1


def test_seconds_of_lbfgs_are_those_of_each_iteration():
    start = time.perf_counter()
    model = make(solver="lbfgs", max_iter=50, tol=0).fit(X, Y)
    assert sum(model.history_["seconds"]) <= time.perf_counter() - start


def test_max_time_ends_within_an_epoch(mnist):
    X_train, _, y_train, _ = mnist
    model = MLPDigitClassifier((1024, 1024), max_iter=1, max_time=0.2, batch_size=50, random_state=0)
    model.fit(X_train, y_train)
    assert 0 < model.t_ < 60_000


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
