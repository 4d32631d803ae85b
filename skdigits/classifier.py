"""MLPDigitClassifier: scikit-learn's MLPClassifier over compiled kernels."""

import time
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.callback import CallbackSupportMixin
from sklearn.metrics import get_scorer_names
from sklearn.utils import Bunch, check_random_state, column_or_1d
from sklearn.utils._param_validation import HasMethods, Interval, Options, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from skdigits import _checks, _networks, _samples, _targets, _training
from skdigits._callbacks import EstimatorHooks
from skdigits._engine import parameters
from skdigits._engine.exceptions import NotFiniteError, ProgressError
from skdigits._engine.initializers import INITIALIZERS, draw_parameters
from skdigits._engine.optimizers import OPTIMIZERS
from skdigits._engine.record import TrainingRecord
from skdigits._engine.schedules import SCHEDULES
from skdigits._kernels.codes import HIDDEN_ACTIVATIONS
from skdigits._threads import allowed_threads
from skdigits._transaction import all_or_nothing
from skdigits._typing import MatrixLike, RandomState
from skdigits._validation import check_held_out
from skdigits.exceptions import ModelFormatError

# Of the state that pickle, joblib and skops store. It rises when an older version could not read a new state rightly.
_STATE_FORMAT = 1


class MLPDigitClassifier(CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    r"""Multi-layer perceptron for handwritten digits, trained on ordinary CPUs.

    A drop-in replacement for :class:`sklearn.neural_network.MLPClassifier`: for the same parameters and the same
    `random_state` it draws the same initial weights, forms the same mini-batches and makes the same updates. The work
    is done by compiled kernels that skip the background of the input, in single precision by default.

    It minimises, over the weights :math:`W` and biases of all layers, the mean cross-entropy of each mini-batch

    .. math::

        \frac{1}{\sum_i w_i} \left(
            \sum_i w_i \, \ell(y_i, f(x_i)) + \frac{\alpha}{2} \sum_l \lVert W_l \rVert^2
        \right)

    with sample weights :math:`w_i`, and softmax outputs for more than two classes or logistic outputs for binary and
    multi-label targets. Everything that `MLPClassifier` does not have is off by default.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of shape (n_layers - 2,), default=(100,)
        Number of units in each hidden layer, each at least 1.

    activation : {'identity', 'logistic', 'tanh', 'relu', 'leaky_relu', 'elu', 'gelu', 'silu'}, default='relu'
        Activation of the hidden layers: x, 1 / (1 + exp(-x)), tanh(x), max(0, x), max(0.01 x, x), x or exp(x) - 1
        below 0, x times the normal distribution function of x, or x / (1 + exp(-x)).

    solver : {'lbfgs', 'sgd', 'adam', 'adamw'}, default='adam'
        'adam', 'adamw' and 'sgd' work on mini-batches, 'lbfgs' on all samples at once. 'lbfgs' often does better on a
        few hundred samples. 'adamw' is Adam with decoupled weight decay, as in PyTorch.

    alpha : float, default=0.0001
        Strength of the L2 penalty, at least 0. It is divided by the number of samples (the sum of their weights) of
        a mini-batch. With 'adamw' there is no penalty but weight decay: each step reduces the weights (not the biases)
        by the fraction ``learning_rate * alpha``, and useful values are a hundred times larger.

    batch_size : int or 'auto', default='auto'
        Samples per mini-batch, at least 1; 'auto' is ``min(200, n_samples)``. Not used by 'lbfgs'.

    learning_rate : {'constant', 'invscaling', 'adaptive', 'cosine', 'one_cycle'}, default='constant'
        Learning-rate schedule. 'constant' is `learning_rate_init`. 'cosine' decays from it along half a cosine wave,
        and 'one_cycle' rises from 1/25 of it for three tenths of all steps and then falls to 1/250,000 of it, both
        along half a cosine wave, as PyTorch's ``OneCycleLR`` does. These two are for all mini-batch solvers, and run
        for `max_iter` epochs, whatever the training loss does, without a `ConvergenceWarning`; only `early_stopping`
        ends them before. The other two are only used by 'sgd': 'invscaling' is
        ``learning_rate_init / (t + 1) ** power_t`` with t samples seen in the epochs before, and 'adaptive' divides the
        rate by 5 each time that more than `n_iter_no_change` epochs brought no progress, until it is below 1e-6.

    learning_rate_init : float, default=0.001
        Initial learning rate of mini-batch solvers, or the largest one of 'one_cycle', above 0.

    power_t : float, default=0.5
        Exponent of 'invscaling', at least 0.

    max_iter : int, default=200
        Maximum number of epochs, or of iterations of 'lbfgs', at least 1.

    shuffle : bool, default=True
        Whether to shuffle the samples before each epoch.

    random_state : int, RandomState instance or None, default=None
        Draws the initial weights, the split for early stopping, the order of the samples, dropout and augmentation.
        Pass an int for reproducible results. With an int, each call of `partial_fit` shuffles the same number of
        samples in the same way, as in MLPClassifier; dropout and augmentation differ from call to call.

    tol : float, default=1e-4
        Smallest improvement of the loss or validation score that counts as progress, at least 0. 'lbfgs' stops when
        no entry of the gradient is larger.

    verbose : bool or int, default=False
        Whether to print the loss of each epoch. Not used by 'lbfgs'.

    warm_start : bool, default=False
        Whether `fit` continues from the weights of the previous call. The optimizer is reset. The network stays as it
        was made: `hidden_layer_sizes`, `output_activation` and `weight_init` are not looked at again.

    momentum : float, default=0.9
        Momentum of 'sgd', in [0, 1].

    nesterovs_momentum : bool, default=True
        Whether to use Nesterov's momentum.

    early_stopping : bool, default=False
        Whether to stop when the score on held-out samples no longer improves (`scoring`). These are `X_val` of `fit`
        if given, else samples set aside from X. As in scikit-learn, the split is stratified for binary labels, and
        'lbfgs' ignores this parameter.

    validation_fraction : float, default=0.1
        Proportion of the samples to set aside for `early_stopping`, in [0, 1); above 0 with `early_stopping`.

    beta_1 : float, default=0.9
        Decay rate of Adam's first-moment estimate, in [0, 1).

    beta_2 : float, default=0.999
        Decay rate of Adam's second-moment estimate, in [0, 1).

    epsilon : float, default=1e-8
        Added to the square root of Adam's second-moment estimate, above 0.

    n_iter_no_change : int or inf, default=10
        Training stops when more than this many epochs in a row, at least 1, brought no progress. Without
        `early_stopping`, the schedules 'cosine' and 'one_cycle' go on to their end.

    max_fun : int, default=15000
        Maximum number of evaluations of the objective by 'lbfgs', at least 1.

    dtype : {'float32', 'float64', 'auto'}, default='float32'
        Type in which the network computes and keeps its weights; X is converted to it. 'auto' is the type of X in the
        first fit, or 'float64' for anything that is not 'float32', as in scikit-learn (except for 'lbfgs', which is
        in double precision there). Predictions are of this type, too, whatever the type of their X.

    n_jobs : int or None, default=None
        Number of threads of one `fit` or `predict`. None: all that this process may use, as limited by
        ``NUMBA_NUM_THREADS``, ``OMP_NUM_THREADS`` and workers of joblib or Dask. Negative: ``n_cores + 1 + n_jobs``.
        More threads than cores are not used. The result is the same to the last bit for any number; small work is done
        in one thread.

    output_activation : {'auto', 'softmax', 'logistic'}, default='auto'
        'auto' is 'softmax' for multiclass targets, the only ones that it is for, else 'logistic'. With 'logistic', an
        independent output for each class of multiclass targets is trained by binary cross-entropy; `predict_proba`
        divides them by their sum.

    weight_init : {'auto', 'glorot_uniform', 'he_uniform', 'he_normal', 'lecun_normal'}, default='auto'
        Distribution of the initial weights. 'auto' is scikit-learn's, with random biases; with the others biases start
        at 0.

    dropout : float or array-like of shape (n_hidden_layers,), default=0.0
        Dropout rate, in [0, 1), of all hidden layers, or of each of them: the share of units that is dropped at random
        for each sample in each epoch. The remaining ones are divided by one minus the rate; predictions use all units.

    input_dropout : float, default=0.0
        Dropout rate of the features, in [0, 1).

    max_grad_norm : float or None, default=None
        Gradient clipping: largest Euclidean norm of the gradient of a mini-batch with respect to all parameters, above
        0; larger gradients are scaled down to it.

    label_smoothing : float, default=0.0
        Share s in [0, 1) of the targets that is spread evenly: over all classes with softmax outputs, where a target
        t becomes (1 - s) t + s / n_classes, over yes and no with logistic ones, where it becomes (1 - s) t + s / 2.

    weight_averaging : float or None, default=None
        Decay d in (0, 1) of an exponential moving average of the weights: after step n the weights of step i count
        ``d ** (n - i)``, divided by the sum of these factors. `coefs_` and `intercepts_` are the average, which is used
        in validation and predictions. While this parameter is set, `partial_fit` continues from the weights, which are
        kept separately, and not from their average: if you replace `coefs_`, that affects the average only. After
        `fit` has restored the average of its best epoch, `partial_fit` continues from that.

    class_weight : dict, 'balanced', list of dict or None, default=None
        Weights of the classes in the objective, multiplied by `sample_weight`: by label, or, for 'balanced', inversely
        proportional to class frequencies in y. Classes that a dict leaves out have weight 1; labels in it that y does
        not have are an error, unless it has all classes. For multi-label targets a list with a dict for each column; a
        sample has the product of their weights. Validation does not use them.

    scoring : str, callable or None, default=None
        Score on held-out samples: 'loss' (the negative cross-entropy), a scorer of scikit-learn, by name or as a
        callable ``scorer(estimator, X, y)``, or None for accuracy. X is `X_val` as given, or an array or CSR matrix of
        the samples that were set aside. If the held-out samples have weights, the scorer is
        called with `sample_weight`, too, and must accept it.

    restore_best_weights : bool, default=True
        Whether `early_stopping` restores the weights of the epoch with the best score, instead of keeping the last
        ones. With `warm_start`, if no epoch of a call is better than the best of the previous calls, the last weights
        remain, as in MLPClassifier.

    max_time : float or None, default=None
        Time limit in seconds, above 0: `fit` then stops after the current mini-batch or iteration, and keeps what was
        learnt. `partial_fit` likewise leaves the rest of the samples out.

    augmenter : object or None, default=None
        Deforms the training samples anew in each epoch, as :class:`skdigits.preprocessing.ElasticDeformer` does. Its
        method ``augment(X, random_state, out=out, progress=progress)`` writes new samples to `out`, which is like X,
        and returns them. It must not write to X. X is dense, in the type of the network; `progress` is the share of
        `max_iter` that is done, in [0, 1]. Held-out samples are not augmented. An augmenter whose own `n_jobs` is None
        uses that of the classifier.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted; for multi-label targets the column numbers.

    coefs_ : list of ndarray of shape (n_inputs, n_outputs)
        Weights of each layer.

    intercepts_ : list of ndarray of shape (n_outputs,)
        Biases of each layer.

    loss_ : float
        Loss of the last epoch: the mean over its mini-batches, weighted by their numbers of samples; the loss of each
        mini-batch is computed before its update.

    best_loss_ : float or None
        Smallest loss so far; None with `early_stopping`. Not set by 'lbfgs'.

    loss_curve_ : list of float
        Loss of each epoch. Not set by 'lbfgs'.

    history_ : dict of str to list of float
        Each list has one entry per epoch, or per iteration of 'lbfgs'; NaN where a value is not known, as 'accuracy'
        and 'learning_rate' with 'lbfgs'. Calls of `partial_fit`, and of `fit` with `warm_start`, append to the lists,
        but 'lbfgs' begins new ones.

        - 'loss' and 'accuracy': on the training samples before the update of their mini-batch, with dropout,
          augmentation and the weights of samples and classes.
        - 'validation_loss': the mean cross-entropy of held-out samples, without penalty and label smoothing.
        - 'validation_score': the score on held-out samples.
        - 'learning_rate': that of the last step.
        - 'seconds': duration of the epoch, validation included.

    validation_loss_curve_ : list of float or None
        'validation_loss' of `history_`; None if no samples are held out.

    validation_scores_ : list of float or None
        Score on the held-out samples after each epoch; None without `early_stopping`. Not set by 'lbfgs'.

    best_validation_score_ : float or None
        Largest of `validation_scores_`. Not set by 'lbfgs'.

    n_iter_ : int
        Number of epochs or iterations of the last call.

    t_ : int
        Number of samples seen in training. Not counted by 'lbfgs'.

    n_layers_ : int
        Number of layers, input and output included.

    n_outputs_ : int
        Number of outputs.

    out_activation_ : {'softmax', 'logistic'}
        Activation of the output layer.

    n_features_in_ : int
        Number of features seen in `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features seen in `fit`. Defined only when X has feature names that are all strings.

    See Also
    --------
    sklearn.neural_network.MLPClassifier : The estimator that this one replaces.

    Notes
    -----
    'lbfgs' refuses the options that only apply to mini-batches (dropout, `max_grad_norm`, `weight_averaging`,
    `augmenter`, 'cosine' and 'one_cycle'). Sparse X is refused with an `augmenter`.

    :data:`skdigits.recipes.RECIPES` holds parameters that do well on MNIST.

    Ctrl-C during `fit` stops it after the current mini-batch, warns, and keeps what was learnt. Callbacks of
    :mod:`sklearn.callback` (``set_callbacks``) are called after each epoch, and after each iteration of 'lbfgs'.

    References
    ----------
    Glorot, X., and Bengio, Y. (2010). Understanding the difficulty of training deep feedforward neural networks.
    AISTATS.

    Kingma, D., and Ba, J. (2014). Adam: a method for stochastic optimization. arXiv:1412.6980.

    Loshchilov, I., and Hutter, F. (2019). Decoupled weight decay regularization. ICLR.

    Smith, L., and Topin, N. (2018). Super-convergence. arXiv:1708.07120.

    Srivastava, N., et al. (2014). Dropout: a simple way to prevent neural networks from overfitting. JMLR 15.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import MinMaxScaler
    >>> from skdigits import MLPDigitClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
    >>> model = make_pipeline(MinMaxScaler(), MLPDigitClassifier(max_iter=300, random_state=0))
    >>> model.fit(X_train, y_train).predict(X_test[:5])
    array([2, 0, 4, 9, 4])
    >>> model.score(X_test, y_test) > 0.95
    True
    """

    _parameter_constraints: dict = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(HIDDEN_ACTIVATIONS))],
        "solver": [StrOptions({"lbfgs", *OPTIMIZERS})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive", *SCHEDULES})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "dtype": [StrOptions({"float32", "float64", "auto"})],
        "n_jobs": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Integral, None, -1, closed="right"),
            None,
        ],
        "output_activation": [StrOptions({"auto", "softmax", "logistic"})],
        "weight_init": [StrOptions({"auto", *INITIALIZERS})],
        "dropout": [Interval(Real, 0, 1, closed="left"), "array-like"],
        "input_dropout": [Interval(Real, 0, 1, closed="left")],
        "max_grad_norm": [Interval(Real, 0, None, closed="neither"), None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "weight_averaging": [Interval(Real, 0, 1, closed="neither"), None],
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
        "scoring": [StrOptions({"loss", *get_scorer_names()}), callable, None],
        "restore_best_weights": ["boolean"],
        "max_time": [Interval(Real, 0, None, closed="neither"), None],
        "augmenter": [HasMethods("augment"), None],
    }

    def __init__(
        self,
        hidden_layer_sizes: int | ArrayLike = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: RandomState = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dtype: Literal["float32", "float64", "auto"] = "float32",
        n_jobs: int | None = None,
        output_activation: Literal["auto", "softmax", "logistic"] = "auto",
        weight_init: str = "auto",
        dropout: float | ArrayLike = 0.0,
        input_dropout: float = 0.0,
        max_grad_norm: float | None = None,
        label_smoothing: float = 0.0,
        weight_averaging: float | None = None,
        class_weight: Any = None,
        scoring: str | Callable[..., float] | None = None,
        restore_best_weights: bool = True,
        max_time: float | None = None,
        augmenter: Any = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dtype = dtype
        self.n_jobs = n_jobs
        self.output_activation = output_activation
        self.weight_init = weight_init
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.max_grad_norm = max_grad_norm
        self.label_smoothing = label_smoothing
        self.weight_averaging = weight_averaging
        self.class_weight = class_weight
        self.scoring = scoring
        self.restore_best_weights = restore_best_weights
        self.max_time = max_time
        self.augmenter = augmenter

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        X_val: MatrixLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples of any real type, finite. Never written to.
        y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_classes)
            Class labels, or a multi-label indicator of zeros and ones, which may be sparse.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the samples in the objective; None is 1 for each. The largest (times `class_weight`) must be
            between 1.2e-30 and 3.4e30 in single precision, and between 2.3e-300 and 1.7e300 in double.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features) or None, default=None
            Samples for validation. Loss and score on them are recorded after each epoch, and `early_stopping` looks
            at them in the place of samples set aside from X. In a Pipeline, ``transform_input=["X_val"]`` sends them
            through the steps before.
        y_val : {array-like, sparse matrix} of shape (n_val,) or (n_val, n_classes) or None, default=None
            Their targets, of classes that are in y.
        sample_weight_val : array-like of shape (n_val,) or None, default=None
            Their weights in loss and score.

        Returns
        -------
        self : MLPDigitClassifier

        Raises
        ------
        ValueError
            If the input is not as described, if an option does not go with another, or if training diverged.
        ZeroDivisionError
            If the weights of a mini-batch sum to 0.
        TypeError
            If `scoring` returns no number, or if X is sparse and there is an `augmenter`.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` was reached before training stopped making progress, except at the end of a schedule.
        TrainingInterruptedWarning
            If Ctrl-C has ended the training; what was learnt is kept.
        DataConversionWarning
            If y is a column.
        UserWarning
            If `batch_size` is larger than the number of samples, which is then used instead.
        """
        with all_or_nothing(self):
            return self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val), incremental=False)

    @available_if(lambda self: self._check_solver())
    @_fit_context(prefer_skip_nested_validation=False)  # so that the configuration is the caller's
    def partial_fit(
        self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None, classes: ArrayLike | None = None
    ) -> Self:
        """Train for one epoch on the given samples, going on from what was learnt before.

        The optimizer keeps its state and, until `fit` is called, what was set in the first call: `solver`,
        `learning_rate`, `learning_rate_init`, `power_t`, `momentum`, `nesterovs_momentum`, `beta_1`, `beta_2`,
        `epsilon`, `max_iter` and, with 'adamw', `alpha`. `hidden_layer_sizes`, `output_activation` and `weight_init`
        only count in the first call, which makes the network. Other parameters may change from call to call. Only for
        mini-batch solvers. The schedules 'cosine' and 'one_cycle' take `max_iter` calls on as many samples.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_classes)
            Targets.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the samples.
        classes : array-like of shape (n_classes,) or None, default=None
            All classes that any call will bring; needed in the first call.

        Returns
        -------
        self : MLPDigitClassifier

        Raises
        ------
        ValueError
            If the input is not as described, if `early_stopping` is set, if `class_weight` is 'balanced', if the first
            call brings no `classes`, or if training diverged.
        ZeroDivisionError
            If the weights of a mini-batch sum to 0.
        TypeError
            If X is sparse and there is an `augmenter`.
        AttributeError
            If `solver` is 'lbfgs', which has no mini-batches.

        Warns
        -----
        TrainingInterruptedWarning, DataConversionWarning, UserWarning
            As by `fit`.
        """
        if isinstance(self.class_weight, str):
            raise ValueError(
                "class_weight='balanced' is not supported for partial_fit, which never sees all labels. Compute the "
                "weights with sklearn.utils.compute_class_weight and pass them as a dict."
            )
        with all_or_nothing(self):
            if _check_partial_fit_first_call(self, classes):
                self._label_binarizer = _targets.fit_binarizer(y, classes)
            elif not get_config()["skip_parameter_validation"]:
                self._validate_params()  # which scikit-learn leaves to the first call
            return self._fit(X, y, sample_weight, (None, None, None), incremental=True)

    def predict(self, X: MatrixLike) -> NDArray:
        """Predict labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        y : {ndarray, CSR matrix} of shape (n_samples,) or (n_samples, n_classes)
            Labels, or a multi-label indicator, which is sparse if that of the training was.

        Raises
        ------
        NotFittedError
            If there is no network yet.
        ValueError
            If X has another number of features, or values that are infinite or NaN.
        """
        # Logistic outputs may saturate in more than one class, logits do not.
        logits = self._fitted()._is_normalized()
        return _targets.decode(self._label_binarizer, self._outputs(X, logits=logits))

    def predict_proba(self, X: MatrixLike) -> NDArray:
        """Predict the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`. Rows sum to one except for multi-label targets: logistic outputs of classes
            that exclude one another are divided by their sum. With a single class there are two columns, as in
            `MLPClassifier`.

        Raises
        ------
        NotFittedError, ValueError
            As by `predict`.
        """
        if self._fitted()._is_normalized():
            return softmax(log_expit(self._outputs(X, logits=True)), axis=1)
        probabilities = self._outputs(X)
        if self.n_outputs_ == 1:
            return np.hstack([1 - probabilities, probabilities])
        return probabilities

    def predict_log_proba(self, X: MatrixLike) -> NDArray:
        """Predict the logarithm of the probability of each class.

        Finite also where a probability is too small for its type and `predict_proba` gives 0: from the logits there.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`; with a single class two columns.

        Raises
        ------
        NotFittedError, ValueError
            As by `predict`.
        """
        logits = self._fitted()._outputs(X, logits=True)
        if self._is_normalized():
            return log_softmax(log_expit(logits), axis=1)
        if self.n_outputs_ == 1:
            logits = np.hstack([-logits, logits])
        if self.out_activation_ == "softmax":
            probabilities, logarithms = softmax(logits, axis=1), log_softmax(logits, axis=1)
        else:
            probabilities, logarithms = expit(logits), log_expit(logits)
        # Elsewhere it is log(predict_proba(X)), saturated probabilities of exactly 1 included.
        return np.log(probabilities, out=logarithms, where=probabilities > 0)

    def decision_function(self, X: MatrixLike) -> NDArray:
        """Compute the logits: what enters the output activation.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        logits : ndarray of shape (n_samples,) or (n_samples, n_classes)
            For binary labels the log-odds of ``classes_[1]``.

        Raises
        ------
        NotFittedError, ValueError
            As by `predict`.
        """
        logits = self._fitted()._outputs(X, logits=True)
        return logits.ravel() if self.n_outputs_ == 1 else logits

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "_optimizer" in state:
            state["_optimizer"] = dict(state["_optimizer"])  # a type less that a stored model is made of
        return {**state, "_skdigits_format": _STATE_FORMAT}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        found = state.pop("_skdigits_format", 0)  # the first version wrote none
        if type(found) is not int or not 0 <= found <= _STATE_FORMAT:
            raise ModelFormatError(
                f"This model is of format {found!r}, and this version of skdigits reads formats up to {_STATE_FORMAT}. "
                "Update skdigits to load it."
            )
        if "_optimizer" in state:
            state["_optimizer"] = Bunch(**state["_optimizer"])
        # Parameters that are newer than the state do nothing by default.
        defaults = MLPDigitClassifier.__init__.__kwdefaults__ or {}
        super().__setstate__({**defaults, **state})
        if "coefs_" in state:
            coefs, intercepts = parameters.rejoin(state["coefs_"], state["intercepts_"])
            self.coefs_, self.intercepts_ = coefs, intercepts

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.multi_label = True
        return tags

    def _is_normalized(self):
        """Whether independent outputs stand for classes that exclude one another."""
        return self.out_activation_ == "logistic" and self._label_binarizer.y_type_ == "multiclass"

    def _check_solver(self):
        if self.solver == "lbfgs":
            raise AttributeError(
                "partial_fit is only available for the stochastic solvers 'sgd', 'adam' and 'adamw'. lbfgs is not "
                "stochastic."
            )
        return True

    def _fitted(self):
        if not hasattr(self, "coefs_"):
            check_is_fitted(self)  # takes as long as recognising ten digits, so only where it has something to say
        return self

    def _outputs(self, X, *, logits=False):
        network = _networks.network_of(self)
        X = _samples.check_samples(self, X, network.parameters.dtype)
        # Asking how many threads are allowed takes longer than recognising a few digits.
        n_threads = allowed_threads(self.n_jobs) if network.is_worth_threads(X.shape[0]) else 1
        try:
            return network.forward(X, n_threads, logits=logits)
        except NotFiniteError:
            _samples.refuse_not_finite(self, X, network.parameters.dtype)
            raise

    def _fit(self, X, y, sample_weight, validation, *, incremental):
        deadline = None if self.max_time is None else time.monotonic() + float(self.max_time)
        hidden_layer_sizes = _checks.check_hidden_layer_sizes(self)
        first_pass = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        # A network that has learnt keeps its layers, whatever sizes have been set since.
        n_hidden = len(hidden_layer_sizes) if first_pass else len(self.coefs_) - 1
        drop_rates = _checks.check_drop_rates(self, n_hidden)
        _checks.check_solver(self)
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")

        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        task = {"X": X, "y": y, "metadata": metadata}
        context = self._init_callback_context(
            "partial_fit" if incremental else "fit", max_subtasks=1 if incremental else self.max_iter
        ).call_on_fit_task_begin(estimator=self, **task)

        X, y, targets = self._validate_input(X, y, incremental, reset=first_pass)
        plain_weight = None if sample_weight is None else _check_sample_weight(sample_weight, X)
        sample_weight = _targets.weigh_classes(self.class_weight, y, plain_weight, self.classes_)
        random_state = check_random_state(self.random_state)
        dtype, threads = self._computing_dtype(X, first_pass), allowed_threads(self.n_jobs)
        if sample_weight is not None:
            _targets.refuse_extreme_weights(sample_weight, dtype)
        inputs = _training.compress(self, X, dtype, threads)
        held_out = check_held_out(self, dtype, *validation)
        data = _training.Data(X, inputs, targets, sample_weight, plain_weight, held_out)
        if first_pass:
            self._initialize([X.shape[1], *hidden_layer_sizes, targets.shape[1]], random_state, dtype)
        if not incremental:
            _training.forget_state(self)
        network = self._trainable_network(dtype)
        hooks = EstimatorHooks(self, context, task, self._snapshot)
        options = {"n_threads": threads, "deadline": deadline}
        if self.solver == "lbfgs":
            _training.fit_lbfgs(self, network, data, hooks, **options)
        else:
            try:
                _training.fit_stochastic(
                    self, network, data, hooks, random_state, drop_rates=drop_rates, incremental=incremental, **options
                )
            except ProgressError as error:
                raise ModelFormatError(str(error)) from error
        context.call_on_fit_task_end(estimator=self, reconstruction_attributes={}, **task)
        return self

    def _validate_input(self, X, y, incremental, reset):
        accepted = _samples.accepted_types(np.float64 if self.dtype == "auto" else self.dtype)
        _samples.refuse_what_is_no_number(X)
        # Infinity and NaN in dense samples are looked for where these are brought into lists, which an augmenter does
        # without. It deforms images, which are dense.
        X, y = validate_data(
            self, X, y, accept_sparse=self.augmenter is None and "csr", multi_output=True, dtype=accepted, order="C",
            ensure_all_finite=sparse.issparse(X) or self.augmenter is not None, reset=reset,
        )  # fmt: skip
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if reset and not incremental:
            self._label_binarizer = _targets.fit_binarizer(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            _targets.check_known_labels(y, self.classes_, complete=self.warm_start)
        n_labels = len(self.classes_)
        if self._label_binarizer.y_type_.startswith("multilabel") and y.ndim != 2:
            # The numbers from 0 on are known labels of either kind.
            raise ValueError(
                f"`y` has one label a sample, and the network has learnt {n_labels} where a sample may have several. "
                f"Expected y of shape ({len(y)}, {n_labels}), got {y.shape}."
            )
        return X, y, _targets.encode(self._label_binarizer, y)

    def _computing_dtype(self, X, first_pass):
        if self.dtype != "auto":
            return np.dtype(self.dtype)
        if not first_pass:
            return _networks.own_dtype(self)
        return np.dtype(np.float32 if X.dtype == np.float32 else np.float64)

    def _initialize(self, units, random_state, dtype):
        """Set the learned attributes of a network that has learnt nothing, and remove those of one before."""
        TrainingRecord.withdraw(self)
        self.n_layers_ = len(units)
        self.n_outputs_ = units[-1]
        self.out_activation_ = _checks.check_output_activation(self.output_activation, self._label_binarizer.y_type_)
        flat = draw_parameters(units, self.activation, random_state, dtype, self.weight_init)
        self.coefs_, self.intercepts_ = parameters.split(flat, units)
        self.t_ = 0

    def _trainable_network(self, dtype):
        """The network of a copy of the learned attributes, which become views of its parameters.

        A copy, because training that fails must leave what was learnt before, and some of it may be read-only.
        """
        _networks.forget(self)
        network = _networks.gather(self, dtype).copy()
        self.coefs_, self.intercepts_ = network.coefs, network.intercepts
        return network

    def _snapshot(self):
        """Learned attributes that make a shallow copy of the estimator ready to predict as it would now."""
        return {
            "coefs_": [coef.copy() for coef in self.coefs_],
            "intercepts_": [intercept.copy() for intercept in self.intercepts_],
        }
