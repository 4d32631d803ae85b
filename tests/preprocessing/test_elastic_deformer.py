import pickle
import re
import threading

import joblib
import naive
import numpy as np
import pandas
import pytest
from scipy import sparse
from scipy.ndimage import gaussian_filter
from scipy.stats import ks_2samp
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils._param_validation import InvalidParameterError

from skdigits import MLPDigitClassifier
from skdigits.preprocessing import ElasticDeformer

X, Y = load_digits(return_X_y=True)
X, Y = X[:600], Y[:600]  # more than one chunk
NOTHING = {"rotation": 0, "scale": 0, "shear": 0, "shift": 0, "alpha": 0}


def make(**parameters):
    return ElasticDeformer(**{"alpha": 3.0, "sigma": 2.0, "shift": 0.5, "random_state": 0, **parameters})


@pytest.fixture(scope="module")
def reference():
    return make().fit_transform(X)


@pytest.mark.parametrize(("progress", "strength"), [(0.0, 1.0), (0.6, 1.0), (0.7, 0.75), (0.9, 0.25), (1.0, 0.0)])
def test_deformations_fade_at_the_end_of_training(progress, strength):
    names = [*NOTHING]
    full = make(rotation=10, scale=0.2, shear=0.3)
    weaker = make(**{name: strength * getattr(full, name) for name in names})
    faded = full.set_params(fade=0.4).augment(X / 1.0, 0, progress=progress)
    np.testing.assert_allclose(faded, weaker.augment(X / 1.0, 0), atol=1e-9)


def test_no_deformation_is_the_identity():
    np.testing.assert_array_equal(make(**NOTHING).fit_transform(X), X)


def test_shift_alone_shifts():
    shift = 2.0
    # A ramp in x and one in y, far from the edges, show what was drawn.
    ramps = np.indices((20, 20)).astype(float)[:, 5:15, 5:15].reshape(2, 100)
    deformed = make(**NOTHING | {"shift": shift}).fit_transform(np.tile(ramps, (100, 1))).reshape(100, 2, 10, 10)
    moved = (deformed - ramps.reshape(2, 10, 10))[:, :, 2:-3, 2:-3]
    np.testing.assert_allclose(moved, np.broadcast_to(moved[:, :, :1, :1], moved.shape), atol=1e-9)
    for shifts in moved[:, :, 0, 0].T:
        assert -shift <= shifts.min() < -0.8 * shift
        assert 0.8 * shift < shifts.max() <= shift


def test_rotation_alone_turns_about_the_centre():
    image = np.random.default_rng(0).random((9, 9))
    deformed = make(**NOTHING | {"rotation": 180}).fit_transform(np.tile(image.ravel(), (40, 1)))
    np.testing.assert_allclose(deformed[:, 40], image[4, 4], rtol=1e-12)

    def turn(angle):
        cosine, sine = np.cos(angle), np.sin(angle)
        start = 4 - 4 * cosine
        affine_map = np.array([cosine, -sine, start + 4 * sine, sine, cosine, start - 4 * sine])
        x, y = naive.coordinates(affine_map, np.zeros((9, 9)), np.zeros((9, 9)))
        return naive.sample_bilinearly(image, x, y).ravel()

    np.testing.assert_allclose(turn(np.pi / 2).reshape(9, 9), np.rot90(image), atol=1e-12)  # counterclockwise
    angles = np.radians(np.linspace(-180, 180, 3601))
    turned = np.array([turn(angle) for angle in angles])
    nearest = [np.argmin(abs(turned - copy).max(axis=1)) for copy in deformed]
    np.testing.assert_allclose(turned[nearest], deformed, atol=1e-2)
    assert angles[min(nearest)] < -2
    assert angles[max(nearest)] > 2


