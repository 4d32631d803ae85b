import sys

import numpy as np
import pytest
from sklearn.pipeline import Pipeline

from skdigits import MLPDigitClassifier, make_digit_pipeline
from skdigits._cli import train as train_command
from skdigits._cli.progress import TrainingProgress
from skdigits.persistence import load_weights


def test_accuracy_with_default_settings(trained):
    (accuracy,) = [line for line in trained.outcome.out.splitlines() if line.startswith("Test accuracy: ")]
    assert float(accuracy.split()[-1]) >= 0.97


def test_report(trained):
    out = trained.outcome.out
    assert out.startswith("Training on 1,347 images of digits, testing on 450.\n")
    assert all(heading in out for heading in ("precision", "recall", "f1-score", "support", "macro avg"))
    assert "Confusion matrix (rows: true, columns: predicted)" in out
    assert out.endswith(f"Model saved to {trained.path}\n")


def test_confusion_matrix_counts_the_test_images(trained):
    lines = trained.outcome.out.split("columns: predicted)\n")[1].splitlines()[:11]
    assert lines[0].split() == [str(digit) for digit in range(10)]
    rows = np.array([line.split() for line in lines[1:]], int)
    assert rows[:, 0].tolist() == list(range(10))
    assert rows[:, 1:].sum() == 450
    assert np.trace(rows[:, 1:]) / 450 == pytest.approx(accuracy_in(trained.outcome.out), abs=5e-5)


def accuracy_in(text):
    return float(text.split("Test accuracy: ")[1].split()[0])


def test_saved_model_is_a_fitted_pipeline(trained, digits):
    X, y = digits
    model = trained.model
    assert isinstance(model, Pipeline)
    assert isinstance(model[-1], MLPDigitClassifier)
    assert model.score(X, y) >= 0.97


def test_saved_model_knows_nothing_of_the_progress(trained):
    with open(trained.path, "rb") as stream:
        assert b"TrainingProgress" not in stream.read()


def test_progress_goes_to_standard_error(trained):
    assert "epoch 90/100  loss " in trained.outcome.err
    assert "epoch" not in trained.outcome.out.split("epochs in")[0]


@pytest.mark.parametrize("compiles", [False, True])
def test_compiling_is_said(run, tmp_path, monkeypatch, compiles):
    fit = train_command._fit

    def fit_with_numba(*arguments):
        if compiles:
            monkeypatch.setitem(sys.modules, "numba", object())
        return fit(*arguments)

    run("train", "--epochs", 1, "--output", tmp_path / "m.npz")  # what has to be compiled is compiled now
    monkeypatch.delitem(sys.modules, "numba", raising=False)
    monkeypatch.setattr(train_command, "_fit", fit_with_numba)
    out = run("train", "--epochs", 1, "--output", tmp_path / "m.npz").out
    assert ("part of them to compile, which happens once" in out) == compiles


def test_json_is_all_of_the_output(run, tmp_path):
    outcome = run("train", "--json", "--epochs", 2, "--output", tmp_path / "m.npz")
    result = outcome.json
    assert outcome.out.count("\n") == 1
    assert {"dataset", "test_accuracy", "train_seconds", "n_iter", "model", "parameters"} <= set(result)
    assert result["dataset"] == "digits"
    assert result["n_iter"] == 2
    assert result["model"] == str(tmp_path / "m.npz")
    assert 0 < result["train_seconds"] < 60


def test_json_of_a_training_that_diverged_behind_its_best_epoch(train, tmp_path, monkeypatch):
    fit = train_command._fit

    def diverge(model, *arguments):
        was_interrupted = fit(model, *arguments)
        model[-1].loss_ = np.nan
        return was_interrupted

    monkeypatch.setattr(train_command, "_fit", diverge)
    result = train("--epochs", 2, "--report", tmp_path / "report", "--output", tmp_path / "m.npz")
    assert result["loss"] is None
    assert "<td>nan</td>" in (tmp_path / "report" / "index.html").read_text()


