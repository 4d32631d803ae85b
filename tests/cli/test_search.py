import contextlib
import csv
import json
import re
import shutil
import sys
from concurrent.futures import CancelledError
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from small_search import CANDIDATES, read_results

from skdigits import MLPDigitClassifier
from skdigits._cli import cluster, search, search_results, search_threads
from skdigits.persistence import load_weights

GRID = {
    "mlpdigitclassifier__hidden_layer_sizes": [(8,), (6, 4)],
    "mlpdigitclassifier__learning_rate_init": [0.01, 0.1],
}


def load_training_images():
    X, y = load_digits(return_X_y=True)
    X, _, y, _ = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)
    return X[:300], y[:300]


def plain_search(search_class, **options):
    """The same search by scikit-learn alone."""
    model = make_pipeline(MinMaxScaler(), MLPDigitClassifier(batch_size=32, max_iter=3, random_state=0))
    return search_class(model, GRID, cv=3, **options).fit(*load_training_images())


def assert_same_scores(results, search):
    names = [name for name in search.cv_results_ if "test_score" in name or name in ("iter", "n_resources")]
    assert len(names) >= 6
    for name in names:
        np.testing.assert_array_equal(results[name], search.cv_results_[name], err_msg=name)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_scores_are_those_of_grid_search_cv(searched):
    plain = plain_search(GridSearchCV)
    content = read_results(searched[0])
    assert_same_scores(content["cv_results"], plain)
    assert content["best_score"] == plain.best_score_
    assert content["best_parameters"]["learning_rate_init"] == plain.best_params_[list(GRID)[1]]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_halving_is_that_of_scikit_learn(run, tmp_path):
    outcome = run("search", *CANDIDATES, "--halving", "--jobs", 1, "--output", tmp_path)
    assert outcome.status == 0, outcome.err
    plain = plain_search(HalvingGridSearchCV, random_state=0)
    assert_same_scores(read_results(tmp_path)["cv_results"], plain)
    assert "images" in outcome.out.split("\n\n")[1].splitlines()[0]


def test_two_fits_at_a_time_find_the_same(run, searched, tmp_path):
    assert run("search", *CANDIDATES, "--jobs", 2, "--output", tmp_path).status == 0
    results = [read_results(folder)["cv_results"]["mean_test_score"] for folder in (tmp_path, searched[0])]
    assert results[0] == results[1]


def test_table_is_ranked(searched):
    lines = searched[1].out.split("\n\n")[1].splitlines()
    assert lines[0].split() == ["rank", "hidden", "rate", "accuracy", "deviation", "seconds", "parameters"]
    accuracies = [float(line.split()[3]) for line in lines[1:]]
    assert len(accuracies) == 4
    assert accuracies == sorted(accuracies, reverse=True)
    sizes = {line.split()[1]: line.split()[-1] for line in lines[1:]}
    assert sizes == {"8": str(65 * 8 + 9 * 10), "6,4": str(65 * 6 + 7 * 4 + 5 * 10)}


def test_each_fit_is_told(searched):
    lines = [line for line in searched[1].err.splitlines() if "/12" in line]
    assert [line.split()[0] for line in lines] == [f"{number}/12" for number in range(1, 13)]
    assert all(re.search(r"hidden (8|6,4), rate 0\.\d+  accuracy 0\.\d{4}  \d+\.\d\d s$", line) for line in lines)


def test_csv_has_the_columns_of_cv_results(searched):
    with open(searched[0] / "cv_results.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    results = read_results(searched[0])["cv_results"]
    assert set(rows[0]) == set(results) - {"params"}
    assert [float(row["mean_test_score"]) for row in rows] == results["mean_test_score"]
    assert [row["param_mlpdigitclassifier__hidden_layer_sizes"] for row in rows] == ["8", "8", "6,4", "6,4"]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_best_model_is_trained_on_all_images(searched):
    model = load_weights(searched[0] / "best.npz")
    assert type(model).__name__ == "Pipeline"
    assert "_skl_callbacks" not in vars(model[-1])
    best = read_results(searched[0])["best_parameters"]
    X, y = load_training_images()
    expected = make_pipeline(MinMaxScaler(), MLPDigitClassifier(random_state=0, **best)).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))


def test_picture(searched):
    assert (searched[0] / "search.png").read_bytes().startswith(b"\x89PNG")


