"""Weights of classes in the objective."""

import numpy as np
import pytest
from few_digits import X, Y, assert_same, make
from scipy import sparse
from sklearn.datasets import make_multilabel_classification
from sklearn.utils import compute_sample_weight

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("solver", ["adamw", "sgd", "lbfgs"])
def test_weight_is_a_class_given_several_times(solver):
    y = np.where(Y < 5, "low", "high")
    parameters = {"solver": solver, "dtype": "float64", "alpha": 0.0, "shuffle": False}
    repeated = np.concatenate([np.arange(len(y)), np.flatnonzero(y == "low"), np.flatnonzero(y == "low")])
    weighted = make(class_weight={"low": 3}, batch_size=len(y), **parameters).fit(X, y)
    expected = make(batch_size=len(repeated), **parameters).fit(X[repeated], y[repeated])
    for ours, theirs in zip(weighted.coefs_, expected.coefs_, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_multiplies_sample_weight():
    weights = np.random.default_rng(0).uniform(1, 2, len(Y))
    by_class = np.where(Y == 3, 5.0, 1.0)
    assert_same(make(class_weight={3: 5}).fit(X, Y, weights), make().fit(X, Y, weights * by_class))


def test_balanced_is_as_everywhere():
    balanced = len(Y) / (10 * np.bincount(Y))
    assert_same(make(class_weight="balanced").fit(X, Y), make().fit(X, Y, balanced[Y]))


def test_labels_that_are_text_of_numbers():
    labels = np.array(["01", "1"])[Y % 2]
    weighted = make(class_weight={"01": 3}).fit(X, labels)
    assert_same(weighted, make().fit(X, labels, np.where(labels == "01", 3.0, 1.0)))


@pytest.mark.parametrize("number", [np.float16, np.float32, np.int8])
def test_weights_of_any_type_of_number(number):
    assert_same(make(class_weight={3: number(5)}).fit(X, Y), make(class_weight={3: 5}).fit(X, Y))


def test_weights_for_more_classes_than_there_are():
    few = Y < 3
    weighted = make(class_weight={label: label + 1.0 for label in range(10)}).fit(X[few], Y[few])
    assert_same(weighted, make().fit(X[few], Y[few], Y[few] + 1.0))


@pytest.mark.parametrize(
    ("class_weight", "says"),
    [
        ({"3": 2}, r"weights for \['3'\], and the classes are \[0, 1"),
        ({33: 5}, r"weights for \[33\], and the classes are \[0, 1"),
        ({3: np.nan}, r"finite numbers, got \{3: nan\}"),
        ({3: "a"}, r"finite numbers, got \{3: 'a'\}"),
        ({3: 10**400}, "finite numbers, got"),
        ([1, 2], "as a list is for several labels a sample"),
    ],
)
def test_weights_that_go_with_no_class(class_weight, says):
    with pytest.raises(ValueError, match=says):
        make(class_weight=class_weight).fit(X, Y)


@pytest.mark.parametrize("present", [1, 2])
def test_list_for_several_labels(present):
    samples, labels = make_multilabel_classification(200, n_classes=2, random_state=0)
    weighted = make(class_weight=[{0: 1, 1: 2}, {0: 1, 1: 5}]).fit(samples, present * labels)
    by_label = np.where(labels[:, 0], 2.0, 1.0) * np.where(labels[:, 1], 5.0, 1.0)
    assert_same(weighted, make().fit(samples, labels, by_label))


@pytest.mark.parametrize(("weights", "says"), [
    ({1: np.nan}, r"must be finite numbers, got \{1: nan\}"),
    ({1: "a"}, r"must be finite numbers, got \{1: 'a'\}"),
    ({"1": 2}, r"has weights for \['1'\], and the classes are \[0, 1\]"),
], ids=str)  # fmt: skip
def test_weights_of_several_labels_are_finite_and_of_these(weights, says):
    samples, labels = make_multilabel_classification(200, n_classes=2, random_state=0)
    with pytest.raises(ValueError, match=f"class_weight {says}"):
        make(class_weight=[weights, {1: 5}]).fit(samples, labels)


def test_list_of_anything_but_dicts_is_refused():
    samples, labels = make_multilabel_classification(200, n_classes=2, random_state=0)
    with pytest.raises(ValueError, match="as a list has a dict for each column of y, got"):
        make(class_weight=["balanced", {1: 5}]).fit(samples, labels)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_balanced_for_several_labels_is_as_everywhere(container):
    samples, labels = make_multilabel_classification(200, n_classes=2, random_state=0)
    expected = make().fit(samples, labels, compute_sample_weight("balanced", labels))
    assert_same(make(class_weight="balanced").fit(samples, container(labels)), expected)


@pytest.mark.parametrize("sample_weight", [None, np.linspace(0.5, 2, len(Y))], ids=["alone", "with weights"])
def test_validation_does_not_use_it(sample_weight):
    options = {"early_stopping": True, "max_iter": 1, "learning_rate_init": 1e-30}
    plain, weighted = (make(class_weight=w, **options).fit(X, Y, sample_weight) for w in (None, {3: 50}))
    assert weighted.validation_scores_ == plain.validation_scores_
    assert weighted.validation_loss_curve_ == plain.validation_loss_curve_
    assert weighted.loss_ != plain.loss_


def test_partial_fit_takes_a_dict():
    first = make(class_weight={3: 5}).partial_fit(X, Y, classes=np.arange(10))
    assert_same(first, make().partial_fit(X, Y, np.where(Y == 3, 5.0, 1.0), classes=np.arange(10)))
    with pytest.raises(ValueError, match="'balanced' is not supported for partial_fit"):
        make(class_weight="balanced").partial_fit(X, Y)


def test_partial_fit_on_some_of_the_classes():
    few, model, expected = Y < 3, make(class_weight={3: 5, 1: 2}), make()
    model.partial_fit(X, Y, classes=np.arange(10)).partial_fit(X[few], Y[few])
    weights = np.select([Y == 3, Y == 1], [5.0, 2.0], 1.0)
    expected.partial_fit(X, Y, weights, classes=np.arange(10)).partial_fit(X[few], Y[few], weights[few])
    assert_same(model, expected)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_list_for_a_label_that_no_sample_has(container):
    samples, labels = make_multilabel_classification(200, n_classes=2, random_state=0)
    lacking = labels[:, 1] == 0
    model, expected = make(class_weight=[{1: 2}, {1: 5}]), make()
    for rows in (slice(None), lacking):
        model.partial_fit(samples[rows], container(labels[rows]), classes=[0, 1])
        by_label = np.where(labels[rows, 0], 2.0, 1.0) * np.where(labels[rows, 1], 5.0, 1.0)
        expected.partial_fit(samples[rows], labels[rows], by_label, classes=[0, 1])
    assert_same(model, expected)