def test_elastic_displacements_are_distributed_as_filtered_uniform_noise():
    # A ramp shows where its values come from, as long as nothing comes from outside: the displacement in x.
    size, n = 41, 1500
    ramp = np.tile(np.arange(size, dtype=float), size)
    deformed = make(**NOTHING | {"alpha": 30.0, "sigma": 5.0}).fit_transform(np.tile(ramp, (n, 1)))
    ours = (deformed - ramp).reshape(n, size, size)[:, 20, 10:31]
    noise = np.random.default_rng(0).uniform(-1, 1, (n, size, size))
    theirs = 30 * gaussian_filter(noise, 5, axes=(1, 2), mode="constant")[:, 20, 10:31]
    np.testing.assert_allclose(ours[:, 10].std(), theirs[:, 10].std(), rtol=0.08)
    np.testing.assert_allclose(ours[:, 10].std(), 30 / (2 * np.sqrt(3 * np.pi) * 5), rtol=0.08)
    np.testing.assert_allclose(ours.mean(axis=0), 0, atol=0.1)
    assert ks_2samp(ours[:, 10], theirs[:, 10]).pvalue > 0.01
    correlations = [np.corrcoef(fields.T)[10] for fields in (ours, theirs)]
    np.testing.assert_allclose(*correlations, atol=0.1)
    # Behind the filter, places two sigma apart go together by exp(-1).
    np.testing.assert_allclose(correlations[0][[0, 20]], np.exp(-1), atol=0.1)


@pytest.mark.usefixtures("eight_cores")
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_any_number_of_threads_gives_the_same_bits(dtype):
    # So many that each of eight new threads is worth its while.
    images = np.random.default_rng(0).random((4000, 900)).astype(dtype)
    before = set(threading.enumerate())
    results = [make(n_jobs=n_jobs).fit_transform(images).tobytes() for n_jobs in (1, 2, 3, 8)]
    assert len(set(results)) == 1
    assert set(threading.enumerate()) == before


def test_random_state_determines_the_result(reference):
    np.testing.assert_array_equal(make().fit_transform(X), reference)
    assert (make(random_state=1).fit_transform(X) != reference).any(axis=1).sum() > 140
    random_state = np.random.RandomState(0)
    first, second = (make(random_state=random_state).fit_transform(X) for _ in range(2))
    np.testing.assert_array_equal(first, reference)
    assert (second != reference).any(axis=1).sum() > 140


def test_images_are_deformed_differently():
    deformed = make().fit_transform(np.tile(X[:1], (300, 1)))
    assert len(np.unique(deformed, axis=0)) == 300


def test_augment_draws_anew_each_time_without_a_fit(reference):
    random_state = np.random.RandomState(0)
    first = make().augment(X, random_state)
    np.testing.assert_array_equal(first, reference)
    second = make().augment(X, random_state)
    assert (second != first).any(axis=1).sum() > 140
    out = X.copy()
    assert make().augment(out, 0, out=out) is out
    np.testing.assert_array_equal(out, reference)


@pytest.mark.parametrize("parameters", [{"alpha": -1}, {"image_shape": (2, 3)}])
def test_augment_refuses_what_fit_refuses(parameters):
    with pytest.raises(ValueError, match=r"alpha|64 features"):
        make(**parameters).augment(X, 0)


def _read_only(array):
    array.flags.writeable = False
    return array


_IMAGES = np.zeros((20, 64), np.float32)


@pytest.mark.parametrize(
    ("X", "out", "message"),
    [
        (_IMAGES.astype(np.uint8), None, "X: expected a two-dimensional array of type float32 or float64, got uint8"),
        (_IMAGES.astype(np.float16), None, "X: .* got float16"),
        (_IMAGES.tolist(), None, "X: .* got list"),
        (_IMAGES[0], None, r"X: .* got float32 \(64,\)"),
        (_IMAGES.astype(">f4"), None, "X: .* got >f4"),
        (_IMAGES, np.zeros((10, 64), np.float32), r"out: expected .* float32 \(20, 64\), got float32 \(10, 64\)"),
        (_IMAGES, np.zeros((20, 64)), "out: expected .* got float64"),
        (_IMAGES, [], "out: expected .* got list"),
        (_IMAGES, np.zeros((20, 64), np.float32, order="F"), "out: .* in another order"),
        (_IMAGES, _read_only(np.zeros((20, 64), np.float32)), "out: .* read-only"),
        (_IMAGES[:-1], _IMAGES[1:], "out: .* overlaps X"),
    ],
)
def test_augment_refuses_what_kernels_cannot_read_or_write(X, out, message):
    with pytest.raises(ValueError, match=message):
        ElasticDeformer().augment(X, 0, out=out)


