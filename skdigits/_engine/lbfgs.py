"""Full-batch training with SciPy's L-BFGS-B."""

import numpy as np
import scipy.optimize

# What SciPy reports when a callback has raised StopIteration.
STOPPED_BY_CALLBACK = 99


def minimize(runner, network, *, max_iter, max_fun, tol, iteration_begins, iteration_ends):
    """Minimise the objective over all samples.

    Parameters
    ----------
    runner : EpochRunner
        Holds the samples.
    network : Network
        Its parameters are the start, and end as the best that was found.
    max_iter, max_fun : int
        Most iterations, and most evaluations of the objective.
    tol : float
        Stop when no entry of the gradient is larger.
    iteration_begins : callable
        Called before the line search of each iteration.
    iteration_ends : callable
        Called after each iteration with its number and the loss; returns True to stop.

    Returns
    -------
    result : scipy.optimize.OptimizeResult or None
        None if the user interrupted: the parameters are then those of the last iteration.
    """
    # SciPy evaluates the start before the first iteration, which there need not be.
    n_iterations, n_evaluations, is_between_iterations = 0, 0, True
    accepted, error = network.parameters.astype(np.float64), None

    def objective(parameters):
        nonlocal n_evaluations, is_between_iterations
        if is_between_iterations and n_evaluations > 0:
            iteration_begins()
            is_between_iterations = False
        n_evaluations += 1
        network.parameters[:] = parameters
        loss = runner.loss_and_gradient()
        return loss, runner.gradient.copy()

    def callback(intermediate_result):
        nonlocal n_iterations, accepted, is_between_iterations, error
        n_iterations, is_between_iterations = n_iterations + 1, True
        accepted = intermediate_result.x.copy()
        network.parameters[:] = accepted
        try:
            is_over = iteration_ends(n_iterations, float(intermediate_result.fun))
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
    network.parameters[:] = accepted
    return result
