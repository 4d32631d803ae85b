"""Numbers that Python, models exported to ONNX, and kernels agree on, in a file that imports no Numba."""

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
# What the leaky ReLU leaves of a negative logit (Maas, Hannun and Ng, 2013).
LEAK = 0.01
# For GELU: erf(x) / x below 1, and erfc(x) * exp(x * x) above, numerator and denominator (Cephes).
ERF = (
    (9.60497373987051638749, 90.0260197203842689217, 2232.00534594684319226, 7003.32514112805075473,
     55592.3013010394962768),
    (1.0, 33.5617141647503099647, 521.357949780152679795, 4594.32382970980127987, 22629.0000613890934246,
     49267.3942608635921086),
)  # fmt: skip
ERFC = (
    (2.46196981473530512524e-10, 0.564189564831068821977, 7.46321056442269912687, 48.6371970985681366614,
     196.520832956077098242, 526.445194995477358631, 934.528527171957607540, 1027.55188689515710272,
     557.535335369399327526),
    (1.0, 13.2281951154744992508, 86.7072140885989742329, 354.937778887819891062, 975.708501743205489753,
     1823.90916687909736289, 2246.33760818710981792, 1656.66309194161350182, 557.535340817727675546),
)  # fmt: skip

# Added to the place of a centred image before the floor is taken. Not 0.5, so that rounding errors do not decide where
# symmetric images go.
ROUNDING = 0.5 - 1e-9

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
