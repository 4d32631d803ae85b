"""What is around the compilation of a kernel, whoever compiles it."""

import gc
import os

import pytest

from skdigits._kernels.entry import EntryPoint

pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="compiles nothing")


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

    def run(during):
        compilation = Compilation(during)
        with pytest.raises(RefusalError):
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
@pytest.mark.parametrize("is_on", [True, False])
def test_child_forked_while_a_kernel_is_compiled_has_the_collector_of_its_parent(compile_once, is_on):
    def answer_of_child():
        child = os.fork()
        if child == 0:
            os._exit(gc.isenabled())
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    (gc.enable if is_on else gc.disable)()
    assert compile_once(answer_of_child) == is_on
