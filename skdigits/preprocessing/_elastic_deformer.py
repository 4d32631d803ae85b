"""ElasticDeformer: more training images, as other hands would have written them."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from skdigits._engine import deformation
from skdigits._threads import allowed_threads
from skdigits._typing import ImageShape, MatrixLike, RandomState
from skdigits.preprocessing._image_shape import check_types
from skdigits.preprocessing._pixel_transformer import PixelTransformer


def _check_images(X: NDArray) -> NDArray:
    """Images as kernels can read them; raise ValueError for what is none."""
    if not isinstance(X, np.ndarray) or X.ndim != 2 or X.dtype not in (np.float32, np.float64):
        found = f"{X.dtype} {X.shape}" if isinstance(X, np.ndarray) else type(X).__name__
        raise ValueError(
            f"X: expected a two-dimensional array of type float32 or float64, got {found}. fit_transform converts."
        )
    return np.require(X, None, ["C", "A"])


def _check_out(out: NDArray, X: NDArray) -> None:
    """Raise ValueError unless deformed images of X can be written to an array: kernels would write beside it."""
    if not isinstance(out, np.ndarray) or out.shape != X.shape or out.dtype != X.dtype:
        found = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
        raise ValueError(f"out: expected an array of X's type and shape, {X.dtype} {X.shape}, got {found}.")
    if not out.flags.carray:
        raise ValueError("out: expected a C-ordered array that can be written, got one in another order or read-only.")
    if np.may_share_memory(out, X) and out.ctypes.data != X.ctypes.data:
        raise ValueError("out: expected X itself or an array of its own, got one that overlaps X.")


class ElasticDeformer(PixelTransformer):
    r"""Randomly rotate, scale, shear, shift and elastically distort images for training.

    What a digit means does not change when its strokes are bent a little. New deformations of the training images all
    the time brought the errors of a 784-800-10 network on MNIST from 1.6 % to 0.7 % [1]_; see also [2]_.

    Pixel :math:`p = (x, y)` of a deformed image, x to the right and y downwards, takes the value of the image at

    .. math::

        A (p - c) + c + d + e(p), \qquad
        A = \begin{pmatrix} \cos\theta & -\sin\theta \\ \sin\theta & \cos\theta \end{pmatrix}
            \begin{pmatrix} 1 & k \\ 0 & 1 \end{pmatrix}
            \begin{pmatrix} s_x & 0 \\ 0 & s_y \end{pmatrix}

    by bilinear interpolation between pixels; everything outside the image is 0. c is the centre of the image. For
    each image the angle :math:`\theta`, the scales s, the shear k and the shift d are drawn from uniform
    distributions. The elastic displacements e in x and in y are two random fields: noise that is uniform in [-1, 1],
    independent from pixel to pixel, after a Gaussian filter that takes zeros outside the image, times `alpha`.

    The map leads from the deformed image back to the given one: what is drawn moves the other way. A shift of d
    moves strokes by -d, scales above 1 make them smaller, and an angle above 0 turns them counterclockwise.

    Parameters
    ----------
    rotation : float, default=12.0
        Largest angle in degrees, in [0, 180]: :math:`\theta` is uniform in [-rotation, rotation].

    scale : float, default=0.12
        In [0, 1): :math:`s_x` and :math:`s_y` are uniform in [1 - scale, 1 + scale].

    shear : float, default=0.1
        At least 0: k, how far a row moves for each row that it is away from the centre, is uniform in
        [-shear, shear].

    shift : float, default=1.5
        In pixels, at least 0: both components of d are uniform in [-shift, shift].

    alpha : float, default=30.0
        Strength of the elastic displacements in pixels, at least 0; 0 leaves them out. In the middle of a large image
        the standard deviation of each component is ``alpha / (2 * sqrt(3 * pi) * sigma)``: 0.98 pixels by default.

    sigma : float, default=5.0
        Standard deviation of the Gaussian filter in pixels, in (0, 1000]; the filter ends at four of them. Small
        values crumple, large ones move the image as a whole.

    fade : float, default=0.0
        As `augmenter`: the share of the epochs, in [0, 1], at the end of training, in which all deformations grow
        weaker from epoch to epoch, towards none: in the last of n epochs they have ``1 / (fade * n)`` of their
        strength. The last epochs then show the network images nearly as predictions will. For some tens of epochs:
        in longer trainings it learns the images of these epochs by heart.

    image_shape : 'auto' or tuple of (height, width), default='auto'
        Shape of the images, whose rows of pixels follow one another; 'auto' is for square ones.

    n_copies : int, default=1
        Deformed copies that `fit_transform` makes of each image, at least 1. More than one needs as many copies of y,
        which a Pipeline does not make; nor can ``set_output(transform="pandas")`` name the rows of a data frame then.

    random_state : int, RandomState instance or None, default=None
        Draws the deformations. With an int every call of `fit_transform` gives the same result.

    n_jobs : int or None, default=None
        Threads. None: all that this process may use, which ``NUMBA_NUM_THREADS``, ``OMP_NUM_THREADS`` and joblib's
        workers limit. Negative: ``n_cores + 1 + n_jobs``. More threads than cores are not used. The result is the same
        to the last bit for any number; few images are deformed in one thread.

    Attributes
    ----------
    image_shape_ : tuple of (height, width)
        Shape of the images.

    n_features_in_ : int
        Pixels of an image.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names. Set only where X has names that are all strings.

    Notes
    -----
    In a Pipeline `fit` trains on deformed images, because it calls `fit_transform`, and `predict` sees images as they
    are, because it calls `transform`. The deformations are then drawn once, and are the same in all epochs.
    As `augmenter` of :class:`skdigits.MLPDigitClassifier` it draws them anew for each epoch, which gives more.

    Images may hold any numbers whose sums are finite, but 0 must be their background: deform before a scaler that
    changes it.

    The fields are not filtered noise but numbers of the same distribution, which cost a tenth of the work. Filters by
    row and by column are matrices :math:`G_h` and :math:`G_w`, and turn noise N into :math:`G_h N G_w^T`. With their
    singular value decompositions :math:`G = U S V^T` that is :math:`U_h S_h Z S_w U_w^T` for
    :math:`Z = V_h^T N V_w`. Sums over many pixels are normal (central limit theorem), so that the numbers of Z are
    independent and normal with the variance of the noise, 1/3. They are drawn as such (each as half the sum of four
    uniform numbers, which is near enough), and as singular values below a thousandth of the largest are left out,
    8 x 8 of them are all that a field needs by default. Below a `sigma` of about one pixel, where a filter sums over
    few pixels, fields differ from filtered uniform noise in all but mean and covariance. The decompositions are made
    once for each shape of images, in a time that grows with the cube of their sides: sides of 2,000 pixels take
    seconds.

    For the same `random_state`, images of float32 and float64 are deformed in the same way. Other versions of NumPy
    may draw other numbers.

    References
    ----------
    .. [1] Simard, P. Y., Steinkraus, D., and Platt, J. C. (2003). Best practices for convolutional neural networks
       applied to visual document analysis. ICDAR.
    .. [2] Ciresan, D. C., Meier, U., Gambardella, L. M., and Schmidhuber, J. (2010). Deep, big, simple neural nets
       for handwritten digit recognition. Neural Computation 22(12).

    Examples
    --------
    The digits of scikit-learn have 8 x 8 pixels, and want less than the defaults, which are meant for 28 x 28:

    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skdigits.preprocessing import ElasticDeformer
    >>> X, y = load_digits(return_X_y=True)
    >>> deformer = ElasticDeformer(shift=0.5, alpha=3.0, sigma=2.0, n_copies=3, random_state=0)
    >>> deformer.fit_transform(X).shape
    (5391, 64)
    >>> np.tile(y, 3).shape
    (5391,)
    >>> deformer.image_shape_
    (8, 8)
    """

    _parameter_constraints: dict = {
        "rotation": [Interval(Real, 0, 180, closed="both")],
        "scale": [Interval(Real, 0, 1, closed="left")],
        "shear": [Interval(Real, 0, None, closed="left")],
        "shift": [Interval(Real, 0, None, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "sigma": [Interval(Real, 0, 1000, closed="right")],
        "fade": [Interval(Real, 0, 1, closed="both")],
        "image_shape": [StrOptions({"auto"}), "array-like"],
        "n_copies": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "n_jobs": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Integral, None, -1, closed="right"),
            None,
        ],
    }

    def __init__(
        self,
        *,
        rotation: float = 12.0,
        scale: float = 0.12,
        shear: float = 0.1,
        shift: float = 1.5,
        alpha: float = 30.0,
        sigma: float = 5.0,
        fade: float = 0.0,
        image_shape: ImageShape = "auto",
        n_copies: int = 1,
        random_state: RandomState = None,
        n_jobs: int | None = None,
    ) -> None:
        self.rotation = rotation
        self.scale = scale
        self.shear = shear
        self.shift = shift
        self.alpha = alpha
        self.sigma = sigma
        self.fade = fade
        self.image_shape = image_shape
        self.n_copies = n_copies
        self.random_state = random_state
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X: MatrixLike, y: object = None) -> NDArray:
        """Learn the shape of the images, and deform each `n_copies` times.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Images of any real type, finite, with a background of 0. Never written to.
        y : object, default=None
            Not used.

        Returns
        -------
        X_deformed : ndarray of shape (n_copies * n_samples, n_features)
            One copy of every image, in the order of X, then the next copy of every image: ``np.tile(y, n_copies)`` is
            their target. Of type float64 where X is, else float32.

        Raises
        ------
        ValueError
            If X is not as described, or its images do not have the shape `image_shape`.
        """
        X = np.ascontiguousarray(self._fit(X))
        n_images, random_state = len(X), check_random_state(self.random_state)
        out = np.empty((int(self.n_copies) * n_images, X.shape[1]), X.dtype)
        for start in range(0, len(out), n_images):
            self.augment(X, random_state, out=out[start : start + n_images])
        return out

    def transform(self, X: MatrixLike) -> NDArray:
        """Return the images as they are, so that predictions are made for what is given.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Images of any real type, finite.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The same values, of type float64 where they are, else float32. No copy where the type stays.

        Raises
        ------
        ValueError
            If X is not as described, or has other features than in `fit`.
        """
        check_is_fitted(self)
        return validate_data(self, X, dtype=check_types(X), reset=False)

    def augment(
        self, X: NDArray, random_state: RandomState, *, out: NDArray | None = None, progress: float = 0.0
    ) -> NDArray:
        """Deform each image once, with newly drawn deformations; for the epochs of a training.

        It needs no `fit` before. Shape and type of X and the parameters are checked in every call, the values of X are
        not.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Finite, of type float32 or float64; copied unless it is C-ordered. Not written to, unless it is `out`.
        random_state : int or RandomState instance
            One number is drawn from it.
        out : ndarray of shape (n_samples, n_features) or None, default=None
            C-ordered array of the type of X to write to; it may be X itself, but not overlap it otherwise. None makes
            a new one.
        progress : float, default=0.0
            Share of the training that is done, in [0, 1]; `fade` looks at it.

        Returns
        -------
        X_deformed : ndarray of shape (n_samples, n_features)
            `out`, where it is given.

        Raises
        ------
        ValueError
            If a parameter is not as described, or the images do not have the shape `image_shape`.
        """
        # Whatever scikit-learn's configuration says: kernels take the parameters for numbers in their ranges.
        self._validate_params()
        if not 0 <= progress <= 1:
            raise ValueError(f"progress: expected a number in [0, 1], got {progress!r}.")
        X = _check_images(X)
        shape = self._find_image_shape(X.shape[1])
        if out is None:
            out = np.empty(X.shape, X.dtype)
        else:
            _check_out(out, X)
        strength = 1.0 if progress <= 1 - self.fade else (1 - progress) / self.fade
        settings = deformation.DeformationSettings(
            rotation=strength * self.rotation,
            scale=strength * self.scale,
            shear=strength * self.shear,
            shift=strength * self.shift,
            alpha=strength * self.alpha,
            sigma=self.sigma,
        )
        seed = check_random_state(random_state).randint(2**64, dtype=np.uint64)
        deformation.deform(X, shape, settings, seed, allowed_threads(self.n_jobs), out)
        return out

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True
        return tags
