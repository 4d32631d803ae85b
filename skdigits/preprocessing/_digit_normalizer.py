"""DigitNormalizer: light strokes on a ground of 0, whatever the paper, the lamp and the pen."""

from numbers import Real

from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, StrOptions

from skdigits._engine import preparation
from skdigits._typing import ImageShape
from skdigits.preprocessing._pixel_transformer import PixelTransformer


class DigitNormalizer(PixelTransformer):
    r"""Make the ground of an image 0 and its strokes light, with a maximum of 1.

    The pixels near the edges of an image, where digits seldom are, tell about its ground: their median is its level,
    and a quadratic surface through them is its lighting, which is subtracted where it explains most of what is uneven
    there. If what is left inside reaches farther below the ground than above it, strokes are dark and the image is
    inverted. Then it is divided by its maximum, and what is no larger than the noise of the ground, and no larger than
    half of the maximum, becomes exactly 0.

    Parameters
    ----------
    threshold : float, default=0.1
        In [0, 1): pixels that are not above this share of the maximum become 0, also where there is less noise.

    stroke_width : float or None, default=None
        Above 0: mean width to which strokes are brought, as far as the grey pixels at their edges allow, in pixels of
        a digit whose longer side is 20 pixels; MNIST's are 2.5 wide, the most of them between 1.9 and 3.4, and images
        of its size become hardly narrower than 2.3. None leaves strokes as they are.

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
    Each image is looked at on its own. Digits need some margin: of the pixels near the edges three quarters should be
    ground. An image and its inverse then give the same result, up to rounding. Images of one value give zeros; of an
    image without a digit, noise is what is brought to a maximum of 1. Lighting is not looked for in images that are
    smaller than 12 pixels.

    The mean width of strokes is measured as

    .. math::

        w = 2 \, \frac{\sum_i x_i}{\sum_i |\nabla x|_i},

    twice the area by the length of the outline: a stroke of width w and length l has the area w l and, being long, an
    outline of 2 l. The sizes of gradients are taken between each four pixels, with 0 outside the image; their sum is
    the length of the outlines at each level of grey, averaged over the levels. The size of a digit is the longer side
    of the rectangle that holds its pixels above one half. From both follows by how much, r, strokes want to be wider or
    narrower on each side, and the image is dilated or eroded by a disc whose weights are 1 up to r pixels from its
    middle and fall to 0 at r + 1, so that parts of a pixel count. The time that takes grows with the square of r: make
    large photographs smaller first, as by :func:`skdigits.preprocessing.read_digit_image`.

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
        "stroke_width": [Interval(Real, 0, None, closed="neither"), None],
        "image_shape": [StrOptions({"auto"}), "array-like"],
    }

    def __init__(
        self, *, threshold: float = 0.1, stroke_width: float | None = None, image_shape: ImageShape = "auto"
    ) -> None:
        self.threshold = threshold
        self.stroke_width = stroke_width
        self.image_shape = image_shape

    def _transform_images(self, X: NDArray, shape: tuple[int, int]) -> NDArray:
        images = preparation.normalize(X, shape, self.threshold)
        if self.stroke_width is not None:
            images = preparation.set_widths(images, shape, self.stroke_width)
            images[images <= self.threshold] = 0  # faint rims of the disc, which would count as ink
        return images
