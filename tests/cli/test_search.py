import contextlib
import csv
import errno
import json
import re
import shutil
import signal
import subprocess
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

from skdigits import MLPDigitClassifier
from skdigits._cli import cluster, search, search_results, search_store
from skdigits.persistence import load_weights
from skdigits.persistence._files import replaced_whole

CANDIDATES = ("--hidden", "8", "6,4", "--learning-rate", "0.01", "0.1", "--epochs", 3, "--rows", 300)
GRID = {
    "mlpdigitclassifier__hidden_layer_sizes": [(8,), (6, 4)],
    "mlpdigitclassifier__learning_rate_init": [0.01, 0.1],
}


@pytest.fixture(scope="module")
def searched(run, tmp_path_factory):
    """Folder and outcome of a small search."""
    folder = tmp_path_factory.mktemp("searches") / "search"
    outcome = run("search", *CANDIDATES, "--jobs", 1, "--output", folder)
    assert outcome.status == 0, outcome.err
    return folder, outcome


def load_training_images():
    X, y = load_digits(return_X_y=True)
    X, _, y, _ = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)
    return X[:300], y[:300]


def plain_search(search_class, **options):
    """The same search by scikit-learn alone."""
    model = make_pipeline(MinMaxScaler(), MLPDigitClassifier(batch_size=32, max_iter=3, random_state=0))
    return search_class(model, GRID, cv=3, **options).fit(*load_training_images())


def read_results(folder):
    return json.loads((folder / "cv_results.json").read_text())


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
    assert "4 finished fits are there" in outcome.out
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
        ([], "holds a search: go on with it by --resume"),
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
    n_finished = int(re.search(r"skdigits: interrupted after (\d) finished fits, which --resume skips\n$", err)[1])
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


def test_no_more_fits_at_a_time_than_there_are(run, tmp_path, monkeypatch):
    asked = []
    in_threads = search._in_threads
    monkeypatch.setattr(
        search, "_in_threads", lambda n_jobs, display: (asked.append(n_jobs), in_threads(1, display))[1]
    )
    run("search", "--hidden", 4, "--epochs", 1, "--rows", 100, "--jobs", 3000, "--output", tmp_path)
    assert asked == [3]


def test_networks_that_memory_cannot_hold(run, tmp_path):
    status, _, err = run("search", "--hidden", 10**13, "--epochs", 1, "--rows", 100, "--output", tmp_path)
    assert (status, err.splitlines()[-1]) == (2, "skdigits: no candidate could be trained: not enough memory")
    assert "Traceback" not in err
    assert err.count("failed: not enough memory\n") == 3


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
    ],
)  # fmt: skip
def test_fit_whose_record_is_damaged_is_made_again(searched, run, tmp_path, content):
    folder = tmp_path / "search"
    shutil.copytree(searched[0], folder)
    damaged = min((folder / "fits").glob("*.json"))
    damaged.write_text(content)
    status, out, err = run("search", *CANDIDATES, "--output", folder, "--resume")
    assert status == 0, err
    assert "11 finished fits are there" in out
    assert (
        read_results(folder)["cv_results"]["mean_test_score"]
        == read_results(searched[0])["cv_results"]["mean_test_score"]
    )


@pytest.mark.parametrize("content", ["", "[]"])
def test_damaged_description_of_a_search(searched, assert_refused, tmp_path, content):
    folder = tmp_path / "search"
    shutil.copytree(searched[0], folder)
    (folder / "search.json").write_text(content)
    assert_refused("search", *CANDIDATES, "--output", folder, "--resume", says="search.json is damaged: search anew")


@pytest.mark.parametrize("name", ["cv_results.csv", "cv_results.json", "search.png"])
def test_results_that_could_not_be_written_are_refused_before(assert_refused, tmp_path, name):
    (tmp_path / name).mkdir()
    assert_refused("search", *CANDIDATES, "--output", tmp_path, says=f"{name} in it is a folder")


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


def test_scheduler_that_is_lost(monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(distributed, "Client", lambda *_, **__: contextlib.nullcontext())
    monkeypatch.setattr(joblib, "parallel_config", lambda *_, **__: contextlib.nullcontext())
    display = SimpleNamespace(tell_finished=lambda: None)
    with (
        pytest.raises(ValueError, match="--scheduler tcp://x: the connection was lost; finished fits are kept"),
        cluster.on_cluster("tcp://x", None, None, None, display),
    ):
        raise CancelledError


def test_scheduler_without_certificates(assert_refused, tmp_path):
    pytest.importorskip("distributed")
    options = ("--json", "--rows", 60, "--hidden", 4, "--epochs", 1, "--output", tmp_path)
    assert_refused("search", *options, "--scheduler", "tls://127.0.0.1:9", says="expected the address of a scheduler")
