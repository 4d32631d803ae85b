"""Trains the network of the demo page and writes it as ``digits.onnx``, which is kept with the page: half a minute.

Its input is what `DigitCenterer` makes of an image, in [0, 1]; the page does the same (``prepare.js``).
"""

import argparse
from pathlib import Path

from skdigits import MLPDigitClassifier
from skdigits.datasets import fetch_mnist
from skdigits.persistence import to_onnx
from skdigits.preprocessing import DigitCenterer, ElasticDeformer


def main():
    """Train, say how well, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("digits.onnx"))
    parser.add_argument("--epochs", type=int, default=60)
    arguments = parser.parse_args()
    model = MLPDigitClassifier(
        hidden_layer_sizes=(128,),
        solver="adamw",
        alpha=0.01,
        learning_rate="one_cycle",
        learning_rate_init=0.006,
        weight_averaging=0.999,
        max_iter=arguments.epochs,
        # Drawn with a mouse, digits are less regular than MNIST's.
        augmenter=ElasticDeformer(rotation=15, scale=0.15, shear=0.2, shift=1.0),
        random_state=0,
    )
    model.fit(*prepared("train"))
    print(f"accuracy on the test images: {100 * model.score(*prepared('test')):.2f} %")
    arguments.output.write_bytes(to_onnx(model).SerializeToString())
    print(f"written: {arguments.output}, {arguments.output.stat().st_size:,} bytes")


def prepared(subset):
    """Images of MNIST as the page prepares what is drawn, and their labels."""
    X, y = fetch_mnist(subset=subset, return_X_y=True)
    return DigitCenterer().fit_transform(X.astype("float32") / 255), y


if __name__ == "__main__":
    main()
