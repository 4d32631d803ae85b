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

    The first fit of an installation compiles for five to ten seconds, and the first of another kind (samples of another
    type, another `dtype`, 'lbfgs') for some seconds more; this function for some fifteen to forty. Call it where that
    would be in the way: while an image for a server is built, or before a time is measured. Where the kernels have been
    compiled before, they are only loaded, which takes a fraction of a second.

    Compiled are training on dense and sparse samples and prediction, for any layer sizes, activations and options, and
    the preparation and the deformation of images. Samples may be of type float32, float64 or uint8. What is not covered
    is compiled when it is met, in one to ten seconds: mini-batches that hold all samples, as with up to 200 of them by
    default, more than 1,024 features, and once more with over 262,144, ``DigitNormalizer(stroke_width=...)`` and
    `SaliencyDisplay`.

    Parameters
    ----------
    dtype : {'float32', 'float64'}, default='float32'
        Type in which the networks compute; that of `MLPDigitClassifier`.
    solvers : sequence of {'adam', 'adamw', 'sgd', 'lbfgs'}, default=('adam',)
        All but 'lbfgs' share their kernels; 'lbfgs' on up to 1,024 samples needs more.

    Raises
    ------
    sklearn.utils._param_validation.InvalidParameterError
        If `dtype` or a solver is none of those named.

    Notes
    -----
    Kernels are kept in ``__pycache__/skdigits`` beside the package, or where that cannot be written in
    ``skdigits/kernels`` in the cache folder of the user, or in the folder that the environment variable
    ``NUMBA_CACHE_DIR`` names. ``SKDIGITS_KERNEL_CACHE=0`` keeps none.

    Examples
    --------
    >>> import skdigits
    >>> skdigits.warm_up()
    """
    dense = np.eye(4, 8)
    full = np.arange(32.0).reshape(4, 8)
    # Made into lists from each type, read as they are from each type, and lists of entries.
    forms = [dense.astype(np.float32), dense, dense.astype(np.uint8)]
    forms += [full.astype(np.float32), full, full.astype(np.uint8), sparse.csr_array(dense)]
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
