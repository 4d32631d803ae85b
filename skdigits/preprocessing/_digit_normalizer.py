"""DigitNormalizer: light strokes on a ground of 0, whatever the paper and the lamp."""

from numbers import Real

from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, StrOptions

from skdigits._typing import ImageShape
from skdigits.preprocessing._pixel_transformer import PixelTransformer


class DigitNormalizer(PixelTransformer):
    """Make the ground of an image 0 and its strokes light, with a maximum of 1.

    The pixels near the edges of an image, where digits seldom are, tell about its ground: their median is its level,
    and a quadratic surface through them is its lighting, which is subtracted where it explains most of what is uneven
    there. If what is left inside reaches farther below the ground than above it, strokes are dark and the image is
    inverted. Then it is divided by its maximum, and what is no larger than the noise of the ground becomes exactly 0.

    Parameters
    ----------
    threshold : float, default=0.1
        In [0, 1): pixels that are not above this share of the maximum become 0, also where there is less noise.

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
    DigitCenterer : Scales and moves digits, which must be light on 0.

    Notes
    -----
    Each image is looked at on its own. An image and its inverse give the same result, up to rounding, and images of one
    value give zeros. Digits need some margin: of the pixels near the edges three quarters should be ground. Lighting is
    not looked for in images that are smaller than 12 pixels.

    Examples
    --------
    A dark stroke on paper, and the same as a negative:

    >>> import numpy as np
    >>> from skdigits.preprocessing import DigitNormalizer
    >>> image = np.array([[200, 200, 200], [200, 50, 200], [200, 200, 200]])
    >>> normalizer = DigitNormalizer()
    >>> normalizer.fit_transform([image.ravel(), 255 - image.ravel()])
    array([[0., 0., 0., 0., 1., 0., 0., 0., 0.],
           [0., 0., 0., 0., 1., 0., 0., 0., 0.]], dtype=float32)
    """

    _parameter_constraints: dict = {
        "threshold": [Interval(Real, 0, 1, closed="left")],
        "image_shape": [StrOptions({"auto"}), "array-like"],
    }

    def __init__(self, *, threshold: float = 0.1, image_shape: ImageShape = "auto") -> None:
        self.threshold = threshold
        self.image_shape = image_shape

    def _transform_images(self, X: NDArray, shape: tuple[int, int]) -> NDArray:
        from skdigits._engine import preparation

        return preparation.normalize(X, shape, self.threshold)
