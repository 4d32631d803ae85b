"""The obvious NumPy twin of every kernel, written for whole matrices and in double precision."""

import numpy as np


def softmax(logits):
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def logistic(logits):
    return 1 / (1 + np.exp(-logits))


ACTIVATIONS = {
    "identity": lambda logits: logits,
    "logistic": logistic,
    "tanh": np.tanh,
    "relu": lambda logits: np.maximum(logits, 0),
    "softmax": softmax,
}

# Derivative of each activation, as a function of its output.
DERIVATIVES = {
    "identity": np.ones_like,
    "logistic": lambda outputs: outputs * (1 - outputs),
    "tanh": lambda outputs: 1 - outputs**2,
    "relu": lambda outputs: (outputs > 0).astype(outputs.dtype),
}


def cross_entropy(probabilities, targets, smallest, *, independent):
    """Loss of each sample."""
    clipped = np.clip(probabilities, smallest, 1 - smallest)
    losses = -(targets * np.log(clipped))
    if independent:
        losses = losses - (1 - targets) * np.log(1 - clipped)
    return losses.sum(axis=-1)


def scatter(positions, values, weights, out):
    """`out` with the products of the values and four rows of weights added to the rows at the positions."""
    out = out.astype(np.float64)
    np.add.at(out, positions, values.astype(np.float64) @ weights.astype(np.float64))
    return out


def gather(positions, values, rows, out):
    """`out` with the outer products of the values and the rows at the positions added."""
    return out + values.astype(np.float64).T @ rows[positions].astype(np.float64)


def sgd_update(parameters, gradient, velocity, *, rate, momentum, nesterov):
    """New parameters and velocity."""
    velocity = momentum * velocity - rate * gradient
    step = momentum * velocity - rate * gradient if nesterov else velocity
    return parameters + step, velocity


def adam_update(parameters, gradient, first, second, *, rate, beta_1, beta_2, epsilon):
    """New parameters and moments."""
    first = beta_1 * first + (1 - beta_1) * gradient
    second = beta_2 * second + (1 - beta_2) * gradient**2
    return parameters - rate * first / (np.sqrt(second) + epsilon), first, second


def adam_rate(learning_rate, beta_1, beta_2, step):
    return learning_rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)


def forward(X, coefs, intercepts, activation, out_activation):
    """Activations of all layers, the input first."""
    layers = [X]
    for i, (coef, intercept) in enumerate(zip(coefs, intercepts, strict=True)):
        is_last = i == len(coefs) - 1
        layers.append(ACTIVATIONS[out_activation if is_last else activation](layers[-1] @ coef + intercept))
    return layers


def loss_and_gradient(X, targets, weights, coefs, intercepts, activation, out_activation, alpha, smallest):
    """Objective over all samples and its gradient, as lists of matrices and vectors."""
    layers = forward(X, coefs, intercepts, activation, out_activation)
    losses = cross_entropy(layers[-1], targets, smallest, independent=out_activation == "logistic")
    total = weights.sum()
    penalty = sum((coef**2).sum() for coef in coefs)
    loss = (weights @ losses + alpha / 2 * penalty) / total
    delta = (layers[-1] - targets) * weights[:, None]
    coef_gradients, intercept_gradients = [], []
    for i in range(len(coefs) - 1, -1, -1):
        coef_gradients.insert(0, (layers[i].T @ delta + alpha * coefs[i]) / total)
        intercept_gradients.insert(0, delta.sum(axis=0) / total)
        if i:
            delta = (delta @ coefs[i].T) * DERIVATIVES[activation](layers[i])
    return loss, coef_gradients, intercept_gradients


def sum_quarters(words):
    """Half the sum of the four uniform numbers in each word of 64 bits."""
    quarters = words[:, np.newaxis] >> np.array([0, 16, 32, 48], np.uint64) & np.uint64(0xFFFF)
    return ((2 * quarters.astype(np.float64) + 1) / 2**16 - 1).sum(axis=1) / 2


def elastic_field(row_factor, noise, column_factor):
    """Displacements of one component, of shape (height, width)."""
    return row_factor.astype(np.float64) @ noise.astype(np.float64) @ column_factor.astype(np.float64)


def coordinates(affine_map, x_field, y_field):
    """Where each pixel of a deformed image comes from: x and y, of shape (height, width)."""
    y, x = np.indices(x_field.shape)
    xx, xy, x_start, yx, yy, y_start = affine_map.astype(np.float64)
    return xx * x + xy * y + x_start + x_field, yx * x + yy * y + y_start + y_field


def sample_bilinearly(image, x, y):
    """Values of an image, zero outside, at coordinates: the sum of the four pixels around each, by their nearness."""
    out = np.zeros(x.shape)
    for left in (np.floor(x), np.floor(x) + 1):
        for top in (np.floor(y), np.floor(y) + 1):
            is_inside = (left >= 0) & (left < image.shape[1]) & (top >= 0) & (top < image.shape[0])
            row, column = (np.where(is_inside, place, 0).astype(int) for place in (top, left))
            weight = (1 - abs(x - left)) * (1 - abs(y - top))
            out += np.where(is_inside, weight * image[row, column], 0)
    return out
