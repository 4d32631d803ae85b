"""Inside scikit-learn's meta-estimators, in threads and in processes."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.ensemble import BaggingClassifier
from sklearn.metrics import classification_report
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skdigits import MLPDigitClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_digits(return_X_y=True)


def make(**parameters):
    return MLPDigitClassifier(**{"hidden_layer_sizes": (32,), "max_iter": 20, "random_state": 0, **parameters})


def test_pipeline_with_classification_report():
    model = make_pipeline(MinMaxScaler(), make(max_iter=60)).fit(X[:1300], Y[:1300])
    report = classification_report(Y[1300:], model.predict(X[1300:]), output_dict=True)
    assert report["accuracy"] > 0.85
    assert set(map(str, range(10))) < set(report)


def test_grid_search_with_memory_mapped_input():
    data = np.tile(X / 16, (2, 1))
    assert data.nbytes > 1_000_000  # joblib hands larger arrays to its workers as read-only memory maps
    grid = {"hidden_layer_sizes": [(4,), (32,), (16, 8)]}
    search = GridSearchCV(make(), grid, cv=2, n_jobs=2).fit(data, np.tile(Y, 2))
    serial = GridSearchCV(make(), grid, cv=2).fit(data, np.tile(Y, 2))
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], serial.cv_results_["mean_test_score"])
    assert search.best_params_ == {"hidden_layer_sizes": (32,)}


def test_grid_search_ranks_like_mlpclassifier():
    data, grid = X / 16, {"hidden_layer_sizes": [(2,), (8,), (32,)], "alpha": [1e-4, 10.0]}
    ours = GridSearchCV(make(dtype="float64"), grid, cv=2).fit(data, Y)
    theirs = GridSearchCV(MLPClassifier(max_iter=20, random_state=0), grid, cv=2).fit(data, Y)
    np.testing.assert_array_equal(ours.cv_results_["rank_test_score"], theirs.cv_results_["rank_test_score"])


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_bagging(n_jobs):
    model = BaggingClassifier(make(max_iter=60), n_estimators=3, n_jobs=n_jobs, random_state=0).fit(X[:1300], Y[:1300])
    assert model.score(X[1300:], Y[1300:]) > 0.85


def test_calibration():
    model = CalibratedClassifierCV(make(max_iter=60), cv=2).fit(X[:1300], Y[:1300])
    assert model.score(X[1300:], Y[1300:]) > 0.85
    np.testing.assert_allclose(model.predict_proba(X[1300:]).sum(axis=1), 1)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_cross_val_score(n_jobs):
    scores = cross_val_score(make_pipeline(MinMaxScaler(), make(max_iter=60)), X, Y, cv=3, n_jobs=n_jobs)
    assert scores.min() > 0.85


@pytest.mark.usefixtures("many_threads")
@pytest.mark.parametrize("n_jobs", [2, 3, 8, -1, None])
def test_any_number_of_threads_gives_the_same_bits(n_jobs):
    rng = np.random.default_rng(0)
    data, y = rng.random((2000, 300), np.float32), rng.integers(10, size=2000)
    reference = make(hidden_layer_sizes=(64, 32), max_iter=3, n_jobs=1).fit(data, y)
    model = make(hidden_layer_sizes=(64, 32), max_iter=3, n_jobs=n_jobs).fit(data, y)
    assert model.loss_curve_ == reference.loss_curve_
    for ours, theirs in zip(model.coefs_ + model.intercepts_, reference.coefs_ + reference.intercepts_, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(model.predict_proba(data), reference.predict_proba(data))
