"""From the hooks of the engine to scikit-learn's callbacks, verbose lines and validation score."""

from sklearn.metrics import accuracy_score

from skdigits import _targets
from skdigits._engine.trainer import TrainingHooks


class EstimatorHooks(TrainingHooks):
    """What `MLPDigitClassifier` does between two epochs or L-BFGS iterations.

    Parameters
    ----------
    estimator : MLPDigitClassifier
    context : sklearn.callback.CallbackContext
        Root context of the fit.
    data : dict
        ``X``, ``y`` and ``metadata`` as the user gave them: callbacks that score get these.
    snapshot : callable
        Returns a dict of the attributes that make a copy of the estimator ready to predict.
    """

    def __init__(self, estimator, context, data, snapshot):
        self._estimator = estimator
        self._context = context
        self._data = data
        self._snapshot = snapshot
        self._epoch_context = None
        self._accuracy = None

    def epoch_begins(self):
        """Open a task for the callbacks."""
        self._epoch_context = self._context.subcontext(task_name="epoch")
        self._epoch_context.call_on_fit_task_begin(estimator=self._estimator, **self._data)

    def epoch_ends(self, record):
        """Publish the record on the estimator and close the task; True where a callback asks to stop."""
        record.publish(self._estimator)
        return self._epoch_context.call_on_fit_task_end(
            estimator=self._estimator, reconstruction_attributes=self._snapshot, **self._data
        )

    def log(self, line):
        """Print a line where the user has asked for it."""
        if self._estimator.verbose:
            print(line)

    def watch(self, predict, targets, sample_weight):
        """Score predictions for samples set aside from training after each epoch.

        Parameters
        ----------
        predict : callable
            Returns the outputs of the network for these samples.
        targets : ndarray of shape (n_samples, n_outputs)
            Theirs, encoded.
        sample_weight : ndarray of shape (n_samples,) or None
            Theirs.
        """
        binarizer = self._estimator._label_binarizer
        labels = _targets.decode(binarizer, targets)

        def accuracy():
            return float(accuracy_score(labels, _targets.decode(binarizer, predict()), sample_weight=sample_weight))

        self._accuracy = accuracy

    def validation_score(self):
        """Accuracy on the samples set aside."""
        return self._accuracy()
