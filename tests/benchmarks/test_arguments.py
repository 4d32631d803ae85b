"""What the programs under benchmarks/ do with their arguments."""

import importlib

import pytest
from benchmark_rows import parse


@pytest.mark.parametrize("option", ["--repeats", "--threads", "--epochs"])
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many"])
def test_numbers_below_one_are_refused(modules, monkeypatch, tmp_path, capsys, option, value):
    with pytest.raises(SystemExit) as caught:
        parse(modules, monkeypatch, option, value, "--output", tmp_path, has_epochs=True)
    assert caught.value.code == 2
    assert f"argument {option}" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_output_that_is_no_folder_is_refused_at_once(modules, monkeypatch, tmp_path, capsys, name):
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as caught:
        parse(modules, monkeypatch, "--output", tmp_path / name)
    assert caught.value.code == 2
    assert "no results can be written to" in capsys.readouterr().err


@pytest.mark.parametrize("error", [ModuleNotFoundError("No module named 'torch'"), OSError("libgomp.so is missing")])
def test_rival_that_cannot_be_imported_is_left_out(modules, monkeypatch, tmp_path, capsys, error):
    load = importlib.import_module

    def fail(name, *args):
        if name == "torch":
            raise error
        return load(name, *args)

    monkeypatch.setattr(importlib, "import_module", fail)
    arguments = parse(modules, monkeypatch, "--output", tmp_path, rivals=modules.rivals.NAMES)
    assert arguments.rivals == ["sklearn"]
    assert str(error) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "keywords"),
    [
        (["--rivals"], {}),
        (["--rivals", "torch"], {"rivals": ["sklearn"]}),
        (["--repeats", "4"], {"repeats": None}),
        (["--epochs", "4"], {}),
    ],
)
def test_option_without_an_effect_is_refused(modules, monkeypatch, tmp_path, options, keywords):
    with pytest.raises(SystemExit) as caught:
        parse(modules, monkeypatch, *options, "--output", tmp_path, **keywords)
    assert caught.value.code == 2


def test_rival_without_a_side_is_not_imported(modules, monkeypatch, tmp_path):
    imported = []
    monkeypatch.setattr(importlib, "import_module", imported.append)
    parse(modules, monkeypatch, "--output", tmp_path)
    assert imported == []
    parse(modules, monkeypatch, "--output", tmp_path, rivals=["sklearn"])
    assert imported == ["sklearn"]
