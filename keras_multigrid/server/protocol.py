"""TensorFlow Serving's REST form, to arrays and back: functions of bytes, without a server."""

import base64
import dataclasses
import json

import numpy as np
from pydantic_core import from_json

from keras_multigrid.datasets.masks.labels import MaskLabels
from keras_multigrid.prediction.mask_files import encoded_mask
from keras_multigrid.server.images import decode_image
from keras_multigrid.server.interface import DEFAULT, FILES, MASK_FILES
from keras_multigrid.server.number_text import array_text


@dataclasses.dataclass
class Work:
    """A valid request.

    Attributes:
        signature: What to compute; that of decoded `image_files` is the default one.
        by_row: Whether the answer has a row for each image, else a column for each output.
        images: Arrays (height, width, channels) of uint8, or float32 where they must be.
        labels: Of masks, if the answer is files of these.
    """

    signature: str
    by_row: bool
    images: list
    labels: MaskLabels | None = None


def read_request(body, interface, limits):
    """Returns the `Work` of a request's body, `{"instances": [...]}` or `{"inputs": ...}`.

    Raises:
        ValueError: If something is wrong, with a sentence for the client.
    """
    _check_extent(body, limits)
    try:
        document = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise ValueError(
            f'The body is not JSON: {error}; send {{"instances": [...]}} with finite numbers.'
        ) from error
    if not isinstance(document, dict) or ("instances" in document) == ("inputs" in document):
        raise ValueError('The body must be an object with either "instances" or "inputs".')
    signature = document.get("signature_name") or DEFAULT
    if signature not in interface.signatures:
        raise ValueError(
            f"The signature_name is {signature!r}, and this server has "
            f"{', '.join(interface.signatures)}; name one of these."
        )
    by_row = "instances" in document
    takes_files = signature in (FILES, MASK_FILES)
    argument = "image_files" if takes_files else "images"
    unwrap = _rows if by_row else _column
    values = unwrap(document["instances" if by_row else "inputs"], argument)
    if len(values) > limits.images:
        raise ValueError(
            f"The request has {len(values)} images and may have {limits.images}; send several."
        )
    if takes_files:
        labels = interface.task.labels if signature == MASK_FILES else None
        return Work(DEFAULT, by_row, _decoded(values, interface, limits), labels)
    if (b"true" in body or b"false" in body) and _has_booleans(values):  # numbers, to NumPy
        raise ValueError("The images have true or false in them; send numbers from 0 to 255.")
    return Work(signature, by_row, _arrays(values, interface, limits))


def write_answer(work, results):
    """Returns an answer's body, `{"predictions": [...]}` or `{"outputs": ...}`.

    Several outputs are named, a single one is not.

    Args:
        work: The `Work` that was done.
        results: For each image, a dictionary from the outputs' names to arrays.
    """
    if work.labels:
        rows = [{MASK_FILES: _mask_file(result["masks"], work.labels)} for result in results]
    else:
        rows = [{name: array_text(array) for name, array in row.items()} for row in results]
    names = list(rows[0])
    if len(names) == 1:
        values = _list(row[names[0]] for row in rows)
    elif work.by_row:
        values = _list(map(_object, rows))
    else:
        values = _object({name: _list(row[name] for row in rows) for name in names})
    return _object({"predictions" if work.by_row else "outputs": values}).encode()


def _list(texts):
    return f"[{','.join(texts)}]"


def _object(texts):
    return f"{{{','.join(f'{json.dumps(name)}:{text}' for name, text in texts.items())}}}"


def _mask_file(probabilities, labels):
    """Returns a file of a mask as TensorFlow Serving writes bytes."""
    data = encoded_mask(probabilities.argmax(-1), labels)
    return json.dumps({"b64": base64.b64encode(data).decode()})


def _check_extent(body, limits):
    """Bounds what is parsed: three bytes of a body may become an object of sixty in memory."""
    images, pixels = limits.images, limits.pixels
    most = {b"{": 2 * images + 2, b'"': 8 * images + 16, b"[": 2 * pixels + images + 2}
    for mark, number in most.items():
        if body.count(mark) > number:
            raise ValueError(
                f"The body has {mark.decode()} more than {number} times, and may have {images} "
                f"images of {pixels} pixels together; send smaller or fewer ones."
            )


def _rows(instances, argument):
    values = _images(instances, "instances")
    return [
        value[argument] if isinstance(value, dict) and list(value) == [argument] else value
        for value in values
    ]


def _column(inputs, argument):
    if isinstance(inputs, dict):
        if list(inputs) != [argument]:
            raise ValueError(
                f'"inputs" has {", ".join(map(repr, inputs)) or "nothing"}, and the signature '
                f"takes {argument!r}; send that alone."
            )
        inputs = inputs[argument]
    return _images(inputs, "inputs")


def _images(values, key):
    if not isinstance(values, list) or not values:
        raise ValueError(f'"{key}" must be a list of at least one image.')
    return values


def _arrays(values, interface, limits):
    expected = f"an image is an array ({interface.shape_text}) of numbers, row by row"
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(
            f"The images are ragged, or of several shapes; {expected}, all of one shape."
        ) from error
    if array.dtype.kind not in "iuf":
        raise ValueError(f"The images have something else than numbers in them; {expected}.")
    if array.ndim != 4 or not array.size or not interface.takes(array.shape[1:]):
        raise ValueError(f"An image came with shape {array.shape[1:]}; {expected}.")
    if max(array.shape[1:3]) > limits.side:
        raise ValueError(
            f"An image came with {array.shape[1]} x {array.shape[2]} pixels, and a side may have "
            f"{limits.side}; send smaller ones."
        )
    if array[..., 0].size > limits.pixels:
        raise ValueError(
            f"The images have {array[..., 0].size} pixels and may have {limits.pixels} together; "
            "send smaller or fewer ones."
        )
    return list(_compact(array, interface.dtype))


def _has_booleans(values):
    if isinstance(values, list):
        return any(map(_has_booleans, values))
    return isinstance(values, bool)


def _compact(array, dtype):
    low, high = array.min(), array.max()
    whole = array.dtype.kind in "iu" or (dtype == "uint8" and np.all(array == np.floor(array)))
    if whole and low >= 0 and high <= 255:
        return array.astype("uint8")  # a quarter of the bytes between the processes
    if dtype == "uint8":
        raise ValueError(
            f"The images have values from {low} to {high}; the network takes whole numbers from 0 "
            "to 255."
        )
    with np.errstate(over="ignore"):
        array = array.astype("float32")
    if not np.isfinite(array).all():
        raise ValueError("The images have numbers that float32 cannot hold; send ones to 255.")
    return array


def _decoded(values, interface, limits):
    images, left = [], limits.pixels
    for number, value in enumerate(values):
        if not isinstance(value, dict) or not isinstance(value.get("b64"), str):
            raise ValueError(f'Image {number} must be {{"b64": "..."}}, a file in base64.')
        try:
            data = base64.b64decode(value["b64"], validate=True)
        except ValueError as error:
            raise ValueError(
                f"Image {number} is not valid base64: {error}; encode the file's bytes anew."
            ) from error
        try:
            image = decode_image(data, interface.shape[2], left, limits.side)
        except ValueError as error:
            raise ValueError(f"Image {number} {error}.") from error
        if not interface.takes(image.shape):
            raise ValueError(
                f"Image {number} has shape {image.shape}; the network takes {interface.shape_text}."
            )
        left -= image[..., 0].size
        images.append(image)
    return images
