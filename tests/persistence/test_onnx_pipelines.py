"""Pipelines as ONNX graphs: images are prepared in them as by the transformers."""

import json

import numpy as np
import pandas
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifierCV
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PolynomialFeatures,
    QuantileTransformer,
    StandardScaler,
)

from skdigits import MLPDigitClassifier, make_digit_pipeline
from skdigits._kernels.codes import HIDDEN_ACTIVATIONS
from skdigits.persistence import to_onnx
from skdigits.preprocessing import Deskewer, DigitCenterer, DigitNormalizer, ElasticDeformer, ImageFlattener

from .conftest import run_graph

pytest.importorskip("onnx")
pytest.importorskip("skl2onnx")
pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

DIGITS, Y = load_digits(return_X_y=True)
DIGITS, Y = DIGITS[:250], Y[:250]


def photographs():
    """Digits of 32 x 24 pixels: noise, a lamp at one side, dark strokes; some are of one colour."""
    rng = np.random.default_rng(0)
    large = DIGITS.reshape(-1, 8, 8).repeat(4, axis=1).repeat(3, axis=2)
    lamp = np.linspace(0, 1, 24) ** 2 * rng.uniform(0, 12, (len(large), 1, 1))
    images = large + lamp + rng.normal(0, 0.4, large.shape)
    images[::3] = 25 - images[::3]
    images[5], images[6], images[7], images[8] = 0, 3, -2, 0
    images[8, 0, 23] = 4
    return images.reshape(len(images), -1)


IMAGES = {"digits": (DIGITS, (8, 8)), "photographs": (photographs(), (32, 24)), "rows": (DIGITS, (1, 64))}
TRANSFORMERS = {
    "Deskewer": lambda shape: Deskewer(image_shape=shape),
    "Deskewer up to a slant": lambda shape: Deskewer(image_shape=shape, max_slant=0.2),
    "Deskewer up to none": lambda shape: Deskewer(image_shape=shape, max_slant=0),
    "DigitCenterer": lambda shape: DigitCenterer(image_shape=shape),
    "DigitCenterer with a threshold": lambda shape: DigitCenterer(image_shape=shape, threshold=0.35),
    "DigitNormalizer": lambda shape: DigitNormalizer(image_shape=shape),
    "DigitNormalizer without a threshold": lambda shape: DigitNormalizer(image_shape=shape, threshold=0.0),
    "ElasticDeformer": lambda shape: ElasticDeformer(image_shape=shape),
}


def classifier(**parameters):
    return MLPDigitClassifier(hidden_layer_sizes=(20,), max_iter=8, random_state=0, **parameters)


def assert_agrees(model, X, input_dtype="float32", tolerance=2e-6):
    X = X.astype(input_dtype)
    labels, probabilities = run_graph(to_onnx(model, input_dtype=input_dtype), X)
    np.testing.assert_allclose(probabilities, model.predict_proba(X), rtol=0, atol=tolerance)
    np.testing.assert_array_equal(labels, model.predict(X))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("images", IMAGES)
@pytest.mark.parametrize("make", TRANSFORMERS.values(), ids=TRANSFORMERS)
def test_transformers_give_the_same_images(make, images, dtype):
    X, shape = IMAGES[images]
    X = X.astype(dtype)
    transformer = make(shape).fit(X)
    (transformed,) = run_graph(to_onnx(transformer, input_dtype=dtype), X)
    assert transformed.dtype == dtype
    # Two units in the last place of the brightest pixel.
    tolerance = 2 * np.spacing(np.abs(X).max())
    np.testing.assert_allclose(transformed, transformer.transform(X), rtol=0, atol=max(tolerance, 1e-12))


@pytest.mark.parametrize("n_samples", [1, 3])
@pytest.mark.parametrize("make", TRANSFORMERS.values(), ids=TRANSFORMERS)
def test_each_image_is_transformed_on_its_own(make, n_samples):
    X, shape = IMAGES["photographs"]
    X = X.astype(np.float32)
    transformer = make(shape).fit(X)
    (transformed,) = run_graph(to_onnx(transformer), X[:n_samples])
    np.testing.assert_allclose(transformed, transformer.transform(X[:n_samples]), rtol=0, atol=1e-5)


