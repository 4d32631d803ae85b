"""Numbers that Python and the kernels agree on, in a file that does not need Numba to be read."""

# Activations.
IDENTITY, LOGISTIC, TANH, RELU, SOFTMAX, LEAKY_RELU, ELU, GELU, SILU = range(9)
HIDDEN_ACTIVATIONS = {
    "identity": IDENTITY,
    "logistic": LOGISTIC,
    "tanh": TANH,
    "relu": RELU,
    "leaky_relu": LEAKY_RELU,
    "elu": ELU,
    "gelu": GELU,
    "silu": SILU,
}
# Their derivative is no function of what they give: two logits may give the same.
NEED_LOGITS = frozenset({"gelu", "silu"})
OUTPUT_ACTIVATIONS = {"identity": IDENTITY, "logistic": LOGISTIC, "softmax": SOFTMAX}

# Optimizers.
NO_UPDATE, SGD, ADAM = range(3)

# Places in the settings of a step. SGD reads the first three, Adam the rate and the next five; DECAY is the share of
# the weights that a step takes away, AVERAGE the share of the new parameters in their moving average.
RATE, MOMENTUM, NESTEROV, BETA_1, COMPLEMENT_1, BETA_2, COMPLEMENT_2, EPSILON, DECAY, AVERAGE = range(10)
N_SETTINGS = 10

# Places in the control array that the threads of an epoch share.
ARRIVED, GENERATION, ABORT, STOP_REQUESTED, STOP_AGREED, STEPS_DONE, ZERO_WEIGHT = range(7)
CONTROL_SIZE = 16

# Places in the totals of an epoch: objective times samples, weight of the samples recognised, weight of all.
LOSS, RECOGNISED, WEIGHT = range(3)
N_TOTALS = 3