def test_no_picture_without_matplotlib(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    outcome = run("search", "--hidden", "4", "--epochs", 1, "--rows", 100, "--output", tmp_path)
    assert outcome.status == 0
    assert 'pip install "skdigits[plot]"' in outcome.err
    assert not (tmp_path / "search.png").exists()


def test_json_is_all_of_the_output(run, tmp_path):
    outcome = run("search", "--hidden", "4", "--epochs", 1, "--rows", 100, "--json", "--output", tmp_path)
    assert outcome.json["model"] == str(tmp_path / "best.npz")
    assert len(outcome.json["cv_results"]["mean_test_score"]) == 1


def test_failed_candidates_are_last_and_say_so(run, tmp_path):
    options = ("--hidden", "4", "--learning-rate", "1e30", "0.01", "--epochs", 2, "--rows", 100)
    outcome = run("search", *options, "--jobs", 1, "--output", tmp_path)
    assert outcome.status == 0
    assert outcome.out.split("\n\n")[1].splitlines()[-1].split()[:5] == ["2", "4", "1e+30", "failed", "failed"]
    assert outcome.err.count("1e+30  failed: Solver produced non-finite parameter weights\n") == 3


def test_when_every_candidate_fails(run, tmp_path):
    options = ("--hidden", "4", "--learning-rate", "1e30", "--epochs", 2, "--rows", 100, "--jobs", 1)
    outcome = run("search", *options, "--output", tmp_path)
    assert outcome.status == 2
    assert outcome.err.splitlines()[-1].startswith(
        "skdigits: no candidate could be trained: Solver produced non-finite"
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--hidden", "64,x"], "expected whole numbers of at least 1, as in 64 or 64,32, got '64,x'"),
        (["--hidden", "0"], "got '0'"),
        (["--cv", "1"], "expected a whole number of at least 2, got '1'"),
        (["--learning-rate", "0"], "expected a number above 0, got '0'"),
    ],
)
def test_bad_options(assert_refused, options, says):
    assert_refused("search", *options, says=says)


def test_folder_that_cannot_be_made(assert_refused, tmp_path):
    (tmp_path / "file").write_text("")
    assert_refused("search", "--output", tmp_path / "file" / "x", says="cannot be made")


@pytest.mark.parametrize(
    ("costs", "scores", "front"),
    [
        ([1, 2, 3], [0.1, 0.2, 0.3], [0, 1, 2]),
        ([3, 2, 1], [0.1, 0.2, 0.3], [2]),
        ([1, 1, 2], [0.1, 0.2, 0.2], [1]),
        ([5], [0.5], [0]),
    ],
)
def test_pareto_front(costs, scores, front):
    assert search_results.find_front(costs, scores) == front


def test_no_more_fits_at_a_time_than_there_are(run, tmp_path, monkeypatch):
    asked = []
    in_threads = search_threads.in_threads
    monkeypatch.setattr(
        search_threads, "in_threads", lambda n_jobs, display: (asked.append(n_jobs), in_threads(1, display))[1]
    )
    run("search", "--hidden", 4, "--epochs", 1, "--rows", 100, "--jobs", 3000, "--output", tmp_path)
    assert asked == [3]


def test_networks_that_memory_cannot_hold(run, tmp_path):
    status, _, err = run("search", "--hidden", 10**13, "--epochs", 1, "--rows", 100, "--output", tmp_path)
    assert (status, err.splitlines()[-1]) == (2, "skdigits: no candidate could be trained: not enough memory")
    assert "Traceback" not in err
    assert err.count("failed: not enough memory\n") == 3


@pytest.mark.parametrize("name", ["cv_results.csv", "cv_results.json", "search.png", "search.json"])
def test_results_that_could_not_be_written_are_refused_before(assert_refused, tmp_path, name):
    (tmp_path / name).mkdir()
    assert_refused("search", *CANDIDATES, "--output", tmp_path, says=f"{name} in it is no file")


def test_fits_need_a_folder(assert_refused, tmp_path):
    (tmp_path / "fits").touch()
    assert_refused("search", *CANDIDATES, "--output", tmp_path, says="fits in it is to be a folder")


def test_too_few_images_for_the_folds(assert_refused, tmp_path):
    output = tmp_path / "new"
    assert_refused("search", "--rows", 5, "--output", output, says="got 5 images, at most 2 of a class: give more by")
    assert not output.exists()


def test_too_few_images_for_halving(assert_refused, tmp_path):
    options = ("--halving", "--rows", 40, "--output", tmp_path / "new")
    assert_refused("search", *options, says="--halving with --cv 3 starts on 60 images, got 40: give more by --rows")
    assert not (tmp_path / "new").exists()


def test_error_of_a_search_is_not_that_of_an_earlier_fit(searched, assert_refused, tmp_path, monkeypatch):
    def refuse(*_):
        raise ValueError("no scheduler answers")

    folder = tmp_path / "search"
    shutil.copytree(searched[0], folder)
    record = json.loads(min((folder / "fits").glob("*.json")).read_text())
    (folder / "fits" / "x.json").write_text(json.dumps({**record, "error": "diverged"}))
    monkeypatch.setattr(search, "_where_fits_run", refuse)
    assert_refused(
        "search", "--json", *CANDIDATES, "--output", folder, "--resume", says="skdigits: no scheduler answers"
    )


class Client(contextlib.nullcontext):
    """Of a cluster that is not there."""

    def __init__(self):
        super().__init__()
        self.threads, self.status, self.amm, self.is_on, self.has_workers = {}, "running", self, True, True

    def ncores(self):
        return self.threads

    def run(self, *_, **__):
        return {}

    def wait_for_workers(self, n_workers, timeout):
        if not self.has_workers:
            raise TimeoutError

    def running(self):
        return self.is_on

    def start(self):
        self.is_on = True

    def stop(self):
        self.is_on = False