FROZEN = {
    "alone": lambda frozen: frozen,
    "pipeline": lambda frozen: make_pipeline(ElasticDeformer(random_state=0), frozen),
    "calibrated": CalibratedClassifierCV,
    "vote": lambda frozen: VotingClassifier([("one", frozen), ("other", frozen)], voting="soft"),
}


@pytest.mark.parametrize("make", FROZEN.values(), ids=FROZEN)
def test_frozen_networks(make):
    assert_agrees(make(FrozenEstimator(classifier().fit(DIGITS, Y))).fit(DIGITS, Y), DIGITS)


@pytest.mark.parametrize("input_dtype", ["float32", "float64", "uint8"])
def test_the_standard_pipeline(input_dtype):
    X = np.clip(8 * photographs(), 0, 255).astype(np.uint8)
    model = make_digit_pipeline(max_iter=8, random_state=0)
    model.set_params(digitnormalizer__image_shape=(32, 24), digitcenterer__image_shape=(32, 24)).fit(X, Y)
    assert_agrees(model, X, input_dtype)


@pytest.mark.parametrize("input_dtype", ["float32", "float64", "uint8"])
@pytest.mark.parametrize("scaler", [MinMaxScaler(), MinMaxScaler(clip=True), StandardScaler(), Normalizer()], ids=str)
def test_scalers_of_scikit_learn(scaler, input_dtype):
    assert_agrees(make_pipeline(scaler, classifier()).fit(DIGITS, Y), DIGITS, input_dtype)


@pytest.mark.parametrize("input_dtype", ["float32", "float64", "uint8"])
@pytest.mark.parametrize("y", [Y, Y.astype(str)], ids=["integers", "strings"])
@pytest.mark.parametrize("output_activation", ["softmax", "logistic"])
@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
def test_scaled_pixels_within_a_millionth(activation, output_activation, y, input_dtype):
    network = classifier(activation=activation, output_activation=output_activation, dtype="float32")
    model = make_pipeline(MinMaxScaler(), network).fit(DIGITS, y)
    graph = to_onnx(model, input_dtype=input_dtype)
    for n_samples in (1, len(DIGITS)):
        X = DIGITS[:n_samples].astype(input_dtype)
        labels, probabilities = run_graph(graph, X)
        np.testing.assert_allclose(probabilities, model.predict_proba(X), rtol=0, atol=1e-6)
        np.testing.assert_array_equal(labels, model.predict(X))


def test_other_transformers_and_classifiers_of_scikit_learn():
    model = make_pipeline(Deskewer(), PCA(10, random_state=0), LogisticRegression(max_iter=500)).fit(DIGITS, Y)
    assert_agrees(model, DIGITS, tolerance=1e-5)


OF_SEVERAL = {
    "calibrated": lambda network: CalibratedClassifierCV(network, cv=2),
    "calibrated, not an ensemble": lambda network: CalibratedClassifierCV(network, cv=2, ensemble=False),
    "calibrated pipeline": lambda network: CalibratedClassifierCV(make_pipeline(StandardScaler(), network), cv=2),
    "calibrated search": lambda network: CalibratedClassifierCV(GridSearchCV(network, {"alpha": [1]}, cv=2), cv=2),
    "bagged": lambda network: BaggingClassifier(network, 2, max_features=0.5, random_state=0),
    "vote": lambda network: VotingClassifier([("one", network), ("other", network)], voting="soft"),
    "pipeline in a vote": lambda network: VotingClassifier(
        [("one", make_pipeline(MinMaxScaler(), network))], voting="soft"
    ),
    "stack": lambda network: StackingClassifier([("one", network)], LogisticRegression(max_iter=500), cv=2),
}


@pytest.mark.parametrize(
    ("dtype", "input_dtype"), [("float32", "float32"), ("float32", "uint8"), ("float64", "float32")]
)
@pytest.mark.parametrize("y", [Y, Y > 4], ids=["ten classes", "two"])
@pytest.mark.parametrize("make", OF_SEVERAL.values(), ids=OF_SEVERAL)
def test_networks_in_estimators_of_scikit_learn(make, y, dtype, input_dtype):
    assert_agrees(make_pipeline(MinMaxScaler(), make(classifier(dtype=dtype))).fit(DIGITS, y * 1), DIGITS, input_dtype)


@pytest.mark.parametrize("input_dtype", ["float32", "float64", "uint8"])
def test_pixels_at_the_threshold(input_dtype):
    assert_agrees(make_pipeline(Binarizer(threshold=4), classifier()).fit(DIGITS, Y), DIGITS, input_dtype)


