"""Rows as lists of the entries that are not zero, and their norm.

Digit images are four fifths background, and half of the units of a ReLU layer are zero.
"""

from skdigits._kernels.jit import kernel


@kernel
def compress(row, indices, values):
    """Write index and value of every entry of a row that is not zero; return their number.

    `indices` and `values` have at least the length of the row.
    """
    count = 0
    for k in range(row.shape[0]):
        # Without a branch, which would be mispredicted at every edge of a stroke.
        indices[count] = k
        values[count] = row[k]
        count += row[k] != 0
    return count


@kernel
def sum_of_squares(row):
    """Sum of the squared entries, in the type of the row."""
    total = row[0] * row[0]
    for h in range(1, row.shape[0]):
        total += row[h] * row[h]
    return total
