"""Ctrl-C in a program under benchmarks/."""

import subprocess
import sys
import warnings

import pytest
from benchmark_rows import BENCHMARKS, make_row, never, written
from sklearn.neural_network import MLPClassifier

from skdigits import MLPDigitClassifier

SAMPLES = [[0.0], [1.0]] * 4, [0, 1] * 4


class Interrupter:
    """An augmenter of which Ctrl-C makes an end."""

    def augment(self, X, random_state, out, progress):
        raise KeyboardInterrupt


class InterruptedMLPClassifier(MLPClassifier):
    def _update_no_improvement_count(self, *args):
        raise KeyboardInterrupt


def interrupt():
    raise KeyboardInterrupt


def interrupt_our_fit():
    MLPDigitClassifier((2,), max_iter=2, augmenter=Interrupter()).fit(*SAMPLES)
    return make_row()


def interrupt_the_fit_of_sklearn():
    InterruptedMLPClassifier((2,), max_iter=2).fit(*SAMPLES)
    return make_row()


@pytest.mark.parametrize("interrupted", [interrupt, interrupt_our_fit, interrupt_the_fit_of_sklearn])
def test_interrupt_ends_the_program_and_keeps_finished_rows(modules, arguments, tmp_path, capsys, interrupted):
    rows = {"first": make_row, "second": interrupted, "third": never}
    with pytest.raises(SystemExit) as caught:
        modules.harness.report("test", arguments, rows, title="Title")
    assert caught.value.code == 130
    assert written(tmp_path) == {"first": 1.0}
    told = capsys.readouterr()
    assert "| first |" in told.out
    assert "Interrupted after 1 of 3 rows. The others: --only =second =third" in told.err


def test_interrupt_while_a_row_is_written_keeps_it(modules, arguments, tmp_path, monkeypatch):
    replace, calls = modules.results.replaced_whole, []

    def interrupt_once(path):
        calls.append(path)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return replace(path)

    monkeypatch.setattr(modules.results, "replaced_whole", interrupt_once)
    with pytest.raises(SystemExit):
        modules.harness.report("test", arguments, {"first": make_row, "second": never}, title="Title")
    assert written(tmp_path) == {"first": 1.0}


def test_signal_ends_a_program_without_a_traceback(tmp_path):
    program = f"""
import os, signal, sys, time
sys.path.insert(0, {str(BENCHMARKS)!r})
import _harness
signal.signal(signal.SIGINT, signal.default_int_handler)
arguments = _harness.parse("", repeats=1)
def wait():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)
_harness.report("test", arguments, {{"first": wait}}, title="Title")
"""
    command = [sys.executable, "-c", program, "--output", str(tmp_path)]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.returncode == 130
    assert process.stderr.splitlines()[-1].startswith("Interrupted after 0 of 1 rows")
    assert "Traceback" not in process.stderr


def test_other_warnings_stay_what_they_are(modules, arguments):
    def warn():
        warnings.warn("something else")

    with pytest.raises(UserWarning, match="something else"):
        modules.harness.report("test", arguments, {"first": warn}, title="Title")
