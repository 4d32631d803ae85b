import joblib
import pytest

from skdigits._cli import models
from skdigits.persistence import _files


def test_round_trip(tmp_path):
    models.save_model({"a": 1}, tmp_path / "m")
    assert joblib.load(tmp_path / "m") == {"a": 1}
    assert (tmp_path / "m").stat().st_mode & 0o777 == 0o644


def test_file_is_replaced(tmp_path):
    (tmp_path / "m").write_bytes(b"old" * 1000)
    models.save_model([1], tmp_path / "m")
    assert joblib.load(tmp_path / "m") == [1]
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, OSError])
def test_failure_leaves_the_old_file_alone(tmp_path, monkeypatch, error):
    def dump(model, stream):
        stream.write(b"half of a model")
        stream.flush()
        raise error

    (tmp_path / "m").write_bytes(b"old")
    monkeypatch.setattr(models.joblib, "dump", dump)
    with pytest.raises(error):
        models.save_model([1], tmp_path / "m")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"m": b"old"}


def test_failure_leaves_no_new_file(tmp_path, monkeypatch):
    def replace(source, target):
        raise OSError("no rename")

    monkeypatch.setattr(_files.os, "replace", replace)
    with pytest.raises(OSError, match="no rename"):
        models.save_model([1], tmp_path / "m")
    assert list(tmp_path.iterdir()) == []
