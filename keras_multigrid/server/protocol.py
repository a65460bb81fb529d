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
        document = from_json(body) if body else _fail("The document is empty")
    except ValueError as error:
        raise ValueError(
            f'JSON Parse error: {error}; the body is not JSON, such as {{"instances": [...]}}.'
        ) from error
    if not isinstance(document, dict) or ("instances" in document) == ("inputs" in document):
        raise ValueError(
            'The body is not formatted correctly, expecting an object with either "instances" or '
            '"inputs".'
        )
    signature = document.get("signature_name", "")
    if not isinstance(signature, str):
        raise ValueError("'signature_name' key must be a string value, or be left out.")
    signature = signature or DEFAULT
    if signature not in interface.signatures:
        raise ValueError(
            f'Serving signature name: "{signature}" not found in signature def; name one of '
            f"{', '.join(interface.signatures)}."
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
    infinite = b"Infinity" in body
    return Work(signature, by_row, _arrays(values, interface, limits, infinite))


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


def decode_base64(text):
    """Decodes base64 as TensorFlow Serving's `absl::Base64Unescape` does.

    White space is passed over, and padding may be dots, or missing; the alphabet is the standard
    one, not that for addresses.

    Raises:
        ValueError: If it is not base64.
    """
    data = text.encode("ascii").translate(None, b" \t\n\v\f\r")
    bare = data.rstrip(b"=.")
    missing = -len(bare) % 4
    if missing == 3 or len(data) - len(bare) not in (0, missing):
        raise ValueError("a wrong number of characters")
    return base64.b64decode(bare + b"=" * missing, validate=True)


def _fail(sentence):
    raise ValueError(sentence)


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
    named = [isinstance(value, dict) and list(value) != ["b64"] for value in values]
    for number, is_named in enumerate(named):
        if is_named != named[0]:
            found = ("object", "value/list") if named[0] else ("value/list", "object")
            raise ValueError(
                f"Expecting {found[0]} but got {found[1]} at item {number} of input list; send "
                "all instances in one form."
            )
        if is_named and list(values[number]) != [argument]:
            raise ValueError(
                f"Failed to process element: {number} of 'instances' list. Its keys must be equal "
                f"to: {argument}; an image is an array of numbers, or such an object."
            )
    return [value[argument] for value in values] if named[0] else values


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


def _arrays(values, interface, limits, infinite):
    expected = f"an image is an array ({interface.shape_text}) of numbers, row by row"
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(
            f"The images are ragged, or of several shapes; {expected}, all of one shape."
        ) from error
    if array.dtype.kind == "O" and all(type(value) in (int, float) for value in array.flat):
        array = _large_integers(array)
    if array.dtype.kind not in "iuf":
        raise ValueError(
            f"The images have something that is not of expected type: numbers; {expected}."
        )
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
    if not infinite and np.isinf(array).any():
        raise ValueError("JSON Parse error: a number is too big for float64; send Infinity.")
    return _compact(array, interface.dtype, limits.finite_only)


def _large_integers(array):
    """Returns integers beyond 64 bits as floats."""
    try:
        return array.astype("float64")
    except OverflowError as error:
        raise ValueError("JSON Parse error: a number is too big for float64.") from error


def _has_booleans(values):
    if isinstance(values, list):
        return any(map(_has_booleans, values))
    return isinstance(values, bool)


def _compact(array, dtype, finite_only):
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
    if finite_only and not np.isfinite(array).all():
        raise ValueError(
            "The images have numbers that are not finite in float32, and this server takes finite "
            "ones alone; send ones to 255."
        )
    return array


def _decoded(values, interface, limits):
    images, left = [], limits.pixels
    for number, value in enumerate(values):
        if not isinstance(value, dict) or not isinstance(value.get("b64"), str):
            raise ValueError(f'Image {number} must be {{"b64": "..."}}, a file in base64.')
        try:
            data = decode_base64(value["b64"])
        except ValueError as error:
            raise ValueError(
                f"Image {number}: Unable to base64 decode: {error}; encode the file's bytes anew."
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
