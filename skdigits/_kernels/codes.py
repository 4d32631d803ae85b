"""Numbers that Python and the kernels agree on, in a file that does not need Numba to be read."""

# Activations.
IDENTITY, LOGISTIC, TANH, RELU, SOFTMAX = range(5)
HIDDEN_ACTIVATIONS = {"identity": IDENTITY, "logistic": LOGISTIC, "tanh": TANH, "relu": RELU}
OUTPUT_ACTIVATIONS = {"identity": IDENTITY, "logistic": LOGISTIC, "softmax": SOFTMAX}

# Optimizers.
NO_UPDATE, SGD, ADAM = range(3)

# Places in the settings array of an optimizer. SGD reads the first three, Adam the rate and the last five.
RATE, MOMENTUM, NESTEROV, BETA_1, COMPLEMENT_1, BETA_2, COMPLEMENT_2, EPSILON = range(8)
N_SETTINGS = 8

# Places in the control array that the threads of an epoch share.
ARRIVED, GENERATION, ABORT, STOP_REQUESTED, STOP_AGREED, STEPS_DONE, ZERO_WEIGHT = range(7)
CONTROL_SIZE = 16
