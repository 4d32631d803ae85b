"""Samples as the kernels read them."""

import numpy as np
from scipy import sparse

from skdigits._engine.exceptions import NotFiniteError
from skdigits._engine.team import share_work, useful_threads
from skdigits._engine.tiling import kept_by_width, tile_features
from skdigits._kernels.arrays import Inputs
from skdigits._kernels.codes import CONTROL_SIZE
from skdigits._kernels.entry_points import count_csr_tiles, count_tiles, fill_csr_tiles, fill_tiles
from skdigits._kernels.sizes import TILE, TILES_A_WORD

# Above this share of tiles that differ from the background, dense samples are read as they are: they need no memory.
_LARGEST_DENSITY = 0.6
_N_ROWS_LOOKED_AT = 256
# Reading a number takes about as long as so many multiplications.
_READING_COST = 40


def as_read_only(array):
    """A view that cannot be written.

    Numba compiles a kernel anew for arrays that it may not write. With every input read-only, an array of the user's
    and joblib's read-only memory map of it share one compiled kernel, and nothing can be written by mistake.
    """
    view = array.view()
    view.flags.writeable = False
    return view


def choose_index_dtype(n_tiles):
    """Type of the indices of tiles: one byte wherever it does, which is for every image of up to 32 x 32 pixels."""
    if n_tiles <= 2**8:
        return np.dtype(np.uint8)
    return np.dtype(np.uint16 if n_tiles <= 2**16 else np.int32)


def refer_to_inputs(X, dtype, *, convert=False, in_squares=False):
    """Samples in the form that kernels read, which refers to dense ones as they are.

    Parameters
    ----------
    X : ndarray or CSR array of shape (n_samples, n_features)
        Dense samples are floats or unsigned integers.
    dtype : numpy dtype
        Type in which the network computes.
    convert : bool, default=False
        Whether dense samples of another type are copied, for kernels that are compiled for one type only.
    in_squares : bool, default=False
        Whether tiles are squares where they can be, as in training: the rows of the weights are then in their order.

    Returns
    -------
    inputs : Inputs
    """
    if sparse.issparse(X):
        return _list_csr(X, dtype, 1, in_squares)
    dense = X
    if type(X) is not np.ndarray or not X.flags.c_contiguous or not X.flags.aligned or (convert and X.dtype != dtype):
        with np.errstate(over="ignore"):  # kernels find what has become infinite
            dense = np.require(X, dtype if convert else None, ["C", "A", "E"])
    return _make_inputs(X.shape[1], dtype, in_squares, dense=dense.reshape(-1))


