"""Kernels whose cache is full, forbidden, shared, damaged or left behind by a process that was killed."""

import os
import signal

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="rights, limits and signals of POSIX")

LOADED, COMPILED = (1, 0), (0, 1)


def test_second_process_loads_what_the_first_has_compiled(kernels):
    assert kernels.run()[:2] == COMPILED
    assert kernels.run()[:2] == LOADED


def test_read_only_installation_keeps_kernels_in_the_home(kernels):
    home = kernels.folder / "home"
    home.mkdir()
    home.chmod(0o777)
    kernels.make_read_only()
    options = {"unprivileged": True, "HOME": str(home), "XDG_CACHE_HOME": None, "NUMBA_CACHE_DIR": None}
    assert kernels.run(**options)[:2] == COMPILED
    assert kernels.run(**options)[:2] == LOADED


@pytest.mark.parametrize("home", ["impossible", "read-only"])
def test_read_only_installation_and_home_compiles_each_time(kernels, home):
    folder = kernels.folder / "home"
    if home == "read-only":
        folder.mkdir(mode=0o555)
    else:
        folder.touch()  # no folder can be made in it
        folder /= "home"
    kernels.make_read_only()
    for _ in range(2):
        environment = {"HOME": str(folder), "XDG_CACHE_HOME": None, "NUMBA_CACHE_DIR": None}
        assert kernels.run(unprivileged=True, **environment)[:2] == COMPILED
    assert kernels.cache_files() == []


@pytest.mark.parametrize("home", ["read-only", "unknown"])
def test_read_only_installation_without_home_compiles_each_time(kernels, home):
    """The system then says where the home is, or does not know the user; nor can anything be written to the folder."""
    (kernels.folder / "home").mkdir(mode=0o555)
    answer = f"pwd.struct_passwd(['u', '', 1, 1, '', {str(kernels.folder / 'home')!r}, ''])"
    if home == "unknown":
        answer = "{}[uid]"
    prefix = f"import pwd\npwd.getpwuid = lambda uid: {answer}\n"
    kernels.make_read_only()
    environment = {"HOME": None, "XDG_CACHE_HOME": None, "NUMBA_CACHE_DIR": None}
    for _ in range(2):
        assert kernels.run(prefix=prefix, unprivileged=True, **environment)[:2] == COMPILED
    assert kernels.cache_files() == []


def test_cache_folder_that_cannot_be_made_is_survived(kernels):
    (kernels.folder / "file").touch()
    kernels.make_read_only()
    nowhere = str(kernels.folder / "file" / "folder")
    environment = {"NUMBA_CACHE_DIR": nowhere, "HOME": nowhere, "XDG_CACHE_HOME": None}
    assert kernels.run(unprivileged=True, **environment)[:2] == COMPILED


def test_named_folder_is_made_though_there_are_kernels_elsewhere(kernels):
    assert kernels.run()[:2] == COMPILED
    named = kernels.folder / "named" / "folder"
    assert kernels.run(NUMBA_CACHE_DIR=str(named))[:2] == COMPILED
    assert kernels.run(NUMBA_CACHE_DIR=str(named))[:2] == LOADED
    assert list((named / "skdigits").iterdir())


def test_full_disk_is_a_warning_and_the_next_run_compiles(kernels):
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
    loaded, compiled, err = kernels.run(prefix=full, warnings="always::RuntimeWarning")
    assert (loaded, compiled) == COMPILED
    assert err.count("Compiled kernels cannot be kept in") == 1
    assert "File too large" in err
    assert kernels.cache_files() == []
    assert kernels.run()[:2] == COMPILED
    assert kernels.run()[:2] == LOADED


def test_processes_that_compile_for_different_types_at_once_share_a_cache(kernels):
    dtypes = ["float32", "float64", "float32", "float64"]
    for process in [kernels.start(dtype) for dtype in dtypes]:
        kernels.finish(process)
    for dtype in dtypes[:2]:
        assert kernels.run(dtype)[:2] == LOADED


# Each tells the moment by a line, and all but the first stand still there.
_STOP = """
import time
def stop(*_):
    print("now", flush=True)
    time.sleep(60)
"""
_AT_EVENT = """
import numba.core.event
class Watch(numba.core.event.Listener):
    def on_start(self, event):
        {at_start}
    def on_end(self, event):
        {at_end}
numba.core.event.register("numba:compile", Watch())
"""
_IN_FILES = _STOP + "from skdigits._kernels import disk_cache\n"
MOMENTS = {
    "compiling": (_AT_EVENT.format(at_start="print('now', flush=True)", at_end="pass"), set()),
    "compiled, nothing saved": (_STOP + _AT_EVENT.format(at_start="pass", at_end="stop()"), set()),
    "half of the code": (
        _IN_FILES
        + """
whole = disk_cache.Path.open
def half(path, mode="r", *arguments, **options):
    stream = whole(path, mode, *arguments, **options)
    if mode != "wb":
        return stream
    stream.write(b"half")
    stream.flush()
    stop()
disk_cache.Path.open = half
""",
        {".tmp"},
    ),
    "before it has its name": (_IN_FILES + "disk_cache.os.replace = stop\n", {".tmp"}),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_kill_in_the_middle_of_compiling(kernels, moment):
    prefix, left_behind = MOMENTS[moment]
    with kernels.start(prefix=prefix) as process:
        line = process.stdout.readline()
        process.kill()
        rest, err = process.communicate()
    assert (line, rest, process.returncode) == ("now\n", "", -signal.SIGKILL), err
    assert {path.suffix for path in kernels.kept_files()} == left_behind
    assert kernels.run()[:2] == COMPILED
    assert kernels.run()[:2] == LOADED


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_truncated_cache_is_replaced(kernels, share):
    kernels.run()
    (path,) = kernels.cache_files()
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert kernels.run()[:2] == COMPILED
    assert kernels.run()[:2] == LOADED


def test_damaged_cache_is_replaced(kernels):
    kernels.run()
    (path,) = kernels.cache_files()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert kernels.run()[:2] == COMPILED
    assert kernels.run()[:2] == LOADED


def test_package_that_is_taken_away_leaves_no_folder_of_its_name(kernels):
    """Such a folder is a namespace package, which hides an editable installation."""
    kernels.run(NUMBA_CACHE_DIR=None)
    (file,) = kernels.cache_files()
    assert kernels.folder / "skdigits" not in file.parents
