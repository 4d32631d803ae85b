import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skdigits import MLPDigitClassifier, make_digit_pipeline

PARAMETERS = {"hidden_layer_sizes": (50,), "max_iter": 20, "tol": 0.0, "n_iter_no_change": np.inf, "random_state": 0}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def digits():
    """Images of 8 x 8 in the middle of 24 x 24, in which they can be moved."""
    images, y = load_digits().images, load_digits().target
    return np.pad(images, ((0, 0), (8, 8), (8, 8))), y


@pytest.fixture(scope="module")
def model(digits):
    images, y = digits
    return make_digit_pipeline(**PARAMETERS).fit(images[:1200].reshape(-1, 576), y[:1200])


def test_steps_and_parameters():
    model = make_digit_pipeline(hidden_layer_sizes=(7,), dropout=0.1)
    names = ["digitnormalizer", "digitcenterer", "deskewer", "minmaxscaler", "mlpdigitclassifier"]
    assert list(model.named_steps) == names
    assert model[-1].get_params() == MLPDigitClassifier((7,), dropout=0.1).get_params()
    assert (model["digitcenterer"].threshold, model["minmaxscaler"].clip) == (0.35, True)
    with pytest.raises(TypeError, match="nonsense"):
        make_digit_pipeline(nonsense=1)


def test_what_changes_no_digit_changes_no_prediction(model, digits):
    images = digits[0][1200:]
    expected = model.predict_proba(images.reshape(-1, 576))
    for changed in (np.roll(images, (5, -6), axis=(1, 2)), 255 - images, 3 * images + 40):
        np.testing.assert_allclose(model.predict_proba(changed.reshape(-1, 576)), expected, atol=1e-4)


def test_accuracy(model, digits):
    images, y = digits
    assert model.score(images[1200:].reshape(-1, 576), y[1200:]) > 0.9


def test_grid_search(digits):
    X, y = digits[0][:200].reshape(200, 576), digits[1][:200]
    grid = {"deskewer__max_slant": [0.0, 1.0], "mlpdigitclassifier__hidden_layer_sizes": [(5,), (20,)]}
    assert GridSearchCV(make_digit_pipeline(**PARAMETERS), grid, cv=2).fit(X, y).best_score_ > 0.3


def test_mnist_is_recognised_better_than_without(mnist):
    X_train, X_test, y_train, y_test = mnist
    with_steps = make_digit_pipeline(**PARAMETERS).fit(X_train[:10_000], y_train[:10_000])
    without = make_pipeline(MinMaxScaler(), MLPDigitClassifier(**PARAMETERS)).fit(X_train[:10_000], y_train[:10_000])
    accuracy = with_steps.score(X_test, y_test)
    assert accuracy > without.score(X_test, y_test) + 0.005
    assert with_steps.score(255 - X_test, y_test) == accuracy
