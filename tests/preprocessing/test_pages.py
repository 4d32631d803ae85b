"""Which strokes of a page are one digit, and in which order digits are read."""

import numpy as np
import pytest

from skdigits.preprocessing._pages import split_digits


def test_strokes_that_are_near_are_one_digit():
    page = np.zeros((30, 40))
    page[5:15, 5] = page[5:15, 7] = 1
    assert len(split_digits(page)) == 1


def test_specks_are_left_out():
    page = np.zeros((60, 100))
    page[10:50, 10:30] = page[30:38, 70:78] = 1
    assert [digit.shape for digit in split_digits(page)] == [(40, 20)]


@pytest.mark.parametrize(("side", "n_digits"), [(29, 1), (30, 2)])
def test_speck_is_smaller_than_three_tenths_of_a_digit(side, n_digits):
    page = np.zeros((120, 300))
    page[10:110, 10:30] = page[30 : 30 + side, 200] = 1
    assert len(split_digits(page)) == n_digits


@pytest.mark.parametrize(("size", "side", "n_digits"), [(60, 4, 0), (60, 5, 1), (1500, 9, 0), (1500, 10, 1)])
def test_smallest_digit(size, side, n_digits):
    page = np.zeros((size, size))
    page[10 : 10 + side, 20] = 1
    assert len(split_digits(page)) == n_digits


def test_lines_are_read_from_top_to_bottom():
    page = np.zeros((70, 100))
    page[5:25, 60:66] = page[28:48, 10:22] = 1
    assert [digit.shape for digit in split_digits(page)] == [(20, 6), (20, 12)]
