"""Arrays as JSON, with numbers as TensorFlow Serving writes them.

Floats have six significant digits where these read back as the same number, else all that tell it
from others, and whole ones end with `.0` (`WriteDecimal` in its `json_tensor.cc`).
"""

import math

import numpy as np

AT_ONCE = 2**13  # values; other threads wait meanwhile


def array_text(array):
    """Returns the JSON text of an array of numbers."""
    flat = array.reshape(-1)
    if array.dtype.kind == "f":
        texts = []
        for start in range(0, len(flat), AT_ONCE):
            texts += _decimals(flat[start : start + AT_ONCE])
    else:
        texts = [*map(str, flat.tolist())]
    for axis in reversed(range(array.ndim)):
        size, count = array.shape[axis], math.prod(array.shape[:axis])
        texts = [f"[{','.join(texts[n * size : (n + 1) * size])}]" for n in range(count)]
    return texts[0]


def _decimals(values):
    digits = 9 if values.dtype == np.float32 else 17
    with np.errstate(all="ignore"):
        short = _six_digits(values) == values
        whole = (values == np.trunc(values)) & (abs(values) < 10.0 ** np.where(short, 6, digits))
    formats = np.where(whole, "%.1f", np.where(short, "%.6g", f"%.{digits}g"))
    texts = (",".join(formats.tolist()) % tuple(values.tolist())).split(",")
    for place in np.flatnonzero(~np.isfinite(values)):
        texts[place] = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[texts[place]]
    return texts


def _six_digits(values):
    """Returns values rounded to six significant digits, in their type."""
    if values.dtype != np.float32:  # what float64 rounds to can be told by its text alone
        return np.array([float(f"{value:.6g}") for value in values.tolist()])
    wide = values.astype("float64")
    exponent = 5 - np.floor(np.log10(abs(wide)))
    power = 10.0 ** abs(exponent)  # a negative one would be inexact
    rounded = np.where(exponent < 0, np.rint(wide / power) * power, np.rint(wide * power) / power)
    return rounded.astype("float32")
