"""What reading a file may take, and what becomes of samples in an ONNX graph."""

import contextlib
import time
import tracemalloc

import pytest

SECONDS = 5


@contextlib.contextmanager
def within_seconds():
    """Reading a file takes no more than five seconds of this process."""
    start = time.process_time()
    yield
    assert time.process_time() - start < SECONDS


@contextlib.contextmanager
def within_allowance(path):
    """Nor does it take more memory than ten times its size and 1 MiB."""
    allowance = 10 * path.stat().st_size + 2**20
    tracemalloc.start()
    try:
        with within_seconds():
            yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= allowance


def run_graph(model, X):
    """What ONNX Runtime makes of samples, output by output; the test is skipped where it is missing."""
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"X": X})
