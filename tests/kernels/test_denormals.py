import numba
import numpy as np
import pytest

from skdigits._kernels.denormals import flush_denormals, restore_denormals


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="plain Python cannot change how the processor rounds")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_denormals_are_flushed_inside_and_kept_outside(dtype):
    @numba.njit
    def halve_all(numbers, inside, after):
        mode = flush_denormals()
        for i in range(len(numbers)):
            inside[i] = numbers[i] / 2
        restore_denormals(mode)
        for i in range(len(numbers)):
            after[i] = numbers[i] / 2

    numbers = np.full(5, np.finfo(dtype).smallest_normal)
    inside, after = np.ones(5, dtype), np.ones(5, dtype)
    halve_all(numbers, inside, after)
    np.testing.assert_array_equal(inside, 0)
    np.testing.assert_array_equal(after, numbers / 2)
    assert (numbers / 2).all()  # the mode of the calling thread, too