def test_images_that_are_not_square_behind_a_flat_input():
    flat = DIGITS[:, :64].reshape(-1, 4, 16)
    model = make_pipeline(DigitCenterer(), classifier()).fit(flat, Y)
    _, probabilities = run_graph(to_onnx(model), DIGITS.astype(np.float32))
    np.testing.assert_allclose(probabilities, model.predict_proba(flat.astype(np.float32)), rtol=0, atol=2e-6)


def test_images_that_are_not_flat():
    images = DIGITS.reshape(-1, 8, 8)
    model = to_onnx(make_pipeline(ImageFlattener(), MinMaxScaler(), classifier()).fit(images, Y))
    assert [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim] == [0, 8, 8]
    assert_agrees(make_pipeline(ImageFlattener(), MinMaxScaler(), classifier()).fit(images, Y), images)


@pytest.mark.parametrize("nothing", ["passthrough", None])
def test_steps_that_let_everything_pass(nothing):
    model = Pipeline([("first", nothing), ("scaler", MinMaxScaler()), ("other", nothing), ("network", classifier())])
    assert_agrees(model.fit(DIGITS, Y), DIGITS)


def test_a_pipeline_in_a_pipeline():
    preparation = make_pipeline(Deskewer(), MinMaxScaler())
    assert_agrees(make_pipeline(ElasticDeformer(random_state=0), preparation, classifier()).fit(DIGITS, Y), DIGITS)


def test_the_best_of_a_search():
    search = GridSearchCV(make_pipeline(MinMaxScaler(), classifier()), {"mlpdigitclassifier__alpha": [0.1, 1]}, cv=2)
    assert_agrees(search.fit(DIGITS, Y), DIGITS)


@pytest.mark.parametrize(
    ("model", "X", "expected"),
    [
        (make_pipeline(MinMaxScaler(), classifier()), DIGITS, {"image_shape": [8, 8], "largest_pixel": 16.0}),
        (make_pipeline(ElasticDeformer(), MaxAbsScaler(), classifier()), DIGITS, {"largest_pixel": 16.0}),
        (
            make_pipeline(Deskewer(image_shape=(4, 16)), classifier()),
            DIGITS,
            {"image_shape": [4, 16], "largest_pixel": None},
        ),
        (
            make_pipeline(DigitCenterer(image_shape=[4, 16]), classifier()),
            DIGITS,
            {"image_shape": [4, 16], "largest_pixel": None},
        ),
        (make_pipeline(MinMaxScaler(), classifier()), DIGITS[:, :60], {"input_shape": [60], "image_shape": None}),
        (
            make_pipeline(ImageFlattener((4, 16)), classifier()),
            DIGITS,
            {"input_shape": [4, 16], "image_shape": [4, 16]},
        ),
    ],
)
def test_metadata(model, X, expected):
    metadata = {prop.key: json.loads(prop.value) for prop in to_onnx(model.fit(X, Y)).metadata_props[1:]}
    assert {name: metadata.get(name) for name in expected} == expected
    assert metadata["classes"] == list(range(10))


