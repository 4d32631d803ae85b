"""Samples that are made anew before each epoch."""

import numpy as np
import pytest
from few_digits import X, Y, make
from scipy import sparse

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Negative:
    """An augmenter that gives the samples in negative, and takes note of its calls."""

    def __init__(self):
        self.calls = []

    def augment(self, X, random_state, out, progress):
        self.calls.append((X.shape, X.dtype, random_state.randint(1000), progress))
        np.subtract(1, X, out=out)
        return out


class Unchanged:
    """An augmenter that gives the samples as they are."""

    def augment(self, X, random_state, out, progress):
        out[:] = X
        return out


class TestAugmenter:
    def test_is_called_in_every_epoch_and_trained_on(self):
        augmenter = Negative()
        model = make(augmenter=augmenter, max_iter=60, learning_rate_init=0.01).fit(X, Y)
        assert [call[:2] for call in augmenter.calls] == [((300, 64), np.float32)] * 60
        assert len({call[2] for call in augmenter.calls}) > 40
        assert model.score(1 - X, Y) > 0.95 > 0.6 > model.score(X, Y)

    def test_progress_is_the_share_of_the_epochs_that_are_done(self):
        augmenter = Negative()
        make(augmenter=augmenter, max_iter=np.int8(4), batch_size=1).fit(X, Y)
        assert [call[3] for call in augmenter.calls] == [0, 0.25, 0.5, 0.75]

    def test_held_out_samples_are_left_alone(self):
        augmenter = Negative()
        model = make(augmenter=augmenter, early_stopping=True, validation_fraction=0.2, max_iter=3).fit(X, Y)
        assert [call[0] for call in augmenter.calls] == [(240, 64)] * 3
        assert model.t_ == 720

    @pytest.mark.parametrize("sample_weight", [None, np.linspace(0.5, 2, len(Y))], ids=["alone", "with weights"])
    def test_nothing_is_mixed_up_where_samples_are_set_aside(self, sample_weight):
        options = {"early_stopping": True, "shuffle": False, "batch_size": 45}
        plain, augmented = (
            make(augmenter=augmenter, **options).fit(X, Y, sample_weight) for augmenter in (None, Unchanged())
        )
        np.testing.assert_allclose(augmented.loss_curve_, plain.loss_curve_, rtol=1e-4)
        np.testing.assert_allclose(augmented.validation_scores_, plain.validation_scores_)

    def test_same_as_training_on_what_it_gives(self):
        weight = np.random.default_rng(0).uniform(1, 2, len(Y))
        model = make(augmenter=Negative(), shuffle=False).fit(X, Y, weight)
        expected = make(shuffle=False).fit(np.float32(1) - X.astype(np.float32), Y, weight)
        for ours, theirs in zip(model.coefs_, expected.coefs_, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-3)

    def test_cannot_write_to_the_samples(self):
        class Writer(Negative):
            def augment(self, X, random_state, out, progress):
                X[:] = 0

        with pytest.raises(ValueError, match="read-only"):
            make(augmenter=Writer()).fit(np.ascontiguousarray(X, np.float32), Y)

    @pytest.mark.parametrize(("n_jobs", "own", "expected"), [(None, None, None), (1, None, 1), (1, 3, 3)])
    def test_n_jobs_of_the_classifier_is_that_of_an_augmenter_without(self, n_jobs, own, expected):
        used = []

        class Counter(Negative):
            n_jobs = own

            def augment(self, *arguments, **options):
                used.append(self.n_jobs)
                return super().augment(*arguments, **options)

        augmenter = Counter()
        make(augmenter=augmenter, n_jobs=n_jobs, max_iter=1).fit(X, Y)
        assert used == [expected]
        assert augmenter.n_jobs == own

    def test_partial_fit(self):
        augmenter = Negative()
        model = make(augmenter=augmenter)
        for _ in range(3):
            model.partial_fit(X, Y, classes=np.arange(10))
        assert len(augmenter.calls) == 3

    @pytest.mark.parametrize("method", ["partial_fit", "fit"])
    def test_draws_anew_in_each_call(self, method):
        augmenter = Negative()
        model = make(augmenter=augmenter, max_iter=1, warm_start=True).fit(X, Y)
        for _ in range(5):
            getattr(model, method)(X, Y)
        assert len({call[2] for call in augmenter.calls}) == 6

    @pytest.mark.parametrize("is_incremental", [False, True])
    def test_hears_how_much_of_training_is_behind(self, is_incremental):
        augmenter = Negative()
        model = make(augmenter=augmenter, max_iter=4, tol=0)
        for _ in range(6 if is_incremental else 1):
            model.partial_fit(X, Y, classes=np.arange(10)) if is_incremental else model.fit(X, Y)
        assert [call[3] for call in augmenter.calls] == [0, 0.25, 0.5, 0.75] + [1, 1] * is_incremental

    def test_interrupt_keeps_what_was_learnt(self):
        augmenter = Negative()
        draw = augmenter.augment

        def augment(X, random_state, out, progress):
            if len(augmenter.calls) == 2:
                raise KeyboardInterrupt
            return draw(X, random_state, out, progress)

        augmenter.augment = augment
        with pytest.warns(UserWarning, match="Training interrupted by user"):
            model = make(augmenter=augmenter).fit(X, Y)
        assert model.n_iter_ == 2
        assert model.predict(X).shape == Y.shape

    def test_sparse_samples_are_refused(self):
        with pytest.raises(TypeError, match="Sparse data was passed"):
            make(augmenter=Negative()).fit(sparse.csr_array(X), Y)

    @pytest.mark.parametrize(
        "result",
        [np.zeros((3, 64), np.float32), np.zeros((300, 64)), None, sparse.coo_array(np.zeros((300, 64), np.float32))],
        ids=["n", "dtype", "none", "sparse"],
    )
    def test_wrong_result_is_refused(self, result):
        augmenter = Negative()
        augmenter.augment = lambda X, random_state, out, progress: result
        with pytest.raises(ValueError, match=r"Negative.augment must return an array of shape \(300, 64\)"):
            make(augmenter=augmenter).fit(X, Y)

    def test_nan_in_the_result_is_laid_to_the_augmenter(self):
        augmenter = Negative()
        augmenter.augment = lambda X, random_state, out, progress: np.full_like(X, np.nan)
        with pytest.raises(ValueError, match="What Negative returned may contain large values"):
            make(augmenter=augmenter).fit(X, Y)

    def test_nan_in_the_samples_is_refused(self):
        bad = X.copy()
        bad[3, 3] = np.nan
        with pytest.raises(ValueError, match="contains NaN"):
            make(augmenter=Negative()).fit(bad, Y)

    def test_samples_too_large_for_the_network_are_refused_by_name(self):
        augmenter = Negative()
        with pytest.raises(ValueError, match="Input X contains infinity or a value too large for dtype"):
            make(augmenter=augmenter).fit(np.where(X > 0.9, 1e39, X), Y)
        assert augmenter.calls == []
