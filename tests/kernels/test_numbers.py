import math

import pytest

from skdigits._kernels.numbers import larger, smaller


@pytest.mark.parametrize(
    ("a", "b", "expected"), [(1, 2, (1, 2)), (2, 1, (1, 2)), (-1, -1, (-1, -1)), (0.5, 2.0, (0.5, 2.0))]
)
def test_two_numbers(a, b, expected):
    assert (smaller(a, b), larger(a, b)) == expected


def test_second_is_taken_where_one_is_no_number():
    assert smaller(math.nan, 1.0) == larger(math.nan, 1.0) == 1.0
    assert math.isnan(smaller(1.0, math.nan))
    assert math.isnan(larger(1.0, math.nan))