@pytest.fixture
def client(monkeypatch):
    distributed, client = pytest.importorskip("distributed"), Client()
    monkeypatch.setattr(distributed, "Client", lambda *_, **__: client)
    monkeypatch.setattr(joblib, "parallel_config", lambda *_, **__: contextlib.nullcontext())
    monkeypatch.setattr(cluster, "_telling_backend", lambda *_: None)
    return client


@pytest.fixture
def on_cluster(client, tmp_path):
    """Nothing has been written into the folder of fits."""
    search = SimpleNamespace(estimator=SimpleNamespace(folder=tmp_path))
    return cluster.on_cluster("tcp://x", search, None, None, SimpleNamespace(tell_finished=lambda: None))


@pytest.mark.parametrize("was_on", [False, True])
def test_copies_of_samples_are_kept_on_a_cluster(client, on_cluster, was_on):
    client.is_on = was_on
    with on_cluster:
        assert not client.is_on
    assert client.is_on == was_on


@pytest.mark.parametrize(("threads", "is_told"), [({}, False), ({"a": 1}, True), ({"a": 1, "b": 1}, False)])
def test_cluster_of_one_thread_makes_no_fits(client, on_cluster, capsys, threads, is_told):
    client.threads = threads
    with on_cluster:
        pass
    assert ("the cluster has one thread in all" in capsys.readouterr().err) == is_told


def test_cluster_without_workers(client, on_cluster):
    client.has_workers = False
    with (
        pytest.raises(
            ValueError, match="--scheduler tcp://x: no worker has come in 10 seconds: start some by `dask wo"
        ),
        on_cluster,
    ):
        pass


@pytest.mark.parametrize(
    ("status", "says"), [("closed", "the connection was lost"), ("running", "data were lost with a worker")]
)
def test_scheduler_or_data_that_are_lost(client, on_cluster, status, says):
    client.status = status
    with (
        pytest.raises(ValueError, match=f"--scheduler tcp://x: {says}; finished fits are kept"),
        on_cluster,
    ):
        raise CancelledError


def test_scheduler_without_certificates(assert_refused, tmp_path):
    pytest.importorskip("distributed")
    options = ("--json", "--rows", 60, "--hidden", 4, "--epochs", 1, "--output", tmp_path)
    assert_refused("search", *options, "--scheduler", "tls://127.0.0.1:9", says="expected the address of a scheduler")


def test_jobs_of_a_cluster_are_its_own(assert_refused):
    assert_refused("search", "--scheduler", "tcp://x:1", "--jobs", 2, says="--jobs does not go with --scheduler")


@pytest.mark.parametrize("halving", [[], ["--halving"]], ids=["grid", "halving"])
def test_when_every_candidate_fails_in_a_fold(run, tmp_path, monkeypatch, halving):
    fit, calls = MLPDigitClassifier.fit, []

    def fail_at_times(self, *args, **options):
        calls.append(0)
        if self.max_iter > 1 and len(calls) % 3 == 0:
            raise ValueError("It failed. Details follow.")
        return fit(self, *args, **options)

    monkeypatch.setattr(MLPDigitClassifier, "fit", fail_at_times)
    options = ("--hidden", "4", "5", "--epochs", 2, "--rows", 100, "--jobs", 1, *halving)
    outcome = run("search", *options, "--output", tmp_path)
    assert outcome.status == 2
    assert outcome.err.splitlines()[-1] == "skdigits: no candidate could be trained in all folds: It failed"
    assert not (tmp_path / "best.npz").exists()


def test_candidate_given_twice_is_one(run, tmp_path):
    options = ("--hidden", 4, 4, "--epochs", 1, "--rows", 100, "--jobs", 1, "--json", "--output", tmp_path)
    assert len(run("search", *options).json["cv_results"]["params"]) == 1


def test_all_cores_are_used(run, tmp_path, monkeypatch):
    seen = []

    def watch(n_jobs, display):
        seen.append(n_jobs)
        return contextlib.nullcontext()

    monkeypatch.setattr(search_threads, "in_threads", watch)
    run("search", "--hidden", 4, "--epochs", 1, "--rows", 100, "--output", tmp_path)
    assert seen == [-1]


def test_candidates_that_went_furthest_come_first():
    results = {"params": [0, 1], "iter": [0, 1], "rank_test_score": [1, 2]}
    assert search_results.rank(results) == [1, 0]


@pytest.mark.parametrize(("n_samples", "is_it"), [(181, True), (60, False)])
def test_fits_of_another_round_are_no_fits_of_this_one(n_samples, is_it):
    assert search_results._is_of({"n_samples": n_samples, "candidate": {}}, {}, 180) == is_it


def test_count_of_fits_is_within_the_total(run, tmp_path):
    err = run("search", *CANDIDATES, "--halving", "--jobs", 1, "--output", tmp_path).err
    counts = [(int(done), int(total)) for done, total in re.findall(r"^(\d+)/(\d+)  ", err, re.MULTILINE)]
    assert len(counts) > 12
    assert all(done <= total for done, total in counts)
