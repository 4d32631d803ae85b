"""Finished fits of a search, each in a file of its own: what Ctrl-C keeps and ``--resume`` skips."""

import contextlib
import hashlib
import json
import time
import warnings

import numpy as np
from sklearn.pipeline import Pipeline

from skdigits._cli.locks import only_process
from skdigits.exceptions import TrainingInterruptedWarning
from skdigits.persistence._files import replaced_whole

# In the folder of a search: what it was, and its finished fits.
IDENTITY, FITS = "search.json", "fits"
_NO_MEMORY = "not enough memory"


class StoredPipeline(Pipeline):
    """A pipeline that writes down how well it did, and does not train where that has been written down before.

    A search over it takes the same candidates and gives the same scores as one over a plain pipeline. A fit is known
    by all parameters and all bytes of the training samples, so that any candidates, folds and shares of the samples
    may meet in one folder.

    Parameters
    ----------
    steps : list of (str, estimator)
    folder : Path
        One that is there, and that every process of the search can write to.
    """

    def __init__(self, steps, *, folder):
        super().__init__(steps)
        self.folder = folder

    def fit(self, X, y):
        """Train, unless the score is known."""
        self._path = self.folder / f"{_digest(self._settings(), X, y)}.json"
        self._record, self._untrained_on = _read_record(self._path), None
        if self._record is None:
            self._train(X, y)
        elif "error" in self._record:
            raise ValueError(self._record["error"])
        else:
            self._untrained_on = X, y
        return self

    def score(self, X, y):
        """Accuracy, which is written down with the samples on which it was measured."""
        tested = _digest({}, X, y)
        if self._record.get("tested") != tested:  # successive halving may train on the same and test on others
            if self._untrained_on is not None:
                self._train(*self._untrained_on)
                self._untrained_on = None
            start = time.perf_counter()
            score = super().score(X, y)
            self._write(score=score, score_seconds=time.perf_counter() - start, tested=tested)
        return self._record["score"]

    def _train(self, X, y):
        self._record = {"candidate": self._settings(), "n_samples": len(X)}
        start = time.perf_counter()
        try:
            super().fit(X, y)
        except TrainingInterruptedWarning:  # in the main thread, and raised as a search asks for it
            raise KeyboardInterrupt from None
        except ValueError as error:  # as a diverged training raises it, again whenever it is repeated
            self._write(error=str(error))
            raise
        except MemoryError:
            self._write(error=_NO_MEMORY)
            raise ValueError(_NO_MEMORY) from None
        self._record["fit_seconds"] = time.perf_counter() - start

    def _settings(self):
        """All parameters that are no estimators, as text."""
        parameters = self.get_params()
        left_out = {"folder", "steps", *self.named_steps}
        return {name: repr(value) for name, value in sorted(parameters.items()) if name not in left_out}

    def _write(self, **outcome):
        self._record |= outcome
        try:
            with replaced_whole(self._path) as stream:
                stream.write(json.dumps(self._record).encode())
        except OSError as error:
            # An error would be taken for one of the candidate, which would then lose.
            warnings.warn(f"a finished fit could not be kept, --resume would make it again: {error.strerror or error}")


def _digest(settings, X, y):
    digest = hashlib.sha256(json.dumps(settings).encode())
    for array in (X, y):
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:32]


def _read(path):
    """The dict that has been written down, or None where there is none, or what is damaged."""
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _read_record(path):
    """The record of a fit, or None where there is none that is whole: the fit is then made again."""
    record = _read(path)
    if record is None or not isinstance(record.get("candidate"), dict) or not _has_numbers(record, "n_samples"):
        return None
    if not all(isinstance(value, str) for value in record["candidate"].values()) or not record["candidate"]:
        return None
    is_whole = isinstance(record.get("error"), str) or (
        _has_numbers(record, "score", "fit_seconds", "score_seconds") and record["score"] <= 1
    )
    return record if is_whole else None


def _has_numbers(record, *names):
    """Whether there are numbers that can be: from 0 on, and no more than can be counted."""
    return all(isinstance(record.get(name), (int, float)) and 0 <= record[name] < 2**63 for name in names)


def read_records(folder, known=()):
    """Records of a folder by the name of their file, without those that are known."""
    records = {path.stem: _read_record(path) for path in folder.glob("*.json") if path.stem not in known}
    return {name: record for name, record in records.items() if record is not None}


@contextlib.contextmanager
def only_search_in(folder, *, resume):
    """Make a folder, or refuse one in which another process is searching; the system forgets one that is killed."""
    if resume and not folder.is_dir():
        raise ValueError(f"--resume: there is no search in {folder}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"--output {folder} cannot be made: {error.strerror}") from error
    message = f"another search is writing to {folder}: wait for it, or give another --output"
    with only_process(folder / ".lock", message):
        yield


def open_store(folder, settings, X, y, *, resume):
    """Make the folder of the fits of a search, or find that of one with the same settings and samples.

    Parameters
    ----------
    folder : Path
        Of all results. Finished fits are kept in a folder ``fits`` in it.
    settings : dict
        Everything besides the candidates that scores depend on.
    X, y : ndarray
    resume : bool
        Whether there must be a search, else there must be none that has finished a fit.

    Returns
    -------
    fits : Path
    """
    identity = {**settings, "samples": _digest({}, X, y)}
    path, fits = folder / IDENTITY, folder / FITS
    before = _read(path)
    if resume and before is None:
        if path.exists():
            raise ValueError(f"--resume: {path} is damaged: search anew, and give another --output")
        raise ValueError(f"--resume: there is no search in {folder}: {path.name}, which says what it was, is not there")
    if resume and before != identity:
        changed = ", ".join(
            f"{name} was {before.get(name)!r}, is {identity.get(name)!r}"
            for name in sorted({*before, *identity})
            if before.get(name) != identity.get(name)
        )
        raise ValueError(f"--resume: {folder} holds another search ({changed}): give another --output")
    if not resume and any(fits.glob("*.json")):
        way_out = "give another --output" if before is None else "go on with it by --resume, or give another --output"
        raise ValueError(f"{folder} holds fits of a search: {way_out}")
    fits.mkdir(parents=True, exist_ok=True)
    for name, record in read_records(fits).items():
        if record.get("error") == _NO_MEMORY:  # there may be more of it by now
            (fits / f"{name}.json").unlink()
    with replaced_whole(path) as stream:
        stream.write(json.dumps(identity, indent=1).encode())
    return fits
