"""Kernels whose cache is full, forbidden, shared, damaged or left behind by a process that was killed."""

import os
import time

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="rights, limits and signals of POSIX")

LOADED, COMPILED = (1, 0), (0, 1)


def test_second_process_loads_what_the_first_has_compiled(kernels):
    assert kernels.run()[:2] == COMPILED
    assert kernels.run()[:2] == LOADED


def test_read_only_installation_keeps_kernels_in_the_home(kernels):
    kernels.make_read_only()
    home = kernels.folder / "home"
    home.mkdir()
    home.chmod(0o777)
    options = {"unprivileged": True, "HOME": str(home), "XDG_CACHE_HOME": None, "NUMBA_CACHE_DIR": None}
    assert kernels.run(**options)[:2] == COMPILED
    assert kernels.run(**options)[:2] == LOADED


@pytest.mark.parametrize("home", ["impossible", "read-only"])
def test_read_only_installation_and_home_compiles_each_time(kernels, home):
    kernels.make_read_only()
    folder = kernels.folder / "home"
    if home == "read-only":
        folder.mkdir(mode=0o555)
    else:
        folder.touch()  # no folder can be made in it
        folder /= "home"
    for _ in range(2):
        environment = {"HOME": str(folder), "XDG_CACHE_HOME": None, "NUMBA_CACHE_DIR": None}
        assert kernels.run(unprivileged=True, **environment)[:2] == COMPILED
    assert kernels.cache_files() == []


def test_cache_folder_that_cannot_be_made_is_survived(kernels):
    kernels.make_read_only()
    (kernels.folder / "file").touch()
    nowhere = str(kernels.folder / "file" / "folder")
    environment = {"NUMBA_CACHE_DIR": nowhere, "HOME": nowhere, "XDG_CACHE_HOME": None}
    assert kernels.run(unprivileged=True, **environment)[:2] == COMPILED


def test_full_disk_is_a_warning_and_the_next_run_compiles(kernels):
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
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
        kernels.run(dtype)  # the index of one may have replaced that of the other
    for dtype in dtypes[:2]:
        assert kernels.run(dtype)[:2] == LOADED


def test_index_of_another_process_never_leads_to_code_for_another_type(kernels):
    """The order of writes in which Numba's numbered files would mix two types up."""
    kernels.run("float32")
    index = next(path for path in kernels.cache_files() if path.suffix == ".nbi")
    first = index.read_bytes()
    index.unlink()  # the second process has looked before the first wrote
    kernels.run("float64")
    index.write_bytes(first)  # and the first one writes last
    assert kernels.run("float32")[:2] == LOADED
    assert kernels.run("float64")[:2] == COMPILED


@pytest.mark.parametrize("seconds", [0.6, 0.9, 1.2, 1.5])
def test_kill_in_the_middle_of_compiling(kernels, seconds):
    with kernels.start() as process:
        time.sleep(seconds)
        process.kill()
    kernels.run()
    assert kernels.run()[:2] == LOADED


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_truncated_cache_is_replaced(kernels, suffix, share):
    kernels.run()
    path = next(path for path in kernels.cache_files() if path.suffix == suffix)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert kernels.run()[:2] == COMPILED
    assert kernels.run()[:2] == LOADED
