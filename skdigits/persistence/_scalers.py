"""What scikit-learn's scalers tell of the pixels that they were fitted on."""

from typing import Any

import numpy as np


def largest_pixel(step: Any) -> float | None:
    """What white is for a fitted `MinMaxScaler` or `MaxAbsScaler`; None for any other step."""
    for name in ("data_max_", "max_abs_"):
        if hasattr(step, name):
            return float(np.max(getattr(step, name)))
    return None
