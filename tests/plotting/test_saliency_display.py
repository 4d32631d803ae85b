import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skdigits import MLPDigitClassifier
from skdigits.plotting import SaliencyDisplay
from skdigits.preprocessing import ImageFlattener


def differences(network, x, target):
    """Input times the gradient of a logit by it, from central differences."""

    def logit(x):
        return network.decision_function(x[np.newaxis])[0, target]

    step = 1e-5
    return np.array(
        [x[i] * (logit(x + step * row) - logit(x - step * row)) / (2 * step) for i, row in enumerate(np.eye(64))]
    )


@pytest.mark.parametrize("target", [None, 7])
def test_contributions(fit_digits, target):
    fitted = fit_digits(dtype="float64", activation="tanh")
    display = SaliencyDisplay.from_estimator(fitted.pipeline, fitted.X[:3], target)
    predicted = fitted.pipeline.predict(fitted.X[:3])
    expected = predicted if target is None else [target] * 3
    assert list(display.targets) == list(expected)
    scaled = fitted.pipeline[:-1].transform(fitted.X[:3])
    for column, (x, label) in enumerate(zip(scaled, expected, strict=True)):
        drawn = display.images_[1, column].get_array()
        np.testing.assert_allclose(drawn.ravel(), differences(fitted.network, x, label), rtol=1e-5, atol=1e-8)
        np.testing.assert_array_equal(display.images_[0, column].get_array().ravel(), fitted.X[column])
        assert display.ax_[0, column].get_title() == f"read as {predicted[column]}"
        assert display.ax_[1, column].get_title() == f"for {label}"


def test_one_scale_around_zero(fitted):
    display = SaliencyDisplay.from_estimator(fitted.pipeline, fitted.X[:4])
    limit = np.abs(display.contributions).max()
    assert {image.get_clim() for image in display.images_[1]} == {(-limit, limit)}
    assert display.ax_.shape == (2, 4)


def test_contributions_of_a_piecewise_linear_network_add_up(fitted):
    """To the logit, where biases contribute nothing."""
    network = MLPDigitClassifier((12,), max_iter=1, early_stopping=False, random_state=0, dtype="float64")
    with pytest.warns(UserWarning, match="converged"):
        network.fit(fitted.X / 16, fitted.y)
    for intercept in network.intercepts_:
        intercept[:] = 0
    display = SaliencyDisplay.from_estimator(network, fitted.X[:5] / 16)
    largest = network.decision_function(fitted.X[:5] / 16).max(axis=1)
    np.testing.assert_allclose(display.contributions.sum(axis=(1, 2)), largest)


def test_binary_labels(fitted):
    """The two classes share one logit: what speaks for one speaks against the other."""
    network = MLPDigitClassifier((5,), max_iter=3, random_state=0)
    y = np.where(fitted.y > 4, "large", "small")
    with pytest.warns(UserWarning, match="converged"):
        network.fit(fitted.X / 16, y)
    large, small = (SaliencyDisplay.from_estimator(network, fitted.X[:2] / 16, name) for name in ("large", "small"))
    np.testing.assert_array_equal(large.contributions, -small.contributions)
    assert np.abs(large.contributions).max() > 0
    either = SaliencyDisplay.from_estimator(network, fitted.X[:2] / 16, ["small", "large"])
    np.testing.assert_array_equal(either.contributions[0], small.contributions[0])
    np.testing.assert_array_equal(either.contributions[1], large.contributions[1])
    assert list(either.predictions) == list(network.predict(fitted.X[:2] / 16))


def test_sparse_samples(fitted):
    dense = SaliencyDisplay.from_estimator(fitted.network, fitted.X[:2] / 16)
    other = SaliencyDisplay.from_estimator(fitted.network, sparse.csr_array(fitted.X[:2] / 16))
    np.testing.assert_array_equal(dense.contributions, other.contributions)
    np.testing.assert_array_equal(dense.images, other.images)


def test_data_frames_between_the_steps(fitted):
    pipeline = make_pipeline(MinMaxScaler().set_output(transform="pandas"), MLPDigitClassifier((4,), max_iter=1))
    X = pd.DataFrame(fitted.X, columns=[f"pixel {number}" for number in range(64)])
    with pytest.warns(UserWarning, match="converged"):
        pipeline.fit(X, fitted.y)
    display = SaliencyDisplay.from_estimator(pipeline, X[:2])
    assert list(display.predictions) == list(pipeline.predict(X[:2]))
    np.testing.assert_array_equal(display.images.reshape(2, 64), fitted.X[:2])


def test_pipeline_in_a_pipeline(fitted):
    nested = make_pipeline(make_pipeline(fitted.pipeline[0]), make_pipeline(fitted.network))
    expected = SaliencyDisplay.from_estimator(fitted.pipeline, fitted.X[:2]).contributions
    np.testing.assert_array_equal(SaliencyDisplay.from_estimator(nested, fitted.X[:2]).contributions, expected)


