"""Transformers of images, in front of a network."""

from skdigits.preprocessing._deskewer import Deskewer
from skdigits.preprocessing._digit_centerer import DigitCenterer
from skdigits.preprocessing._digit_images import read_digit_image, read_digit_images
from skdigits.preprocessing._digit_normalizer import DigitNormalizer
from skdigits.preprocessing._elastic_deformer import ElasticDeformer
from skdigits.preprocessing._image_flattener import ImageFlattener

__all__ = [
    "Deskewer",
    "DigitCenterer",
    "DigitNormalizer",
    "ElasticDeformer",
    "ImageFlattener",
    "read_digit_image",
    "read_digit_images",
]