def test_json_agrees_with_the_saved_model(train, tmp_path):
    result = train("--epochs", 5, "--output", tmp_path / "m.npz")
    classifier = load_weights(tmp_path / "m.npz")[-1]
    assert result["loss"] == classifier.loss_
    assert result["n_iter"] == classifier.n_iter_ == 5
    assert {**result["parameters"], "hidden_layer_sizes": (100,)} == classifier.get_params()
    matrix = np.array(result["confusion_matrix"])
    assert result["test_accuracy"] == pytest.approx(np.trace(matrix) / matrix.sum())
    assert result["labels"] == list(range(10))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], {"hidden_layer_sizes": [100], "activation": "relu", "solver": "adam", "random_state": 0, "n_jobs": None}),
        ([], {"learning_rate_init": 0.001, "batch_size": 32, "early_stopping": False}),
        (["--hidden", 30, 20], {"hidden_layer_sizes": [30, 20]}),
        (["--hidden", "30,20"], {"hidden_layer_sizes": [30, 20]}),
        (["--activation", "tanh"], {"activation": "tanh"}),
        (["--activation", "logistic"], {"activation": "logistic"}),
        (["--activation", "identity"], {"activation": "identity"}),
        (["--solver", "sgd"], {"solver": "sgd"}),
        (["--solver", "lbfgs"], {"solver": "lbfgs"}),
        (["--batch-size", 64], {"batch_size": 64}),
        (["--learning-rate", 0.01], {"learning_rate_init": 0.01}),
        (["--validation", 0.2], {"early_stopping": True, "validation_fraction": 0.2}),
        (["--seed", 7], {"random_state": 7}),
        (["--jobs", 2], {"n_jobs": 2}),
        (["--jobs", -1], {"n_jobs": -1}),
    ],
)
def test_options_reach_the_estimator(train, tmp_path, arguments, expected):
    parameters = train("--epochs", 2, "--output", tmp_path / "m.npz", *arguments)["parameters"]
    assert parameters["max_iter"] == 2
    assert {name: parameters[name] for name in expected} == expected


def test_hidden_layers_are_built(train, tmp_path):
    train("--epochs", 1, "--hidden", 30, 20, "--output", tmp_path / "m.npz")
    assert [coef.shape for coef in load_weights(tmp_path / "m.npz")[-1].coefs_] == [(784, 30), (30, 20), (20, 10)]


@pytest.mark.parametrize(("share", "n_held_out"), [(0.9999, "1,347"), (1e-9, "1")])
def test_validation_needs_images_on_both_sides(assert_refused, tmp_path, share, n_held_out):
    says = f"--validation {share:g} holds out {n_held_out} of 1,347 images"
    assert_refused("train", "--validation", share, "--output", tmp_path / "m.npz", says=says)


def test_validation_may_stop_training(train, tmp_path):
    result = train("--epochs", 300, "--learning-rate", 0.01, "--validation", 0.2, "--output", tmp_path / "m.npz")
    classifier = load_weights(tmp_path / "m.npz")[-1]
    assert result["n_iter"] < 300
    assert len(classifier.validation_scores_) == result["n_iter"]


def test_lbfgs_learns(train, tmp_path):
    assert train("--solver", "lbfgs", "--epochs", 60, "--output", tmp_path / "m.npz")["test_accuracy"] > 0.9


