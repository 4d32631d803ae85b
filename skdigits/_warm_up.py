"""Compile ahead of the first use."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy import sparse

from skdigits.classifier import MLPDigitClassifier
from skdigits.pipeline import make_digit_pipeline
from skdigits.preprocessing import ElasticDeformer


def warm_up(*, dtype: Literal["float32", "float64"] = "float32", solvers: Sequence[str] = ("adam",)) -> None:
    """Compile the kernels now, and keep them on disk for every process that comes after.

    The first fit of an installation compiles for some ten to twenty seconds. Call this where that would be in the
    way: while an image for a server is built, or before a time is measured. Where the kernels have been compiled
    before, they are only loaded, which takes a fraction of a second.

    Compiled are training on dense and sparse samples and prediction, for any layer sizes, activations and options, and
    the preparation and the deformation of images. What is not covered is compiled when it is met: dense samples without
    a background in another type than `dtype`, and more than 65,536 times four features.

    Parameters
    ----------
    dtype : {'float32', 'float64'}, default='float32'
        Type in which the networks compute; that of `MLPDigitClassifier`.
    solvers : sequence of {'adam', 'adamw', 'sgd', 'lbfgs'}, default=('adam',)
        All but 'lbfgs' share their kernels; 'lbfgs' on up to 1,024 samples needs more, as do mini-batches of them all.

    Raises
    ------
    sklearn.utils._param_validation.InvalidParameterError
        If `dtype` or a solver is none of those named.

    Notes
    -----
    Kernels are kept in ``__pycache__`` beside their source, or where that cannot be written in ``skdigits/kernels`` in
    the cache folder of the user, or in the folder that the environment variable ``NUMBA_CACHE_DIR`` names.
    ``SKDIGITS_KERNEL_CACHE=0`` keeps none.

    Examples
    --------
    >>> import skdigits
    >>> skdigits.warm_up()
    """
    dense = np.eye(4, 8)
    # The types in which samples are read as they are, and lists of entries.
    forms = [dense.astype(np.float32), dense, dense.astype(np.uint8), sparse.csr_array(dense)]
    y = np.arange(4) % 2
    for solver in solvers:
        for X in forms:
            # No step makes progress, and one does not warn that it has not converged.
            network = MLPDigitClassifier(
                (2,), solver=solver, dtype=dtype, batch_size=2, max_iter=3, tol=1e9, n_iter_no_change=1
            )
            network.fit(X, y).predict_proba(X)
    for number in (np.float32, np.float64):
        images = dense.reshape(2, 16).astype(number)
        ElasticDeformer(random_state=0).fit_transform(images)
        make_digit_pipeline()[:-1].fit_transform(images)
