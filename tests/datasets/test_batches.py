import gzip
import io
import os
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from skdigits.datasets import iter_digit_batches
from skdigits.datasets._idx import idx_header
from skdigits.exceptions import DataFileError
from skdigits.preprocessing import ElasticDeformer

N = 23
IMAGES = np.random.default_rng(0).integers(0, 256, (N, 4, 3), np.uint8)
LABELS = np.random.default_rng(1).integers(0, 10, N, np.uint8)


def idx(array):
    return idx_header(array.shape) + array.tobytes()


def write(path, array):
    if path.suffix == ".npy":
        np.save(path, array)
    else:
        path.write_bytes(gzip.compress(idx(array)) if path.suffix == ".gz" else idx(array))
    return path


def as_arrays(folder):
    return IMAGES, LABELS


def as_files(suffix):
    return lambda folder: tuple(
        write(folder / f"{name}{suffix}", array) for name, array in (("i", IMAGES), ("l", LABELS))
    )


def as_dask(folder):
    dask_array = pytest.importorskip("dask.array")
    # Blocks of images and of labels need not agree, and images may be in several columns of blocks.
    return dask_array.from_array(IMAGES.reshape(N, 12), chunks=(7, 5)), dask_array.from_array(LABELS, chunks=4)


def as_parts(folder):
    for k, (start, stop) in enumerate([(0, 10), (10, 10), (10, 11), (11, N)]):
        write(folder / f"part{k}-images-idx3-ubyte.gz", IMAGES[start:stop])
        write(folder / f"part{k}-labels-idx1-ubyte.gz", LABELS[start:stop])
    (folder / "README").write_text("not a part")
    for name in (".images.swp", "images.txt", "README-images.md", "images.png", "images.csv.gz"):
        (folder / name).write_text("not a part")
    return folder


def as_npz_parts(folder):
    np.savez(folder / "0.npz", X=IMAGES[:0], y=LABELS[:0])
    np.savez(folder / "1.npz", X=IMAGES[:20], y=LABELS[:20])
    np.savez_compressed(folder / "2.npz", X=IMAGES[20:], y=LABELS[20:])
    return str(folder)


SOURCES = {
    "arrays": as_arrays,
    "idx": as_files("-idx"),
    "gzip": as_files(".gz"),
    "npy": as_files(".npy"),
    "dask": as_dask,
    "parts": as_parts,
    "npz parts": as_npz_parts,
}


def collect(*arguments, **options):
    batches = list(iter_digit_batches(*arguments, **options))
    return [len(X) for X, _ in batches], *(np.concatenate(arrays) for arrays in zip(*batches, strict=True))


@pytest.mark.parametrize("batch_size", [1, 5, 10, N, 1000])
@pytest.mark.parametrize("form", SOURCES)
def test_every_sample_once_in_order(tmp_path, form, batch_size):
    sizes, X, y = collect(SOURCES[form](tmp_path), batch_size=batch_size)
    np.testing.assert_array_equal(X, IMAGES.reshape(N, 12))
    np.testing.assert_array_equal(y, LABELS)
    assert set(sizes[:-1]) <= {batch_size}
    assert sizes[-1] <= batch_size


@pytest.mark.parametrize("form", SOURCES)
def test_passes_follow_one_another(tmp_path, form):
    sizes, X, y = collect(SOURCES[form](tmp_path), batch_size=10, n_samples=64)
    assert sizes == [10] * 6 + [4]
    np.testing.assert_array_equal(X, np.tile(IMAGES.reshape(N, 12), (3, 1))[:64])
    np.testing.assert_array_equal(y, np.tile(LABELS, 3)[:64])


def test_no_batch_is_empty():
    sizes, _, _ = collect((IMAGES[:5], LABELS[:5]), batch_size=5, n_samples=10)
    assert sizes == [5, 5]


def test_small_integers_of_numpy():
    images, labels = np.tile(IMAGES, (12, 1, 1)), np.tile(LABELS, 12)
    sizes, X, _ = collect((images, labels), batch_size=np.uint8(200), n_samples=np.int16(300))
    assert sizes == [200, 100]
    np.testing.assert_array_equal(X, np.tile(IMAGES.reshape(N, 12), (14, 1))[:300])


