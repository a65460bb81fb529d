"""The page on which a model can be tried."""

import importlib.resources
import json

from keras_multigrid.datasets.class_folders import printable
from keras_multigrid.prediction.mask_files import mask_suffix
from keras_multigrid.server.interface import DEFAULT, FEATURES, FILES, MASK_FILES

# Nothing comes from elsewhere, and nothing goes there.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src data: blob:; connect-src 'self'"
)


def page(interfaces, limits):
    """Returns the page, one text of HTML.

    Args:
        interfaces: List of the `Interface` of each model.
        limits: The `Limits`.
    """
    template = importlib.resources.files(__package__).joinpath("page.html").read_text("utf-8")
    shown = [each for each in interfaces if _outputs(each) & {"masks", "probabilities"}]
    described = json.dumps([_described(interface, limits) for interface in shown])
    return template.replace("{{data}}", described.replace("<", "\\u003c"))


def _outputs(interface):
    return {*interface.metadata[DEFAULT]["outputs"]}


def _described(interface, limits):
    height, width, channels = interface.shape
    outputs = interface.metadata[DEFAULT]["outputs"]
    output = "masks" if "masks" in outputs else "probabilities"
    dims = outputs.get(output, {}).get("tensor_shape", {}).get("dim", [])
    labels = interface.task.labels if interface.task else None
    names = labels.names if labels else interface.class_names
    return {
        "name": interface.name,
        "version": interface.version,
        "height": height,
        "width": width,
        "channels": channels,
        "output": output,
        "classes": int(dims[-1]["size"]) if dims else 0,
        "names": [*map(printable, names)] if names else None,
        "colours": [f"#{colour:06x}" for colour in labels.colours] if labels else None,
        "takesFiles": FILES in interface.signatures,
        "maskFiles": MASK_FILES in interface.signatures and _shows_classes(labels),
        "features": FEATURES in interface.signatures,
        "maxPixels": limits.pixels,
        "maxSide": limits.side,
    }


def _shows_classes(labels):
    """Returns whether a browser can read the classes off a mask file."""
    return mask_suffix(labels) == ".png" and len({*labels.colours}) == len(labels.colours)
