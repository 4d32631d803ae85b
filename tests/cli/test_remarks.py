import warnings

from skdigits._cli.remarks import warnings_as_lines


def test_a_warning_is_told_once(capsys):
    with warnings_as_lines():
        warnings.simplefilter("always")
        for text in ("first", "of two\n  lines", "first"):
            warnings.warn(text)
    assert capsys.readouterr().err == "skdigits: warning: first\nskdigits: warning: of two lines\n"