@pytest.mark.parametrize("n_samples", [1, 10, 15])
def test_fewer_samples_than_there_are(n_samples):
    _, X, y = collect((IMAGES, LABELS), batch_size=10, n_samples=n_samples)
    np.testing.assert_array_equal(X, IMAGES.reshape(N, 12)[:n_samples])
    np.testing.assert_array_equal(y, LABELS[:n_samples])


def test_types_are_those_of_the_source(tmp_path):
    for dtype in (np.uint8, np.float32, np.float64):
        source = write(tmp_path / "i.npy", IMAGES.astype(dtype)), LABELS.astype(str)
        X, y = next(iter_digit_batches(source))
        assert (X.dtype, y.dtype.kind, type(X)) == (dtype, "U", np.ndarray)


def test_augmented_batches_are_those_of_the_augmenter():
    images = np.random.default_rng(0).integers(0, 256, (12, 64), np.uint8)
    deformer = ElasticDeformer()
    _, X, y = collect((images, LABELS[:12]), batch_size=8, n_samples=24, augmenter=deformer, random_state=3)
    random_state, floats = np.random.RandomState(3), np.tile(images, (2, 1)).astype(np.float32)
    expected = np.concatenate([deformer.augment(floats[i : i + 8], random_state) for i in (0, 8, 16)])
    np.testing.assert_array_equal(X, expected)
    np.testing.assert_array_equal(y, np.tile(LABELS[:12], 2))
    assert not np.array_equal(X[:12], X[12:])  # every pass is deformed anew


@pytest.mark.parametrize(("given", "expected"), [(">f8", "f8"), (">f4", "f4"), (">i2", "f4")])
def test_deformed_images_keep_their_precision_in_any_order_of_bytes(given, expected):
    images = np.full((6, 64), 9, given)
    ((X, _),) = iter_digit_batches((images, LABELS[:6]), batch_size=6, augmenter=ElasticDeformer(), random_state=0)
    assert X.dtype == np.dtype(expected)


def test_source_and_earlier_batches_stay_as_they_are():
    images = np.full((6, 64), 9.0)
    batches = list(iter_digit_batches((images, LABELS[:6]), batch_size=3, augmenter=ElasticDeformer(), random_state=0))
    assert (images == 9).all()
    assert [X.dtype for X, _ in batches] == [np.float64] * 2
    assert not np.shares_memory(batches[0][0], batches[1][0])


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ((IMAGES, LABELS[:-1]), "images holds 23 images, but labels 22 labels: expected as many"),
        ((LABELS, IMAGES), r"images: expected images, .* got type 'u' and shape \(23,\). Images come first"),
        ((IMAGES, IMAGES), r"labels: expected one label for each image, got an array of shape \(23, 4, 3\)"),
        ((IMAGES.astype(object), LABELS), "images: expected images, numbers of shape .* got type 'O'"),
        ((IMAGES, LABELS.astype("M8[D]")), "labels: expected labels that are numbers or text, got type 'M'"),
        ((IMAGES[:0], LABELS[:0]), r"images: expected at least one image, got an array of shape \(0, 4, 3\)"),
        ((IMAGES[:, :0], LABELS), "images: expected at least one image"),
        ((IMAGES,), r"expected a folder or a pair \(images, labels\), got 1 elements"),
        ("no such folder", "there is no folder no such folder"),
    ],
)
def test_refuses_at_once(source, complaint):
    with pytest.raises(ValueError, match=complaint):
        iter_digit_batches(source)


def test_refuses_parts_of_another_width(tmp_path):
    folder = as_parts(tmp_path)
    np.savez(folder / "z.npz", X=np.zeros((2, 13)), y=LABELS[:2])
    with pytest.raises(ValueError, match=r"z\.npz \(X\): expected images of 12 pixels, as in .*part0-images.* got 13"):
        iter_digit_batches(folder)


