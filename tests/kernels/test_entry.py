"""What is around the compilation of a kernel, whoever compiles it."""

import gc
import os
import signal
import subprocess
import sys
import threading

import pytest

from skdigits._kernels import entry
from skdigits._kernels.entry import EntryPoint

pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="compiles nothing")


@pytest.mark.parametrize(("value", "is_plain"), [("1", True), ("2", True), ("0", False), ("", False)])
def test_kernels_are_plain_wherever_numba_compiles_nothing(value, is_plain):
    program = "from skdigits._kernels import entry; print(entry._IS_PLAIN)"
    environment = {**os.environ, "NUMBA_DISABLE_JIT": value}
    output = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert output.stdout == f"{is_plain}\n"


class RefusalError(Exception):
    """Ends a compilation."""


class Compilation:
    """Stands for a kernel that cannot be compiled."""

    def __init__(self, during):
        self.during = during

    def compile(self, _):
        self.seen = self.during()
        raise RefusalError


@pytest.fixture
def compile_once():
    """Return what a function says in the middle of a compilation, which fails."""

    def run(during, error=RefusalError):
        compilation = Compilation(during)
        with pytest.raises(error):
            EntryPoint("nowhere", "nothing", compilation)(1)
        return compilation.seen

    was_enabled = gc.isenabled()
    yield run
    (gc.enable if was_enabled else gc.disable)()


def test_garbage_collector_pauses_while_a_kernel_is_compiled(compile_once):
    gc.enable()
    assert compile_once(gc.isenabled) is False
    assert gc.isenabled()


def test_garbage_collector_that_is_off_stays_off(compile_once):
    gc.disable()
    assert compile_once(gc.isenabled) is False
    assert not gc.isenabled()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_fork_waits_until_another_thread_has_compiled(compile_once):
    """The child would find locks of Numba and Python held by a thread that it does not have."""
    gc.enable()
    begun, may_end, ended = threading.Event(), threading.Event(), []

    def compile_long():
        begun.set()
        may_end.wait(10)
        ended.append(True)

    thread = threading.Thread(target=compile_once, args=[compile_long])
    thread.start()
    begun.wait(10)
    threading.Timer(0.2, may_end.set).start()
    child = os.fork()
    if child == 0:
        os._exit(7 if ended and gc.isenabled() and entry._lock.acquire(timeout=1) else 1)
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


@pytest.mark.usefixtures("sigint_raises")
def test_ctrl_c_does_not_end_a_compilation_in_the_middle(compile_once):
    def press_ctrl_c():
        signal.raise_signal(signal.SIGINT)
        return "compiled"

    assert compile_once(press_ctrl_c, error=KeyboardInterrupt) == "compiled"