def test_augment_takes_any_order(reference):
    expected = ElasticDeformer().augment(np.ascontiguousarray(reference), 0)
    np.testing.assert_array_equal(ElasticDeformer().augment(np.asfortranarray(reference), 0), expected)


def test_copies_come_one_set_after_the_other(reference):
    deformer = make(n_copies=3)
    copies = deformer.fit_transform(X)
    assert copies.shape == (3 * len(X), 64)
    np.testing.assert_array_equal(copies[: len(X)], reference)
    sets = copies.reshape(3, len(X), 64)
    for a, b in [(0, 1), (0, 2), (1, 2)]:
        assert (sets[a] != sets[b]).any(axis=1).sum() > 140
    # Deformed a little, each copy is nearest to the image that np.tile puts beside it.
    copies = make(n_copies=3, rotation=1, scale=0.01, shear=0.01, shift=0.1, alpha=0.1).fit_transform(X)
    distances = np.linalg.norm(copies[:, np.newaxis] - X, axis=2)
    np.testing.assert_array_equal(distances.argmin(axis=1), np.tile(np.arange(len(X)), 3))


def test_number_of_copies_may_be_a_small_integer_of_numpy():
    assert make(n_copies=np.int8(3)).fit_transform(X[:60]).shape == (180, 64)


@pytest.mark.parametrize("dtype", ["u1", "i8", "f2", "f4", "f8", "longdouble"])
def test_types(dtype, reference):
    images = X.astype(dtype)
    expected = np.float64 if dtype == "f8" else np.float32
    deformed = make().fit_transform(images)
    assert deformed.dtype == expected
    assert deformed.flags.c_contiguous
    np.testing.assert_allclose(deformed, reference, atol=1e-4)
    kept = make().fit(images).transform(images)
    assert kept.dtype == expected
    assert np.shares_memory(kept, images) == (dtype in {"f4", "f8"})
    np.testing.assert_array_equal(kept, X)


def test_values_stay_in_their_range(reference):
    assert reference.min() == 0
    assert 15 < reference.max() <= 16 * (1 + 1e-15)


@pytest.mark.parametrize("container", [np.asfortranarray, lambda X: np.repeat(X, 2, axis=1)[:, ::2], np.ndarray.tolist])
def test_containers(container):
    images = X.astype(np.float32)
    np.testing.assert_array_equal(make().fit_transform(container(images)), make().fit_transform(images))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_read_only_memory_maps(tmp_path, dtype):
    joblib.dump(X.astype(dtype), tmp_path / "X")
    images = joblib.load(tmp_path / "X", mmap_mode="r")
    assert isinstance(images, np.memmap)
    np.testing.assert_array_equal(make().fit_transform(images), make().fit_transform(X.astype(dtype)))


def test_images_are_not_written(reference):
    images = X.copy()
    images.flags.writeable = False
    np.testing.assert_array_equal(make().fit_transform(images), reference)
    np.testing.assert_array_equal(images, X)


