"""The demo page prepares, recognises and shows as Python does."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from skdigits.preprocessing import DigitCenterer

DEMO = Path(__file__).parents[2] / "docs" / "demo"


def arc(x, y, rx, ry, start, end, n=16):
    """Points of an ellipse between two angles in degrees, counted clockwise from the right."""
    angles = [math.radians(start + (end - start) * k / n) for k in range(n + 1)]
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


# Lines that a hand might draw on a canvas of 280 x 280.
STROKES = {
    0: [arc(140, 140, 55, 85, -90, 270, 24)],
    1: [[(150, 50), (140, 140), (132, 230)]],
    2: [[*arc(140, 100, 50, 45, -170, 30), (95, 220), (195, 222)]],
    3: [[*arc(135, 95, 45, 42, -150, 90), *arc(135, 183, 50, 45, -90, 150)]],
    4: [[(100, 60), (90, 150), (190, 145)], [(175, 65), (165, 230)]],
    5: [[(185, 60), (110, 62), (103, 125), *arc(140, 170, 50, 52, -110, 140)]],
    6: [[(165, 50), (115, 120), (92, 180), *arc(138, 185, 46, 42, 180, 540, 24)]],
    7: [[(85, 65), (195, 62), (150, 150), (125, 230)]],
    8: [[*arc(140, 97, 38, 40, 90, 450, 20), *arc(140, 182, 45, 45, -90, 270, 20)]],
    9: [[*arc(140, 105, 42, 45, 0, -360, 24), (178, 150), (165, 235)]],
}


@pytest.fixture(scope="module")
def page(browser, demo_page):
    browser.get(demo_page.as_uri())
    settled(browser)
    return browser


def settled(browser):
    """What the page shows once it has recognised all that is drawn: ink, prepared picture and probabilities."""
    shown = browser.execute_async_script(
        "const [done] = arguments; skdigitsDemo.settled().then(done, (error) => done({ error: String(error) }));"
    )
    assert "error" not in shown, shown["error"]
    return shown


def draw(browser, strokes, *, scale=1.0, offset=(0, 0)):
    """Draw with the mouse, as a visitor does."""
    from selenium.webdriver.common.action_chains import ActionBuilder

    browser.execute_script("skdigitsDemo.clear()")
    paper = browser.find_element("id", "paper")
    mouse = ActionBuilder(browser, duration=0)
    for stroke in strokes:
        for number, (x, y) in enumerate(stroke):
            # Selenium counts from the middle of an element.
            place = [round(scale * (v - 140) + shift) for v, shift in zip((x, y), offset, strict=True)]
            mouse.pointer_action.move_to(paper, *place)
            if number == 0:
                mouse.pointer_action.pointer_down()
        mouse.pointer_action.pointer_up()
    mouse.perform()
    return settled(browser)


@pytest.fixture(scope="module")
def drawings(page):
    return {digit: draw(page, strokes) for digit, strokes in STROKES.items()}


def test_nine_of_ten_drawn_digits_are_recognised(drawings):
    found = {digit: int(np.argmax(shown["probabilities"])) for digit, shown in drawings.items()}
    assert sum(digit == label for digit, label in found.items()) >= 9, found


def test_probabilities_are_those_of_onnxruntime(drawings, module):
    onnxruntime = module("onnxruntime")
    session = onnxruntime.InferenceSession(DEMO / "digits.onnx", providers=["CPUExecutionProvider"])
    ink = np.array([shown["ink"] for shown in drawings.values()], np.float32)
    X = DigitCenterer().fit_transform(ink).astype(np.float32)
    (expected,) = session.run(["probabilities"], {session.get_inputs()[0].name: X})
    np.testing.assert_allclose([shown["probabilities"] for shown in drawings.values()], expected, atol=1e-5)


def test_prepared_pictures_are_those_of_digit_centerer(drawings):
    ink = np.array([shown["ink"] for shown in drawings.values()], np.float32)
    prepared = [shown["prepared"] for shown in drawings.values()]
    np.testing.assert_allclose(prepared, DigitCenterer().fit_transform(ink), atol=1e-6)


def test_place_and_size_of_a_drawing_hardly_matter(page):
    shown = draw(page, STROKES[3], scale=0.6, offset=(40, -50))
    assert np.argmax(shown["probabilities"]) == 3


def test_bars_and_picture_show_the_result(page):
    shown = draw(page, STROKES[7])
    percents = [element.text for element in page.find_elements("css selector", "#bars .percent")]
    assert percents == [f"{100 * value:.1f} %" for value in shown["probabilities"]]
    widths = [element.rect["width"] for element in page.find_elements("css selector", "#bars .share")]
    assert int(np.argmax(widths)) == int(np.argmax(shown["probabilities"])) == 7
    assert page.find_element("id", "status").text == "This is a 7."
    red = page.execute_script(
        "const pixels = document.getElementById('prepared').getContext('2d').getImageData(0, 0, 28, 28).data;"
        "return Array.from(pixels).filter((_, i) => i % 4 === 0)"
    )
    np.testing.assert_allclose(red, 255 * np.array(shown["prepared"]), atol=0.51)


def test_cleared_page_shows_nothing(page):
    draw(page, STROKES[1])
    page.find_element("id", "clear").click()
    shown = settled(page)
    assert shown["probabilities"] is None
    assert max(shown["ink"]) == max(shown["prepared"]) == 0
    assert not any(element.text for element in page.find_elements("css selector", "#bars .percent"))


def test_page_reports_no_error(page):
    draw(page, STROKES[2])
    assert [entry["message"] for entry in page.get_log("browser") if entry["level"] == "SEVERE"] == []


def prepared_by_script(node, images):
    program = (
        "require('./prepare.js');"
        "const images = JSON.parse(require('fs').readFileSync(0, 'utf8'));"
        "const rows = images.map((image) => centreDigit(image.flat(), image.length, image[0].length));"
        "console.log(JSON.stringify(rows.map((row) => Array.from(row))))"
    )
    return json.loads(node("-e", program, input=json.dumps([image.tolist() for image in images])))


@pytest.mark.parametrize(
    "images",
    [
        load_digits().images[:50],
        [np.eye(300, 200), np.ones((40, 50)), np.ones((1, 7)), np.ones((1, 1)), np.zeros((5, 6))],
        [np.where(np.arange(900).reshape(30, 30) % 31 == 0, 1.0, -1.0)],
        list(np.random.RandomState(0).uniform(-1, 1, (20, 33, 17))),
    ],
    ids=["digits", "shapes", "below 0", "noise"],
)
def test_script_prepares_as_digit_centerer_does(node, images):
    np.testing.assert_allclose(prepared_by_script(node, images), DigitCenterer().fit_transform(images), atol=1e-6)
