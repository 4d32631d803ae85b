"""``skdigits predict``: labels for files of pixels."""


def add_parser(commands):
    """Add the command to the parser."""
    parser = commands.add_parser(
        "predict",
        help="print labels for files of pixels",
        description="Print a label a line for each sample. Model files can run code: use only your own.",
    )
    parser.add_argument("model", metavar="MODEL", help="file that `skdigits train` has saved")
    parser.add_argument(
        "inputs",
        metavar="FILE",
        nargs="+",
        help="IDX file (plain or .gz), .npy array, or .csv with a sample a row; pixels as in the training images",
    )
    parser.add_argument("--proba", action="store_true", help="print the probability of each class behind the label")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    return parser


def run(arguments):
    """Load, read, predict, print."""
    import numpy as np

    from skdigits._cli.models import load_model
    from skdigits._cli.report import print_json
    from skdigits._cli.samples import read_samples

    model = load_model(arguments.model)
    predictions = []
    for path in arguments.inputs:
        samples = read_samples(path, model.n_features_in_)
        if samples.shape[1] != model.n_features_in_:
            raise ValueError(
                f"{path}: expected samples of {model.n_features_in_} pixels, as the model was trained on, "
                f"got {samples.shape[1]}"
            )
        probabilities = model.predict_proba(samples)
        for index, row in enumerate(probabilities):
            best = int(np.argmax(row))
            label = model.classes_[best].item() if hasattr(model.classes_[best], "item") else model.classes_[best]
            if arguments.json:
                prediction = {"input": f"{path}[{index}]", "label": label, "probability": float(row[best])}
                if arguments.proba:
                    prediction["probabilities"] = [float(value) for value in row]
                predictions.append(prediction)
            else:
                print(label, *(f"{value:.6f}" for value in row if arguments.proba))
    if arguments.json:
        print_json({"model": arguments.model, "predictions": predictions})
