"""Sums of matrix rows: the one operation of which forward and backward pass are made.

K rows, H columns. Zeros are left out: `indices` and `values` of shape (at least count,) name the entries that count.
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
def add_rows(indices, values, count, matrix, out):
    """Out += sum over j < count of values[j] * matrix[indices[j]].

    Four rows a pass, so that `out` is loaded and stored once for four products. The order of the sum depends on the
    entries alone, not on who calls: any split of the work between threads gives the same bits.
    """
    last_pass = count - count % 4
    for j in range(0, last_pass, 4):
        row_0, row_1 = matrix[indices[j]], matrix[indices[j + 1]]
        row_2, row_3 = matrix[indices[j + 2]], matrix[indices[j + 3]]
        value_0, value_1, value_2, value_3 = values[j], values[j + 1], values[j + 2], values[j + 3]
        for h in range(out.shape[0]):
            out[h] += value_0 * row_0[h] + value_1 * row_1[h] + value_2 * row_2[h] + value_3 * row_3[h]
    for j in range(last_pass, count):
        row = matrix[indices[j]]
        value = values[j]
        for h in range(out.shape[0]):
            out[h] += value * row[h]


@kernel
def dot_rows(vector, matrix, out):
    """out[k] = sum over h of vector[h] * matrix[k, h]: a gradient carried back through a layer."""
    for k in range(matrix.shape[0]):
        total = vector[0] * matrix[k, 0]
        for h in range(1, matrix.shape[1]):
            total += vector[h] * matrix[k, h]
        out[k] = total


@kernel
def sum_of_squares(row):
    """Sum of the squared entries, in double precision."""
    total = 0.0
    for h in range(row.shape[0]):
        total += row[h] * row[h]
    return total
