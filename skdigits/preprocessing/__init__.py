"""Transformers of images, in front of a network."""

from skdigits.preprocessing._elastic_deformer import ElasticDeformer

__all__ = ["ElasticDeformer"]
