"""Deskewer: digits set upright."""

from numbers import Real

from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, StrOptions

from skdigits._engine import preparation
from skdigits._typing import ImageShape
from skdigits.preprocessing._pixel_transformer import PixelTransformer


class Deskewer(PixelTransformer):
    r"""Remove the slant of digits by a shear.

    Hands lean to the right or to the left by more than the shapes of digits differ. With the centre of mass
    :math:`(\bar x, \bar y)` and the central moments :math:`\mu_{11}` and :math:`\mu_{02}` of the ink, pixel
    :math:`(x, y)` of the new image, x to the right and y downwards, takes the value of the image at

    .. math::

        (x + k (y - \bar y), \; y), \qquad k = \mu_{11} / \mu_{02}

    by linear interpolation between pixels; everything outside the image is 0. The moment :math:`\mu_{11}` of the new
    image is then 0, up to the interpolation, and its centre of mass is where it was.

    Parameters
    ----------
    max_slant : float, default=1.0
        At least 0: k is limited to [-max_slant, max_slant], 45 degrees by default. A stroke that lies nearly flat, as
        a minus sign does, has no slant that could be removed.

    image_shape : 'auto' or tuple of (height, width), default='auto'
        Shape of the images, whose rows of pixels follow one another; 'auto' is for square ones.

    Attributes
    ----------
    image_shape_ : tuple of (height, width)
        Shape of the images.

    n_features_in_ : int
        Pixels of an image.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names. Set only where X has names that are all strings.

    See Also
    --------
    DigitNormalizer : Gives images a background of 0.
    DigitCenterer : Leaves room around digits, which a shear moves ink into.

    Notes
    -----
    Ink is every pixel above 0; images without any stay as they are. What is sheared out of the image is lost. Where the
    difference of two neighbouring pixels is beyond the type of the images, the result is infinite.

    The first steps of networks and nearest neighbours on MNIST were often this one [1]_.

    References
    ----------
    .. [1] LeCun, Y., Bottou, L., Bengio, Y., and Haffner, P. (1998). Gradient-based learning applied to document
       recognition. Proceedings of the IEEE 86(11).

    Examples
    --------
    >>> import numpy as np
    >>> from skdigits.preprocessing import Deskewer
    >>> slanted = np.array([[0, 0, 9], [0, 9, 0], [9, 0, 0]])
    >>> Deskewer().fit_transform(slanted.reshape(1, 9)).reshape(3, 3)
    array([[0., 9., 0.],
           [0., 9., 0.],
           [0., 9., 0.]], dtype=float32)
    """

    _parameter_constraints: dict = {
        "max_slant": [Interval(Real, 0, None, closed="left")],
        "image_shape": [StrOptions({"auto"}), "array-like"],
    }

    def __init__(self, *, max_slant: float = 1.0, image_shape: ImageShape = "auto") -> None:
        self.max_slant = max_slant
        self.image_shape = image_shape

    def _transform_images(self, X: NDArray, shape: tuple[int, int]) -> NDArray:
        return preparation.deskew(X, shape, self.max_slant)
