import numba
import numpy as np
import pytest
from problems import make_optimizer, make_problem, make_runner

from skdigits._kernels.denormals import flush_denormals, restore_denormals

pytestmark = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="plain Python cannot change how the processor rounds")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_denormals_are_flushed_inside_and_kept_outside(dtype):
    numbers = np.full(5, np.finfo(dtype).smallest_normal)
    mode = flush_denormals()
    inside = numbers / 2
    restore_denormals(mode)
    np.testing.assert_array_equal(inside, 0)
    assert (numbers / 2).all()


def test_training_in_the_calling_thread_flushes_them_and_leaves_that_as_it_was():
    network, X, targets, weights = make_problem((6, 5, 3), "relu", "softmax", np.float32)
    X[:] = 0  # so that moments of weights only decay
    optimizer = make_optimizer("adam", len(network.parameters), np.float32)
    tiny = np.finfo(np.float32).smallest_normal
    optimizer.moments[0] = tiny
    with make_runner(network, X, targets, weights, batch_size=4, n_threads=1, alpha=0.0) as runner:
        runner.train(optimizer, np.arange(len(X)))
    assert (optimizer.moments[0, : 6 * 5] == 0).all()
    assert (np.full(5, tiny) / 2).all()
