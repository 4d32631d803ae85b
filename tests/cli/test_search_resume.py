"""Finished fits of a search are kept, whatever ends it, and --resume skips them."""

import contextlib
import errno
import json
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits
from small_search import CANDIDATES, read_results

from skdigits import MLPDigitClassifier
from skdigits._cli import search_store
from skdigits.persistence._files import replaced_whole


def count_fits(monkeypatch):
    """A list that grows with each network that is trained."""
    trained, fit = [], MLPDigitClassifier.fit

    def counted(self, *arguments, **options):
        trained.append(self.hidden_layer_sizes)
        return fit(self, *arguments, **options)

    monkeypatch.setattr(MLPDigitClassifier, "fit", counted)
    return trained


def test_resume_skips_what_is_finished(run, tmp_path, monkeypatch):
    base = ("search", "--epochs", 2, "--rows", 200, "--jobs", 1, "--output", tmp_path)
    assert run(*base, "--hidden", "8", "4").status == 0
    before = read_results(tmp_path)["cv_results"]
    for path in sorted((tmp_path / "fits").iterdir())[:2]:
        path.unlink()
    trained = count_fits(monkeypatch)
    outcome = run(*base, "--hidden", "8", "4", "5,5", "--resume")
    assert outcome.status == 0, outcome.err
    assert "4 finished fits from before" in outcome.out
    assert len(trained) == 1 + 2 + 3 + 1  # to load kernels, lost, new, and the best on all images
    after = read_results(tmp_path)["cv_results"]
    assert after["mean_test_score"][:2] == before["mean_test_score"]


def test_times_are_those_of_the_fits_when_they_were_made(run, tmp_path):
    command = ("search", "--hidden", "8", "4", "--epochs", 2, "--rows", 200, "--jobs", 1, "--output", tmp_path)
    assert run(*command).status == 0
    before = read_results(tmp_path)["cv_results"]
    assert run(*command, "--resume").status == 0
    after = read_results(tmp_path)["cv_results"]
    assert after == before


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "holds fits of a search: go on with it by --resume"),
        (["--resume", "--seed", 1], "holds another search (seed was 0, is 1)"),
        (["--resume", "--cv", 4], "holds another search (cv was 3, is 4)"),
        (["--resume", "--rows", 299], "rows was 300, is 299"),
    ],
)
def test_folder_of_another_search_is_left_alone(assert_refused, searched, options, says):
    assert_refused("search", *CANDIDATES, "--output", searched[0], *options, says=says)


def test_resume_needs_a_search(assert_refused, tmp_path):
    assert_refused("search", "--resume", "--output", tmp_path, says=f"--resume: there is no search in {tmp_path}")


def test_changed_samples_are_no_resumption(tmp_path):
    X, y = np.zeros((4, 2)), np.arange(4)
    search_store.open_store(tmp_path, {"cv": 3}, X, y, resume=False)
    X[0, 0] = 1
    with pytest.raises(ValueError, match="holds another search \\(samples was"):
        search_store.open_store(tmp_path, {"cv": 3}, X, y, resume=True)


