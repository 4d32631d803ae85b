"""The obvious NumPy twin of every kernel, written for whole matrices and in double precision."""

import numpy as np
from scipy.special import ndtr


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
    "leaky_relu": lambda logits: np.where(logits > 0, logits, 0.01 * logits),
    "elu": lambda logits: np.where(logits > 0, logits, np.expm1(np.minimum(logits, 0))),
    "gelu": lambda logits: logits * ndtr(logits),
    "silu": lambda logits: logits * logistic(logits),
    "softmax": softmax,
}

# Derivative of each activation by the logits.
DERIVATIVES = {
    "identity": np.ones_like,
    "logistic": lambda logits: logistic(logits) * (1 - logistic(logits)),
    "tanh": lambda logits: 1 - np.tanh(logits) ** 2,
    "relu": lambda logits: (logits > 0).astype(logits.dtype),
    "leaky_relu": lambda logits: np.where(logits >= 0, 1.0, 0.01),
    "elu": lambda logits: np.where(logits > 0, 1.0, np.exp(np.minimum(logits, 0))),
    "gelu": lambda logits: ndtr(logits) + logits * np.exp(-(logits**2) / 2) / np.sqrt(2 * np.pi),
    "silu": lambda logits: logistic(logits) * (1 + logits * (1 - logistic(logits))),
}


def smooth(targets, smoothing, *, independent):
    """Targets with a share of them spread over all outcomes."""
    n_outcomes = 2 if independent else targets.shape[-1]
    return (1 - smoothing) * targets + smoothing / n_outcomes


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
    """Learning rate with the corrections for moments that start at zero."""
    return learning_rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)


def hash_row(key, layer, n_units):
    """The 32-bit numbers that decide which units of a row are dropped, with Python's integers."""
    mask, numbers = 0xFFFFFFFF, []
    for unit in range(n_units):
        x = (unit + key) & mask
        x = ((x ^ (x >> 17)) * 0xED5AD4BB) & mask
        x ^= (key >> 32) ^ (layer * 0x9E3779B9 & mask)
        x = ((x ^ (x >> 11)) * 0xAC4C1B51) & mask
        x = ((x ^ (x >> 15)) * 0x31848BAB) & mask
        numbers.append(x ^ (x >> 14))
    return np.array(numbers, np.uint64)


def drop_mask(key, layer, n_units, rate):
    """Factors of the units of a row: 0 where dropped, else 1 / (1 - rate)."""
    return np.where(hash_row(key, layer, n_units) >= int(rate * 2**32), 1 / (1 - rate), 0.0)


def forward(X, coefs, intercepts, activation, out_activation, masks=None):
    """Activations of all layers, the input first, each times its mask of dropout where there are masks."""
    layers = [X if masks is None else X * masks[0]]
    for i, (coef, intercept) in enumerate(zip(coefs, intercepts, strict=True)):
        is_last = i == len(coefs) - 1
        layers.append(ACTIVATIONS[out_activation if is_last else activation](layers[-1] @ coef + intercept))
        if masks is not None and not is_last:
            layers[-1] = layers[-1] * masks[i + 1]
    return layers


def loss_and_gradient(
    X, targets, weights, coefs, intercepts, activation, out_activation, alpha, smallest, *, masks=None, smoothing=0.0
):
    """Objective over all samples and its gradient, as lists of matrices and vectors."""
    layers = forward(X, coefs, intercepts, activation, out_activation, masks)
    targets = smooth(targets, smoothing, independent=out_activation == "logistic")
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
            slopes = DERIVATIVES[activation](layers[i - 1] @ coefs[i - 1] + intercepts[i - 1])
            delta = (delta @ coefs[i].T) * slopes * (1 if masks is None else masks[i])
    return loss, coef_gradients, intercept_gradients


def input_gradient(X, coefs, intercepts, activation, logit_weights):
    """Gradient of a weighted sum of the logits of each sample by its features."""
    layers = forward(X, coefs, intercepts, activation, "identity")
    gradient = logit_weights @ coefs[-1].T
    for i in range(len(coefs) - 2, -1, -1):
        gradient = (gradient * DERIVATIVES[activation](layers[i] @ coefs[i] + intercepts[i])) @ coefs[i].T
    return gradient


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


