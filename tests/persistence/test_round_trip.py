"""What is loaded predicts the same bits and goes on with training as if it had never been stored."""

import joblib
import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, StandardScaler

from skdigits import MLPDigitClassifier, make_digit_pipeline
from skdigits._networks import network_of
from skdigits.persistence import load, load_weights, save, save_weights
from skdigits.preprocessing import ElasticDeformer, ImageFlattener

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_digits(return_X_y=True)
X, Y = X[:150], Y[:150]
WAYS = {".npz": (save_weights, load_weights), ".safetensors": (save_weights, load_weights), ".skops": (save, load)}


@pytest.fixture(params=WAYS)
def through_file(request, tmp_path):
    """Save in a format and load again."""
    if request.param != ".npz":
        pytest.importorskip(request.param[1:])
    write, read = WAYS[request.param]

    def go(model, **options):
        write(model, tmp_path / f"model{request.param}", **options)
        return read(tmp_path / f"model{request.param}")

    return go


def make(**parameters):
    return MLPDigitClassifier(
        **{"hidden_layer_sizes": (9, 5), "max_iter": 3, "random_state": 0, "batch_size": 32, **parameters}
    )


def learned(model):
    return {name: value for name, value in vars(model).items() if name.endswith("_")}


LABELS = {
    "numbers": Y,
    "small numbers": Y.astype(np.int8),
    "floats": Y.astype(float),
    "text": np.array([f"digit {label}" for label in Y]),
    "objects": np.array([f"digit {label}" for label in Y], object),
    "two": Y % 2,
    "bool": Y > 4,
    "two words": np.where(Y > 4, "large", "small"),
    "several": np.eye(10, dtype=int)[Y] + np.eye(10, dtype=int)[9 - Y],
    "several, sparse": sparse.csr_array(np.eye(10, dtype=int)[Y] + np.eye(10, dtype=int)[9 - Y]),
}


def as_array(labels):
    """Labels, and whether they are sparse."""
    return (labels.toarray(), True) if sparse.issparse(labels) else (labels, False)


@pytest.mark.parametrize("y", LABELS.values(), ids=LABELS)
def test_labels_and_probabilities_are_the_same(through_file, y):
    model = make().fit(X, y)
    restored = through_file(model)
    np.testing.assert_array_equal(restored.predict_proba(X), model.predict_proba(X), strict=True)
    np.testing.assert_equal(as_array(restored.predict(X)), as_array(model.predict(X)), strict=True)
    np.testing.assert_array_equal(restored.classes_, model.classes_, strict=True)


PARAMETERS = [
    {"solver": "lbfgs"},
    {"solver": "sgd", "n_iter_no_change": np.inf, "momentum": 0.5},
    {"hidden_layer_sizes": 7, "dtype": "float64", "alpha": np.float32(0.1)},
    {"hidden_layer_sizes": [7, 4], "dropout": [0.1, 0.2], "random_state": None},
    {"hidden_layer_sizes": np.array([7, 4]), "dropout": np.array([0.1, 0.2]), "max_iter": np.int64(2)},
    {"class_weight": {0: 2.0, 1: 1, 2: 0.5}, "scoring": "accuracy", "early_stopping": True, "label_smoothing": 0.1},
    {"class_weight": "balanced", "max_time": 60.0, "n_jobs": 1, "verbose": False, "output_activation": "logistic"},
    {"augmenter": ElasticDeformer(rotation=5, random_state=3), "weight_averaging": 0.9, "activation": "gelu"},
]


@pytest.mark.parametrize("parameters", PARAMETERS, ids=str)
def test_parameters_keep_value_and_type(through_file, parameters):
    model = make(**parameters).fit(X, Y)
    before, after = model.get_params(), through_file(model).get_params()
    assert before.keys() == after.keys()
    for name in before.keys() - {"augmenter"}:
        assert repr(after[name]) == repr(before[name])
        assert type(after[name]) is type(before[name])


@pytest.mark.parametrize("parameters", PARAMETERS, ids=str)
def test_learned_attributes_are_the_same(through_file, parameters):
    model = make(**parameters).fit(X, Y)
    before, after = learned(model), learned(through_file(model))
    assert before.keys() == after.keys()
    for name in before:
        np.testing.assert_equal(after[name], before[name])
        assert type(after[name]) is type(before[name])


