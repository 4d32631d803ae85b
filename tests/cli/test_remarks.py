import warnings

import pytest

from skdigits._cli.remarks import in_options, warnings_as_lines


def test_a_warning_is_told_once(capsys):
    with warnings_as_lines():
        warnings.simplefilter("always")
        for text in ("first", "of two\n  lines", "first"):
            warnings.warn(text)
    assert capsys.readouterr().err == "skdigits: warning: first\nskdigits: warning: of two lines\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Got `batch_size` larger than 5", "Got --batch-size larger than 5"),
        ("cannot go on with max_iter=70 (was 60), random_state=2", "cannot go on with --epochs 70 (was 60), --seed 2"),
        ("or lower learning_rate_init=1e+30.", "or lower --learning-rate 1e+30."),
        ("there is no file max_iter.npz", "there is no file max_iter.npz"),
        ("there is no file runs/max_iter=5/m.npz", "there is no file runs/max_iter=5/m.npz"),
    ],
)
def test_parameters_are_told_by_their_options(line, expected):
    assert in_options(line) == expected
