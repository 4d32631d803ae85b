import pytest

from skdigits._engine.workspace import choose_block_size, count_sections


@pytest.mark.parametrize(
    ("n_features", "batch_size", "is_full", "expected"),
    [
        (784, 200, False, 200),
        (784, 5000, False, 256),
        (784, 5000, True, 1024),
        (40_000, 5000, False, 100),  # a million entries
        (40_000, 50, False, 50),
        (10**7, 5000, True, 16),
        (10**7, 5, True, 5),
    ],
)
def test_blocks_are_as_large_as_memory_and_batch_allow(n_features, batch_size, is_full, expected):
    assert choose_block_size(n_features, batch_size, is_full=is_full) == expected


@pytest.mark.parametrize(
    ("block_size", "n_threads", "expected"), [(1, 1, 1), (128, 1, 1), (129, 1, 2), (256, 3, 3), (1024, 3, 9)]
)
def test_threads_have_as_many_sections_of_few_samples(block_size, n_threads, expected):
    assert count_sections(block_size, n_threads) == expected
