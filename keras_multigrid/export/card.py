"""The model card: what an exported network takes, gives, has reached, and how to call it."""

import dataclasses
from typing import NamedTuple

from keras_multigrid import checks
from keras_multigrid.datasets.class_folders import printable
from keras_multigrid.datasets.masks.labels import SegmentationTask
from keras_multigrid.export.class_names import CLASS_NAMES
from keras_multigrid.export.segmentation_task import TASK
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
        task: The `SegmentationTask` of a network for masks, or None.

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
    task: SegmentationTask | None = None

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
    height, width, channels = served.image_shape
    shape = f"(N, {height or 'height'}, {width or 'width'}, {channels})"
    colours = {1: "grey", 3: "RGB"}.get(channels, f"{channels}-channel")
    resizing = ""
    if served.resize:
        size = f"{served.resize.size}x{served.resize.size}"
        resizing = f", and so is resizing: the central square, to {size}"
    parts = [
        f"# {model_name(version.parent)}",
        facts.description,
        "\n".join(facts.notes),
        f"{macs.exported:,} multiply-adds per image of {macs.height}x{macs.width} "
        f"({macs.trained:,} as trained).",
        "## Input",
        _table(
            f"| `images` | {served.dtype} | {shape} | {colours} images, {_values(facts.task)} |"
        ),
        f"Normalization is inside{resizing}.",
        "## Outputs",
        _table(*_outputs(served.predict)),
    ]
    if facts.class_names:
        names = ", ".join(f"{n} {printable(name)}" for n, name in enumerate(facts.class_names))
        parts += ["## Classes", f"{names}."]
        parts.append(f"The names, in this order, are in `{CLASS_NAMES}`, too.")
    if facts.task:
        parts.append(
            f"What mask files hold for each class, and its colour, are in `{TASK}`; "
            '`keras-multigrid serve` answers `"signature_name": "mask_files"` with such files.'
        )
    if file_format == "savedmodel" and takes_files(served, facts.task):
        one_size = served.resize is None and None in served.size
        parts.append(
            "Besides `serving_default` there is the signature `image_files`, which takes encoded "
            "PNG or JPEG files (`image_files`, string, (N,)) and gives the same outputs"
            f"{'; files of one request are of one size.' if one_size else '.'}"
        )
    if file_format == "savedmodel" and served.features is not None:
        parts += [
            "The signature `features` takes `images` and gives the network's last pyramid, finest "
            "grid first:",
            _table(*_outputs(served.features)),
        ]
    if facts.metrics:
        rows = [f"| {key} | {value:.4g} |" for key, value in facts.metrics.items()]
        parts += ["## Metrics", "\n".join(["| metric | value |", "|---|---|", *rows])]
    if facts.recipe:
        parts += ["## Recipe", f"```\n{facts.recipe}\n```"]
    parts += ["## How to call it", *_example(version, file_format, served, facts.task)]
    parts += ["## Licence", facts.licence]
    return "\n\n".join(part for part in parts if part) + "\n"


def _values(task):
    if task is None or task.image_type == "uint8":
        return "values from 0 to 255"
    return f"values as files of {task.image_type} hold them"


def _table(*rows):
    return "\n".join(["| name | type | shape | what |", "|---|---|---|---|", *rows])


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


def _example(version, file_format, served, task):
    """Returns a program that calls the model, and a request to a server, each with its sentence."""
    name = model_name(version.parent)
    path = f"{name}/{version.name}"
    images = (1, *[side or 64 for side in served.size], served.image_shape[-1])
    imported, loaded, called = {
        "savedmodel": (
            "import numpy as np, tensorflow as tf",
            f'model = tf.saved_model.load("{path}")',
            'outputs = model.signatures["serving_default"](images=images)',
        ),
        "onnx": (
            "import numpy as np, onnxruntime",
            f'session = onnxruntime.InferenceSession("{path}/model.onnx")',
            "names = [output.name for output in session.get_outputs()]\n"
            'outputs = dict(zip(names, session.run(names, {"images": images})))',
        ),
        "litert": (
            "import numpy as np\nfrom ai_edge_litert.interpreter import Interpreter",
            f'interpreter = Interpreter("{path}/model.tflite")',
            'index = interpreter.get_input_details()[0]["index"]\n'
            "interpreter.resize_tensor_input(index, images.shape)\n"
            'outputs = interpreter.get_signature_runner("serving_default")(images=images)',
        ),
        "keras": (
            "import keras, numpy as np\nimport keras_multigrid  # its layers",
            f'model = keras.models.load_model("{path}/model.keras")',
            "outputs = model.predict(images)",
        ),
    }[file_format]
    made = f'images = np.zeros({images}, "{served.dtype}")  # yours'
    yield f"In the folder above `{name}`:"
    yield f"```python\n{imported}\n\n{loaded}\n{made}\n{called}\n```"
    if file_format == "savedmodel" and takes_files(served, task):
        yield (
            "On a server, `keras-multigrid serve` or TensorFlow Serving, whose folder of versions "
            f"is named `{name}`:"
        )
        yield (
            '```\necho \'{"signature_name": "image_files", "instances": '
            '[{"b64": "\'$(base64 < image.png | tr -d "\\n")\'"}]}\' |\n'
            f"    curl -d @- http://localhost:8501/v1/models/{name}:predict\n```"
        )
