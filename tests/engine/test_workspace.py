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
    ("block_size", "n_threads", "by_halves", "expected"),
    [
        (1, 1, False, 1),
        (256, 1, True, 1),
        (257, 1, False, 2),
        (256, 3, True, 3),
        (1024, 3, False, 6),
        (200, 2, False, 2),
        (200, 2, True, 1),  # one thread works on each half
        (1024, 8, True, 4),
    ],
)
def test_threads_have_as_many_sections_of_few_samples(block_size, n_threads, by_halves, expected):
    assert count_sections(block_size, n_threads, by_halves=by_halves) == expected