class Doubled(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return 2 * X


@pytest.mark.parametrize("step", [Doubled(), FunctionTransformer(np.sqrt, validate=True)])
def test_a_step_that_cannot_be_expressed_is_named(step):
    model = Pipeline([("scaler", MinMaxScaler()), ("own", step), ("network", classifier())]).fit(DIGITS, Y)
    with pytest.raises(ValueError, match=rf"^step 'own', {type(step).__name__}, cannot be expressed in ONNX"):
        to_onnx(model)


def calibrated(network, **parameters):
    return CalibratedClassifierCV(network, cv=2, **parameters)


WRONG_IN_ONNX = {
    "QuantileTransformer": lambda: [QuantileTransformer(n_quantiles=20), learnt()],
    "isotonic": lambda: [calibrated(learnt(), method="isotonic")],
    "vote of calibrated pipelines": lambda: [
        VotingClassifier([("one", calibrated(make_pipeline(StandardScaler(), learnt())))], voting="soft")
    ],
    "calibrated bag of pipelines": lambda: [
        calibrated(BaggingClassifier(make_pipeline(StandardScaler(), learnt()), 2, random_state=0))
    ],
    "stack": lambda: [
        StackingClassifier([("one", make_pipeline(StandardScaler(), learnt()))], cv=2, stack_method="decision_function")
    ],
}


def learnt():
    return MLPDigitClassifier((20,), max_iter=40, learning_rate_init=0.01, random_state=0)


@pytest.mark.parametrize("name", WRONG_IN_ONNX)
def test_graphs_with_other_results_are_refused(name):
    model = make_pipeline(MinMaxScaler(), *WRONG_IN_ONNX[name]()).fit(DIGITS, Y)
    with pytest.raises(
        ValueError, match=r"^the model cannot be expressed in ONNX: .* gives other results for \d+ of 120"
    ):
        to_onnx(model)


@pytest.mark.parametrize("random_state", range(3))
def test_label_of_a_tie_is_no_other_result(random_state):
    """On made-up images several outputs of calibrated networks are saturated."""
    network = MLPDigitClassifier((20,), max_iter=20, random_state=random_state)
    model = calibrated(network).fit(DIGITS / 16, Y)
    assert_agrees(model, DIGITS / 16)


def test_thresholds_of_scores_are_refused():
    model = make_pipeline(MinMaxScaler(), TunedThresholdClassifierCV(learnt(), cv=2)).fit(DIGITS, Y > 4)
    with pytest.raises(ValueError, match="cannot be expressed in ONNX"):
        to_onnx(model)


@pytest.mark.parametrize(
    "other", [OneVsRestClassifier(LogisticRegression(max_iter=500)), RidgeClassifierCV(store_cv_results=True)]
)
def test_other_classifiers_of_scikit_learn(other):
    model = make_pipeline(MinMaxScaler(), other).fit(DIGITS, Y)
    np.testing.assert_array_equal(run_graph(to_onnx(model), DIGITS.astype(np.float32))[0], model.predict(DIGITS))


def test_binarizer_that_compares_in_double_precision():
    X = np.round(DIGITS) / 15
    assert_agrees(make_pipeline(Binarizer(threshold=np.float64(0.2)), classifier()).fit(X, Y), X)


def test_weights_of_a_vote_as_a_list():
    vote = VotingClassifier([("one", classifier()), ("other", learnt())], voting="soft", weights=[1, 3])
    assert_agrees(make_pipeline(MinMaxScaler(), vote).fit(DIGITS, Y), DIGITS)


def test_graphs_of_wrong_types_are_refused():
    model = make_pipeline(PCA(3), PolynomialFeatures(2), classifier()).fit(DIGITS, Y)
    with pytest.raises(ValueError, match=r"^the model cannot be expressed in ONNX: .*inconsistent type"):
        to_onnx(model, input_dtype="float64")


def test_outputs_that_are_no_arrays_are_refused():
    model = MultiOutputClassifier(classifier()).fit(DIGITS, np.column_stack([Y > 4, Y % 2]))
    with pytest.raises(ValueError, match="the model cannot be expressed in ONNX: its probabilities would be no array"):
        to_onnx(model)


def test_names_of_features_give_no_warning():
    """Made-up images, on which the graph is run, have none."""
    frame = pandas.DataFrame(DIGITS, columns=[f"pixel {number}" for number in range(DIGITS.shape[1])])
    to_onnx(make_pipeline(PCA(5), classifier()).fit(frame, Y))


def test_search_without_a_best_is_refused():
    search = GridSearchCV(classifier(), {"alpha": [1]}, cv=2, refit=False).fit(DIGITS, Y)
    with pytest.raises(ValueError, match="GridSearchCV has no best_estimator_: search with refit=True"):
        to_onnx(search)


def test_pipeline_of_nothing_is_refused():
    with pytest.raises(ValueError, match="expected a pipeline with a step that does something, got none"):
        to_onnx(make_pipeline("passthrough").fit(DIGITS, Y))


def test_labels_beyond_the_type_of_onnx_are_refused():
    model = classifier().fit(DIGITS, Y)
    model.classes_ = model.classes_.astype(np.uint64) + np.uint64(2**63)
    with pytest.raises(ValueError, match="labels cannot be expressed in ONNX: expected at most 9223372036854775807"):
        to_onnx(model)


def test_images_of_different_sizes_are_refused():
    centerer = DigitCenterer().fit([np.ones((5, 6)), np.ones((7, 8))])
    with pytest.raises(ValueError, match="DigitCenterer has seen images of different sizes"):
        to_onnx(centerer)
