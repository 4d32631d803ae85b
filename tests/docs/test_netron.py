"""Exported networks open in Netron, which draws every node of them."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skdigits import MLPDigitClassifier, make_digit_pipeline

X, Y = load_digits(return_X_y=True)


SMALL = {"hidden_layer_sizes": (16, 8), "max_iter": 2, "random_state": 0}


def classifier(**parameters):
    return MLPDigitClassifier(**SMALL, **parameters)


@pytest.fixture
def draw(open_chromium, module):
    """What Netron shows of a model: the title of the page, and the kinds of the nodes drawn on it."""
    netron, wait = module("netron"), module("selenium.webdriver.support.ui")
    chromium = open_chromium()

    def is_drawn(browser):
        for button in browser.find_elements("css selector", "button"):
            if button.is_displayed() and button.text == "Accept":
                button.click()
        # The title comes last.
        return browser.title != "Netron" and browser.find_elements("css selector", ".graph-item-output")

    def show(model, name):
        address = netron.serve(name, model.SerializeToString(), address=("127.0.0.1", 0))
        try:
            chromium.get("http://{}:{}".format(*address))
            wait.WebDriverWait(chromium, 30).until(is_drawn)
            kinds = chromium.find_elements("css selector", ".node-item-type text")
            return chromium.title, [kind.text for kind in kinds]
        finally:
            netron.stop(address)

    return show


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "estimator",
    [
        pytest.param(classifier(), id="softmax"),
        pytest.param(classifier(output_activation="logistic", activation="gelu"), id="logistic"),
        pytest.param(make_pipeline(MinMaxScaler(), classifier()), id="scaled"),
        pytest.param(make_digit_pipeline(**SMALL), id="make_digit_pipeline"),
    ],
)
def test_every_node_is_drawn(draw, module, estimator):
    module("skl2onnx")
    from skdigits.persistence import to_onnx

    model = to_onnx(estimator.fit(X, np.array(list("abcdefghij"))[Y]))
    title, kinds = draw(model, "network.onnx")
    assert title == "network.onnx"
    assert sorted(kinds) == sorted(node.op_type for node in model.graph.node)
    assert kinds.count("Gemm") == 3
