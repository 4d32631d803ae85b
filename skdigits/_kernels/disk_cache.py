"""Machine code on disk, which neither a full disk nor another process may turn into an error or into wrong code.

A file belongs to one kernel, the types of its arguments, the processor, and the versions of everything that has a say
in the code: its name tells all of that by a digest. It begins with a digest of what follows, so that a damaged file is
as good as none. It is written under another name first, so that whoever reads it sees all of it or nothing.
"""

import contextlib
import hashlib
import os
import sys
import warnings
from functools import cache
from importlib.metadata import version
from pathlib import Path

SUFFIX = ".kernel"
_SWITCH = "SKDIGITS_KERNEL_CACHE"
_FOLDER = "NUMBA_CACHE_DIR"
# Variables by which Numba can be told to make other code.
_SAYS_WHICH_CODE = (
    "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NUMBA_ENABLE_AVX", "NUMBA_OPT", "NUMBA_LOOP_VECTORIZE",
    "NUMBA_SLP_VECTORIZE",
)  # fmt: skip
_DIGEST_BYTES = 32
_has_warned = False


def is_on():
    """Whether code is kept at all."""
    return os.environ.get(_SWITCH) != "0"


def folders():
    """Where code may be kept, the best place first; where the user has named a folder, only there if it can be."""
    named = os.environ.get(_FOLDER)
    if named:
        yield Path(named) / "skdigits"
        if _can_be_written(Path(named)):
            return
    # Not in the package: whoever uninstalls it would leave a folder of its name, which hides the next installation.
    yield Path(__file__).parents[2] / "__pycache__" / "skdigits"
    with contextlib.suppress(RuntimeError):  # nobody knows where the home is
        yield _cache_of_user() / "skdigits" / "kernels"


def _can_be_written(folder):
    """Whether files can be put into a folder, or the folder be made."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return existing.is_dir() and os.access(existing, os.W_OK)


def _cache_of_user():
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


@cache
def _sources():
    """Digest of the source of all kernels, which call each other across files."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        with contextlib.suppress(OSError):  # unreadable (a frozen application): nothing to go stale either
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


@cache
def _versions():
    return [version(package) for package in ("numba", "llvmlite")]


def _file_name(kernel, kinds, processor):
    settings = [os.environ.get(name) for name in _SAYS_WHICH_CODE]
    key = repr((kinds, processor, _versions(), settings, _sources()))
    return f"{kernel}-{hashlib.sha256(key.encode()).hexdigest()[:24]}{SUFFIX}"


def load(kernel, kinds, processor):
    """Code that was saved; None where there is none, or none that can be read.

    Parameters
    ----------
    kernel : str
        Its name.
    kinds : tuple
        What it was compiled for, as `pack` gives it.
    processor : str

    Returns
    -------
    code : bytes or None
    """
    name = _file_name(kernel, kinds, processor)
    for folder in folders():
        with contextlib.suppress(OSError):
            content = (folder / name).read_bytes()
            digest, code = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
            if hashlib.sha256(code).digest() == digest:
                return code
    return None


def save(kernel, kinds, processor, code):
    """Save code in the first folder that can be written; where there is none the next process compiles anew.

    Where there is one and no room in it, that is a warning, once a process.
    """
    name = _file_name(kernel, kinds, processor)
    for folder in folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Of no other process, nor of one in another container, whose numbers may be the same.
            temporary = folder / f"{name}.{os.getpid()}-{os.urandom(4).hex()}.tmp"
            stream = temporary.open("wb")
        except OSError:
            continue
        try:
            with stream:
                stream.write(hashlib.sha256(code).digest() + code)
            os.replace(temporary, folder / name)
        except OSError as error:
            _warn_once(folder, error)
            with contextlib.suppress(OSError):
                temporary.unlink()
        return


def _warn_once(folder, error):
    global _has_warned
    if _has_warned:
        return
    _has_warned = True
    warnings.warn(
        f"Compiled kernels cannot be kept in {folder} ({error.strerror or error}), so that each process compiles them "
        f"anew. Make room there, or name another folder by {_FOLDER}.",
        RuntimeWarning,
    )
