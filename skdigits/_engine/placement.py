"""Where new threads begin: each on a processor of its own.

Linux may start all of them on that of the thread that starts them, and take a tenth of a second to move one away: as
long as it takes to recognise a hundred thousand digits.
"""

import ctypes
import os
from contextlib import suppress

# Of the C library of Linux.
_current_processor = getattr(ctypes.CDLL(None), "sched_getcpu", None) if hasattr(os, "sched_setaffinity") else None


def processors_for(n_threads):
    """A processor for each thread, that of the calling thread first; none where the system is to choose.

    It chooses among more processors than threads, because it knows which of them are busy.

    Parameters
    ----------
    n_threads : int

    Returns
    -------
    processors : list of int
        As many as there are threads, or empty.
    """
    if n_threads < 2 or _current_processor is None:
        return []
    allowed = sorted(os.sched_getaffinity(0))
    here = _current_processor()
    if len(allowed) != n_threads or here not in allowed:
        return []
    first = allowed.index(here)
    return allowed[first:] + allowed[:first]


def begin_on(processor, processors):
    """Move the calling thread to a processor, from where the system may move it on to any of the others."""
    with suppress(OSError):  # a processor that has been switched off, or a sandbox
        os.sched_setaffinity(0, {processor})
        os.sched_setaffinity(0, processors)
