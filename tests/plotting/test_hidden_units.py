import numpy as np
import pytest

from skdigits.plotting import HiddenUnitsDisplay


def test_images_are_the_weights_of_the_largest_units(fitted):
    coefs = fitted.network.coefs_[0]
    display = HiddenUnitsDisplay.from_estimator(fitted.pipeline, n_units=5)
    expected = sorted(range(12), key=lambda unit: -np.sqrt((coefs[:, unit].astype(float) ** 2).sum()))[:5]
    assert display.units.tolist() == expected
    for unit, image in zip(expected, display.images_, strict=True):
        np.testing.assert_array_equal(image.get_array(), coefs[:, unit].reshape(8, 8))
        assert image.axes.get_title() == f"unit {unit}"


def test_one_scale_around_zero(fitted):
    display = HiddenUnitsDisplay.from_estimator(fitted.network, order="index")
    limit = np.abs(fitted.network.coefs_[0]).max()
    assert {image.get_clim() for image in display.images_} == {(-limit, limit)}
    assert display.units.tolist() == list(range(12))
    assert display.ax_.shape == (3, 4)
    assert [ax.get_ylabel() for ax in display.figure_.axes if ax not in display.ax_] == ["Weight"]


def test_weights_of_zero_are_of_the_colour_in_the_middle():
    display = HiddenUnitsDisplay(np.zeros((3, 2, 2)), np.arange(3)).plot()
    for drawn in display.images_:
        assert drawn.norm(0.0) == 0.5


def test_other_order(fitted):
    with pytest.raises(ValueError, match="order must be one of 'norm', 'index', got 'size'"):
        HiddenUnitsDisplay.from_estimator(fitted.network, order="size")


def test_image_shape(fitted):
    display = HiddenUnitsDisplay.from_estimator(fitted.network, n_units=1, image_shape=(4, 16))
    assert display.images_[0].get_array().shape == (4, 16)


@pytest.mark.parametrize("n_units", [-1, 1.5])
def test_number_of_units_is_checked(fitted, n_units):
    with pytest.raises((TypeError, ValueError), match="n_units"):
        HiddenUnitsDisplay.from_estimator(fitted.network, n_units=n_units)


def test_no_units_are_no_images(fitted):
    assert HiddenUnitsDisplay.from_estimator(fitted.network, n_units=0).images_ == []