@pytest.mark.parametrize("image_shape", [(4, 16), [16, 4], np.array([3, 21])])
def test_images_that_are_not_square(image_shape):
    deformer = make(**NOTHING | {"image_shape": image_shape, "shift": 1.0})
    height, width = image_shape
    ramp = np.tile(np.arange(width, dtype=float), (height, 1))
    deformed = deformer.fit_transform(np.tile(ramp.ravel(), (20, 1))).reshape(20, height, width)
    assert deformer.image_shape_ == (height, width)
    # With a wrong width the ramps would break.
    np.testing.assert_allclose(np.diff(deformed[:, height // 2, 1:-1]), 1, atol=1e-9)


@pytest.mark.parametrize(
    ("image_shape", "message"),
    [
        ("auto", "X has 60 features, which is no square number; pass image_shape=(height, width)"),
        ((8, 8), "X has 60 features, but images of image_shape=(8, 8) have 64"),
        ((60,), "two positive integers, (height, width), got (60,)"),
        ((-6, -10), "two positive integers, (height, width), got (-6, -10)"),
        ((6.0, 10.0), "two positive integers, (height, width), got (6.0, 10.0)"),
        ((True, 60), "two positive integers, (height, width), got (True, 60)"),
        (np.array(60), "two positive integers, (height, width), got array(60)"),
    ],
)
def test_wrong_shapes_are_refused(image_shape, message):
    for call in (make(image_shape=image_shape).fit, make(image_shape=image_shape).fit_transform):
        with pytest.raises(ValueError, match=re.escape(message)):
            call(X[:, :60])


WRONG = [
    ("rotation", -1), ("rotation", 181), ("scale", 1.0), ("scale", -0.1), ("shear", -0.1), ("shift", -1),
    ("shift", np.inf), ("alpha", -1), ("alpha", np.nan), ("alpha", "strong"), ("sigma", 0), ("sigma", 1001),
    ("image_shape", "square"), ("image_shape", None), ("n_copies", 0), ("n_copies", 1.5), ("n_jobs", 0),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_nonsense_is_refused(name, value):
    with pytest.raises(InvalidParameterError, match=f"The '{name}' parameter of ElasticDeformer"):
        make(**{name: value}).fit(X)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_refused(value):
    images = X.copy()
    images[3, 4] = value
    with pytest.raises(ValueError, match=r"Input X contains (NaN|infinity)"):
        make().fit_transform(images)


def test_sparse_images_are_refused():
    with pytest.raises(TypeError, match="Sparse data was passed"):
        make().fit_transform(sparse.csr_array(X))


def test_transform_needs_a_fit_and_the_same_features():
    with pytest.raises(NotFittedError):
        make().transform(X)
    with pytest.raises(ValueError, match="36 features, but ElasticDeformer is expecting 64"):
        make().fit(X).transform(X[:, :36])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_pipeline_learns_from_deformed_images_and_predicts_for_the_given_ones(reference):
    network = MLPDigitClassifier((16,), max_iter=10, random_state=0)
    pipeline = make_pipeline(make(), MinMaxScaler(), network).fit(X, Y)
    scaler = MinMaxScaler().fit(reference)
    alone = clone(network).fit(scaler.transform(reference), Y)
    np.testing.assert_array_equal(pipeline.predict_proba(X), alone.predict_proba(scaler.transform(X)))


def test_clone_and_pickle(reference):
    deformer = make().fit(X)
    for copy in (clone(deformer), pickle.loads(pickle.dumps(deformer))):
        np.testing.assert_array_equal(copy.fit_transform(X), reference)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(deformer)).transform(X), X)


def test_names_of_pixels_and_data_frames(reference):
    names = [f"pixel_{k}" for k in range(64)]
    frame = pandas.DataFrame(X, columns=names, index=np.arange(len(X)) + 7)
    deformer = make().set_output(transform="pandas")
    deformed = deformer.fit_transform(frame)
    pandas.testing.assert_frame_equal(deformed, pandas.DataFrame(reference, columns=names, index=frame.index))
    assert deformer.get_feature_names_out().tolist() == names
    pandas.testing.assert_frame_equal(deformer.transform(frame), frame)


@pytest.mark.parametrize("progress", [-0.1, 1 + 1e-9, np.nan])
def test_progress_is_checked(progress):
    with pytest.raises(ValueError, match=r"progress: expected a number in \[0, 1\]"):
        make(fade=0.5).augment(X, 0, progress=progress)