TRAINING = [
    {"solver": "adam"},
    {"solver": "adam", "dtype": "float64", "dropout": 0.2},
    {"solver": "adamw", "weight_averaging": 0.9},
    {"solver": "sgd"},
    {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.5, "weight_averaging": 0.8},
    {"solver": "sgd", "learning_rate": "adaptive"},
    {"solver": "adamw", "learning_rate": "one_cycle", "max_iter": 5},
    {"solver": "adam", "learning_rate": "cosine", "max_iter": 5},
]


@pytest.mark.parametrize("parameters", TRAINING, ids=str)
def test_training_goes_on_as_if_never_interrupted(through_file, parameters):
    model = make(**parameters)
    for _ in range(2):
        model.partial_fit(X, Y, classes=np.arange(10))
    restored = through_file(model)
    for _ in range(3):
        model.partial_fit(X, Y)
        restored.partial_fit(X, Y)
    before, after = learned(model), learned(restored)
    del before["history_"], after["history_"]  # it has times in it
    np.testing.assert_equal(after, before)
    np.testing.assert_equal(restored._optimizer, model._optimizer)


STEPS = {
    "MinMaxScaler": [MinMaxScaler(feature_range=(-1, 1))],
    "MaxAbsScaler": [MaxAbsScaler()],
    "StandardScaler": [StandardScaler(with_std=False)],
    "Normalizer": [Normalizer(norm="max")],
    "deformed": [ElasticDeformer(shift=0.5), MinMaxScaler()],
    "none": ["passthrough", None],
}


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_pipelines_predict_the_same(through_file, steps):
    model = make_pipeline(*steps, make()).fit(X, Y)
    restored = through_file(model)
    np.testing.assert_array_equal(restored.predict_proba(X), model.predict_proba(X))
    assert repr(restored) == repr(model)


def test_digit_pipeline_predicts_the_same(through_file):
    model = make_digit_pipeline(hidden_layer_sizes=(4,), max_iter=2).fit(X, Y)
    np.testing.assert_array_equal(through_file(model).predict_proba(X), model.predict_proba(X))


def test_data_frames_keep_their_names(through_file):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=[f"pixel {index}" for index in range(X.shape[1])])
    model = make_pipeline(MinMaxScaler(), make()).set_output(transform="pandas").fit(frame, Y)
    restored = through_file(model)
    np.testing.assert_array_equal(restored.predict_proba(frame), model.predict_proba(frame))
    assert restored.feature_names_in_.tolist() == list(frame.columns)


def test_callbacks_stay_behind(through_file):
    from sklearn.callback import ProgressBar

    model = make().set_callbacks(ProgressBar())
    model.partial_fit(X, Y, classes=np.arange(10))
    restored = through_file(model)
    assert not hasattr(restored, "_skl_callbacks")
    assert hasattr(model, "_skl_callbacks")


def test_requests_of_metadata_stay_behind(through_file):
    with sklearn.config_context(enable_metadata_routing=True):
        network = make().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        model = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), network)
        model.fit(X, Y, sample_weight=np.ones(len(Y)))
    restored = through_file(model)
    np.testing.assert_array_equal(restored.predict_proba(X), model.predict_proba(X))
    assert not any(hasattr(step, "_metadata_request") for _, step in restored.steps)
    assert hasattr(network, "_metadata_request")


