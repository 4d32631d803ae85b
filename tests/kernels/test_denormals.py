import numba
import numpy as np
import pytest

from skdigits._kernels.denormals import flush_denormals, restore_denormals


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="plain Python cannot change how the processor rounds")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_denormals_are_flushed_inside_and_kept_outside(dtype):
    numbers = np.full(5, np.finfo(dtype).smallest_normal)
    mode = flush_denormals()
    inside = numbers / 2
    restore_denormals(mode)
    np.testing.assert_array_equal(inside, 0)
    assert (numbers / 2).all()
