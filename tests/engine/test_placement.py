"""On which processors threads begin."""

import os
import threading

import numpy as np
import pytest

from skdigits._engine import placement, team
from skdigits._engine.placement import begin_on, processors_for
from skdigits._kernels import codes

needs_linux = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no such call")


@pytest.fixture
def four_processors(monkeypatch):
    """Processors 2, 3, 5 and 7 are allowed, and the calling thread is on number 5."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {7, 2, 5, 3}, raising=False)
    monkeypatch.setattr(placement, "_current_processor", lambda: 5)


@pytest.mark.usefixtures("four_processors")
@pytest.mark.parametrize(("n_threads", "expected"), [(4, [5, 7, 2, 3]), (3, []), (5, []), (1, [])])
def test_each_thread_has_a_processor_where_there_are_as_many(n_threads, expected):
    assert processors_for(n_threads) == expected


@pytest.mark.usefixtures("four_processors")
@pytest.mark.parametrize("current", [None, lambda: 4, lambda: -1], ids=["unknown", "not allowed", "error"])
def test_the_system_chooses_where_it_does_not_say_where_a_thread_is(monkeypatch, current):
    monkeypatch.setattr(placement, "_current_processor", current)
    assert processors_for(4) == []


@needs_linux
def test_thread_may_be_moved_on(monkeypatch):
    set_affinity, masks, allowed = os.sched_setaffinity, [], os.sched_getaffinity(0)

    def spy(thread, processors):
        set_affinity(thread, processors)
        masks.append(os.sched_getaffinity(0))

    monkeypatch.setattr(os, "sched_setaffinity", spy)
    processor = max(allowed)
    thread = threading.Thread(target=begin_on, args=(processor, sorted(allowed)))
    thread.start()
    thread.join()
    assert masks == [{processor}, allowed]
    assert os.sched_getaffinity(0) == allowed


@needs_linux
def test_refusal_is_no_error(monkeypatch):
    def refuse(thread, processors):
        raise OSError

    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    begin_on(0, [0, 1])


@pytest.mark.parametrize(("run", "expected"), [(team.share_work, [(7, [5, 7])]), (team.run_together, [])])
def test_new_threads_that_need_not_wait_begin_on_processors_of_their_own(monkeypatch, run, expected):
    begun = []
    monkeypatch.setattr(team, "processors_for", lambda n_threads: [5, 7])
    monkeypatch.setattr(team, "begin_on", lambda *where: begun.append(where))
    together = threading.Barrier(2)
    run(lambda t, *_: together.wait(30), 2, np.zeros(codes.CONTROL_SIZE, np.int64))
    assert begun == expected
