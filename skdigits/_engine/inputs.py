"""Samples as the kernels read them. The one place where dense and sparse input part."""

import numpy as np
from scipy import sparse

from skdigits._kernels.epoch import Inputs


def as_read_only(array):
    """A view that cannot be written.

    Numba compiles a kernel anew for arrays that it may not write. With every input read-only, an array of the user's
    and joblib's read-only memory map of it share one compiled kernel, and nothing can be written by mistake.
    """
    view = array.view()
    view.flags.writeable = False
    return view


def prepare_inputs(X, dtype):
    """Bring validated samples into the form that the kernels read, copying only what must change.

    Parameters
    ----------
    X : ndarray or CSR array of shape (n_samples, n_features)
    dtype : numpy dtype
        Type in which the network computes.

    Returns
    -------
    inputs : Inputs
    """
    if sparse.issparse(X):
        if not X.has_canonical_format:
            X = X.copy()
            X.sum_duplicates()
        dense = np.empty((0, X.shape[1]), dtype)
        indptr, indices, values = X.indptr.astype(np.int64), X.indices.astype(np.int32), X.data.astype(dtype)
    else:
        dense = np.require(X, dtype, ["C", "A"])
        indptr, indices, values = np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, dtype)
    return Inputs(*map(as_read_only, (dense, indptr, indices, values)), sparse.issparse(X))