def test_ctrl_c_keeps_the_finished_fits(tmp_path):
    # A test run that a shell started in the background would hand on that the signal is ignored.
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from skdigits._cli import main; sys.exit(main(sys.argv[1:]))"
    )
    # The networks of 600 units would take minutes.
    options = ["--hidden", "4", "600,600", "--epochs", "500", "--batch-size", "4", "--rows", "100", "--jobs", "2"]
    with subprocess.Popen(
        [sys.executable, "-c", program, "search", *options, "--output", str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        first = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert first.startswith("1/6  hidden 4  accuracy")
    assert process.returncode == 130, err
    n_finished = int(
        re.search(r"skdigits: interrupted after (\d) finished fits?; --resume makes only the others\n$", err)[1]
    )
    assert "Traceback" not in err
    records = search_store.read_records(tmp_path / "fits")
    assert 1 <= n_finished == len(records) <= 3
    assert all(record["score"] > 0 for record in records.values())


def test_ctrl_c_while_the_best_is_trained(run, tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    arguments = ("search", *CANDIDATES, "--jobs", 1, "--output", tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("skdigits._cli.progress.TrainingProgress.on_fit_task_end", interrupt)
        status, _, err = run(*arguments)
    assert status == 130
    assert err.endswith("was trained on all images; all fits are finished, and --resume skips them\n")
    assert len(search_store.read_records(tmp_path / "fits")) == 12
    assert not (tmp_path / "best.npz").exists()
    assert run(*arguments, "--resume").status == 0


def test_fits_that_cannot_be_written_down_are_no_worse(searched, run, tmp_path, monkeypatch):
    @contextlib.contextmanager
    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))
        yield

    with monkeypatch.context() as patch:
        patch.setattr(
            search_store, "replaced_whole", lambda path: replaced_whole(path) if path.stem == "search" else full(path)
        )
        status, out, err = run("search", *CANDIDATES, "--jobs", 2, "--output", tmp_path)
    assert status == 0, err
    assert err.count("skdigits: warning: a finished fit could not be kept, --resume would make it again: No space") == 1
    assert "failed" not in out
    assert read_results(tmp_path)["best_parameters"] == read_results(searched[0])["best_parameters"]


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such locks")
def test_one_search_at_a_time_writes_to_a_folder(assert_refused, tmp_path):
    with search_store.only_search_in(tmp_path, resume=False):
        assert_refused("search", *CANDIDATES, "--output", tmp_path, says="another search is writing to")
    with search_store.only_search_in(tmp_path, resume=False):
        pass


def test_networks_that_memory_could_not_hold_are_tried_again(run, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:

        def fit(self, X, y):
            raise MemoryError

        patch.setattr(search_store.Pipeline, "fit", fit)
        run("search", "--hidden", 4, "--epochs", 1, "--rows", 100, "--output", tmp_path)
    outcome = run("search", "--hidden", 4, "--epochs", 1, "--rows", 100, "--output", tmp_path, "--resume")
    assert outcome.status == 0
    assert all("score" in record for record in search_store.read_records(tmp_path / "fits").values())
    assert re.findall(r"^(./.)  hidden 4  accuracy", outcome.err, re.MULTILINE) == ["1/3", "2/3", "3/3"]


@pytest.mark.parametrize(
    "content",
    [
        "", "[]", "5", "{}", '{"score": 0.9}', '{"candidate": {}, "n_samples": 1}',
        '{"candidate": {}, "n_samples": 1, "score": "abc", "fit_seconds": 1, "score_seconds": 1}',
        '{"candidate": {}, "n_samples": 1, "score": 1, "fit_seconds": null, "score_seconds": 1}',
        '{"candidate": {}, "n_samples": 1, "error": null}',
        '{"candidate": {"a": "1"}, "n_samples": 1, "score": NaN, "fit_seconds": 1, "score_seconds": 1}',
        '{"candidate": {"a": "1"}, "n_samples": 1, "score": 5, "fit_seconds": 1, "score_seconds": 1}',
        '{"candidate": {"a": "1"}, "n_samples": 1' + 400 * "0" + ', "score": 1, "fit_seconds": 1, "score_seconds": 1}',
        '{"candidate": {"a": "1"}, "n_samples": 200, "score": 1, "fit_seconds": 1, "score_seconds": -1}',
        100_000 * "[",
    ],
)  # fmt: skip
def test_fit_whose_record_is_damaged_is_made_again(searched, run, tmp_path, content):
    folder = tmp_path / "search"
    shutil.copytree(searched[0], folder)
    damaged = min((folder / "fits").glob("*.json"))
    damaged.write_text(content)
    status, out, err = run("search", *CANDIDATES, "--output", folder, "--resume")
    assert status == 0, err
    assert "11 finished fits from before" in out
    assert (
        read_results(folder)["cv_results"]["mean_test_score"]
        == read_results(searched[0])["cv_results"]["mean_test_score"]
    )


def test_score_on_other_samples_is_measured_anew(tmp_path, monkeypatch):
    """As in successive halving, where the same training samples may come with fewer to test on."""
    X, y = load_digits(return_X_y=True)
    trained = count_fits(monkeypatch)

    def score(tested):
        classifier = MLPDigitClassifier((8,), max_iter=3, learning_rate="cosine", random_state=0)
        pipeline = search_store.StoredPipeline([("classifier", classifier)], folder=tmp_path)
        return pipeline.fit(X[:200], y[:200]).score(X[tested], y[tested])

    few, many = slice(200, 203), slice(200, 400)
    scores = [score(tested) for tested in (few, few, many, many, few)]
    assert scores == [scores[0], scores[0], scores[2], scores[2], scores[0]]
    assert scores[0] != scores[2]
    assert len(trained) == 3


def test_record_of_another_candidate_does_no_harm(searched, run, tmp_path):
    folder = tmp_path / "search"
    shutil.copytree(searched[0], folder)
    record = json.loads(min((folder / "fits").glob("*.json")).read_text())
    (folder / "fits" / "0.json").write_text(json.dumps({**record, "candidate": {"a": "1"}}))
    status, _, err = run("search", *CANDIDATES, "--output", folder, "--resume")
    assert status == 0, err


def test_fits_without_a_description_are_of_no_search(searched, assert_refused, tmp_path):
    folder = tmp_path / "search"
    shutil.copytree(searched[0], folder)
    (folder / "search.json").unlink()
    assert_refused("search", *CANDIDATES, "--output", folder, "--resume", says="search.json, which says what it was")
    assert_refused("search", *CANDIDATES, "--output", folder, says="holds fits of a search: give another --output")


@pytest.mark.parametrize("content", ["", "[]"])
def test_damaged_description_of_a_search(searched, assert_refused, tmp_path, content):
    folder = tmp_path / "search"
    shutil.copytree(searched[0], folder)
    (folder / "search.json").write_text(content)
    assert_refused("search", *CANDIDATES, "--output", folder, "--resume", says="search.json is damaged: search anew")