def test_same_seed_same_model(train, tmp_path):
    results = [
        train("--epochs", 3, "--seed", seed, "--output", tmp_path / f"{name}.npz")
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    weights = [load_weights(tmp_path / f"{name}.npz")[-1].coefs_[0] for name in "abc"]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert results[0]["test_accuracy"] == results[1]["test_accuracy"]
    assert results[0]["loss"] == results[1]["loss"] != results[2]["loss"]
    assert not np.array_equal(weights[0], weights[2])


def test_images_are_prepared(trained):
    assert list(trained.model.named_steps) == ["digitcenterer", "deskewer", "minmaxscaler", "mlpdigitclassifier"]


def test_images_of_mnist_are_prepared(train, small_mnist, tmp_path, monkeypatch):
    small_mnist.write(tmp_path)
    monkeypatch.setenv("SKDIGITS_DATA", str(tmp_path))
    train("--dataset", "mnist", "--epochs", 1, "--output", tmp_path / "m.npz")
    model = load_weights(tmp_path / "m.npz")
    assert list(model.named_steps) == list(make_digit_pipeline().named_steps)
    X = np.random.default_rng(0).integers(0, 200, (5, 784))
    np.testing.assert_allclose(model.predict_proba(255 - X), model.predict_proba(X), atol=1e-4)


def test_mnist(train, small_mnist, tmp_path, monkeypatch):
    small_mnist.write(tmp_path)
    monkeypatch.setenv("SKDIGITS_DATA", str(tmp_path))
    result = train("--dataset", "mnist", "--epochs", 1, "--output", tmp_path / "m.npz")
    assert (result["dataset"], result["parameters"]["batch_size"]) == ("mnist", 100)
    assert np.sum(result["confusion_matrix"]) == 100
    assert load_weights(tmp_path / "m.npz").n_features_in_ == 784


def test_epochs_of_mnist(train, small_mnist, tmp_path, monkeypatch):
    small_mnist.write(tmp_path)
    monkeypatch.setenv("SKDIGITS_DATA", str(tmp_path))
    assert train("--dataset", "mnist", "--output", tmp_path / "m.npz")["n_iter"] == 10


def test_a_warning_of_the_estimator_is_one_line(run, tmp_path):
    outcome = run("train", "--epochs", 1, "--batch-size", 5000, "--json", "--output", tmp_path / "m.npz")
    (line,) = [line for line in outcome.err.splitlines() if not line.startswith("epoch")]
    assert line.startswith("skdigits: warning: Got --batch-size less")
    assert outcome.status == 0


def test_diverged_training_saves_nothing(run, tmp_path):
    outcome = run("train", "--learning-rate", 1e30, "--epochs", 3, "--output", tmp_path / "m.npz")
    assert outcome.status == 2
    assert "non-finite" in outcome.err.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_ctrl_c_while_training_keeps_the_old_model_and_what_was_learnt(run, tmp_path, monkeypatch, solver):
    def interrupt(self, estimator, context):
        if context.task_name == "epoch":
            raise KeyboardInterrupt

    (tmp_path / "m.npz").write_bytes(b"old model")
    monkeypatch.setattr(TrainingProgress, "on_fit_task_end", interrupt)
    outcome = run("train", "--solver", solver, "--epochs", 3, "--output", tmp_path / "m.npz")
    kept = tmp_path / "m-interrupted.npz"
    assert outcome.status == 130
    way_out = "; too early for --resume" if solver == "adam" else ""
    assert outcome.err == f"skdigits: interrupted after 1 epoch, what was learnt is in {kept}{way_out}\n"
    assert (tmp_path / "m.npz").read_bytes() == b"old model"
    assert load_weights(kept)[-1].n_iter_ == 1


def test_recipe_sets_the_parameters_and_options_change_it(train, small_mnist, tmp_path, monkeypatch):
    small_mnist.write(tmp_path)
    monkeypatch.setenv("SKDIGITS_DATA", str(tmp_path))
    options = ("--recipe", "best", "--epochs", 1, "--hidden", 20)
    parameters = train("--dataset", "mnist", *options, "--output", tmp_path / "m.npz")["parameters"]
    assert (parameters["hidden_layer_sizes"], parameters["max_iter"]) == ([20], 1)
    assert (parameters["solver"], parameters["learning_rate"]) == ("adamw", "one_cycle")
    assert parameters["augmenter"]["name"] == "ElasticDeformer"
    assert parameters["n_iter_no_change"] == "inf"
    assert load_weights(tmp_path / "m.npz").named_steps["minmaxscaler"] == "passthrough"


def test_recipe_is_for_mnist(assert_refused, tmp_path):
    arguments = ("train", "--recipe", "quick", "--output", tmp_path / "m.npz")
    assert_refused(*arguments, says="--recipe quick is for --dataset mnist, got digits")