def test_refuses_parts_without_labels(tmp_path):
    folder = as_parts(tmp_path)
    (folder / "part1-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(ValueError, match=r"part1-images.*: expected its labels in .*part1-labels-idx1-ubyte\.gz"):
        iter_digit_batches(folder)


def test_refuses_a_part_that_is_there_twice(tmp_path):
    folder = as_parts(tmp_path)
    write(folder / "part1-images-idx3-ubyte", IMAGES[10:11])
    write(folder / "part1-labels-idx1-ubyte", LABELS[10:11])
    with pytest.raises(ValueError, match="holds these images plain, too"):
        iter_digit_batches(folder)


def test_refuses_a_folder_without_parts(tmp_path):
    with pytest.raises(ValueError, match=r"expected parts, pairs of \.npy or IDX files .* got none"):
        iter_digit_batches(tmp_path)


def changed(content, fault):
    return {
        "cut": lambda: content[:-1],
        "longer": lambda: content + b"\0",
        "no header": lambda: b"something else",
        "empty": lambda: b"",
    }[fault]()


@pytest.mark.parametrize(
    ("suffix", "fault"),
    [(suffix, fault) for suffix in ("-idx", ".npy") for fault in ("cut", "no header", "empty")] + [("-idx", "longer")],
)
def test_refuses_a_damaged_file_at_once(tmp_path, suffix, fault):
    images, labels = as_files(suffix)(tmp_path)
    images.write_bytes(changed(images.read_bytes(), fault))
    with pytest.raises(DataFileError, match=rf"{images}: "):
        iter_digit_batches((images, labels))


def header(shape):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return stream.getvalue()


@pytest.mark.parametrize("shape", [(-N, 12), (N, -12), (-N, -12), (N, -3, -4)])
def test_refuses_a_negative_length(tmp_path, shape):
    (tmp_path / "images.npy").write_bytes(header(shape) + IMAGES.tobytes())
    np.save(tmp_path / "labels.npy", LABELS)
    with pytest.raises(DataFileError, match=r"images\.npy: expected a NumPy array: shape \("):
        iter_digit_batches((tmp_path / "images.npy", tmp_path / "labels.npy"))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("n", [N + 1, 10**12])
def test_refuses_an_npz_that_promises_more_than_it_holds(tmp_path, n, method):
    with zipfile.ZipFile(tmp_path / "1.npz", "w", method) as archive:
        archive.writestr("X.npy", header((n, 12)) + IMAGES.tobytes())
        archive.writestr("y.npy", header((n,)) + LABELS.astype(np.uint8).tobytes())
    with pytest.raises(DataFileError, match=r"1\.npz \(X\): truncated: expected .* bytes for shape"):
        iter_digit_batches(tmp_path)


def test_zeros_that_are_well_compressed_are_read(tmp_path):
    np.savez_compressed(tmp_path / "1.npz", X=np.zeros((1000, 5000), np.uint8), y=np.zeros(1000, int))
    assert [len(X) for X, _ in iter_digit_batches(tmp_path)] == [1000]


@pytest.mark.parametrize("fault", ["cut", "longer"])
def test_refuses_damaged_gzip_when_it_gets_there(tmp_path, fault):
    images, labels = as_files(".gz")(tmp_path)
    images.write_bytes(gzip.compress(changed(idx(IMAGES), fault)))
    batches = iter_digit_batches((images, labels), batch_size=10)
    np.testing.assert_array_equal(next(batches)[0], IMAGES[:10].reshape(10, 12))
    with pytest.raises(DataFileError, match=rf"{images}: "):
        list(batches)


def flipped(content):
    """A gzip file with a wrong pixel, which its check sum tells."""
    damaged = bytearray(gzip.compress(content, compresslevel=0))
    damaged[-20] ^= 1
    return bytes(damaged)


@pytest.mark.parametrize("batch_size", [10, N])
@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("damage", [flipped, lambda content: gzip.compress(content + b"\0")], ids=["flipped", "longer"])
def test_gzip_is_verified_before_its_last_samples_are_given(tmp_path, damage, which, batch_size):
    files = as_files(".gz")(tmp_path)
    files[which].write_bytes(damage(idx((IMAGES, LABELS)[which])))
    given = []
    with pytest.raises(DataFileError, match=rf"{files[which]}: "):
        given.extend(len(X) for X, _ in iter_digit_batches(files, batch_size=batch_size))
    assert given == ([] if batch_size == N else [10, 10])


@pytest.mark.parametrize("content", [b"no archive", None])
def test_refuses_a_damaged_npz(tmp_path, content):
    if content is None:
        np.savez(tmp_path / "1.npz", images=IMAGES, labels=LABELS)
    else:
        (tmp_path / "1.npz").write_bytes(content)
    with pytest.raises(DataFileError, match=r"1\.npz: expected an \.npz file with arrays X and y"):
        iter_digit_batches(tmp_path)


def test_parts_may_differ_in_how_images_and_labels_lie(tmp_path):
    np.savez(tmp_path / "1.npz", X=IMAGES[:7], y=LABELS[:7])
    np.savez(tmp_path / "2.npz", X=IMAGES[7:].reshape(N - 7, 12), y=LABELS[7:].reshape(-1, 1))
    batches = list(iter_digit_batches(tmp_path, batch_size=5))
    np.testing.assert_array_equal(np.concatenate([X for X, _ in batches]), IMAGES.reshape(N, 12))
    np.testing.assert_array_equal(np.concatenate([y for _, y in batches]), LABELS)


def test_refuses_npy_in_the_order_of_columns(tmp_path):
    np.save(tmp_path / "i.npy", np.asfortranarray(IMAGES.reshape(N, 12)))
    with pytest.raises(DataFileError, match=r"one after the other.*np\.ascontiguousarray"):
        iter_digit_batches((tmp_path / "i.npy", LABELS))


@pytest.mark.parametrize("objects", [LABELS.astype(object), np.full(N, None)])
def test_refuses_pickled_objects(tmp_path, objects):
    np.save(tmp_path / "l.npy", objects, allow_pickle=True)
    with pytest.raises(DataFileError, match=r"l\.npy: expected numbers or text, got Python objects"):
        iter_digit_batches((IMAGES, tmp_path / "l.npy"))
    np.savez(tmp_path / "l.npz", X=IMAGES, y=objects)
    (tmp_path / "l.npy").unlink()
    with pytest.raises(DataFileError, match=r"l\.npz \(y\): expected numbers or text, got Python objects"):
        iter_digit_batches(tmp_path)


@pytest.mark.parametrize("kind", ["objects", "series", "categories", "dask"])
def test_labels_that_are_text_of_python(kind):
    texts = LABELS.astype(str).astype(object)
    if kind == "dask":
        labels = pytest.importorskip("dask.array").from_array(texts, chunks=5)
    else:
        pandas = pytest.importorskip("pandas")
        labels = {"objects": texts, "series": pandas.Series(texts), "categories": pandas.Categorical(texts)}[kind]
    y = np.concatenate([y for _, y in iter_digit_batches((IMAGES, labels), batch_size=7)])
    assert y.tolist() == texts.tolist()


@pytest.mark.parametrize(
    ("X", "y", "says"),
    [
        (
            IMAGES / 255,
            LABELS,
            r"2\.npz \(X\): expected pixels, whole numbers or floats, as in .*1\.npz \(X\), of type",
        ),
        (
            IMAGES,
            LABELS.astype(str),
            r"2\.npz \(y\): expected labels, numbers or text, as in .*1\.npz \(y\), of type 'u'",
        ),
    ],
)
def test_parts_of_different_kinds_are_refused(tmp_path, X, y, says):
    np.savez(tmp_path / "1.npz", X=IMAGES, y=LABELS)
    np.savez(tmp_path / "2.npz", X=X, y=y)
    with pytest.raises(ValueError, match=says):
        iter_digit_batches(tmp_path)


def test_refuses_a_dask_array_of_unknown_length():
    dask_array = pytest.importorskip("dask.array")
    X = dask_array.from_array(IMAGES.reshape(N, 12))
    with pytest.raises(ValueError, match="compute_chunk_sizes"):
        iter_digit_batches((X[dask_array.from_array(LABELS) > 3], LABELS))


def test_empty_blocks_of_a_dask_array_are_passed_over():
    dask_array = pytest.importorskip("dask.array")
    X = dask_array.from_array(IMAGES.reshape(N, 12), chunks=((0, 7, 0, N - 7), 12))
    y = dask_array.from_array(LABELS, chunks=((3, 0, N - 3),))
    ((images, labels),) = iter_digit_batches((X, y), batch_size=N)
    np.testing.assert_array_equal(images, IMAGES.reshape(N, 12))
    np.testing.assert_array_equal(labels, LABELS)


@pytest.mark.parametrize("suffix", ["-idx", ".npy"])
def test_file_that_is_cut_off_while_it_is_read(tmp_path, suffix):
    many = np.tile(IMAGES, (1, 100, 100))  # more than is read ahead
    images, labels = write(tmp_path / f"i{suffix}", many), write(tmp_path / f"l{suffix}", LABELS)
    batches = iter_digit_batches((images, labels), batch_size=10)
    first, _ = next(batches)
    os.truncate(images, 1_300_000)
    with pytest.raises(DataFileError, match=rf"{images}: truncated while it was read"):
        list(batches)
    np.testing.assert_array_equal(first, many[:10].reshape(10, -1))


def test_cut_gzip_says_how_many_bytes_there_are(tmp_path):
    images, labels = as_files(".gz")(tmp_path)
    images.write_bytes(gzip.compress(idx(IMAGES)[:-3]))
    with pytest.raises(DataFileError, match=rf"expected {N * 12} bytes .* got {N * 12 - 3}\."):
        list(iter_digit_batches((images, labels), batch_size=10))


def test_one_npz_is_in_memory_at_a_time(tmp_path):
    for number in range(3):
        np.savez(tmp_path / f"{number}.npz", X=np.full((1000, 5000), number, np.uint8), y=np.zeros(1000, int))
    tracemalloc.start()
    try:
        assert sum(len(X) for X, _ in iter_digit_batches(tmp_path, batch_size=100)) == 3000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * 5_000_000


def test_names_of_files_in_capitals(tmp_path):
    np.savez(tmp_path / "1.NPZ", X=IMAGES[:20], y=LABELS[:20])
    for name, array in (("images", IMAGES), ("labels", LABELS)):
        (tmp_path / f"2{name}.IDX.GZ").write_bytes(gzip.compress(idx(array[20:])))
    X, y = (np.concatenate(arrays) for arrays in zip(*iter_digit_batches(tmp_path), strict=True))
    np.testing.assert_array_equal(X, IMAGES.reshape(N, 12))
    np.testing.assert_array_equal(y, LABELS)


def test_part_that_is_an_empty_list_is_left_out(tmp_path):
    np.savez(tmp_path / "1.npz", X=np.array([]), y=np.array([]))
    np.savez(tmp_path / "2.npz", X=IMAGES, y=LABELS)
    assert [len(X) for X, _ in iter_digit_batches(tmp_path)] == [N]


def test_refuses_sparse_images():
    flat = sparse.csr_matrix(IMAGES.reshape(N, 12))
    with pytest.raises(ValueError, match="images: expected a dense array, got a sparse one"):
        iter_digit_batches((flat, LABELS))
    dask_array = pytest.importorskip("dask.array")
    blocks = dask_array.from_array(IMAGES.reshape(N, 12), chunks=(5, 12)).map_blocks(sparse.csr_matrix)
    with pytest.raises(ValueError, match="images: expected a dense array, got a sparse one"):
        iter_digit_batches((blocks, LABELS))


def test_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        iter_digit_batches((tmp_path / "nothing", LABELS))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="pages in use are counted as Linux does")
@pytest.mark.parametrize("suffix", ["-idx", ".npy"])
def test_memory_goes_with_its_batch(tmp_path, suffix):
    images = write(tmp_path / f"i{suffix}", np.ones((40_000, 56, 56), np.uint8))  # 125 MB
    before = resident_kilobytes()
    most = before
    for X, _ in iter_digit_batches((images, np.zeros(40_000)), batch_size=1000):
        assert X.all()
        most = max(most, resident_kilobytes())
    assert most - before < 20_000


def resident_kilobytes():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


@pytest.mark.parametrize("labels", [5, None])
def test_single_value_is_no_labels(labels):
    with pytest.raises(ValueError, match="expected one label for each image"):
        iter_digit_batches((np.ones((3, 4)), labels))
