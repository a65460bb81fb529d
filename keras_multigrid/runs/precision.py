"""What half precision costs where there is no accelerator."""

import keras

# Measured on two cores with AVX-512, and no instructions for matrices of either type; on JAX by two
# small convolutions.
SLOWDOWNS = {
    ("tensorflow", "mixed_float16"): (
        "gradients of TensorFlow's convolutions take up to 200 times as long"
    ),
    ("tensorflow", "mixed_bfloat16"): "training takes about 1.6 times as long",
    ("jax", "mixed_float16"): "training takes several times as long",
    ("jax", "mixed_bfloat16"): "training takes several times as long",
}


def slow_precision(precision):
    """Returns a line that says what a precision costs on this machine, or None if nothing.

    Call it after devices are set up: it looks for them.

    Args:
        precision: A Keras dtype policy.

    Example:

    >>> from keras_multigrid.runs.precision import slow_precision
    >>> print(slow_precision("float32"))
    None
    """
    slowdown = SLOWDOWNS.get((keras.backend.backend(), precision))
    if slowdown is None or any("cpu" not in name for name in keras.distribution.list_devices()):
        return None
    return (
        f"precision={precision} on a CPU: {slowdown} as in float32 (measured without AMX); "
        "precision=float32 is faster here."
    )
