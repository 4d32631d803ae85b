"""``skdigits train``: from a data set to a saved model and its report."""

import argparse
import time
import warnings
from pathlib import Path


def add_parser(commands):
    """Add the command to the parser."""
    parser = commands.add_parser(
        "train",
        help="train a network, report on the test images, save the model",
        description="Train Pipeline(MinMaxScaler, MLPDigitClassifier), report on the test images, and save the model.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--dataset",
        choices=["digits", "mnist"],
        default="digits",
        help="digits: 1,797 images of 8 x 8 that scikit-learn ships; mnist: 70,000 of 28 x 28, fetched when missing",
    )
    parser.add_argument("--hidden", type=int, nargs="+", default=[100], metavar="UNITS", help="units of hidden layers")
    parser.add_argument(
        "--epochs", type=int, default=None, help="epochs, or iterations of lbfgs (digits 100, mnist 10)"
    )
    parser.add_argument("--batch-size", type=int, default=None, help="images of a mini-batch (digits 32, mnist 200)")
    parser.add_argument("--learning-rate", type=float, default=0.001, help="first learning rate")
    parser.add_argument("--activation", choices=["identity", "logistic", "tanh", "relu"], default="relu", help="-")
    parser.add_argument("--solver", choices=["adam", "sgd", "lbfgs"], default="adam", help="-")
    parser.add_argument(
        "--validation",
        type=float,
        default=None,
        metavar="FRACTION",
        help="share of the training images to hold out; training then stops when accuracy on them no longer improves",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the first weights and of the order of the images")
    parser.add_argument("--jobs", type=int, default=None, help="threads (default: all that may be used)")
    parser.add_argument(
        "--output", type=Path, default=None, help="file of the model (default: skdigits-DATASET.joblib in this folder)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    return parser


_EPOCHS = {"digits": 100, "mnist": 10}
_BATCH_SIZES = {"digits": 32, "mnist": 200}


def run(arguments):
    """Train, report, save."""
    from sklearn.exceptions import ConvergenceWarning

    from skdigits._cli.data import load_split
    from skdigits._cli.models import check_output, save_model
    from skdigits._cli.report import print_json, score_model

    output = arguments.output or Path(f"skdigits-{arguments.dataset}.joblib")
    check_output(output)
    model = _make_model(arguments)
    X_train, X_test, y_train, y_test = load_split(arguments.dataset)
    say = (lambda *_: None) if arguments.json else print
    say(f"Training on {len(X_train):,} images of {arguments.dataset}, testing on {len(X_test):,}.")
    start = time.perf_counter()
    with warnings.catch_warnings():
        # The number of epochs was asked for.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X_train, y_train)
    train_seconds = time.perf_counter() - start
    classifier = model[-1].set_callbacks()  # the saved model shows no progress
    save_model(model, output)
    scores, text = score_model(model, X_test, y_test)
    if arguments.json:
        accuracy = scores.pop("accuracy")
        print_json(
            {
                "dataset": arguments.dataset,
                "test_accuracy": accuracy,
                "train_seconds": train_seconds,
                "n_iter": int(classifier.n_iter_),
                "loss": float(classifier.loss_),
                "model": str(output),
                "parameters": _plain(classifier.get_params()),
                **scores,
            }
        )
        return
    say(f"{classifier.n_iter_} epochs in {train_seconds:.2f} s, loss {classifier.loss_:.4f}\n")
    say(text)
    say(f"\nTest accuracy: {scores['accuracy']:.4f}")
    say(f"Model saved to {output}")


def _make_model(arguments):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler

    from skdigits import MLPDigitClassifier
    from skdigits._cli.progress import TrainingProgress

    if arguments.validation is not None and not 0 < arguments.validation < 1:
        raise ValueError(
            f"--validation is a share of the training images, above 0 and below 1, got {arguments.validation}"
        )
    batch_size = _BATCH_SIZES[arguments.dataset] if arguments.batch_size is None else arguments.batch_size
    classifier = MLPDigitClassifier(
        hidden_layer_sizes=tuple(arguments.hidden),
        activation=arguments.activation,
        solver=arguments.solver,
        batch_size=batch_size,
        learning_rate_init=arguments.learning_rate,
        max_iter=_EPOCHS[arguments.dataset] if arguments.epochs is None else arguments.epochs,
        random_state=arguments.seed,
        early_stopping=arguments.validation is not None,
        validation_fraction=arguments.validation or 0.1,
        n_jobs=arguments.jobs,
    )
    classifier.set_callbacks(TrainingProgress())
    return make_pipeline(MinMaxScaler(), classifier)


def _plain(parameters):
    return {name: list(value) if isinstance(value, tuple) else value for name, value in parameters.items()}
