"""Threads of a search: all have ended when it is interrupted, at whatever moment."""

import signal
import threading
import time
from types import SimpleNamespace

import joblib
import pytest

from skdigits._cli.search_threads import in_threads


def test_no_fit_outlives_an_interrupted_search():
    stopped, told = threading.Event(), []

    def fit():
        told.append(stopped.wait(5))
        time.sleep(0.1)  # its present epoch

    thread = threading.Thread(target=fit)

    def interrupted():
        with in_threads(2, SimpleNamespace(stop=stopped.set)):
            thread.start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (told, thread.is_alive()) == ([True], False)


@pytest.mark.usefixtures("sigint_raises")
@pytest.mark.parametrize("n_started", [1, 2, 3, 5])
def test_ctrl_c_while_threads_are_started_leaves_none(monkeypatch, n_started):
    start, before, starts = threading.Thread.start, set(threading.enumerate()), iter(range(1, 100))

    def start_and_interrupt(thread):
        if next(starts) == n_started:
            signal.raise_signal(signal.SIGINT)
        start(thread)

    def search():
        with in_threads(4, SimpleNamespace(stop=lambda: None)):
            monkeypatch.setattr(threading.Thread, "start", start_and_interrupt)
            joblib.Parallel()(joblib.delayed(time.sleep)(0.001) for _ in range(20))

    with pytest.raises(KeyboardInterrupt):
        search()
    assert next(starts) > n_started
    assert set(threading.enumerate()) <= before
