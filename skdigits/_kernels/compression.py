"""From dense samples to lists of the entries that differ from the background.

N samples, K features. `dense` has shape (N, K), `background` shape (K,), `indptr` shape (N + 1,).
"""

from skdigits._kernels.jit import kernel


@kernel
def count_entries(dense, background, start, stop, indptr):
    """Write the number of entries of samples start to stop to indptr[start + 1] to indptr[stop]."""
    for i in range(start, stop):
        count = 0
        for k in range(dense.shape[1]):
            count += dense[i, k] != background[k]
        indptr[i + 1] = count


@kernel
def fill_entries(dense, background, start, stop, indptr, indices, values, index_scratch, value_scratch):
    """Write the entries of samples start to stop, as differences from the background, where `indptr` says.

    The scratch arrays have shape (K,) and are this thread's own.
    """
    for i in range(start, stop):
        count = 0
        for k in range(dense.shape[1]):
            # Without a branch, which would be mispredicted at every edge of a stroke.
            index_scratch[count] = k
            value_scratch[count] = dense[i, k] - background[k]
            count += dense[i, k] != background[k]
        first = indptr[i]
        for j in range(count):
            indices[first + j] = index_scratch[j]
            values[first + j] = value_scratch[j]
