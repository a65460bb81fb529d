"""The model card: what an exported network takes, gives, has reached, and how to call it."""

import dataclasses
from typing import NamedTuple

from keras_multigrid import checks
from keras_multigrid.datasets.class_folders import printable
from keras_multigrid.export.class_names import CLASS_NAMES
from keras_multigrid.export.serving import takes_files
from keras_multigrid.export.versions import model_name

CARD = "README.md"


@dataclasses.dataclass(frozen=True)
class Facts:
    """What is known of a network besides itself.

    Attributes:
        description: What it does, and what it was trained on.
        metrics: What it reaches, from names to values.
        recipe: The command that trains it.
        licence: Under which licence its weights may be used.
        notes: Further sentences.
        class_names: Names of the classes in the order of its outputs, or None.

    Example:

    >>> import keras_multigrid as kmg
    >>> kmg.export.Facts(metrics={"accuracy": 0.9}, licence="CC-BY-4.0").metrics
    {'accuracy': 0.9}
    """

    description: str = ""
    metrics: dict = dataclasses.field(default_factory=dict)
    recipe: str = ""
    licence: str = "not stated"
    notes: tuple = ()
    class_names: tuple | None = None

    def __post_init__(self):
        checks.fields(self)


class Macs(NamedTuple):
    """Multiply-adds of an image of some size, as trained and as exported."""

    height: int
    width: int
    trained: int
    exported: int


def model_card(version, file_format, served, macs, facts):
    """Returns the card of an exported network as Markdown.

    Args:
        version: Path of the version's folder.
        file_format: `"savedmodel"`, `"onnx"`, `"litert"` or `"keras"`.
        served: A `ServingModel`.
        macs: The `Macs`.
        facts: The `Facts`.
    """
    name = model_name(version.parent)
    height, width, channels = served.image_shape
    shape = f"(N, {height or 'height'}, {width or 'width'}, {channels})"
    colours = "grey" if channels == 1 else "RGB"
    resizing = (
        f", and so is resizing: the central square, to {served.resize.size}x{served.resize.size}"
        if served.resize
        else ""
    )
    lines = [f"# {name}", "", *([facts.description, ""] if facts.description else [])]
    lines += [*facts.notes, ""] if facts.notes else []
    lines += [
        f"{macs.exported:,} multiply-adds per image of {macs.height}x{macs.width} "
        f"({macs.trained:,} as trained).",
        "",
    ]
    lines += [
        *("## Input", ""),
        *("| name | type | shape | what |", "|---|---|---|---|"),
        f"| `images` | {served.dtype} | {shape} | {colours} images, values from 0 to 255 |",
        *("", f"Normalization is inside{resizing}.", ""),
        *("## Outputs", "", "| name | type | shape | what |", "|---|---|---|---|"),
        *_outputs(served.predict),
        "",
    ]
    if facts.class_names:
        named = ", ".join(
            f"{number} {printable(name)}" for number, name in enumerate(facts.class_names)
        )
        lines += ["## Classes", "", f"{named}.", ""]
        lines += [f"Their names, in this order, are in `{CLASS_NAMES}`, too.", ""]
    if file_format == "savedmodel":
        if takes_files(served):
            one_size = served.resize is None and None in served.size
            end = "; files of one request are of one size." if one_size else "."
            lines += [
                "Besides `serving_default` there is the signature `image_files`, which takes "
                "encoded PNG or JPEG files (`image_files`, string, (N,)) and gives the same "
                f"outputs{end}",
                "",
            ]
        if served.features is not None:
            lines += [
                "The signature `features` takes `images` and gives the network's last pyramid, "
                "finest grid first:",
                *("", "| name | type | shape | what |", "|---|---|---|---|"),
                *_outputs(served.features),
                "",
            ]
    if facts.metrics:
        rows = [f"| {key} | {value:.4g} |" for key, value in facts.metrics.items()]
        lines += ["## Metrics", "", "| metric | value |", "|---|---|", *rows, ""]
    if facts.recipe:
        lines += ["## Recipe", "", "```", facts.recipe, "```", ""]
    example = _example(version, file_format, served)
    lines += ["## How to call it", "", *example, "", "## Licence", "", f"{facts.licence}", ""]
    return "\n".join(lines)


def _outputs(model):
    what = {"classes": "the most probable class, from 0"}
    for name, tensor in sorted(model.output.items()):
        of = "of each class" if tensor.shape[-1] != 1 else "of what is looked for"
        what |= {"probabilities": of, "masks": f"the probability {of} at each pixel"}
        # Masks have the images' size.
        unknown = ["height", "width"] if name == "masks" else ["any", "any"]
        shape = ", ".join(
            str(unknown.pop(0) if side is None else side) for side in tensor.shape[1:]
        )
        shape = f"(N, {shape})" if shape else "(N,)"
        yield f"| `{name}` | {tensor.dtype} | {shape} | {what.get(name, 'feature map')} |"


def _example(version, file_format, served):
    """Returns the lines of a program that calls the model, and of requests to a server."""
    name = model_name(version.parent)
    folder = f"{name}/{version.name}"
    shape = (1, *[side or 64 for side in served.size], served.image_shape[-1])
    images = f'images = np.zeros({shape}, "{served.dtype}")  # yours'
    program = {
        "savedmodel": [
            "import numpy as np, tensorflow as tf",
            "",
            f'model = tf.saved_model.load("{folder}")',
            images,
            'outputs = model.signatures["serving_default"](images=images)',
        ],
        "onnx": [
            "import numpy as np, onnxruntime",
            "",
            f'session = onnxruntime.InferenceSession("{folder}/model.onnx")',
            images,
            "names = [output.name for output in session.get_outputs()]",
            'outputs = dict(zip(names, session.run(names, {"images": images})))',
        ],
        "litert": [
            "import numpy as np",
            "from ai_edge_litert.interpreter import Interpreter",
            "",
            f'interpreter = Interpreter("{folder}/model.tflite")',
            images,
            'index = interpreter.get_input_details()[0]["index"]',
            "interpreter.resize_tensor_input(index, images.shape)",
            'outputs = interpreter.get_signature_runner("serving_default")(images=images)',
        ],
        "keras": [
            "import keras, numpy as np",
            "import keras_multigrid  # its layers",
            "",
            f'model = keras.models.load_model("{folder}/model.keras")',
            images,
            "outputs = model.predict(images)",
        ],
    }[file_format]
    lines = [f"In the folder above `{name}`:", "", "```python", *program, "```"]
    if file_format == "savedmodel" and takes_files(served):
        lines += [
            "",
            "On a server, `keras-multigrid serve` or TensorFlow Serving, whose folder of versions "
            f"is named `{name}`:",
            "",
            "```",
            'echo \'{"signature_name": "image_files", "instances": '
            '[{"b64": "\'$(base64 < image.png | tr -d "\\n")\'"}]}\' |',
            f"    curl -d @- http://localhost:8501/v1/models/{name}:predict",
            "```",
        ]
    return lines