def test_pipeline_in_a_pipeline(through_file):
    model = make_pipeline(ImageFlattener((8, 8)), make_digit_pipeline(hidden_layer_sizes=(4,), max_iter=2)).fit(X, Y)
    np.testing.assert_array_equal(through_file(model).predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_many_pipelines_in_one_another(tmp_path, suffix):
    pytest.importorskip("safetensors")
    model = make()
    for _ in range(6):
        model = make_pipeline(MinMaxScaler(), model)
    model.fit(X, Y)
    save_weights(model, tmp_path / f"model{suffix}")
    restored = load_weights(tmp_path / f"model{suffix}")
    np.testing.assert_array_equal(restored.predict_proba(X), model.predict_proba(X))


def test_union_of_data_frames(tmp_path):
    pytest.importorskip("skops")
    frame = pytest.importorskip("pandas").DataFrame(X, columns=[f"pixel {index}" for index in range(X.shape[1])])
    union = FeatureUnion([("few", PCA(3)), ("all", MinMaxScaler())])
    model = make_pipeline(union, make()).set_output(transform="pandas").fit(frame, Y)
    save(model, tmp_path / "model.skops")
    restored = load(tmp_path / "model.skops")
    np.testing.assert_array_equal(restored.predict_proba(frame), model.predict_proba(frame))
    assert restored[0].get_feature_names_out().tolist() == union.get_feature_names_out().tolist()


def test_loaded_weights_are_views_of_one_vector(through_file):
    """As after fit: otherwise every prediction would copy them."""
    restored = through_file(make().fit(X, Y))
    assert network_of(restored).parameters.base is restored.coefs_[0].base


def test_weights_of_several_types_keep_them(through_file):
    model = make().fit(X, Y)
    model.coefs_[0] = np.asfortranarray(model.coefs_[0], np.float64)
    restored = through_file(model)
    assert [coef.dtype for coef in restored.coefs_] == [coef.dtype for coef in model.coefs_]
    np.testing.assert_array_equal(restored.predict_proba(X), model.predict_proba(X))


def test_weights_in_a_memory_map(through_file, tmp_path):
    """Joblib hands large models to its workers as memory maps."""
    model = make().fit(X, Y)
    joblib.dump(model, tmp_path / "mapped.joblib")
    restored = through_file(joblib.load(tmp_path / "mapped.joblib", mmap_mode="r"))
    np.testing.assert_array_equal(restored.predict_proba(X), model.predict_proba(X))


def test_dict_that_several_estimators_share(tmp_path):
    pytest.importorskip("skops")
    model = BaggingClassifier(make(class_weight={3: 2.0}), 3, random_state=0).fit(X, Y)
    save(model, tmp_path / "model.skops")
    restored = load(tmp_path / "model.skops")
    np.testing.assert_array_equal(restored.predict_proba(X), model.predict_proba(X))
    assert [network.class_weight for network in restored.estimators_] == [{3: 2.0}] * 3


@pytest.mark.parametrize("mark", "{[,")
def test_labels_of_marks_are_no_structure(through_file, mark):
    labels = np.array([mark * 2000 + str(digit) for digit in range(10)])[Y]
    model = make(hidden_layer_sizes=(2,)).fit(X, labels)
    np.testing.assert_array_equal(through_file(model).classes_, model.classes_)


def test_room_for_labels_that_no_file_fills_is_not_saved(tmp_path):
    labels = np.array(["0" * 20_000, *"123456789"])[Y]
    with pytest.raises(ValueError, match=r"cannot be saved as .*: its labels have more room than a file"):
        save_weights(make(hidden_layer_sizes=(2,)).fit(X, labels), tmp_path / "m.npz")
    assert list(tmp_path.iterdir()) == []


def test_class_weights_by_the_classes_of_numpy(through_file, y_and_weights):
    y, class_weight = y_and_weights
    model = make(class_weight=class_weight).fit(X, y)
    loaded = through_file(model)
    assert loaded.class_weight == class_weight
    np.testing.assert_array_equal(loaded.fit(X, y).coefs_[0], model.coefs_[0])


@pytest.fixture(params=["text", "bool", "numbers"])
def y_and_weights(request):
    """Labels, and a weight for each class as numpy.unique gives it."""
    y = LABELS[request.param]
    classes = np.unique(y)
    return y, dict(zip(classes, np.linspace(1, 2, len(classes)), strict=True))


def test_a_generator_that_estimators_share_is_one_each(tmp_path):
    pytest.importorskip("skops")
    generator = np.random.RandomState(0)
    model = BaggingClassifier(make(random_state=generator), 2, random_state=generator).fit(X, Y)
    save(model, tmp_path / "m.skops")
    loaded = load(tmp_path / "m.skops")
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert loaded.random_state.randint(1000) == model.random_state.randint(1000)


def test_state_of_the_optimizer_has_names(through_file):
    model = make().partial_fit(X, Y, classes=np.arange(10))
    assert through_file(model)._optimizer.learning_rate == model._optimizer.learning_rate
