"""Samples that the user holds out, and what is recorded of each epoch."""

import numpy as np
import pytest
import sklearn
from few_digits import X, Y, assert_same, make
from scipy import sparse
from scipy.special import expit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skdigits import _targets

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class TestValidation:
    TRAIN, HELD = slice(0, 220), slice(220, 300)

    def fit(self, *, weight=None, **parameters):
        parameters = {"early_stopping": True, "max_iter": 30, "learning_rate_init": 0.01, **parameters}
        return make(**parameters).fit(
            X[self.TRAIN], Y[self.TRAIN], X_val=X[self.HELD], y_val=Y[self.HELD], sample_weight_val=weight
        )

    def test_samples_of_the_user_take_the_place_of_those_set_aside(self):
        model = self.fit()
        assert model.t_ == 220 * model.n_iter_
        assert model.validation_scores_ == model.history_["validation_score"]

    @pytest.mark.parametrize("scoring", [None, "loss", "f1_macro", "neg_log_loss"])
    def test_best_epoch_is_restored(self, scoring):
        model = self.fit(scoring=scoring, n_iter_no_change=4, learning_rate_init=0.2)
        best = max(model.history_["validation_score"])
        assert model.best_validation_score_ == best != model.history_["validation_score"][-1]
        X_val, y_val = X[self.HELD], Y[self.HELD]
        probabilities = model.predict_proba(X_val).astype(np.float64)
        now = {
            None: lambda: model.score(X_val, y_val),
            "loss": lambda: np.log(np.clip(probabilities[np.arange(80), y_val], 2.0**-23, None)).mean(),
        }.get(scoring, lambda: sklearn.metrics.get_scorer(scoring)(model, X_val, y_val))()
        assert now == pytest.approx(best, rel=1e-6)

    @pytest.mark.parametrize("first", [True, False])
    def test_what_decides_may_change_between_calls(self, first):
        model = make(early_stopping=first, warm_start=True).fit(X, Y).set_params(early_stopping=not first).fit(X, Y)
        assert len(model.loss_curve_) == 24
        assert (model.best_loss_ is None) == (not first)
        assert (model.validation_scores_ is None) == first

    @pytest.mark.parametrize(("first", "then"), [("accuracy", "loss"), ("roc_auc_ovr", "accuracy"), (None, "f1_macro")])
    def test_score_that_decides_may_change_between_calls(self, first, then):
        model = make(early_stopping=True, warm_start=True, scoring=first).fit(X, Y)
        model.set_params(scoring=then).fit(X, Y)
        assert model.best_validation_score_ == max(model.history_["validation_score"][-model.n_iter_ :])
        assert len(model.validation_scores_) == model.n_iter_

    @pytest.mark.parametrize("early_stopping", [True, False])
    def test_models_of_older_versions_go_on(self, early_stopping):
        """They do not say by which score the best epoch was judged."""
        model = make(early_stopping=True, warm_start=True).fit(X, Y)
        del model._judged_by
        model.set_params(early_stopping=early_stopping).fit(X, Y)
        assert len(model.validation_scores_ or []) == (24 if early_stopping else 0)
        assert len(model.loss_curve_) == 24

    def test_scorer_from_another_process_is_the_same_score(self):
        class Accuracy:
            def __call__(self, estimator, X, y):
                return estimator.score(X, y)

        model = make(early_stopping=True, warm_start=True, scoring=Accuracy()).fit(X, Y)
        model.set_params(scoring=Accuracy()).fit(X, Y)
        assert len(model.validation_scores_) == 24

    def test_accuracy_by_its_name_is_the_same_score(self):
        model = make(early_stopping=True, warm_start=True).fit(X, Y).set_params(scoring="accuracy").fit(X, Y)
        assert len(model.validation_scores_) == len(model.history_["loss"])

    def test_saturated_outputs_are_told_apart_as_by_predict(self):
        """Logistic outputs of many classes are 1 there, and their logits differ."""
        large = X * 3000
        model = make(output_activation="logistic", learning_rate_init=1e-9, max_iter=1, early_stopping=True)
        model.fit(large, Y, X_val=large, y_val=Y)
        assert (expit(model.decision_function(large)) == 1).sum(axis=1).max() > 1
        assert model.best_validation_score_ == model.score(large, Y)

    @pytest.mark.parametrize("scoring", ["roc_auc", "average_precision", None])
    def test_scores_of_sparse_labels(self, scoring):
        several = np.column_stack([Y > 3, Y % 2])
        dense, other = (
            make(early_stopping=True, scoring=scoring, max_iter=3).fit(X, y)
            for y in (several, sparse.csr_matrix(several))
        )
        assert dense.validation_scores_ == other.validation_scores_

    @pytest.mark.parametrize("scoring", ["loss", None])
    @pytest.mark.parametrize("y_val", [Y % 2, Y % 3, (Y % 2).reshape(-1, 1), np.eye(3, dtype=int)[Y % 3]], ids=str)
    def test_labels_of_another_form_are_refused(self, scoring, y_val):
        several = np.column_stack([Y > 3, Y % 2])
        with pytest.raises(ValueError, match=r"^y_val: expected 2 columns, as y has, got shape \(300"):
            make(scoring=scoring).fit(X, several, X_val=X, y_val=y_val)

    def test_going_on_without_early_stopping_by_partial_fit(self):
        model = make(early_stopping=True).fit(X, Y).set_params(early_stopping=False)
        model.partial_fit(X, Y)
        assert len(model.history_["loss"]) == 13
        assert model.best_loss_ == model.loss_

    def test_score_that_takes_no_weights_is_refused_for_weighted_samples(self):
        def accuracy(estimator, X, y):
            return estimator.score(X, y)

        assert self.fit(scoring=accuracy).validation_scores_ == self.fit().validation_scores_
        with pytest.raises(ValueError, match=r"takes no sample_weight.*without sample_weight_val"):
            self.fit(scoring=accuracy, weight=np.ones(80))
        with pytest.raises(ValueError, match="takes no sample_weight"):
            self.fit(scoring=sklearn.metrics.make_scorer(lambda y, predicted: 0.5), weight=np.ones(80))

    def test_score_that_fails_is_explained(self):
        few = Y[self.HELD] < 5
        with pytest.raises(ValueError, match=r"failed .* held-out samples: they lack \[5, 6, 7, 8, 9\]\. Hold"):
            make(early_stopping=True, scoring="neg_log_loss").fit(
                X[self.TRAIN], Y[self.TRAIN], X_val=X[self.HELD][few], y_val=Y[self.HELD][few]
            )

    def test_score_that_fails_for_another_reason_is_not_laid_to_the_classes(self):
        def failing(estimator, X, y):
            raise ValueError("a reason of its own")

        with pytest.raises(ValueError, match=r"failed \(a reason of its own\) on the 300 held-out samples\.$"):
            make(scoring=failing).fit(X, Y, X_val=X, y_val=Y)

    def test_score_may_be_an_array_without_dimensions(self):
        model = self.fit(scoring=lambda estimator, X, y: np.array(estimator.score(X, y)))
        assert model.validation_scores_ == self.fit().validation_scores_

    def test_score_must_be_a_number(self):
        with pytest.raises(TypeError, match="must return a number, got NoneType"):
            self.fit(scoring=lambda estimator, X, y: None)

    def test_several_labels_may_be_sparse(self):
        targets = np.eye(10, dtype=int)[Y]
        models = [
            make(early_stopping=True).fit(X, targets, X_val=X, y_val=y_val)
            for y_val in (targets, sparse.csr_array(targets))
        ]
        assert_same(*models)

    @pytest.mark.parametrize("form", ["Int64", "boolean"])
    def test_several_labels_may_be_a_data_frame_of_nullable_numbers(self, form):
        pandas = pytest.importorskip("pandas")
        several = np.column_stack([Y > 3, Y % 2])
        frame = pandas.DataFrame(several).astype(form)
        models = [make(early_stopping=True).fit(X, several, X_val=X, y_val=y_val) for y_val in (several, frame)]
        assert_same(*models)

    def test_several_labels_may_be_two_other_numbers(self):
        several = np.column_stack([Y > 3, Y % 2]).astype(int)
        models = [make(early_stopping=True).fit(X, several, X_val=X, y_val=y_val) for y_val in (several, 2 * several)]
        assert models[0].validation_scores_ == models[1].validation_scores_

    def test_last_epoch_is_kept_where_asked(self):
        parameters = {"n_iter_no_change": 4, "learning_rate_init": 0.2, "restore_best_weights": False}
        model = self.fit(**parameters)
        assert model.score(X[self.HELD], Y[self.HELD]) == pytest.approx(model.validation_scores_[-1])
        assert model.validation_scores_[-1] != model.best_validation_score_

    def test_callable_scorer(self):
        calls = []

        def scorer(estimator, X, y):
            calls.append((X.shape, estimator.n_features_in_))
            return estimator.score(X, y)

        model = self.fit(scoring=scorer)
        assert calls == [((80, 64), 64)] * model.n_iter_

    def test_score_that_is_no_number_is_refused(self):
        with pytest.raises(ValueError, match="gave nan on the 80 held-out samples"):
            self.fit(scoring=lambda estimator, X, y: np.nan)

    def test_is_recorded_without_early_stopping(self):
        model = self.fit(early_stopping=False, max_iter=5)
        assert model.n_iter_ == len(model.validation_loss_curve_) == 5
        assert model.validation_scores_ is None
        plain = make(max_iter=5, learning_rate_init=0.01).fit(X[self.TRAIN], Y[self.TRAIN])
        assert_same(model, plain)
        assert plain.validation_loss_curve_ is None
        assert np.isnan(plain.history_["validation_loss"]).all()

    @pytest.mark.parametrize("output_activation", ["softmax", "logistic"])
    def test_loss_is_the_mean_cross_entropy(self, output_activation):
        model = self.fit(early_stopping=False, output_activation=output_activation)
        targets = np.eye(10)[Y[self.HELD]]
        if output_activation == "softmax":
            expected = -(targets * model.predict_log_proba(X[self.HELD])).sum(axis=1).mean()
        else:
            outputs = expit(model.decision_function(X[self.HELD]).astype(np.float64))
            expected = -np.log(np.where(targets, outputs, 1 - outputs)).sum(axis=1).mean()
        assert model.validation_loss_curve_[-1] == pytest.approx(expected, rel=1e-4)

    @pytest.mark.parametrize("y", [Y, Y > 4, np.column_stack([Y > 3, Y % 2])], ids=["one", "binary", "several"])
    def test_loss_is_without_penalty_and_smoothing(self, y):
        options = {"max_iter": 1, "learning_rate_init": 1e-30}
        plain, other = (
            make(**options, **more).fit(X, y, X_val=X, y_val=y)
            for more in ({"alpha": 0.0}, {"alpha": 100.0, "label_smoothing": 0.3})
        )
        assert other.validation_loss_curve_ == plain.validation_loss_curve_ == pytest.approx([plain.loss_], rel=1e-5)
        assert other.loss_ > 1.1 * plain.loss_

    @pytest.mark.parametrize("scoring", [None, "loss", "accuracy"])
    def test_weights_count(self, scoring):
        weight = np.zeros(80)
        weight[:7] = 1
        model = self.fit(weight=weight, scoring=scoring, restore_best_weights=False)
        few = make(max_iter=30, learning_rate_init=0.01, early_stopping=True, scoring=scoring).fit(
            X[self.TRAIN], Y[self.TRAIN], X_val=X[220:227], y_val=Y[220:227]
        )
        np.testing.assert_allclose(model.validation_scores_, few.validation_scores_)

    def test_weights_follow_the_split(self):
        weight = np.random.default_rng(0).uniform(0.5, 2, len(Y))
        model = make(early_stopping=True, scoring="accuracy").fit(X, Y, weight)
        expected = make(early_stopping=True).fit(X, Y, weight)
        np.testing.assert_allclose(model.validation_scores_, expected.validation_scores_)

    def test_goes_through_a_pipeline(self):
        with sklearn.config_context(enable_metadata_routing=True):
            model = make(early_stopping=True).set_fit_request(X_val=True, y_val=True)
            pipeline = make_pipeline(MinMaxScaler(), model, transform_input=["X_val"])
            pipeline.fit(X[self.TRAIN] * 9, Y[self.TRAIN], X_val=X[self.HELD] * 9, y_val=Y[self.HELD])
        scaler = MinMaxScaler().fit(X[self.TRAIN] * 9)
        expected = make(early_stopping=True).fit(
            scaler.transform(X[self.TRAIN] * 9), Y[self.TRAIN],
            X_val=scaler.transform(X[self.HELD] * 9), y_val=Y[self.HELD],
        )  # fmt: skip
        assert_same(pipeline[-1], expected)

    def test_feature_names_bring_no_warning(self):
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame(X, columns=[f"pixel{k}" for k in range(64)])
        for options in ({"scoring": "accuracy"}, {"scoring": None}):
            make(early_stopping=True, **options).fit(frame, Y)
            model = make(early_stopping=True, **options)
            model.fit(frame[self.TRAIN], Y[self.TRAIN], X_val=frame[self.HELD], y_val=Y[self.HELD])

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"X_val": X}, "X_val was given without y_val"),
            ({"y_val": Y}, "y_val was given without X_val"),
            ({"sample_weight_val": Y}, "sample_weight_val was given without X_val"),
            ({"X_val": X[:, :5], "y_val": Y}, "X_val: X has 5 features"),
            ({"X_val": X[0], "y_val": Y}, "X_val: Expected 2D array"),
            ({"X_val": X[:5], "y_val": Y}, "inconsistent numbers of samples"),
            ({"X_val": X, "y_val": np.eye(10)[Y]}, r"y_val: expected one label a sample, .* got shape \(300, 10\)"),
            ({"X_val": X, "y_val": Y, "sample_weight_val": Y[:3]}, "sample_weight_val: "),
            ({"X_val": X, "y_val": Y + 5}, "y_val: `y` has classes not in"),
            ({"X_val": np.full_like(X, np.nan), "y_val": Y}, "X_val: .* contains NaN"),
        ],
    )
    def test_bad_data_is_refused(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            make(early_stopping=True).fit(X, Y, **arguments)

    def test_lbfgs_records_it(self):
        model = self.fit(solver="lbfgs", early_stopping=False)
        assert len(model.validation_loss_curve_) == len(model.history_["loss"]) == model.n_iter_
        assert model.history_["loss"][-1] == pytest.approx(model.loss_)
        assert np.isnan([model.history_["accuracy"], model.history_["learning_rate"]]).all()


class TestHistory:
    def test_lists_agree_with_the_attributes(self):
        model = make(early_stopping=True, learning_rate="cosine", learning_rate_init=0.01).fit(X, Y)
        history = model.history_
        assert {len(entries) for entries in history.values()} == {model.n_iter_}
        assert history["loss"] == model.loss_curve_
        assert history["validation_score"] == model.validation_scores_
        assert history["validation_loss"] == model.validation_loss_curve_
        assert (np.diff(history["learning_rate"]) < 0).all()
        assert 0.5 < history["accuracy"][-1] <= 1

    @pytest.mark.parametrize("y", [Y, Y > 4, np.column_stack([Y > 3, Y % 2])], ids=["one", "binary", "several"])
    @pytest.mark.parametrize("output_activation", ["auto", "logistic"])
    def test_accuracy_is_that_of_the_training_samples(self, y, output_activation):
        model = make(learning_rate_init=1e-30, max_iter=1, output_activation=output_activation).fit(X, y)
        assert model.history_["accuracy"] == pytest.approx([model.score(X, y)])

    def test_goes_on_with_partial_fit_and_warm_start(self):
        model = make(warm_start=True, max_iter=2).fit(X, Y).fit(X, Y).partial_fit(X, Y)
        assert {len(entries) for entries in model.history_.values()} == {5}


def test_samples_set_aside_without_weight_are_refused(monkeypatch):
    weights = np.arange(300) >= 30
    monkeypatch.setattr(_targets, "validation_split", lambda *_, **__: (np.flatnonzero(weights), np.arange(30)))
    with pytest.raises(ValueError, match="all 30 samples that were set aside for early stopping have sample_weight 0"):
        make(early_stopping=True).fit(X, Y, weights)


@pytest.mark.parametrize(("y_val", "error"), [([None, 1], TypeError), (["a", "b"], ValueError)])
def test_labels_that_are_none_are_laid_to_y_val(y_val, error):
    with pytest.raises(error, match=r"^y_val: "):
        make(early_stopping=True).fit(X, Y, X_val=X[:2], y_val=y_val)


@pytest.mark.parametrize("value", [1e39, -1e39])
@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
def test_samples_too_large_for_the_network_are_refused_before_training(convert, value, capsys):
    held_out = X[:50].copy()
    held_out[0, 0] = value
    model = make(verbose=True)
    with pytest.raises(ValueError, match="X_val: Input X contains infinity or a value too large for dtype"):
        model.fit(X, Y, X_val=convert(held_out), y_val=Y[:50])
    assert capsys.readouterr().out == ""
