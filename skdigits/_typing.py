"""Types that the signatures of several modules name."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

# Samples: whatever NumPy turns into an array of two dimensions, pandas data frames too, or a sparse matrix.
MatrixLike: TypeAlias = ArrayLike | sparse.spmatrix | sparse.sparray
RandomState: TypeAlias = int | np.random.RandomState | None
ImageShape: TypeAlias = Literal["auto"] | Sequence[int]
