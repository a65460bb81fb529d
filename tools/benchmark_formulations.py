"""Times the formulations of one grid's convolution, for the rule in `layers/formulations.py`.

All formulations of a case live in one process and take turns. A row gives the textbook's medians in
milliseconds, and the others' over it, for training (forward and backward) and for inference.

    KERAS_BACKEND=tensorflow python tools/benchmark_formulations.py
    KERAS_BACKEND=jax python tools/benchmark_formulations.py --repeats 30
"""

import argparse

import keras
import numpy as np
from keras import ops
from timing import compiled, median_times

from keras_multigrid.layers.formulations import FORMULATIONS, convolve

# Batch, side of the grid, channels of the pooled finer grid, the own and the coarser one, filters.
CASES = (
    (16, 64, 0, 64, 32, 64),
    (16, 32, 64, 32, 16, 32),
    (8, 56, 0, 64, 32, 64),
    (8, 28, 0, 128, 64, 128),
    (8, 28, 64, 32, 16, 32),
    (8, 14, 0, 256, 128, 256),
    (32, 16, 0, 64, 32, 64),
    (32, 8, 0, 64, 32, 64),
    (32, 32, 0, 16, 8, 16),
    (32, 16, 16, 8, 4, 8),
    (32, 32, 0, 4, 8, 4),
    (32, 16, 4, 8, 16, 8),
    (32, 8, 8, 16, 32, 16),
)


def training_step(function, arrays, upstream):
    """Returns a call without arguments that computes a function and its gradients."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        @tf.function
        def step(*arrays):
            with tf.GradientTape() as tape:
                tape.watch(arrays)
                output = function(*arrays)
            return output, tape.gradient(output, arrays, upstream)

        return lambda: step(*arrays)
    if backend == "jax":
        import jax

        @jax.jit
        def step(arrays):
            output, gradient = jax.vjp(function, *arrays)
            return output, gradient(upstream)

        return lambda: jax.block_until_ready(step(arrays))

    def step():
        inputs = [array.detach().requires_grad_() for array in arrays]
        function(*inputs).backward(upstream)

    return step


def compare(case, repeats):
    """Prints the times of one case."""
    batch, side, pooled, own, coarser, filters = case
    rng = np.random.default_rng(0)

    def random(*shape):
        return ops.convert_to_tensor(rng.normal(size=shape).astype("float32"))

    arrays = [
        random(batch, side, side, own),
        random(batch, side // 2, side // 2, coarser),
        random(3, 3, pooled + own + coarser, filters),
    ]
    if pooled:
        arrays.append(random(batch, side, side, pooled))
    upstream = random(batch, side, side, filters)
    formulations = [name for name in FORMULATIONS if name != "fastest"]

    def function(formulation):
        def call(own, coarser, kernel, pooled=None):
            return convolve(pooled, own, coarser, kernel, formulation=formulation)

        return call

    functions = [function(name) for name in formulations]
    training = median_times([training_step(f, arrays, upstream) for f in functions], repeats)
    forward = median_times([compiled(f, *arrays) for f in functions], repeats)
    ratios = [
        f"{name} {training[index].ratio:.2f} / {forward[index].ratio:.2f}"
        for index, name in enumerate(formulations)
        if index
    ]
    print(
        f"{case!s:<28} textbook {training[0].milliseconds:7.2f} / "
        f"{forward[0].milliseconds:6.2f} ms   {'   '.join(ratios)}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=20)
    options = parser.parse_args()
    print(
        f"{keras.backend.backend()}; (batch, side, pooled, own, coarser, filters); training / "
        "inference"
    )
    for case in CASES:
        compare(case, options.repeats)


if __name__ == "__main__":
    main()