@pytest.mark.parametrize("container", [np.asarray, list])
def test_pipeline_that_starts_from_images(fitted, container):
    images = fitted.X[:2].reshape(2, 4, 16)
    pipeline = make_pipeline(ImageFlattener().fit(images), *fitted.pipeline)
    display = SaliencyDisplay.from_estimator(pipeline, container(images))
    expected = SaliencyDisplay.from_estimator(fitted.pipeline, fitted.X[:2], image_shape=(4, 16))
    np.testing.assert_array_equal(display.images, images)
    np.testing.assert_array_equal(display.contributions, expected.contributions)


def test_multilabel_targets(fitted):
    """A class is a column; without one the largest logit is asked about."""
    network = MLPDigitClassifier((5,), max_iter=2, random_state=0, dtype="float64", activation="tanh")
    X = fitted.X / 16
    with pytest.warns(UserWarning, match="converged"):
        network.fit(X, np.column_stack([fitted.y > 4, fitted.y % 2, fitted.y < 3]).astype(int))
    display = SaliencyDisplay.from_estimator(network, X[:2])
    assert list(display.targets) == list(network.decision_function(X[:2]).argmax(axis=1))
    assert display.predictions is None
    assert display.ax_[0, 0].get_title() == ""
    second = SaliencyDisplay.from_estimator(network, X[:1], 1)
    np.testing.assert_allclose(second.contributions.ravel(), differences(network, X[0], 1), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    ("target", "says"), [(11, "target 11 is none of the classes"), ([1, 2, 3], "one for each of 2 samples, got shape")]
)
def test_bad_target(fitted, target, says):
    with pytest.raises(ValueError, match=says):
        SaliencyDisplay.from_estimator(fitted.pipeline, fitted.X[:2], target)
    assert plt.get_fignums() == []


def test_features_that_are_no_pixels(fitted):
    pipeline = make_pipeline(PCA(16), MLPDigitClassifier((4,), max_iter=1))
    with pytest.warns(UserWarning, match="converged"):
        pipeline.fit(fitted.X, fitted.y)
    with pytest.raises(ValueError, match="64 pixels, of which the steps before the network make 16 features"):
        SaliencyDisplay.from_estimator(pipeline, fitted.X[:2])


@pytest.mark.parametrize(
    ("estimator", "X", "error", "says"),
    [
        ("network", np.zeros(64), ValueError, "Expected 2D array, got 1D array"),
        ("other", np.zeros((1, 64)), TypeError, "a MLPClassifier, which has no decision_function"),
        ("linear", np.zeros((1, 64)), TypeError, "a LogisticRegression, which has no coefs_"),
    ],
)
def test_what_cannot_be_asked(fitted, estimator, X, error, says):
    estimators = {"network": fitted.network, "other": MLPClassifier((5,), solver="lbfgs", max_iter=300, tol=1)}
    estimators["other"].fit(fitted.X / 16, fitted.y)
    estimators["linear"] = LogisticRegression(max_iter=500).fit(fitted.X / 16, fitted.y)
    with pytest.raises(error, match=says):
        SaliencyDisplay.from_estimator(estimators[estimator], X)


@pytest.mark.parametrize("target", ["3", b"3", 10])
def test_targets_of_another_type_are_no_classes(fitted, target):
    with pytest.raises(ValueError, match=f"target {target!r} is none of the classes"):
        SaliencyDisplay.from_estimator(fitted.pipeline, fitted.X[:2], target)


@pytest.mark.parametrize("random_state", range(4))
def test_one_class(fitted, random_state):
    """Its logit is the negative of the only output: what it takes for the other class there is none of."""
    network = MLPDigitClassifier((12,), max_iter=1, activation="identity", random_state=random_state)
    with pytest.warns(UserWarning, match="converged"):
        network.fit(fitted.X / 16, np.full(len(fitted.y), 3))
    display = SaliencyDisplay.from_estimator(network, fitted.X[:5] / 16)
    biases = network.intercepts_[0] @ network.coefs_[1] + network.intercepts_[1]
    logits = network.decision_function(fitted.X[:5] / 16) - biases
    np.testing.assert_allclose(display.contributions.sum(axis=(1, 2)), -logits, rtol=1e-4, atol=1e-5)
    assert (display.targets == 3).all()


def test_no_contributions_are_of_the_colour_in_the_middle():
    display = SaliencyDisplay(np.ones((3, 2, 2)), np.zeros((3, 2, 2)), [1, 2, 3]).plot()
    for drawn in display.images_[1]:
        assert drawn.norm(0.0) == 0.5


def test_scale_is_that_of_the_largest_whatever_its_sign():
    contributions = np.array([[[-4.0, 1.0], [2.0, 0.0]]])
    display = SaliencyDisplay(np.ones((1, 2, 2)), contributions, [3]).plot()
    assert display.images_[1, 0].get_clim() == (-4, 4)