def moments(image):
    """Mass, centre x and y, and the central sums in xy and in yy of what is above 0; zeros where there is none."""
    ink, (y, x) = np.maximum(image.astype(np.float64), 0), np.indices(image.shape)
    total = ink.sum()
    if not total > 0:
        return np.zeros(5)
    x_centre, y_centre = (ink * x).sum() / total, (ink * y).sum() / total
    dx, dy = x - x_centre, y - y_centre
    return np.array([total, x_centre, y_centre, (ink * dx * dy).sum(), (ink * dy * dy).sum()])


def deskew(image, max_slant):
    """An image sheared about the centre of its mass."""
    _, _, y_centre, xy_sum, yy_sum = moments(image)
    slope = np.clip(xy_sum / yy_sum, -max_slant, max_slant) if yy_sum > 0 else 0
    y, x = np.indices(image.shape)
    return sample_bilinearly(image.astype(np.float64), x + slope * (y - y_centre), y.astype(np.float64))


def centre(image, threshold, box_side, field_side):
    """An image scaled into a box, by repeating its pixels and taking means, and moved into the middle of a field."""
    image, out = np.maximum(image.astype(np.float64), 0), np.zeros((field_side, field_side))
    rows, columns = np.nonzero(image > threshold * image.max())
    if len(rows) == 0:
        return out
    ink = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    n_rows, n_columns = (max(int(box_side * n / max(ink.shape) + 0.5), 1) for n in ink.shape)
    repeated = np.kron(ink, np.ones((n_rows, n_columns)))
    small = repeated.reshape(n_rows, ink.shape[0], n_columns, ink.shape[1]).mean(axis=(1, 3))
    _, x_centre, y_centre, _, _ = moments(small)
    top = np.clip(int(np.floor(field_side / 2 - y_centre + 0.5 - 1e-9)), 0, field_side - n_rows)
    left = np.clip(int(np.floor(field_side / 2 - x_centre + 0.5 - 1e-9)), 0, field_side - n_columns)
    out[top : top + n_rows, left : left + n_columns] = small
    return out


def normalize(image, level, surface, noise, extreme, threshold):
    """What an image has on its ground, as light strokes with a maximum of 1."""
    y, x = (np.linspace(-1, 1, n) if n > 1 else -np.ones(1) for n in image.shape)
    x, y = np.meshgrid(x, y)
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    ink = image.astype(np.float64) - level - terms @ surface
    if -ink.min() > max(ink.max(), 0):
        ink = -ink
    if ink.max() <= extreme:
        return np.zeros_like(ink)
    limit = max(threshold * ink.max(), min(noise, ink.max() / 2))
    return np.where(ink > max(limit, 0), ink, 0) / (ink.max() if ink.max() > 0 else 1)


def stroke_width(image):
    """Twice the area by the length of the outline."""
    padded = np.pad(np.asarray(image, np.float64), 1)
    x, y = np.diff(padded, axis=1), np.diff(padded, axis=0)
    outline = np.hypot((x[1:] + x[:-1]) / 2, (y[:, 1:] + y[:, :-1]) / 2).sum()
    return 2 * padded.sum() / outline if outline else 0.0


def spread_level(image, level, radius):
    """The largest of all pixels, or the smallest, by weights that fall from 1 to 0 beyond a radius; outside is 0."""
    if level == 0:
        margin = min(int(radius) + 2, max(image.shape))
        return _spread_level(np.pad(image, margin), level, radius)[margin:-margin, margin:-margin]
    return _spread_level(image, level, radius)


def _spread_level(image, level, radius):
    rows, columns = np.indices(image.shape).reshape(2, -1)
    distances = np.hypot(rows[:, None] - rows, columns[:, None] - columns)
    weights = np.clip(radius + 1 - distances, 0, 1)
    pixels = image.astype(np.float64).ravel()
    if level == 1:
        return (weights * pixels).max(axis=1).reshape(image.shape)
    return 1 - (weights * (1 - pixels)).max(axis=1).reshape(image.shape)


def set_stroke_width(image, target, box_side):
    """Strokes dilated or eroded by half of what is missing, the maximum kept."""
    if image.max() <= 0:
        return image
    rows, columns = np.nonzero(image > 0.5 * image.max())
    longest = max(np.ptp(rows), np.ptp(columns)) + 1
    radius = (target * longest / box_side - stroke_width(image)) / 2
    out = spread_level(image, int(radius > 0), abs(radius))
    return out * image.max() / out.max() if out.max() > 0 else image
