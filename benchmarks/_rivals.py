"""The other sides: scikit-learn's MLPClassifier, and the same work as a plain loop in PyTorch."""

import importlib
import sys
from itertools import pairwise

import numpy as np
from sklearn.neural_network import MLPClassifier

NAMES = ("sklearn", "torch")


def importable(names):
    """Those of the rivals that can be imported; says which cannot."""
    there = []
    for name in names:
        try:
            importlib.import_module(name)
        except (ImportError, OSError) as error:  # not installed; without a library of the system that it needs
            print(f"{name} is left out: it cannot be imported ({error}). pip install {name}", file=sys.stderr)
        else:
            there.append(name)
    return there


def make_sklearn(**parameters):
    """MLPClassifier for parameters of MLPDigitClassifier."""
    parameters.pop("n_jobs", None)
    return MLPClassifier(**parameters)


class TorchMLP:
    """What `MLPDigitClassifier` does, as PyTorch's users write it: mini-batches by index, all tensors in memory.

    Same first weights, mini-batches, loss, optimizer and penalty, except that ``weight_decay`` takes the biases in.
    To leave them out takes a second group of parameters, which made a fit 5 % longer and its accuracy no other.
    Parameters as those of `MLPClassifier`.
    """

    def __init__(self, hidden_layer_sizes=(100,), activation="relu", *, solver="adam", alpha=1e-4, batch_size=200,
                 learning_rate_init=1e-3, max_iter=10, random_state=0, n_jobs=2):  # fmt: skip
        self.hidden = np.atleast_1d(hidden_layer_sizes).tolist()
        self.activation, self.solver, self.alpha = activation, solver, alpha
        self.batch_size, self.learning_rate_init = batch_size, learning_rate_init
        self.max_iter, self.random_state, self.n_jobs = max_iter, random_state, n_jobs

    def fit(self, X, y):
        """Train from new weights; X and y are tensors."""
        import torch

        torch.set_num_threads(self.n_jobs)
        random_state = np.random.RandomState(self.random_state)
        self.model = self._make_model(X.shape[1], int(y.max()) + 1, random_state)
        loss_function = torch.nn.CrossEntropyLoss()
        if self.solver == "adam":
            optimizer = torch.optim.Adam(
                self.model.parameters(), self.learning_rate_init, weight_decay=self.alpha / self.batch_size, fused=True
            )
        else:
            optimizer = torch.optim.SGD(
                self.model.parameters(), self.learning_rate_init, momentum=0.9, nesterov=True,
                weight_decay=self.alpha / self.batch_size, fused=True,
            )  # fmt: skip
        order = np.arange(len(X))
        for _ in range(self.max_iter):
            random_state.shuffle(order)
            for batch in torch.from_numpy(order).split(self.batch_size):
                loss = loss_function(self.model(X[batch]), y[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        return self

    def _make_model(self, n_features, n_classes, random_state):
        import torch

        layers, units = [], [n_features, *self.hidden, n_classes]
        functions = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh, "logistic": torch.nn.Sigmoid}
        for n_in, n_out in pairwise(units):
            linear = torch.nn.Linear(n_in, n_out)
            bound = np.sqrt((2 if self.activation == "logistic" else 6) / (n_in + n_out))
            with torch.no_grad():
                linear.weight[:] = torch.from_numpy(random_state.uniform(-bound, bound, (n_in, n_out)).T)
                linear.bias[:] = torch.from_numpy(random_state.uniform(-bound, bound, n_out))
            layers += [linear, functions[self.activation]()]
        return torch.nn.Sequential(*layers[:-1])

    def predict_proba(self, X):
        """Probabilities, as a tensor, for a tensor."""
        import torch

        torch.set_num_threads(self.n_jobs)
        with torch.inference_mode():
            return torch.softmax(self.model(X), 1)

    def score(self, X, y):
        """Accuracy."""
        return float((self.predict_proba(X).argmax(1) == y).float().mean())


def to_torch(*arrays):
    """Arrays as tensors; labels as integers of 64 bits."""
    import torch

    return [
        torch.from_numpy(a if a.dtype == np.float32 else a.astype(np.int64)) for a in map(np.ascontiguousarray, arrays)
    ]
