"""A fit that fails leaves the estimator as it was."""

import contextlib

# Set by scikit-learn at the beginning of a fit and taken away after its end, also after one that failed.
_OF_CALLBACKS = ("_callback_fit_ctx", "_skl_callbacks_to_teardown")


@contextlib.contextmanager
def all_or_nothing(estimator):
    """Give an estimator back the attributes that it had, where the ``with`` block ends with an error.

    The block may replace what was learnt, but must not write into it.

    Parameters
    ----------
    estimator : estimator instance
    """
    attributes = vars(estimator)
    before = attributes.copy()
    try:
        yield
    except BaseException:
        running = {name: attributes[name] for name in _OF_CALLBACKS if name in attributes}
        estimator.__dict__ = running | before  # at once, for threads that predict meanwhile
        raise
