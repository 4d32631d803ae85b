"""The same learning as scikit-learn's MLPClassifier for the same random_state, in double precision."""

import inspect
import itertools

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits, make_multilabel_classification
from sklearn.neural_network import MLPClassifier
from sklearn.utils._param_validation import StrOptions

from skdigits import MLPDigitClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_digits(return_X_y=True)
X, Y = X[:150] / 16, Y[:150]

SCHEDULES = [
    {"solver": "adam"},
    {"solver": "sgd", "learning_rate": "constant", "learning_rate_init": 0.1},
    {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.5, "nesterovs_momentum": False},
    # A tolerance so large that the rate is lowered within ten epochs.
    {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.1, "tol": 0.5, "n_iter_no_change": 1},
]
ACTIVATIONS = ["identity", "logistic", "tanh", "relu"]
COMBINATIONS = [
    {**schedule, "activation": activation, "batch_size": batch_size, "hidden_layer_sizes": hidden}
    for schedule, activation, batch_size, hidden in itertools.product(
        SCHEDULES, ACTIVATIONS, ["auto", 32], [(9,), (12, 7)]
    )
]


def describe(parameters):
    return "-".join(str(value) for value in parameters.values())


def fit_both(X, y, sample_weight=None, **parameters):
    parameters = {"max_iter": 10, "random_state": 3, "hidden_layer_sizes": (11,), **parameters}
    theirs = MLPClassifier(**parameters).fit(X, y, sample_weight)
    ours = MLPDigitClassifier(dtype="float64", **parameters).fit(X, y, sample_weight)
    return theirs, ours


def assert_equal_learning(theirs, ours, X):
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert len(ours.coefs_) == len(theirs.coefs_)
    for ours_array, theirs_array in zip(
        ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True
    ):
        np.testing.assert_allclose(ours_array, theirs_array, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(ours.classes_, theirs.classes_)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=0, atol=1e-6)
    np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=1e-8)
    if ours.solver != "lbfgs":
        np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-8)
        assert ours.validation_scores_ == theirs.validation_scores_
        assert ours.best_validation_score_ == theirs.best_validation_score_
        assert ours.best_loss_ == (None if theirs.best_loss_ is None else pytest.approx(theirs.best_loss_, rel=1e-8))


@pytest.mark.parametrize("parameters", COMBINATIONS, ids=describe)
def test_stochastic_solvers(parameters):
    assert_equal_learning(*fit_both(X, Y, **parameters), X)


@pytest.mark.parametrize("hidden", [(9,), (12, 7)])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_lbfgs(activation, hidden):
    assert_equal_learning(*fit_both(X, Y, solver="lbfgs", activation=activation, hidden_layer_sizes=hidden), X)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_sample_weight(solver):
    weights = np.random.default_rng(0).uniform(0, 2, size=len(Y))
    assert_equal_learning(*fit_both(X, Y, weights, solver=solver, batch_size=32), X)


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_array, sparse.csr_matrix])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_sparse_input(solver, container):
    assert_equal_learning(*fit_both(container(X), Y, solver=solver), container(X))


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_multilabel(solver):
    X, Y = make_multilabel_classification(n_samples=60, random_state=0)
    assert_equal_learning(*fit_both(X, Y, solver=solver, activation="logistic"), X)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_binary(solver):
    assert_equal_learning(*fit_both(X, Y > 4, solver=solver), X)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("y", [Y, Y > 4, np.array(list("abcdefghij"), dtype=object)[Y], Y.astype(str)])
def test_early_stopping(y, weighted):
    weights = np.random.default_rng(0).uniform(0.5, 2, size=len(Y)) if weighted else None
    theirs, ours = fit_both(
        X, y, weights, early_stopping=True, max_iter=60, n_iter_no_change=3, validation_fraction=0.2, batch_size=20
    )
    assert len(ours.validation_scores_) == ours.n_iter_
    assert_equal_learning(theirs, ours, X)


def test_without_shuffle():
    assert_equal_learning(*fit_both(X, Y, shuffle=False, batch_size=40), X)


