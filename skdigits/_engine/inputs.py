"""Samples as the kernels read them."""

import numpy as np
from scipy import sparse

from skdigits._engine.team import ThreadTeam, useful_threads
from skdigits._kernels.arrays import Inputs
from skdigits._kernels.barrier import CONTROL_SIZE
from skdigits._kernels.compression import count_entries, fill_entries

# Above this share of entries that differ from the background, lists are larger than the dense samples themselves.
_LARGEST_DENSITY = 0.5
_N_ROWS_LOOKED_AT = 256


def as_read_only(array):
    """A view that cannot be written.

    Numba compiles a kernel anew for arrays that it may not write. With every input read-only, an array of the user's
    and joblib's read-only memory map of it share one compiled kernel, and nothing can be written by mistake.
    """
    view = array.view()
    view.flags.writeable = False
    return view


def choose_index_dtype(largest):
    """Type of indices up to `largest`: two bytes wherever they do, which is for every digit image."""
    return np.dtype(np.uint16 if largest < 2**16 else np.int32)


def prepare_inputs(X, dtype, index_dtype):
    """Bring validated samples into the form that the kernels read, copying only what must change.

    Parameters
    ----------
    X : ndarray or CSR array of shape (n_samples, n_features)
    dtype, index_dtype : numpy dtype
        Types in which the network computes and counts.

    Returns
    -------
    inputs : Inputs
    """
    if not sparse.issparse(X):
        return _make_inputs(dense=np.require(X, dtype, ["C", "A", "E"]), index_dtype=index_dtype)
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return _make_inputs(
        dense=np.empty((0, X.shape[1]), dtype),
        indptr=X.indptr,
        indices=X.indices,
        values=X.data,
        index_dtype=index_dtype,
    )


def compress_inputs(inputs, n_threads):
    """Turn dense samples with a background into lists, once for all epochs; leave any others as they are.

    The background of a feature is the value that more than half of its samples have, else 0. It is looked for in a
    few rows only: whatever it is taken to be, the result is the same up to rounding.

    Parameters
    ----------
    inputs : Inputs
    n_threads : int

    Returns
    -------
    inputs : Inputs
    """
    dense = inputs.dense
    if inputs.is_sparse or not len(dense):
        return inputs
    rows = dense[np.linspace(0, len(dense) - 1, min(len(dense), _N_ROWS_LOOKED_AT)).astype(np.intp)]
    background = _common_values(rows)
    if np.mean(rows != background) > _LARGEST_DENSITY:
        return inputs
    n_samples, n_features = dense.shape
    n_threads = useful_threads(n_threads, dense.size)
    indptr = np.zeros(n_samples + 1, np.int64)
    bounds = [t * n_samples // n_threads for t in range(n_threads + 1)]
    control = np.zeros(CONTROL_SIZE, np.int64)
    with ThreadTeam(n_threads, in_caller=True) as team:
        team.run(lambda t: count_entries(dense, background, bounds[t], bounds[t + 1], indptr), control)
        np.cumsum(indptr, out=indptr)
        indices = np.empty(indptr[-1], inputs.indices.dtype)
        values = np.empty(indptr[-1], dense.dtype)

        def fill(t):
            scratch = np.empty(n_features, indices.dtype), np.empty(n_features, values.dtype)
            fill_entries(dense, background, bounds[t], bounds[t + 1], indptr, indices, values, *scratch)

        team.run(fill, control)
    return _make_inputs(
        dense=dense[:0], indptr=indptr, indices=indices, values=values, background=background, index_dtype=indices.dtype
    )


def _make_inputs(*, dense, index_dtype, indptr=None, indices=(), values=(), background=()):
    """Inputs of one set of types, whatever was given, so that kernels are compiled once."""
    dtype = dense.dtype
    background = np.asarray(background, dtype)
    lit = np.flatnonzero(background)
    return Inputs(
        dense=as_read_only(dense),
        indptr=np.zeros(1, np.int64) if indptr is None else np.require(indptr, np.int64, ["C", "A", "W", "E"]),
        indices=np.require(indices, index_dtype, ["C", "A", "W", "E"]),
        values=np.require(values, dtype, ["C", "A", "W", "E"]),
        background_indices=lit.astype(index_dtype),
        background_values=background[lit],
        is_sparse=indptr is not None,
    )


def _common_values(rows):
    """The value that more than half of the rows have, for each column; 0 where none has."""
    if len(rows) < 2:
        return np.zeros(rows.shape[1], rows.dtype)
    # Such a value is the median, whatever the others are.
    candidates = np.sort(rows, axis=0)[len(rows) // 2]
    is_common = np.mean(rows == candidates, axis=0) > 0.5
    return np.where(is_common, candidates, 0).astype(rows.dtype)
