"""Stochastic gradient descent as the paper's code decays weights."""

import math

import keras
from keras import ops

from keras_multigrid import checks
from keras_multigrid.type_hints import is_number


@keras.saving.register_keras_serializable(package="keras_multigrid")
class SGD(keras.optimizers.SGD):
    """Momentum SGD with weight decay in the gradient, as in Torch 7 (paper, section 4).

    For every trainable weight w, biases and the scales of batch normalization included, and with
    the gradient g of the loss after Keras' loss scaling, accumulation and clipping:

        g = g + weight_decay * w
        velocity = momentum * velocity - learning_rate * g
        w = w + velocity

    The loss shown stays without the penalty. Keras' own SGD decays weights decoupled instead, which
    is `decoupled=True` here:

        velocity = momentum * velocity - learning_rate * g
        w = w - learning_rate * weight_decay * w + velocity

    A weight that the loss does not depend on (the paper's nets compute grids that are dropped
    right away) has the gradient zero, and so decays as in Torch 7 and JAX. TensorFlow and PyTorch
    give no gradient for it, and without weight decay Keras warns and leaves it as it is.

    Args:
        learning_rate: A float, or a schedule such as `kmg.schedules.ExponentialPerEpoch`.
        momentum: Share of the velocity that is kept, a float.
        weight_decay: The paper's is 5e-4, on ImageNet 1e-4. `None` or 0 is none.
        decoupled: Whether to decay the weights apart from the gradient, past the momentum.
        **kwargs: Further arguments of `keras.optimizers.SGD`, such as `nesterov`, `clipnorm`,
            `use_ema` and `gradient_accumulation_steps`.

    Raises:
        ValueError: If `weight_decay` is not None or a number of at least 0.

    Example:

    >>> import keras
    >>> import keras_multigrid as kmg
    >>> weight = keras.Variable([1.0])
    >>> sgd = kmg.optimizers.SGD(learning_rate=0.1, weight_decay=0.5)
    >>> sgd.apply([keras.ops.zeros(1)], [weight])
    >>> round(float(weight[0]), 6)
    0.95
    """

    def __init__(
        self, learning_rate=0.1, momentum=0.9, *, weight_decay=5e-4, decoupled=False, **kwargs
    ):
        checks.flags(decoupled=decoupled)
        if weight_decay is not None and not _is_nonnegative(weight_decay):
            raise ValueError(
                f"SGD: weight_decay is {weight_decay!r}; expected None or a number of at least 0."
            )
        super().__init__(learning_rate, momentum=momentum, weight_decay=weight_decay, **kwargs)
        self.decoupled = decoupled

    def apply(self, grads, trainable_variables=None):
        grads = [None if gradient is None else _dense(gradient) for gradient in grads]
        # All missing is a mistake that Keras reports.
        if self.weight_decay and any(gradient is not None for gradient in grads):
            if trainable_variables is None:
                trainable_variables = self._trainable_variables
            grads = [
                ops.zeros(variable.shape, variable.dtype) if gradient is None else gradient
                for gradient, variable in zip(grads, trainable_variables, strict=True)
            ]
        super().apply(grads, trainable_variables)

    def update_step(self, gradient, variable, learning_rate):
        # Keras calls this once per real update, with the gradient unscaled and clipped.
        if self.weight_decay and not self.decoupled and self._use_weight_decay(variable):
            gradient = ops.add(gradient, ops.multiply(variable, self.weight_decay))
        super().update_step(gradient, variable, learning_rate)

    def _apply_weight_decay(self, variables):
        if self.decoupled:
            super()._apply_weight_decay(variables)

    def get_config(self):
        return {**super().get_config(), "decoupled": self.decoupled}


def _dense(gradient):
    """Returns a gradient without sparsity, which momentum and decay fill up anyway.

    Keras does not clip sparse ones on JAX, and on TensorFlow takes the norm of rows that come
    several times for that of different ones.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.convert_to_tensor(gradient)
    return ops.convert_to_tensor(gradient, sparse=False)


class _WithRateFactors:
    """Multiplies the learning rate of each variable by a factor of its own.

    The factors are a variable of the optimizer, so that they are saved with it. The gradients are
    not multiplied, as Adam's steps do not depend on their size.
    """

    def build(self, variables):
        is_new = not self.built
        super().build(variables)
        if is_new:
            self.rate_factors = self.add_variable((len(variables),), "ones", name="rate_factors")

    def set_rate_factor(self, variables, factor):
        """Sets the factor of those variables that are trained, once the optimizer is built."""
        chosen = {id(variable) for variable in variables}
        factors = ops.convert_to_numpy(self.rate_factors).copy()
        for index, variable in enumerate(self._trainable_variables):
            if id(variable) in chosen:
                factors[index] = factor
        self.rate_factors.assign(factors)

    def update_step(self, gradient, variable, learning_rate):
        factor = self.rate_factors[self._get_variable_index(variable)]
        rate = ops.cast(learning_rate, variable.dtype) * ops.cast(factor, variable.dtype)
        if self.weight_decay and self._decays_apart() and self._use_weight_decay(variable):
            self.assign_sub(variable, ops.multiply(variable, rate * self.weight_decay))
        super().update_step(gradient, variable, rate)

    def _apply_weight_decay(self, variables):
        """Does nothing, as Keras would take the rate without its factor; `update_step` decays."""


@keras.saving.register_keras_serializable(package="keras_multigrid")
class SGDWithRateFactors(_WithRateFactors, SGD):
    """`SGD` with a factor on the learning rate of each variable, for fine-tuning."""

    def _decays_apart(self):
        return self.decoupled


@keras.saving.register_keras_serializable(package="keras_multigrid")
class AdamWithRateFactors(_WithRateFactors, keras.optimizers.Adam):
    """Keras' Adam with a factor on the learning rate of each variable, for fine-tuning."""

    def _decays_apart(self):
        return True


def _is_nonnegative(value):
    return is_number(value) and 0 <= value < math.inf
