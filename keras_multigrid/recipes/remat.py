"""Gradient checkpointing on JAX: memory for time."""

import functools


def keep_convolutions_only(model):
    """Makes a model keep the outputs of convolutions for the backward pass, and redo the rest.

    `keras.RematScope` fails on batch normalization, whose statistics change inside of it; here
    they are outputs of what is computed again.

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
