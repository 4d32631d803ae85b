"""Models in files: formats that travel and survive."""

from skdigits.persistence._onnx import to_onnx

__all__ = ["to_onnx"]
