"""Full-batch training with SciPy's L-BFGS-B."""

import time

import numpy as np
import scipy.optimize

# What SciPy reports when a callback has raised StopIteration.
STOPPED_BY_CALLBACK = 99


def train(runner, record, hooks, *, max_iter, max_fun, tol, deadline=None):
    """Minimise the objective over all samples.

    Parameters
    ----------
    runner : EpochRunner
        Holds the samples, and the parameters, which end as the best that were found.
    record : FullBatchRecord
        Extended by each iteration.
    hooks : TrainingHooks
        Called around each iteration, whose line search is part of it, and not around the evaluation of the start.
    max_iter, max_fun : int
        Most iterations, and most evaluations of the objective.
    tol : float
        Stop when no entry of the gradient is larger.
    deadline : float or None, default=None
        Of :func:`time.monotonic`; training ends with the first iteration after it.

    Returns
    -------
    result : scipy.optimize.OptimizeResult or None
        None if the user interrupted: the parameters are then those of the last iteration.
    """
    # SciPy evaluates the start before the first iteration, which there need not be.
    n_evaluations, is_between_iterations, start = 0, True, time.perf_counter()
    accepted, error = runner.parameters.astype(np.float64), None

    def objective(parameters):
        nonlocal n_evaluations, is_between_iterations
        if is_between_iterations and n_evaluations > 0:
            hooks.epoch_begins()
            is_between_iterations = False
        n_evaluations += 1
        runner.parameters[:] = parameters
        loss = runner.loss_and_gradient()
        return loss, runner.gradient.copy()

    def end_iteration(loss):
        nonlocal start
        known = {"loss": loss}
        try:
            known |= hooks.validate()
        finally:  # with what is known when a Ctrl-C comes, or an error
            now = time.perf_counter()
            record.add_iteration(**known, seconds=now - start)
            start = now
        return hooks.epoch_ends(record) or (deadline is not None and time.monotonic() >= deadline)

    def callback(intermediate_result):
        nonlocal accepted, is_between_iterations, error
        is_between_iterations = True
        accepted = intermediate_result.x.copy()
        runner.parameters[:] = accepted
        try:
            is_over = end_iteration(float(intermediate_result.fun))
        except StopIteration as raised:
            error = raised  # SciPy takes it for a wish to stop
            raise
        if is_over:
            raise StopIteration

    try:
        result = scipy.optimize.minimize(
            objective,
            accepted,
            method="L-BFGS-B",
            jac=True,
            callback=callback,
            options={"maxfun": max_fun, "maxiter": max_iter, "gtol": tol},
        )
        accepted = result.x
    except KeyboardInterrupt:
        result = None
    if error is not None:
        raise error
    runner.parameters[:] = accepted
    return result
