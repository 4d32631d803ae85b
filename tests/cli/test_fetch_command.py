import pytest

from skdigits._cli import fetch


def test_says_where(run, small_mnist, tmp_path, monkeypatch):
    folder = small_mnist.write(tmp_path)
    monkeypatch.setenv("SKDIGITS_DATA", str(tmp_path))
    outcome = run("fetch", "mnist")
    assert outcome == (0, f"MNIST is in {folder}: 200 training and 100 test images, verified.\n", "")


def test_json(run, small_mnist, tmp_path):
    folder = small_mnist.write(tmp_path)
    outcome = run("fetch", "mnist", "--data-home", tmp_path, "--json")
    assert outcome.json == {"dataset": "mnist", "folder": str(folder), "train": 200, "test": 100}
    assert (outcome.status, outcome.err, outcome.out.count("\n")) == (0, "", 1)


def test_data_home_goes_before_the_environment(run, small_mnist, tmp_path, monkeypatch):
    folder = small_mnist.write(tmp_path / "option")
    monkeypatch.setenv("SKDIGITS_DATA", str(tmp_path / "environment"))
    assert str(folder) in run("fetch", "mnist", "--data-home", tmp_path / "option").out


def test_offline(assert_refused, small_mnist, closed_port, tmp_path):
    says = [
        "train-images-idx3-ubyte.gz could not be downloaded",
        "http://127.0.0.1:",
        "refused",
        "Check the connection",
    ]
    assert_refused("fetch", "mnist", "--data-home", tmp_path, says=says)


def test_corrupt_file(assert_refused, small_mnist, tmp_path):
    path = small_mnist.write(tmp_path) / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-1])
    assert_refused("fetch", "mnist", "--data-home", tmp_path, says=f"Delete {path}")


def test_data_home_is_a_file(assert_refused, small_mnist, tmp_path):
    (tmp_path / "file").touch()
    assert_refused("fetch", "mnist", "--data-home", tmp_path / "file", says=str(tmp_path / "file"))


@pytest.fixture
def fail(monkeypatch):
    """Make the command end with an exception."""

    def arrange(error):
        def raise_it(arguments):
            raise error

        monkeypatch.setattr(fetch, "run", raise_it)

    return arrange


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError(), 1, "not enough memory"),
        (ValueError("two\n  lines"), 2, "two lines"),
        (PermissionError(13, "Permission denied", "x"), 2, "[Errno 13] Permission denied: 'x'"),
        (TypeError("a mistake"), 1, "unexpected TypeError: a mistake (SKDIGITS_TRACEBACK=1 shows where)"),
    ],
)
def test_every_failure_is_one_line(run, fail, error, status, message):
    fail(error)
    assert run("fetch", "mnist") == (status, "", f"skdigits: {message}\n")


def test_traceback_on_request(run, fail, monkeypatch):
    monkeypatch.setenv("SKDIGITS_TRACEBACK", "1")
    fail(TypeError("a mistake"))
    with pytest.raises(TypeError, match="a mistake"):
        run("fetch", "mnist")
