"""The command `smallbatch diagnose model.keras train/ validation/`: a saved model and folders of images."""

import argparse
import sys
from pathlib import Path

from smallbatch.errors import DataError, ParameterError, UserError


def main(arguments: list[str] | None = None) -> int:
    """Run the command; print what was found, or one sentence on what is wrong. Returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        print(_diagnose(options))
    except UserError as error:
        print(f"smallbatch: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="smallbatch", description="Batch norm in a Keras model, diagnosed.")
    commands = parser.add_subparsers(required=True, metavar="command")
    diagnose = commands.add_parser(
        "diagnose", help="what the gap between training and validation of a saved model is made of"
    )
    diagnose.add_argument("model", type=Path, help="a model saved by Keras 3 (.keras)")
    diagnose.add_argument("train", type=Path, help="folder with one folder of training images per class")
    diagnose.add_argument("validation", type=Path, help="the same with validation images")
    diagnose.add_argument("--batch-size", type=int, default=32, help="that of training (default: %(default)s)")
    diagnose.add_argument("--figure", type=Path, help="also write the figure here (.png, .svg or .pdf)")
    return parser


def _diagnose(options) -> str:
    import keras

    from smallbatch.diagnosis.diagnosing import diagnose
    from smallbatch.diagnosis.folders import ClassFolders

    if not options.model.is_file():
        raise DataError(f"{str(options.model)!r} is no file. Allowed: a model saved by Keras 3 (.keras)")
    if options.batch_size < 1:
        raise ParameterError(f"--batch-size = {options.batch_size} is not allowed. Allowed: a whole number, 1 or more")
    try:
        model = keras.models.load_model(options.model)
    except (ValueError, TypeError, OSError) as error:
        raise DataError(
            f"{str(options.model)!r} cannot be loaded ({str(error).splitlines()[0]}). Allowed: a model of Keras 3, "
            "made of layers that Keras knows"
        ) from error
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4 or None in shape[1:] or shape[-1] not in (1, 3, 4):
        raise ParameterError(
            f"the model takes inputs of shape {shape}. Allowed: images, (None, height, width, channels)"
        )
    train, validation = (ClassFolders(f, shape[1:], options.batch_size) for f in (options.train, options.validation))
    if train.classes != validation.classes:
        raise DataError(
            f"the folders of classes differ: {', '.join(train.classes)} and {', '.join(validation.classes)}. "
            "Allowed: the same names in both"
        )
    found = diagnose(model, train, validation)
    if options.figure:
        import matplotlib

        matplotlib.use("agg")
        found.figure().savefig(options.figure, bbox_inches="tight")
    return f"{found}\n\n{found.parts.round(1).to_string()}"
