import math

import numpy as np
import pytest

from skdigits._kernels.numbers import count_finite, larger, smaller


@pytest.mark.parametrize(
    ("a", "b", "expected"), [(1, 2, (1, 2)), (2, 1, (1, 2)), (-1, -1, (-1, -1)), (0.5, 2.0, (0.5, 2.0))]
)
def test_two_numbers(a, b, expected):
    assert (smaller(a, b), larger(a, b)) == expected


def test_second_is_taken_where_one_is_no_number():
    assert smaller(math.nan, 1.0) == larger(math.nan, 1.0) == 1.0
    assert math.isnan(smaller(1.0, math.nan))
    assert math.isnan(larger(1.0, math.nan))


@pytest.mark.parametrize(("like", "expected"), [("f4", 2), ("f8", 3)])
def test_finite_numbers_are_counted_in_another_type(like, expected):
    with np.errstate(over="ignore"):  # without compilation
        assert count_finite(np.array([1, np.nan, 1e300, -np.inf, 0]), np.zeros(1, like)) == expected