def compress_inputs(X, dtype, n_threads, *, with_background=True):
    """Samples as lists of the tiles that differ from the background, once for all epochs; others as they are.

    Tiles are squares where they can be.

    The background of a feature is the value that more than half of its samples have, else 0. It is looked for in a
    few rows only: whatever it is taken to be, the result is the same up to rounding errors of its size.

    Parameters
    ----------
    X : ndarray or CSR array of shape (n_samples, n_features)
        Dense samples are floats or unsigned integers, and are read as they are: no dense copy is made.
    dtype : numpy dtype
    n_threads : int
    with_background : bool, default=True
        Whether a background is looked for; else it is 0, as input dropout, which replaces features by 0, needs it.

    Returns
    -------
    inputs : Inputs

    Raises
    ------
    NotFiniteError
    """
    if sparse.issparse(X):
        return _list_csr(X, dtype, n_threads, True)
    if not len(X):
        return refer_to_inputs(X, dtype, in_squares=True)
    rows = X[np.linspace(0, len(X) - 1, min(len(X), _N_ROWS_LOOKED_AT)).astype(np.intp)]
    with np.errstate(over="ignore"):  # found and refused below
        rows = rows.astype(dtype)
    common = _common_values(rows if with_background else rows[:0])
    n_samples, n_features = X.shape
    tiling = tile_features(n_features, in_squares=True)
    n_tiles = len(tiling.first_features)
    background = np.zeros(TILE * n_tiles, dtype)
    background[tiling.slots] = common
    split = _split_tiles((rows != common).sum(axis=0), tiling)
    X = as_read_only(np.require(X, None, ["C", "A", "E"]))
    n_threads = useful_threads(n_threads, _READING_COST * X.size, "new")
    starts = np.zeros(2 * n_samples + 1, np.int64)
    marks = np.empty((n_samples, -(-n_tiles // TILES_A_WORD)), np.int64)
    bounds = [t * n_samples // n_threads for t in range(n_threads + 1)]
    control = np.zeros(CONTROL_SIZE, np.int64)
    all_finite = np.empty(n_threads, bool)

    def count(t):
        all_finite[t] = count_tiles(X, *tiling[:2], background, split, bounds[t], bounds[t + 1], marks, starts)

    def fill(t):
        fill_tiles(X, *tiling[:2], background, bounds[t], bounds[t + 1], marks, starts, tiles, values)

    share_work(count, n_threads, control)
    if not all_finite.all():
        raise NotFiniteError(f"the samples hold values that are NaN or infinite as {np.dtype(dtype)}")
    np.cumsum(starts, out=starts)
    if starts[-1] > _LARGEST_DENSITY * n_samples * n_tiles:
        return refer_to_inputs(X, dtype, in_squares=True)._replace(split=split)
    tiles = np.empty(starts[-1], choose_index_dtype(n_tiles))
    values = np.empty(TILE * starts[-1], dtype)
    share_work(fill, n_threads, control)
    lit = np.flatnonzero(background.reshape(-1, TILE).any(axis=1)).astype(tiles.dtype)
    return _make_inputs(
        n_features, dtype, True, starts=starts, tiles=tiles, values=values, background_tiles=lit,
        background_values=background, split=split, is_listed=True,
    )  # fmt: skip


def _list_csr(X, dtype, n_threads, in_squares):
    # Of the same arrays, as SciPy's checks cut and convert those of the array that they are called on.
    X = sparse.csr_array((X.data, X.indices, X.indptr), shape=X.shape)
    X.check_format(full_check=True)  # kernels would read beside the samples
    if not X.has_canonical_format:
        X = X.astype(X.dtype if X.dtype.kind == "f" else dtype, copy=True)  # bytes would not hold the sums
        X.sum_duplicates()
    n_samples, n_features = X.shape
    tiling = tile_features(n_features, in_squares=in_squares)
    n_tiles = len(tiling.first_features)
    starts = np.zeros(2 * n_samples + 1, np.int64)
    index_dtype = np.promote_types(np.int32, np.result_type(X.indptr, X.indices))
    indptr, indices = (as_read_only(np.require(a, index_dtype, ["C", "A", "E"])) for a in (X.indptr, X.indices))
    with np.errstate(over="ignore"):
        data = as_read_only(np.require(X.data, dtype, ["C", "A", "E"]))
    if not np.isfinite(data).all():
        raise NotFiniteError(f"the samples hold values that are NaN or infinite as {np.dtype(dtype)}")
    split = _no_samples(n_features, np.dtype(dtype), in_squares).split
    if in_squares:  # in training, which alone works by halves
        rows = np.linspace(0, n_samples - 1, min(n_samples, _N_ROWS_LOOKED_AT)).astype(np.intp)
        split = _split_tiles(np.bincount(X[rows].indices, minlength=n_features), tiling)
    n_threads = useful_threads(n_threads, _READING_COST * X.nnz, "new")
    bounds = [t * n_samples // n_threads for t in range(n_threads + 1)]
    control = np.zeros(CONTROL_SIZE, np.int64)

    def count(t):
        seen = np.full(n_tiles, -1, np.int64)
        count_csr_tiles(indptr, indices, tiling.slots, split, bounds[t], bounds[t + 1], seen, starts)

    def fill(t):
        entries = np.full(n_tiles, -1, np.int64)
        fill_csr_tiles(
            indptr, indices, data, tiling.slots, bounds[t], bounds[t + 1], entries, starts, tiles, values
        )  # fmt: skip

    share_work(count, n_threads, control)
    np.cumsum(starts, out=starts)
    tiles = np.empty(starts[-1], choose_index_dtype(n_tiles))
    values = np.zeros(TILE * starts[-1], dtype)
    share_work(fill, n_threads, control)
    return _make_inputs(
        n_features, dtype, in_squares, starts=starts, tiles=tiles, values=values, split=split, is_listed=True
    )


def _make_inputs(n_features, dtype, in_squares, *, is_listed=False, split=None, **arrays):
    """Inputs of one set of types, whatever was given, so that kernels are compiled once."""
    arrays = {name: as_read_only(array) for name, array in arrays.items()}
    inputs = _no_samples(int(n_features), np.dtype(dtype), in_squares)._replace(is_listed=is_listed, **arrays)
    return inputs if split is None else inputs._replace(split=split)


def _split_tiles(weights, tiling):
    """The first tile of the second half, where both halves are to have about the same sum of the features' weights.

    Of a group of four neighbouring tiles, which kernels look at together, all belong to one half.
    """
    totals = np.concatenate([[0], np.cumsum(np.bincount(tiling.slots // TILE, weights))])
    bounds = np.arange(0, len(totals), TILE)
    return int(bounds[np.argmin(abs(2 * totals[bounds] - totals[-1]))])


@kept_by_width
def _no_samples(n_features, dtype, in_squares):
    """Inputs without samples or background. Kept, because making the arrays takes longer than recognising a digit."""
    tiling = tile_features(n_features, in_squares=in_squares)
    n_tiles = len(tiling.first_features)
    index_dtype = choose_index_dtype(n_tiles)
    return Inputs(
        dense=as_read_only(np.empty(0, dtype)),
        starts=as_read_only(np.zeros(1, np.int64)),
        tiles=as_read_only(np.empty(0, index_dtype)),
        values=as_read_only(np.empty(0, dtype)),
        background_tiles=as_read_only(np.empty(0, index_dtype)),
        background_values=as_read_only(np.zeros(TILE * n_tiles, dtype)),
        first_features=tiling.first_features,
        second_pair=tiling.second_pair,
        split=_split_tiles(np.ones(n_features), tiling),
        n_features=n_features,
        is_listed=False,
    )


def _common_values(rows):
    """The value that more than half of the rows have, for each column; 0 where none has."""
    if len(rows) < 2:
        return np.zeros(rows.shape[1], rows.dtype)
    # Such a value is the median, whatever the others are.
    candidates = np.sort(rows, axis=0)[len(rows) // 2]
    is_common = np.mean(rows == candidates, axis=0) > 0.5
    return np.where(is_common, candidates, 0).astype(rows.dtype)
