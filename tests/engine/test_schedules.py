"""Learning rates against their formulas, and against PyTorch's where it is installed."""

import numpy as np
import pytest

from skdigits._engine.optimizers import SGD, Adam, AdamW
from skdigits._engine.schedules import SCHEDULES, cosine, one_cycle
from skdigits._kernels import codes


def torch_rates(make, n_steps):
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = make(torch.optim.lr_scheduler, optimizer)
    rates = []
    for _ in range(n_steps):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return rates


def test_cosine_is_half_a_wave():
    expected = [0.5 * (1 + np.cos(np.pi * step / 7)) for step in range(7)]
    np.testing.assert_allclose(cosine(np.arange(7), 7), expected)


def test_one_cycle_rises_and_falls():
    rates = one_cycle(np.arange(1000), 1000)
    assert (rates[0], rates[299]) == (pytest.approx(1 / 25), pytest.approx(1))
    assert rates[-1] == pytest.approx(1 / 25e4)
    assert (np.diff(rates[:300]) > 0).all()
    assert (np.diff(rates[299:]) < 0).all()


@pytest.mark.parametrize("n_steps", [5, 10, 101])
def test_cosine_is_pytorchs(n_steps):
    expected = torch_rates(lambda s, optimizer: s.CosineAnnealingLR(optimizer, n_steps), n_steps)
    np.testing.assert_allclose(cosine(np.arange(n_steps), n_steps), expected, rtol=1e-9)


@pytest.mark.parametrize("n_steps", [5, 10, 101])
def test_one_cycle_is_pytorchs(n_steps):
    def make(schedulers, optimizer):
        return schedulers.OneCycleLR(optimizer, 1.0, total_steps=n_steps + 1, cycle_momentum=False)

    # One step more, because PyTorch steps once behind the last rate.
    expected = torch_rates(make, n_steps)
    np.testing.assert_allclose(one_cycle(np.arange(n_steps), n_steps + 1), expected, rtol=1e-9)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("n_steps", [1, 2, 3, 4])
def test_few_steps(name, n_steps):
    rates = SCHEDULES[name](np.arange(n_steps), n_steps)
    assert ((rates > 0) & (rates <= 1)).all()


@pytest.mark.parametrize("name", SCHEDULES)
def test_behind_the_last_step_its_rate_is_kept(name):
    rates = SCHEDULES[name](np.array([9, 10, 25]), 10)
    assert rates[0] == rates[1] == rates[2] > 0


def make(cls, **options):
    return cls(learning_rate_init=0.5, moments=np.zeros((2, 1)), **options)


@pytest.mark.parametrize("cls", [SGD, Adam, AdamW])
def test_schedule_goes_on_where_the_epoch_before_ended(cls):
    optimizer = make(cls, lr_schedule="cosine", n_epochs=3)
    rates = []
    for _ in range(3):
        rates.extend(optimizer.rates(4))
        optimizer.advance(4, optimizer.rates(4))
    np.testing.assert_allclose(rates, 0.5 * cosine(np.arange(12), 12))
    assert optimizer.learning_rate == rates[-1]


def test_epoch_that_was_cut_short_ends_with_the_rate_of_its_last_step():
    optimizer = make(SGD, lr_schedule="cosine", n_epochs=1)
    optimizer.advance(2, optimizer.rates(4))
    assert (optimizer.t, optimizer.learning_rate) == (2, pytest.approx(0.5 * cosine(np.array([1]), 4)[0]))


@pytest.mark.parametrize(("t", "expected"), [(0, 0), (5, 0.5), (10, 1), (25, 1)])
def test_share_of_the_epochs_that_is_done_is_never_above_one(t, expected):
    assert make(SGD, n_epochs=2, t=t).share_done(5) == expected


@pytest.mark.parametrize("decay", [0.5, 0.99])
def test_average_is_the_exponential_mean_of_all_steps(decay):
    optimizer = make(SGD, average_decay=decay)
    parameters, average = np.random.default_rng(0).normal(size=20), 123.0
    for share, parameter in zip(optimizer.settings(20)[:, codes.AVERAGE], parameters, strict=True):
        average += share * (parameter - average)
    weights = decay ** np.arange(19, -1, -1)
    assert average == pytest.approx(weights @ parameters / weights.sum())


def test_adam_carries_the_corrections_in_the_rate():
    settings = make(Adam).settings(3)
    steps = np.arange(1, 4)
    np.testing.assert_allclose(settings[:, codes.RATE], 0.5 * np.sqrt(1 - 0.999**steps) / (1 - 0.9**steps))
    assert not settings[:, codes.DECAY].any()


def test_adamw_decays_with_the_rate_of_the_step():
    optimizer = make(AdamW, alpha=0.1, lr_schedule="cosine", n_epochs=1)
    np.testing.assert_allclose(optimizer.settings(4)[:, codes.DECAY], 0.05 * cosine(np.arange(4), 4))


@pytest.mark.parametrize("step", [1, 2, 100])
def test_epsilon_of_adamw_stands_beside_the_corrected_root(step):
    settings, first, second = make(AdamW, epsilon=0.1, t=step - 1).settings(1)[0], 2.0, 3.0
    change = settings[codes.RATE] * first / (np.sqrt(second) + settings[codes.EPSILON])
    corrected_first, corrected_second = first / (1 - 0.9**step), second / (1 - 0.999**step)
    assert change == pytest.approx(0.5 * corrected_first / (np.sqrt(corrected_second) + 0.1))


@pytest.mark.parametrize("name", SCHEDULES)
def test_more_epochs_than_an_integer_of_the_machine_holds(name):
    optimizer = make(Adam, lr_schedule=name, n_epochs=10**30)
    assert (optimizer.rates(3) > 0).all()
