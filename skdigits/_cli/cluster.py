"""Fits of a search on a Dask cluster."""

import contextlib
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from typing import Any

import joblib
import numpy as np
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from skdigits._cli.search_progress import SearchDisplay
from skdigits._cli.search_store import read_records
from skdigits._console import tell
from skdigits._version import __version__

_SECONDS_TO_CONNECT = 10
_SECONDS_BETWEEN_LOOKS = 0.5


@contextlib.contextmanager
def on_cluster(address: str, search: Any, X: np.ndarray, y: np.ndarray, display: SearchDisplay) -> Iterator[None]:
    """The joblib context in which the workers of a scheduler make the fits of a search.

    Parameters
    ----------
    address : str
        Of the scheduler, as in ``tcp://127.0.0.1:8786``.
    search : GridSearchCV or HalvingGridSearchCV
        The folds of a grid search are made here.
    X, y : ndarray
        The samples, to be sent to each worker once.
    display : SearchDisplay
        Callbacks of other processes do not reach it, so that it is told to look at what has been written down.
    """
    try:
        from distributed import Client
        from distributed.comm import CommClosedError
        from distributed.scheduler import KilledWorker
    except ImportError as error:
        raise ValueError('--scheduler needs Dask: pip install "skdigits[distributed]"') from error
    # What goes wrong is said in a line, not by tracebacks of the threads that keep the connection. Dask gives some of
    # its loggers a level of their own.
    for name in ("distributed", "distributed.client", "tornado.application", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        client = Client(address, timeout=_SECONDS_TO_CONNECT)
    except (OSError, TypeError, ValueError) as error:  # TypeError: tls:// without certificates
        raise ValueError(f"--scheduler {address}: expected the address of a scheduler that answers: {error}") from error
    arrays = [X, y]
    if isinstance(search, GridSearchCV):
        # Scattered like the samples, folds outlive a worker that dies. Successive halving draws its own.
        search.cv = list(StratifiedKFold(search.cv).split(X, y))
        arrays += [rows for split in search.cv for rows in split]
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(_SECONDS_BETWEEN_LOOKS):
            display.tell_finished()

    watcher = threading.Thread(target=watch, daemon=True)
    with client:
        try:
            _await_worker(client, address)
            _check_versions(client, address)
            if sum(client.ncores().values()) == 1:
                tell("skdigits: the cluster has one thread in all: joblib makes such fits in this process, not there")
            else:
                watcher.start()
            with _all_copies_kept(client), joblib.parallel_config(_telling_backend(client, arrays)):
                yield
        except (CancelledError, CommClosedError, KilledWorker) as error:
            what = "data were lost with a worker" if client.status == "running" else "the connection was lost"
            if isinstance(error, KilledWorker):
                what = (
                    f"a fit was given up, because {error.allowed_failures + 1} workers have died in it, for lack of "
                    "memory perhaps"
                )
            raise ValueError(
                f"--scheduler {address}: {what}; finished fits are kept, and --resume skips them"
            ) from error
        finally:
            is_over.set()
            if watcher.ident is not None:
                watcher.join()
    display.tell_finished()
    if not read_records(search.estimator.folder):
        tell(
            f"skdigits: the workers could not write finished fits into {search.estimator.folder}, a folder that all "
            "of them must see; --resume would make them again"
        )


def _telling_backend(client: Any, arrays: list[np.ndarray]) -> Any:
    """The backend of joblib, but for a fit that the cluster gives up: joblib would wait for its result for ever."""
    from joblib._dask import DaskDistributedBackend

    class TellingBackend(DaskDistributedBackend):
        def submit(self, func: Any, callback: Any = None) -> Any:
            return told(super().submit(func, callback), callback)

        def apply_async(self, func: Any, callback: Any = None) -> Any:
            """As joblib before 1.5 calls it."""
            return told(super().apply_async(func, callback), callback)

        def retrieve_result_callback(self, out: Any) -> Any:
            if isinstance(out, BaseException):
                raise out
            return super().retrieve_result_callback(out)

    def told(future: Any, callback: Any) -> Any:
        future.add_done_callback(lambda done: done.exception() is not None and callback(done.exception()))
        return future

    return TellingBackend(client=client, scatter=arrays)


def _check_versions(client: Any, address: str) -> None:
    """Raise ValueError where a worker has no skdigits or another version, whose fits would fail or differ."""
    found = client.run(eval, "__import__('skdigits').__version__", on_error="return")
    for worker, version in found.items():
        if version != __version__:
            what = repr(version) if isinstance(version, Exception) else f"skdigits {version}"
            raise ValueError(
                f"--scheduler {address}: expected skdigits {__version__} on all workers, got {what} on {worker}"
            )


def _await_worker(client: Any, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=_SECONDS_TO_CONNECT)
    except TimeoutError as error:
        raise ValueError(
            f"--scheduler {address}: no worker has come in {_SECONDS_TO_CONNECT} seconds: start some by `dask worker "
            f"{address}`"
        ) from error


@contextlib.contextmanager
def _all_copies_kept(client: Any) -> Iterator[None]:
    """Stop what would take away all copies of the samples but one, which then dies with its worker."""
    was_on = client.amm.running()
    client.amm.stop()
    try:
        yield
    finally:
        if was_on and client.status == "running":
            client.amm.start()
