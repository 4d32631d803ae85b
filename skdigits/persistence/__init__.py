"""Models on disk: formats that load without running code, written whole or not at all."""

from skdigits.persistence._checkpoint import Checkpoint
from skdigits.persistence._onnx import to_onnx
from skdigits.persistence._skops import load, save
from skdigits.persistence._weights import load_weights, save_weights

__all__ = ["Checkpoint", "load", "load_weights", "save", "save_weights", "to_onnx"]
