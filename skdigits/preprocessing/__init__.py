"""Transformers of images, in front of a network."""

from skdigits.preprocessing._elastic_deformer import ElasticDeformer
from skdigits.preprocessing._image_flattener import ImageFlattener

__all__ = ["ElasticDeformer", "ImageFlattener"]
