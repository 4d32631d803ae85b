"""Every kind of y that a user may bring, and what comes back for it."""

import numpy as np
import pandas
import pytest
from sklearn.datasets import load_digits, make_multilabel_classification

from skdigits import MLPDigitClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_digits(return_X_y=True)
X, Y = X[:120], Y[:120]


def make(**parameters):
    return MLPDigitClassifier(**{"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0, **parameters})


TARGETS = {
    "integers": Y,
    "unsigned bytes": Y.astype(np.uint8),
    "strings": Y.astype(str),
    "objects": Y.astype(str).astype(object),
    "list": Y.tolist(),
    "series": pandas.Series(Y),
    "categorical": pandas.Series(Y.astype(str)).astype("category"),
    "string series": pandas.Series(Y.astype(str)),
    "floats": Y.astype(float),
}


@pytest.mark.parametrize("y", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_labels_come_back_as_they_went_in(y, early_stopping):
    model = make(hidden_layer_sizes=40, max_iter=60, early_stopping=early_stopping, n_iter_no_change=60).fit(X, y)
    predicted = model.predict(X)
    assert set(np.unique(predicted)) <= set(np.unique(np.asarray(y)))
    assert model.score(X, y) > 0.5


@pytest.mark.parametrize("values", [(-1, 1), (1, 2)])
@pytest.mark.parametrize("where", ["y", "y_val"])
def test_several_labels_without_zeros_are_refused(values, where):
    several = np.eye(10, dtype=int)[Y]
    wrong = np.array(values)[several]
    with pytest.raises(ValueError, match=f"Expected zeros and ones as several labels a sample, got {values[0]} and"):
        make().fit(X, wrong if where == "y" else several, X_val=X, y_val=wrong if where == "y_val" else several)


def test_first_partial_fit_takes_a_column_for_each_class():
    with pytest.raises(ValueError, match="y: expected a column for each of the 5 classes, got 3"):
        make().partial_fit(X, np.eye(10, dtype=int)[Y, :3], classes=np.arange(5))


def test_column_of_labels_warns():
    from sklearn.exceptions import DataConversionWarning

    with pytest.warns(DataConversionWarning):
        make().fit(X, Y.reshape(-1, 1))


def test_multilabel_probabilities_are_independent():
    X, Y = make_multilabel_classification(n_samples=80, random_state=0)
    model = make(solver="lbfgs", hidden_layer_sizes=40, max_iter=200).fit(X, Y)
    assert model.predict(X).shape == Y.shape
    assert model.score(X, Y) > 0.9
    assert not np.allclose(model.predict_proba(X).sum(axis=1), 1)
    assert model.decision_function(X).shape == Y.shape


def test_binary_shapes():
    model = make().fit(X, Y > 4)
    assert model.predict_proba(X).shape == (120, 2)
    assert model.decision_function(X).shape == (120,)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(model.decision_function(X) > 0, model.predict(X))


@pytest.mark.parametrize("kind", ["multiclass", "binary", "multilabel", "independent"])
def test_log_probabilities_are_finite_where_probabilities_vanish(kind):
    targets = {"binary": Y > 4, "multilabel": np.eye(10, dtype=int)[Y]}.get(kind, Y)
    model = make(output_activation="logistic" if kind == "independent" else "auto").fit(X, targets)
    model.coefs_ = [coef * 300 for coef in model.coefs_]
    probabilities, logarithms = model.predict_proba(X), model.predict_log_proba(X)
    assert (probabilities == 0).any()
    assert np.isfinite(logarithms).all()
    visible = probabilities > 0
    np.testing.assert_allclose(logarithms[visible], np.log(probabilities[visible]))
    assert (logarithms[~visible] < -80).all()


@pytest.mark.parametrize("n_labels", [2, 3])
@pytest.mark.parametrize("method", ["partial_fit", "fit"])
def test_one_label_a_sample_is_refused_where_several_were_learnt(method, n_labels):
    samples, labels = make_multilabel_classification(60, n_classes=n_labels, random_state=0)
    model = make(warm_start=True).fit(samples, labels)
    before = model.coefs_[0].copy()
    with pytest.raises(ValueError, match=rf"one label a sample.* Expected y of shape \(60, {n_labels}\), got \(60,\)"):
        getattr(model, method)(samples, np.arange(60) % n_labels)
    np.testing.assert_array_equal(model.coefs_[0], before)
