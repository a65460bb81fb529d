"""How many pixels kernels cover, and what is left of a grid's sides."""


def output_side(side, span, padding, strides):
    """Returns a side of a convolution's output; None stays None."""
    if side is None:
        return None
    positions = side if padding == "same" else side - span + 1
    return (positions + strides - 1) // strides


def check_spans(label, sizes, spans):
    """Raises a `ValueError` for a grid that is smaller than its kernel, for padding "valid"."""
    for grid, (size, span) in enumerate(zip(sizes, spans)):
        if any(side is not None and side < span for side in size):
            raise ValueError(
                f"{label}: grid {grid} of height and width {size} is smaller than the "
                f"{span}x{span} pixels that its kernel covers; expected at least as many with "
                "padding 'valid'. Use padding='same'."
            )