def test_convergence_ends_both_at_the_same_epoch():
    theirs, ours = fit_both(X, Y, max_iter=200, tol=0.05, n_iter_no_change=4, learning_rate_init=0.01)
    assert ours.n_iter_ < 200
    assert_equal_learning(theirs, ours, X)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_warm_start(solver, early_stopping):
    options = {"early_stopping": early_stopping, "max_iter": 5, "batch_size": 20}  # in one batch no order is seen
    theirs, ours = fit_both(X, Y, solver=solver, warm_start=True, **options)
    for _ in range(2):
        theirs.fit(X, Y)
        ours.fit(X, Y)
        assert_equal_learning(theirs, ours, X)


@pytest.mark.parametrize("parameters", SCHEDULES, ids=describe)
def test_sequence_of_partial_fits(parameters):
    parameters = {"random_state": 3, "hidden_layer_sizes": (11,), "batch_size": 16, **parameters}
    theirs, ours = MLPClassifier(**parameters), MLPDigitClassifier(dtype="float64", **parameters)
    for start in range(0, 150, 50):
        for estimator in (theirs, ours):
            estimator.partial_fit(X[start : start + 50], Y[start : start + 50], classes=np.arange(10))
        assert_equal_learning(theirs, ours, X)


def test_partial_fit_after_fit():
    theirs, ours = fit_both(X, Y)
    theirs.partial_fit(X[:60], Y[:60])
    ours.partial_fit(X[:60], Y[:60])
    assert_equal_learning(theirs, ours, X)


def test_random_state_instance_is_drawn_from_in_the_same_order():
    theirs = MLPClassifier(random_state=np.random.RandomState(5), max_iter=3).fit(X, Y)
    ours = MLPDigitClassifier(dtype="float64", random_state=np.random.RandomState(5), max_iter=3).fit(X, Y)
    assert_equal_learning(theirs, ours, X)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_verbose_lines(capsys, solver, early_stopping):
    parameters = {"solver": solver, "learning_rate": "adaptive", "tol": 0.3, "n_iter_no_change": 1, "verbose": True}
    MLPClassifier(random_state=0, max_iter=8, early_stopping=early_stopping, **parameters).fit(X, Y)
    expected = capsys.readouterr().out
    MLPDigitClassifier(dtype="float64", random_state=0, max_iter=8, early_stopping=early_stopping, **parameters).fit(
        X, Y
    )
    assert expected.count("Iteration") > 2
    assert capsys.readouterr().out == expected


def test_logits_lead_to_the_probabilities():
    theirs, ours = fit_both(X, Y)
    logits = ours.decision_function(X)
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(exponentials / exponentials.sum(axis=1, keepdims=True), theirs.predict_proba(X))


def spell_out(constraint):
    """A constraint as text, with the choices of a set in order."""
    return str(sorted(constraint.options, key=str) if hasattr(constraint, "options") else constraint)


def test_parameters_are_those_of_mlpclassifier_and_more():
    theirs, ours = MLPClassifier(), MLPDigitClassifier()
    names = list(ours._get_param_names())
    assert set(names) > set(theirs._get_param_names())
    theirs_parameters = list(inspect.signature(MLPClassifier).parameters.values())
    ours_parameters = [
        parameter.replace(annotation=parameter.empty)
        for parameter in inspect.signature(MLPDigitClassifier).parameters.values()
    ]
    assert ours_parameters[: len(theirs_parameters)] == theirs_parameters
    assert len(theirs_parameters) == 23
    for name, constraints in MLPClassifier._parameter_constraints.items():
        if name != "loss":
            for constraint, other in zip(MLPDigitClassifier._parameter_constraints[name], constraints, strict=True):
                if isinstance(other, StrOptions):
                    assert constraint.options >= other.options
                else:
                    assert spell_out(constraint) == spell_out(other)


def test_single_precision_reaches_the_same_accuracy_on_mnist(mnist):
    X_train, X_test, y_train, y_test = mnist
    X_train, X_test = (X_train / np.float32(255), X_test / np.float32(255))
    theirs = MLPClassifier(random_state=0, max_iter=3).fit(X_train, y_train)
    ours = MLPDigitClassifier(random_state=0, max_iter=3).fit(X_train, y_train)
    assert ours.coefs_[0].dtype == np.float32
    assert theirs.score(X_test, y_test) > 0.95
    assert ours.score(X_test, y_test) == pytest.approx(theirs.score(X_test, y_test), abs=0.003)
