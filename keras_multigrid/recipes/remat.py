"""Gradient checkpointing on JAX: memory for time."""

import functools


def keep_convolutions_only(model):
    """Makes a model keep the outputs of convolutions for the backward pass, and redo the rest.

    `keras.RematScope` failed on these networks (Keras 3.15.1, JAX 0.10.2). What is kept of PMG-11
    falls to about a quarter; XLA on a CPU needed as much memory as without.

    Args:
        model: A Keras model on JAX.
    """
    import jax

    stateless_call = model.stateless_call

    def checkpointed(trainable, non_trainable, inputs, **options):
        call = functools.partial(stateless_call, **options)
        return jax.checkpoint(call, policy=_is_convolution)(trainable, non_trainable, inputs)

    model.stateless_call = checkpointed


def _is_convolution(primitive, *arguments, **parameters):
    return primitive.name == "conv_general_dilated"
