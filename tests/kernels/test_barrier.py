import threading

import numpy as np
import pytest

from skdigits._kernels import barrier, codes


def run_in_threads(function, n_threads):
    threads = [threading.Thread(target=function, args=(t,)) for t in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)


@pytest.mark.parametrize("n_threads", [2, 3, 8])
def test_nobody_passes_before_all_have_come(n_threads):
    control = np.zeros(codes.CONTROL_SIZE, np.int64)
    rounds = [0] * n_threads
    slowest_seen = []

    def work(t):
        for round_number in range(1, 31):
            rounds[t] = round_number
            assert barrier.wait_for_all(control, n_threads)
            slowest_seen.append(min(rounds) - round_number)

    run_in_threads(work, n_threads)
    assert len(slowest_seen) == 30 * n_threads
    assert min(slowest_seen) >= 0


def test_one_thread_never_waits():
    assert barrier.wait_for_all(np.zeros(codes.CONTROL_SIZE, np.int64), 1)


def test_abort_releases_who_waits():
    control = np.zeros(codes.CONTROL_SIZE, np.int64)
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(barrier.wait_for_all(control, 2)))
    waiting.start()
    control[codes.ABORT] = 1
    waiting.join(timeout=60)
    assert answers == [False]
