import numba
import pytest


@pytest.fixture(scope="session")
def call():
    """Call an intrinsic, which is no function of Python's, with some arguments."""
    compiled = {}

    def call(intrinsic, *arguments):
        if numba.config.DISABLE_JIT:
            return intrinsic(*arguments)
        if intrinsic not in compiled:
            compiled[intrinsic] = numba.njit(lambda *arguments: intrinsic(*arguments))
        return compiled[intrinsic](*arguments)

    return call
