import mmap

import numpy as np
import pytest

from skdigits._engine.memory import Pool, aligned_zeros
from skdigits._kernels.sizes import VECTOR_BYTES

SHAPES = [(0,), (3,), (7, 5), (20_000,), (3, 100_001), (0, 9), (2_000_000,), (30_000,)]


@pytest.mark.parametrize("make", [aligned_zeros, Pool().zeros], ids=["alone", "pooled"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_zeros_of_a_shape_that_start_at_a_cache_line(make, shape, dtype):
    array = make(shape, dtype)
    assert array.shape == shape
    assert array.dtype == dtype
    assert array.flags.c_contiguous
    assert array.size == 0 or array.ctypes.data % VECTOR_BYTES == 0
    assert not array.any()


def test_arrays_of_a_pool_do_not_overlap():
    pool = Pool()
    arrays = [pool.zeros(shape, dtype) for dtype in (np.uint8, np.float32) for shape in SHAPES]
    for i, array in enumerate(arrays):
        array[...] = i + 1
    for i, array in enumerate(arrays):
        assert (array == i + 1).all()


def make_nothing(*args, **kwargs):
    raise OSError("Cannot allocate memory")


@pytest.mark.parametrize("lacks", ["large pages", "memory to map"])
def test_where_there_are_no_large_pages_memory_is_as_any_other(monkeypatch, lacks):
    if lacks == "large pages":
        monkeypatch.delattr(mmap, "MADV_HUGEPAGE", raising=False)
    else:
        monkeypatch.setattr(mmap, "mmap", make_nothing)
    array = Pool().zeros((100_000,), np.float32)
    assert array.flags.writeable
    assert not array.any()


def test_large_arrays_of_a_pool_stand_one_behind_the_other():
    pool = Pool()
    first, second = pool.zeros((100_000,), np.float32), pool.zeros((100_000,), np.float32)
    assert second.ctypes.data == first.ctypes.data + first.nbytes
